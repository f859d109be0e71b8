using ContainerKit.Images;

namespace ContainerKit.KernelTests;

/// <summary>Root filesystems as archives, and images that go from host to host.</summary>
public class ExportTests : IAsyncDisposable
{
    private static readonly Member[] Second =
    [
        Member.Directory("./", 0x1E8), Member.Directory("data/", 0x1C0), Member.File("data/.wh.kept"),
        Member.Directory("etc/"), Member.File("etc/.wh..wh..opq"), Member.File("etc/own", "2"),
        Member.File("usr", "was a directory"), Member.Directory("bin/"), Member.File("bin/sh", "was below a link"),
        Member.File("caps", "x").With("user.note", [1]), Member.HardLink("linked", "caps"), Member.Fifo("fifo"),
    ];

    private readonly ShippedImages _fixture;

    public ExportTests()
        : this(WritableForm.Overlay)
    {
    }

    protected ExportTests(WritableForm form) => _fixture = new(form);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private ImageStore Store => _fixture.Store;

    public async ValueTask DisposeAsync()
    {
        await _fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task An_exported_image_is_what_unpacking_it_gives()
    {
        Member[] first = [.. ShippedImages.Base, Member.File("etc/hidden", ""), Member.File("usr/lost", "")];
        Member[] third = [Member.File("etc/own", "3"), Member.File("fifo", "no more"), Member.Directory("etc/")];
        Member[] devices = Host.IsRoot ? [Member.Device("null", 1, 3).Of(5, 6)] : [];
        var layout = await _fixture.WriteLayoutAsync("export.test/it", first, Second, [.. third, .. devices]);
        var image = Assert.Single(await Store.LoadAsync(layout, null, null, Cancelled));
        await ImageUnpacker.UnpackToDirectoryAsync(layout, _fixture["unpacked"], null, null, Cancelled);
        await using (var archive = File.Create(_fixture["export.tar"]))
        {
            await Store.ExportAsync(image, archive, null, Cancelled);
        }

        Directory.CreateDirectory(_fixture["exported"]);
        Tools.Run("tar", "--extract", "--preserve-permissions", "--xattrs", "--xattrs-include=*", "--file",
            _fixture["export.tar"], "--directory", _fixture["exported"]);
        Assert.Equal(ShippedImages.Describe(_fixture["unpacked"]), ShippedImages.Describe(_fixture["exported"]));
        await ImageUnpacker.UnpackToDirectoryAsync(
            _fixture["export.tar"], _fixture["again"], new() { Format = ImageFormat.RootArchive }, null, Cancelled);
        Assert.Equal(ShippedImages.Describe(_fixture["unpacked"]), ShippedImages.Describe(_fixture["again"]));
    }

    [Fact]
    public async Task An_image_is_exported_from_its_layers_without_a_writable_one()
    {
        var image = await _fixture.AddAsync("export.test/it", ShippedImages.Base);
        IReadOnlyList<WritableLayerInfo>? made = null;
        await Store.ExportAsync(image, new OnFirstWrite(() => made = Store.Layers.ListWritable()), null, Cancelled);

        Assert.NotNull(made);
        Assert.Empty(made);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(500)]
    public async Task An_image_is_exported_whatever_the_number_of_its_layers(int count)
    {
        var layers = Enumerable.Range(0, count).Select(i => new[] { Member.File($"data/{i}", ""), Member.File("last", $"{i}") });
        var image = await _fixture.AddAsync("export.test/it", [.. layers]);
        await using (var archive = File.Create(_fixture["export.tar"]))
        {
            await Store.ExportAsync(image, archive, null, Cancelled);
        }

        Assert.Equal(
            count == 0 ? 0 : count + 3, Tools.Run("tar", "-tf", _fixture["export.tar"]).Split('\n').Count(line => line.Length > 0));
        Assert.True(count == 0 || Tools.Run("tar", "-xOf", _fixture["export.tar"], "last") == $"{count - 1}");
    }

    [RootFact]
    [Trait(Tools.Needs, Tools.Self)]
    public async Task An_exported_image_is_what_umoci_unpacks()
    {
        var layout = await _fixture.WriteLayoutAsync("it", ShippedImages.Base, Second);
        var image = Assert.Single(await Store.LoadAsync(layout, null, null, Cancelled));
        Tools.Run("umoci", "unpack", "--image", $"{layout}:it", _fixture["umoci"]);
        await using (var archive = File.Create(_fixture["export.tar"]))
        {
            await Store.ExportAsync(image, archive, null, Cancelled);
        }

        Directory.CreateDirectory(_fixture["exported"]);
        Tools.Run("tar", "--extract", "--preserve-permissions", "--file", _fixture["export.tar"], "--directory",
            _fixture["exported"]);
        Assert.Equal(ShippedImages.Describe(_fixture["umoci/rootfs"]), ShippedImages.Describe(_fixture["exported"]));
    }

    [Fact]
    public async Task An_exported_writable_layer_is_what_its_container_sees()
    {
        var image = await _fixture.AddAsync("export.test/it", ShippedImages.Base, [Member.File("data/.wh.old")]);
        await using var writable = await Store.CreateWritableAsync(image, null, Cancelled);
        var seen = await ShippedImages.RunAsync(writable, """
            set -e; rm /data/kept; rm -r /etc; mkdir /etc; echo 1 >/etc/one; echo 2 >/data/two
            find /etc /data | sort
            """);
        await using (var archive = File.Create(_fixture["export.tar"]))
        {
            await writable.ExportAsync(archive, null, Cancelled);
        }

        Assert.Equal(seen.Split('\n').Select(path => path[1..]), Tools.Run("tar", "-tf", _fixture["export.tar"])
            .Split('\n').Select(path => path.TrimEnd('/'))
            .Where(path => path.StartsWith("etc", StringComparison.Ordinal)
                || path.StartsWith("data", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task CVE_2018_15664_CVE_2023_0778_What_is_read_while_files_become_links_is_never_outside()
    {
        const string canary = "a secret of the host";
        File.WriteAllText(Path.Combine(Directory.CreateDirectory(_fixture["outside/inner"]).FullName, "secret"), canary);
        var image = await _fixture.AddAsync("export.test/it", ShippedImages.Base);
        await using var writable = await Store.CreateWritableAsync(image, null, Cancelled);
        var upper = FilesOf(writable);
        File.WriteAllText(Path.Combine(Directory.CreateDirectory($"{upper}/data/inner").FullName, "secret"), "mine");
        File.CreateSymbolicLink($"{upper}/data/trap", _fixture["outside/inner"]);
        File.WriteAllText($"{upper}/data/file", "mine");
        File.CreateSymbolicLink($"{upper}/data/file-trap", _fixture["outside/inner/secret"]);
        var (read, exchanges) = (0, 0L);
        using (var directories = new RenameRacer($"{upper}/data/inner", $"{upper}/data/trap"))
        using (var files = new RenameRacer($"{upper}/data/file", $"{upper}/data/file-trap"))
        {
            for (var i = 0; i < 60; i++)
            {
                read += await TryAsync(() => AssertIsNotReadAsync(writable, canary, i)) ? 1 : 0;
            }

            exchanges = Math.Min(directories.Exchanges, files.Exchanges);
        }

        Assert.True(read > 5 && exchanges > 1000, $"{read} read, {exchanges} exchanges");
        Assert.Equal(canary, File.ReadAllText(_fixture["outside/inner/secret"]));
    }

    [Theory]
    [InlineData(ImageFormat.OciLayout)]
    [InlineData(ImageFormat.DockerArchive)]
    public async Task A_container_moves_to_another_host_with_what_it_changed_and_its_volume(ImageFormat format)
    {
        Directory.CreateDirectory(_fixture["volume"]);
        File.SetUnixFileMode(_fixture["volume"], (UnixFileMode)0x1FF); // 0777: whoever the container's root is
        var image = await _fixture.AddAsync("move.test/app", ShippedImages.Base);
        await using (var writable = await Store.CreateWritableAsync(image, null, Cancelled))
        {
            var options = StoreFixture.Shell(writable, "echo state >/data/state; rm /data/kept; echo rows >/volume/db");
            await Script.OutputAsync(options with
            {
                Mounts = [.. options.Mounts, new BindMount(_fixture["volume"], "/volume") { ReadOnly = false }],
            });
            var committed = await Store.CommitAsync(
                writable, new() { Reference = ImageReference.Parse("move.test/app:moved") }, Cancelled);
            await Store.SaveAsync([committed], _fixture["moved.tar"], format, Cancelled);
            Tools.Run("tar", "-C", _fixture["volume"], "-cf", _fixture["volume.tar"], ".");
        }

        var other = _fixture.Open("other");
        Assert.Single(await other.LoadAsync(_fixture["moved.tar"], new() { Format = format }, null, Cancelled));
        await ImageUnpacker.UnpackToDirectoryAsync(
            _fixture["volume.tar"], _fixture["other-volume"], new() { Format = ImageFormat.RootArchive }, null,
            Cancelled);
        await using var moved = await other.CreateWritableAsync(other.Find("move.test/app:moved")!, null, Cancelled);
        var run = StoreFixture.Shell(moved, "cat /data/state /volume/db; ls /data");
        Assert.Equal("state\nrows\nold\nsame\nstate", await Script.OutputAsync(run with
        {
            Mounts = [.. run.Mounts, new BindMount(_fixture["other-volume"], "/volume")],
        }));
    }

    private async Task AssertIsNotReadAsync(WritableLayer writable, string canary, int round)
    {
        if (round % 3 == 0)
        {
            var archive = new MemoryStream();
            await writable.ExportAsync(archive, null, Cancelled);
            AssertLacks(canary, archive.ToArray());
        }
        else if (round % 3 == 1)
        {
            var committed = await Store.CommitAsync(writable, null, Cancelled);
            AssertLacks(canary, await File.ReadAllBytesAsync(
                _fixture[$"store/images/blobs/sha256/{committed.Blobs[^1].Digest.Hex}"], Cancelled));
        }
        else
        {
            await using var fork = await writable.ForkAsync(null, Cancelled);
            AssertLacks(canary, System.Text.Encoding.UTF8.GetBytes(Tools.Run(
                "find", FilesOf(fork), "-type", "f", "-exec", "cat", "{}", "+")));
        }
    }

    private string FilesOf(WritableLayer writable) => _fixture[
        $"store/writable/{writable.Id}/{(writable.Form == WritableForm.Copy ? "tree" : "upper")}"];

    private static void AssertLacks(string text, byte[] content) =>
        Assert.Equal(-1, content.AsSpan().IndexOf(System.Text.Encoding.UTF8.GetBytes(text)));

    private static async Task<bool> TryAsync(Func<Task> read)
    {
        try
        {
            await read();
            return true;
        }
        catch (Exception failure) when (failure is LinuxException or InvalidImageException)
        {
            return false; // what is gone by then cannot be read
        }
    }
}
