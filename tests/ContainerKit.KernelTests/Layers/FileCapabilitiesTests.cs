namespace ContainerKit.KernelTests;

/// <summary>Capabilities of files, which the kernel ties to the root of a user namespace, and archives to none.</summary>
public sealed class FileCapabilitiesTests
{
    /// <summary>cap_net_bind_service, effective.</summary>
    private static readonly byte[] Capability = [1, 0, 0, 2, 0, 4, 0, 0, .. new byte[12]];

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [RootlessFact]
    public async Task What_an_image_gives_to_a_file_comes_back_from_a_store_with_a_map()
    {
        await using var fixture = new StoreFixture(IdMap.Subordinate());
        var image = await fixture.LoadAsync(
            Member.File("ping", "", 0x1ED).Of(33, 33).With("security.capability", Capability));

        Assert.Equal(Capability, await ExportedAsync(stream => fixture.Images.ExportAsync(image, stream, null, Cancelled)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_the_root_of_a_container_gives_to_a_file_is_of_any_root_in_an_image(bool hasMap)
    {
        await using var fixture = new StoreFixture(hasMap && !Host.IsRoot ? IdMap.Subordinate() : null);
        var image = await fixture.LoadAsync(ShippedImages.Base);
        await using var writable = await fixture.Images.CreateWritableAsync(image, null, Cancelled);
        const string give = "import os, sys; open('/ping', 'w').close(); "
            + "os.setxattr('/ping', 'security.capability', bytes.fromhex(sys.argv[1]))";
        var options = StoreFixture.Shell(writable, "") with
        {
            Command = ["/usr/bin/python3", "-I", "-c", give, Convert.ToHexString(Capability)],
            Capabilities = new(CapabilitySet.Of(ContainerKit.Capability.CAP_SETFCAP)),
        };
        await Script.OutputAsync(fixture.Store.IdMap is { } map ? options with { IdMap = map } : options);

        Assert.Equal(Capability, await ExportedAsync(stream => writable.ExportAsync(stream, null, Cancelled)));
        var committed = await fixture.Images.CommitAsync(writable, null, Cancelled);
        if (hasMap) // without one, this user may not give it
        {
            Assert.Equal(
                Capability, await ExportedAsync(stream => fixture.Images.ExportAsync(committed, stream, null, Cancelled)));
            await using var fork = await writable.ForkAsync(null, Cancelled);
            Assert.Equal(Capability, await ExportedAsync(stream => fork.ExportAsync(stream, null, Cancelled)));
            Assert.Contains("/ping", (await fork.ListChangesAsync(Cancelled)).Select(change => change.Path));
        }
    }

    [RootFact]
    public void Another_root_than_the_containers_stays_named_and_one_that_it_has_no_number_for_has_none()
    {
        byte[] forFive = [1, 0, 0, 3, .. Capability[4..], 5, 0, 0, 0];
        using var none = new TreeAccess(null);
        using var some = new TreeAccess(new(Map(new(0, 1000, 1), new(7, 5, 1)), Launcher.Memory));
        using var others = new TreeAccess(new(Map(new IdRange(0, 1000, 1)), Launcher.Memory));

        Assert.Equal(forFive, none.CapabilitiesOf(forFive));
        Assert.Equal([.. forFive[..20], 7, 0, 0, 0], some.CapabilitiesOf(forFive));
        Assert.Null(others.CapabilitiesOf(forFive));
        Assert.Equal(Capability, others.CapabilitiesOf([.. forFive[..20], 0xE8, 3, 0, 0]));
        Assert.Equal(Capability, others.CapabilitiesOf(Capability));
    }

    private static RangesIdMap Map(params IdRange[] users) => (RangesIdMap)IdMap.Ranges(users, users);

    private static async Task<byte[]> ExportedAsync(Func<Stream, Task> export)
    {
        var archive = new MemoryStream();
        await export(archive);
        archive.Position = 0;
        var reader = new TarReader(System.IO.Pipelines.PipeReader.Create(archive), TarLimits.Default);
        while (await reader.ReadAsync(Cancelled) is { } entry)
        {
            if (entry.Name == "ping")
            {
                Assert.Equal("security.capability", TarEntry.Printable(Assert.Single(entry.Attributes).Name.Span));
                return entry.Attributes[0].Value.ToArray();
            }
        }

        return [];
    }
}
