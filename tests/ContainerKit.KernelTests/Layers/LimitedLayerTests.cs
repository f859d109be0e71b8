using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>Writable layers that hold no more than they may.</summary>
public sealed class LimitedLayerTests : IAsyncDisposable
{
    private static readonly ByteSize Limit = ByteSize.MiB(32);

    private readonly StoreFixture _fixture = new();
    private IReadOnlyList<Digest>? _layers;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private LayerStore Store => _fixture.Store;

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [RootFact]
    public async Task A_program_gets_ENOSPC_at_the_limit_and_the_disk_holds_no_more()
    {
        await using var writable = await MakeAsync();
        var output = await Script.OutputAsync(StoreFixture.Shell(writable, """
            cd /; (head -c 64M /dev/zero >large) 2>&1 | tail -c 24; stat -c %s large; rm large; echo x >small; cat small
            """));
        var lines = output.Split('\n');

        Assert.Equal("No space left on device", lines[0]);
        Assert.InRange(long.Parse(lines[1], null), Limit.Bytes * 8 / 10, Limit.Bytes);
        Assert.Equal("x", lines[2]);
        Assert.InRange(Taken(writable), 1, Limit.Bytes + 100_000);
        Assert.InRange(writable.ReadUsage().Bytes, 1, 1_000_000);
    }

    [RootFact]
    public async Task One_of_500_GB_takes_less_than_1_MB_when_it_is_made_and_works()
    {
        await using var writable = await MakeAsync(new() { SizeLimit = new(500_000_000_000), Id = "large" });

        Assert.InRange(Taken(writable), 1, 1_000_000);
        Assert.True(long.Parse(
            await Script.OutputAsync(StoreFixture.Shell(writable, "stat -f -c '%a * %S' / | xargs expr; echo x >/x")),
            null) > 480_000_000_000);
        Assert.InRange(Taken(writable), 1, 40_000_000); // with its journal, which is not as large as it could be
    }

    [RootFact]
    public async Task What_layers_show_otherwise_than_they_say_is_in_its_own_file_system()
    {
        await using var fixture = new ShippedImages();
        var image = await fixture.AddAsync(
            "it", [.. ShippedImages.Base, Member.Directory("etc/", 0x1C9)], [Member.File("etc/file", "")]);
        await using var writable = await fixture.Store.CreateWritableAsync(image, new() { SizeLimit = Limit }, Cancelled);

        Assert.Equal("711", await ShippedImages.RunAsync(writable, "stat -c %a /etc"));
        Assert.DoesNotContain("/etc", (await writable.ListChangesAsync(Cancelled)).Select(change => change.Path));
        await using var fork = await writable.ForkAsync(null, Cancelled);
        Assert.Equal("711", await ShippedImages.RunAsync(fork, "stat -c %a /etc"));
    }

    [RootFact]
    public async Task Changes_survive_to_the_next_container_and_other_processes_see_them()
    {
        await using var writable = await MakeAsync(new() { SizeLimit = Limit, Id = "kept" });
        await Script.OutputAsync(StoreFixture.Shell(writable, """
            set -e
            rm /file0; echo new >/top; mkdir /made; chmod 711 /made; echo app:x:7:7::/: >/etc/passwd
            """));
        await using var other = LayerStore.Open(_fixture.Path);
        await using var again = other.OpenWritable("kept");
        var options = StoreFixture.Shell(again, "cat /top; echo /file* $(stat -c '%u %a' /made); id -u");

        Assert.Equal("new\n/file1 0 711\n7", await Script.OutputAsync(
            options with { User = "app", IdMap = IdMap.Automatic() }));
        Assert.Equal(Limit, again.SizeLimit);
        string[] expected = ["/etc/passwd", "/file0", "/made", "/top"];
        Assert.Superset(
            expected.ToHashSet(), (await again.ListChangesAsync(Cancelled)).Select(change => change.Path).ToHashSet());
        await HasDevices(0);
    }

    [RootFact]
    public async Task One_that_is_in_use_is_read_forked_and_exported_by_one_device()
    {
        await using var writable = await MakeAsync();
        await using var container = await Container.StartAsync(
            StoreFixture.Shell(writable, "echo one >/one; echo; exec sleep 1000") with
            { StandardOutput = StandardStream.Pipe }, Cancelled);
        Assert.Equal(1, await container.StandardOutput!.ReadAsync(new byte[1], Cancelled));
        await using var fork = await writable.ForkAsync(null, Cancelled);
        using var archive = new MemoryStream();
        await writable.ExportAsync(archive, null, Cancelled);

        Assert.Contains(await writable.ListChangesAsync(Cancelled), change => change.Path == "/one");
        Assert.True(writable.ReadUsage().Bytes > 0);
        Assert.True(archive.Length > 0);
        await HasDevices(1);
        Assert.Equal(Limit, fork.SizeLimit);
        Assert.Equal("one", await Script.OutputAsync(StoreFixture.Shell(fork, "cat /one")));
        Assert.False(container.WaitAsync(Cancelled).IsCompleted);
        await container.DisposeAsync();
        await HasDevices(0);
    }

    [RootFact]
    public async Task A_commit_of_one_is_a_layer_as_of_any_other()
    {
        var image = await _fixture.LoadAsync(ShippedImages.Base);
        await using var writable = await _fixture.Images.CreateWritableAsync(
            image, new() { SizeLimit = Limit }, Cancelled);
        await Script.OutputAsync(StoreFixture.Shell(writable, "echo 1 >/made; rm -r /data"));
        var committed = await _fixture.Images.CommitAsync(writable, new(), Cancelled);
        await using var plain = await _fixture.Images.CreateWritableAsync(committed, null, Cancelled);

        Assert.Equal("1", await Script.OutputAsync(StoreFixture.Shell(plain, "cat /made; test ! -e /data")));
        await writable.DiscardAsync(Cancelled);
        Assert.Equal([plain.Id], Store.ListWritable().Select(layer => layer.Id));
    }

    [RootFact]
    [Trait(Tools.Needs, Tools.Self)]
    public async Task A_killed_host_leaves_no_device_and_a_whole_file_system()
    {
        await using var writable = await MakeAsync(new() { SizeLimit = Limit, Id = "kept" });
        for (var kill = 0; kill < 3; kill++)
        {
            await using var host = HostProcess.Start("busy", _fixture.Path, "kept");
            Assert.Equal("started", await host.ReadLineAsync());
            await HasDevices(1);
            await host.KillAsync();
            await HasDevices(0);
        }

        Tools.Run(Tools.Ext4Check, "-fn", _fixture["writable/kept/disk"]);
        Assert.True((await Store.CheckAsync(repair: false, Cancelled)).IsWhole);
        await Script.OutputAsync(StoreFixture.Shell(writable, "test -e /1; rm /[0-9]*"));
    }

    [RootFact]
    [Trait(Tools.Needs, Tools.Self)]
    public async Task One_without_an_id_goes_with_its_process_and_a_file_system_of_either_kind_stays_whole()
    {
        foreach (var id in new[] { null, "kept" })
        {
            await using var writable = await MakeAsync(new() { SizeLimit = Limit, Id = id });
            await Script.OutputAsync(StoreFixture.Shell(writable, "cp -r /usr/share/zoneinfo /made; rm -r /made/A*"));
            await HasDevices(0);
            Tools.Run(Tools.Ext4Check, "-fn", _fixture[$"writable/{writable.Id}/disk"]);
        }

        Assert.Equal(["kept"], Store.ListWritable().Select(layer => layer.Id));
    }

    [Fact]
    public async Task A_limit_that_there_cannot_be_is_refused_and_leaves_nothing()
    {
        var layers = await _fixture.AddRootAsync(1);
        foreach (var bytes in new[] { -1, 0, Ext4Layout.Least.Bytes - 1, Ext4Layout.Most.Bytes + 1 })
        {
            await Assert.ThrowsAsync<ArgumentException>(
                () => Store.CreateWritableAsync(layers, new() { SizeLimit = new(bytes) }, Cancelled));
        }

        if (!Host.IsRoot || new DriveInfo(_fixture.Path).DriveFormat == "ext4") // whose files end just below that
        {
            var (limit, reason) = Host.IsRoot
                ? (Ext4Layout.Most, "16384 GiB is a file of that size") : (Limit, "only the host's root");
            var refusal = await Assert.ThrowsAsync<LimitNotSupportedException>(
                () => Store.CreateWritableAsync(layers, new() { SizeLimit = limit }, Cancelled));
            Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
        }

        Assert.Empty(Store.ListWritable());
        Assert.Empty(Directory.EnumerateFileSystemEntries(_fixture["staging"]));
    }

    private async Task<WritableLayer> MakeAsync(WritableLayerOptions? options = null) =>
        await Store.CreateWritableAsync(
            _layers ??= await _fixture.AddRootAsync(2), options ?? new() { SizeLimit = Limit }, Cancelled);

    /// <summary>How much a writable layer takes on the disk.</summary>
    private long Taken(WritableLayer writable) => Directory
        .EnumerateFiles(_fixture[$"writable/{writable.Id}"]).Sum(path => (long)Syscall.Status(path).Blocks * 512);

    /// <summary>Waits until so many loop devices show something of this store: some go a moment later.</summary>
    private Task HasDevices(int count) => Eventually.Holds(
        () => Directory.EnumerateDirectories("/sys/block", "loop*").Count(IsOfStore) == count,
        () => $"{count} loop devices should show something of the store.");

    private bool IsOfStore(string device) =>
        ReadOrNothing($"{device}/loop/backing_file").StartsWith(_fixture.Path, StringComparison.Ordinal);

    private static string ReadOrNothing(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (IOException)
        {
            return ""; // it shows nothing
        }
    }
}
