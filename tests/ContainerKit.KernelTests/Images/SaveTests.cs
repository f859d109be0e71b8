using ContainerKit.Images;
using ContainerKit.Tests.Images;

namespace ContainerKit.KernelTests;

/// <summary>Images that leave a store, and what others make of them.</summary>
public sealed class SaveTests : IAsyncDisposable
{
    private readonly ShippedImages _fixture = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private ImageStore Store => _fixture.Store;

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [Theory]
    [InlineData(ImageFormat.OciLayout)]
    [InlineData(ImageFormat.DockerArchive)]
    public async Task A_saved_image_comes_back_and_is_saved_to_the_same_bytes(ImageFormat format)
    {
        var images = new[] { await CommittedAsync("save.test/one:1"), await AddAsync("save.test/two") };
        await Store.SaveAsync(images, _fixture["first.tar"], format, Cancelled);
        var again = new MemoryStream();
        await Store.SaveAsync(images, again, format, Cancelled);
        var loaded = await _fixture.Open("other").LoadAsync(
            _fixture["first.tar"], new() { Format = format }, null, Cancelled);

        Assert.Equal(await File.ReadAllBytesAsync(_fixture["first.tar"], Cancelled), again.ToArray());
        Assert.Equal(images.Select(image => image.Id), loaded.Select(image => image.Id));
        Assert.Equal(images.Select(image => $"{image}"), loaded.Select(image => $"{image}"));
        if (format == ImageFormat.OciLayout)
        {
            Assert.Equal(images.Select(image => image.Digest), loaded.Select(image => image.Digest));
        }
    }

    [Fact]
    public async Task A_layout_goes_to_an_empty_directory_and_to_no_other()
    {
        var image = await CommittedAsync("save.test/one:1");
        Directory.CreateDirectory(_fixture["layout"]);
        await Store.SaveAsync([image], _fixture["layout"], ImageFormat.OciLayout, Cancelled);
        var loaded = await _fixture.Open("other").LoadAsync(_fixture["layout"], null, null, Cancelled);
        var taken = await Assert.ThrowsAsync<LinuxException>(
            () => Store.SaveAsync([image], _fixture["layout"], ImageFormat.OciLayout, Cancelled));

        Assert.Equal(image.Digest, Assert.Single(loaded).Digest);
        Assert.Equal(Errno.ENOTEMPTY, taken.Errno);
        await Assert.ThrowsAsync<ArgumentException>(
            () => Store.SaveAsync([image], _fixture["x"], ImageFormat.RootArchive, Cancelled));
        await Assert.ThrowsAsync<ArgumentException>(
            () => Store.SaveAsync([], _fixture["x"], ImageFormat.OciLayout, Cancelled));
    }

    [Fact]
    public async Task A_save_that_is_cancelled_leaves_no_file()
    {
        var image = await CommittedAsync("save.test/one:1");
        var before = Directory.GetFileSystemEntries(_fixture[""]);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Store.SaveAsync([image], _fixture["cut.tar"], ImageFormat.OciLayout, new(canceled: true)));

        Assert.Equal(before.Order(), Directory.GetFileSystemEntries(_fixture[""]).Order());
    }

    [Fact]
    public async Task What_is_saved_is_closed_to_others()
    {
        var image = await AddAsync("save.test/one:1");
        Directory.CreateDirectory(_fixture["layout"], (UnixFileMode)0x1ED); // 0755
        await Store.SaveAsync([image], _fixture["layout"], ImageFormat.OciLayout, Cancelled);
        await Store.SaveAsync([image], _fixture["saved.tar"], ImageFormat.DockerArchive, Cancelled);

        Assert.Equal(0x180, (int)File.GetUnixFileMode(_fixture["saved.tar"])); // 0600
        Assert.Equal(0x1ED, (int)File.GetUnixFileMode(_fixture["layout"]));
        Assert.All(
            Directory.EnumerateFileSystemEntries(_fixture["layout"], "*", SearchOption.AllDirectories),
            path => Assert.Equal(Directory.Exists(path) ? 0x1C0 : 0x180, (int)File.GetUnixFileMode(path)));
    }

    [Fact]
    public async Task A_blob_that_was_damaged_is_not_saved_and_leaves_nothing()
    {
        var image = await AddAsync("save.test/one:1");
        var path = _fixture[$"store/images/blobs/sha256/{image.Blobs[0].Digest.Hex}"];
        var content = await File.ReadAllBytesAsync(path, Cancelled);
        content[^1] ^= 1;
        await File.WriteAllBytesAsync(path, content, Cancelled);
        Directory.CreateDirectory(_fixture["layout"]);
        await File.WriteAllTextAsync(_fixture["saved.tar"], "what was there", Cancelled);
        foreach (var target in new[] { "layout", "saved.tar" })
        {
            var refusal = await Assert.ThrowsAsync<InvalidImageException>(
                () => Store.SaveAsync([image], _fixture[target], ImageFormat.OciLayout, Cancelled));
            Assert.Equal($"{image.Blobs[0].Digest}", refusal.Digest);
        }

        Assert.Empty(Directory.EnumerateFileSystemEntries(_fixture["layout"]));
        Assert.Equal("what was there", await File.ReadAllTextAsync(_fixture["saved.tar"], Cancelled));
    }

    [Fact]
    public async Task A_place_that_cannot_be_written_to_is_refused_by_the_call_that_failed()
    {
        var image = await AddAsync("save.test/one:1");
        Directory.CreateDirectory(_fixture["directory"]);
        await File.WriteAllTextAsync(_fixture["file"], "x", Cancelled);
        async Task<Errno> RefusedAsync(string path) => (await Assert.ThrowsAsync<LinuxException>(
            () => Store.SaveAsync([image], path, ImageFormat.DockerArchive, Cancelled))).Errno;

        Assert.Equal(Errno.ENOENT, await RefusedAsync(_fixture["missing/saved.tar"]));
        Assert.Equal(Errno.ENOTDIR, await RefusedAsync(_fixture["file/saved.tar"]));
        Assert.Equal(Errno.EISDIR, await RefusedAsync(_fixture["directory"]));
        Assert.Empty(Directory.GetFiles(_fixture[""], ".new-*"));
    }

    [Fact(Skip = "needs user namespaces", SkipUnless = nameof(Host.HasUserNamespaces), SkipType = typeof(Host))]
    public async Task A_full_file_system_is_refused_by_the_call_that_failed_and_left_as_it_was()
    {
        var image = await _fixture.AddAsync("save.test/one:1", ShippedImages.Base, [Member.File(
            "large", System.Text.Encoding.Latin1.GetString(Packed.Content(500_000)))]);
        Directory.CreateDirectory(_fixture["full"]);
        foreach (var target in new[] { "saved.tar", "layout" })
        {
            string[] names = Host.IsRoot ? [] : ["--user", "--map-root-user"];
            var output = Tools.Run("unshare", [.. names, "--mount", "sh", "-ec",
                """
                mount -t tmpfs -o size=64k none "$1"
                mkdir "$1/layout"
                "$2" save "$3" "$1/$4"
                ls -A "$1" "$1/layout"
                """, "sh", _fixture["full"], HostProcess.Executable, _fixture["store"], target]);
            Assert.Equal($"write: ENOSPC\n{_fixture["full"]}:\nlayout\n\n{_fixture["full"]}/layout:\n", output);
        }
    }

    [Theory]
    [Trait(Tools.Needs, Tools.Self)]
    [InlineData(ImageFormat.OciLayout, "oci-archive")]
    [InlineData(ImageFormat.DockerArchive, "docker-archive")]
    public async Task Skopeo_reads_the_same_image_and_copies_it(ImageFormat format, string transport)
    {
        var image = await CommittedAsync("save.test/one:1");
        await Store.SaveAsync([image], _fixture["saved.tar"], format, Cancelled);
        var raw = Tools.Run("skopeo", "inspect", "--config", "--raw", $"{transport}:{_fixture["saved.tar"]}");

        Assert.Equal(image.Id, Digest.FromHash(System.Security.Cryptography.SHA256.HashData(
            System.Text.Encoding.UTF8.GetBytes(raw.TrimEnd('\n')))));
        Tools.Run("skopeo", "--insecure-policy", "copy", $"{transport}:{_fixture["saved.tar"]}",
            $"oci:{_fixture["copied"]}:one");
        var copied = Assert.Single(await _fixture.Open("other").LoadAsync(_fixture["copied"], null, null, Cancelled));
        Assert.Equal(image.Layers, copied.Layers);
    }

    [RootFact]
    [Trait(Tools.Needs, Tools.Self)]
    public async Task Podman_loads_what_was_saved_with_its_name_and_shows_the_same_files()
    {
        var image = await CommittedAsync("save.test/one:1");
        foreach (var format in new[] { ImageFormat.OciLayout, ImageFormat.DockerArchive })
        {
            await Store.SaveAsync([image], _fixture["saved.tar"], format, Cancelled);
            var podman = new[]
            {
                // It refuses a runroot of more than 50 letters.
                "--root", _fixture[$"{format}"], "--runroot", _fixture[$"r{(int)format}"], "--storage-driver", "vfs",
            };
            Tools.Run("podman", [.. podman, "load", "--quiet", "-i", _fixture["saved.tar"]]);
            Assert.Equal($"{image.Id.Hex} [save.test/one:1]\n", Tools.Run(
                "podman", [.. podman, "image", "inspect", "--format", "{{.Id}} {{.RepoTags}}", "save.test/one:1"]));
            var mount = Tools.Run("podman", [.. podman, "image", "mount", "save.test/one:1"]).TrimEnd('\n');
            await ImageUnpacker.UnpackToDirectoryAsync(
                _fixture["saved.tar"], _fixture[$"{format}-ours"], new() { Format = format }, null, Cancelled);
            Assert.Equal(ShippedImages.Describe(mount), ShippedImages.Describe(_fixture[$"{format}-ours"]));
        }
    }

    private Task<Image> AddAsync(string name) => _fixture.AddAsync(name, ShippedImages.Base);

    private async Task<Image> CommittedAsync(string name)
    {
        var image = await _fixture.AddAsync($"{name}-base", ShippedImages.Base, [Member.File("data/second", "2")]);
        await using var writable = await Store.CreateWritableAsync(image, null, Cancelled);
        await ShippedImages.RunAsync(writable, "rm /data/kept; echo new >/data/more; mkdir -m 700 /made");
        return await Store.CommitAsync(writable, new() { Reference = ImageReference.Parse(name) }, Cancelled);
    }
}
