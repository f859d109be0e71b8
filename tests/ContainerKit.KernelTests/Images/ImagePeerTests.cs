using ContainerKit.Images;

namespace ContainerKit.KernelTests;

/// <summary>What comes of an image is what other programs make of it.</summary>
[Trait(Tools.Needs, Tools.Self)]
public sealed class ImagePeerTests : IAsyncDisposable
{
    private readonly ImageFixture _fixture = new();
    private readonly string _layout;

    public ImagePeerTests() => _layout = _fixture.Write(RichImage.Make(
        _fixture["scratch"], Codec.Gzip, Codec.None, Codec.None, Codec.Gzip));

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [Fact]
    public async Task A_directory_holds_what_umoci_unpacks()
    {
        await UnpackAsync(_layout, _fixture.Target);
        string[] rootless = Host.IsRoot ? [] : ["--rootless"];
        Tools.Run("umoci", ["unpack", .. rootless, "--image", $"{_layout}:{ImageFixture.Tag}", _fixture["bundle"]]);

        Assert.Equal(Picture(_fixture["bundle/rootfs"]), Picture(_fixture.Target));
    }

    [Fact]
    public async Task Layers_of_a_store_show_what_a_directory_holds()
    {
        await UnpackAsync(_layout, _fixture.Target);
        var image = Assert.Single(await _fixture.Store.LoadAsync(_layout, null, null, Cancelled));

        Assert.Equal(Picture(_fixture.Target), TreePicture.OfLayers(_fixture.StorePath, image.Layers, Flags));
    }

    [Fact]
    public async Task However_layers_are_packed_the_same_comes_of_them()
    {
        await UnpackAsync(_layout, _fixture.Target);
        foreach (var codec in new[] { Codec.Gzip, Codec.Zstd, Codec.None })
        {
            var image = RichImage.Make(_fixture[$"scratch-{codec}"], codec, codec, codec, codec);
            await UnpackAsync(_fixture.Write(image), _fixture[$"{codec}"]);
            Assert.Equal(Picture(_fixture.Target), Picture(_fixture[$"{codec}"]));
        }
    }

    [Theory]
    [InlineData("docker-archive")]
    [InlineData("oci-archive")]
    public async Task An_archive_that_skopeo_makes_holds_the_same(string kind)
    {
        var archive = _fixture["archive"];
        Copy(kind, archive);
        await UnpackAsync(_layout, _fixture.Target);
        await UnpackAsync(archive, _fixture["from-archive"]);
        var one = Assert.Single(await _fixture.Store.LoadAsync(_layout, null, null, Cancelled));
        var other = Assert.Single(await _fixture.Store.LoadAsync(archive, null, null, Cancelled));

        Assert.Equal(Picture(_fixture.Target), Picture(_fixture["from-archive"]));
        Assert.Equal((one.Id, 4), (other.Id, _fixture.Store.Layers.ListLayers().Count));
        Assert.Contains(ImageReference.Parse(ImageFixture.Name), other.References);
    }

    [RootFact]
    public async Task A_directory_holds_what_podman_unpacks()
    {
        await UnpackAsync(_layout, _fixture.Target);
        // It refuses a runroot of more than 50 letters.
        string[] store = ["--storage-driver", "vfs", "--root", _fixture["podman"], "--runroot", _fixture["run"]];
        Copy("docker-archive", _fixture["archive"]);
        Tools.Run("podman", [.. store, "load", "--quiet", "--input", _fixture["archive"]]);
        var id = Tools.Run("podman", [.. store, "images", "--quiet", "--no-trunc"]).Trim();
        try
        {
            // It changes the root's time, knows none before 1970, keeps attributes of directories that a later layer takes
            // away, and copies links that have several names; umoci does none of it.
            var path = Tools.Run("podman", [.. store, "image", "mount", id]).Trim();
            Assert.Equal(
                WithoutRoot(TreePicture.Of(path, "p")), WithoutRoot(TreePicture.Of(_fixture.Target, "p")));
        }
        finally
        {
            Tools.Run("podman", [.. store, "image", "unmount", id]);
        }
    }

    [RootFact]
    public async Task A_root_filesystem_is_what_GNU_tar_unpacks()
    {
        // The long form makes one of Debian; the other takes some of this machine.
        var (archive, peer) = (_fixture["root.tar"], Directory.CreateDirectory(_fixture["peer"]).FullName);
        _ = TimeFactor.IsSoak
            ? Tools.Run("mmdebstrap", "--variant=minbase", "stable", archive)
            : Tools.Run("tar", "-C", "/", "--create", "--file", archive, "--format=pax", "--xattrs", "etc");
        Tools.Run(
            "tar", "-C", peer, "--extract", "--file", archive, "--numeric-owner", "--preserve-permissions", "--xattrs", "--xattrs-include=*");
        Tools.Run("gzip", "--fast", "--keep", archive);
        var options = new UnpackOptions { Format = ImageFormat.RootArchive };
        await ImageUnpacker.UnpackToDirectoryAsync($"{archive}.gz", _fixture.Target, options, null, Cancelled);
        var image = Assert.Single(await _fixture.Store.LoadAsync($"{archive}.gz", options, null, Cancelled));

        Assert.Equal(WithoutRoot(Picture(peer)), WithoutRoot(Picture(_fixture.Target)));
        Assert.Equal(
            WithoutRoot(Picture(peer)), WithoutRoot(TreePicture.OfLayers(_fixture.StorePath, image.Layers, "")));
    }

    // Programs of ordinary users keep owners and attributes elsewhere.
    private static string Flags => Host.IsRoot ? "" : "ox";

    private void Copy(string kind, string archive) => Tools.Run(
        "skopeo", "copy", "--insecure-policy", $"oci:{_layout}:{ImageFixture.Tag}",
        $"{kind}:{archive}:{ImageFixture.Name}");

    private static string WithoutRoot(string picture) => picture[(picture.IndexOf('\n', StringComparison.Ordinal) + 1)..];

    private static string Picture(string directory) => TreePicture.Of(directory, Flags);

    private static Task<ImageConfig> UnpackAsync(string source, string directory) =>
        ImageUnpacker.UnpackToDirectoryAsync(source, directory, null, null, Cancelled);
}
