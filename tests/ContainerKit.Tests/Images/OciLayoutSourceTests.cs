using System.IO.Pipelines;
using System.Text;
using ContainerKit.Images;

namespace ContainerKit.Tests.Images;

public sealed partial class OciLayoutSourceTests : IDisposable
{
    private const string Containerd = "io.containerd.image.name";

    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Of_a_layout_for_several_platforms_the_fitting_image_is_read(bool archive)
    {
        var image = TestImage.Layout("debian:12", "linux/amd64", "linux/arm64", "linux/arm/v7", "unknown/unknown");

        foreach (var platform in new[] { "linux/amd64", "linux/arm64" })
        {
            var read = Assert.Single(await ReadAsync(image, platform, archive));
            Assert.Equal([ImageReference.Parse("debian:12")], read.References);
            Assert.Equal(platform, read.Platform.ToString());
            Assert.Equal(TestImage.Config(platform, TestImage.Layer(platform)), read.Config);
            Assert.Equal(MediaTypes.ImageManifest, read.Manifest!.Value.Descriptor.MediaType);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_layer_is_opened_as_often_as_it_is_wanted(bool archive)
    {
        using var source = await OpenAsync(TestImage.Layout(null, "linux/amd64"), archive);
        var images = await source.ReadAsync(Platform("linux/amd64"), Cancel);
        var layer = images.Single().Layers.Single();

        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Task.Run(async () =>
        {
            await using var stream = layer.Open();
            var pipe = new Pipe();
            var pumping = new BlobPump(layer.Expected, new()).RunAsync(stream, pipe.Writer, null, Cancel);
            var content = new MemoryStream();
            await pipe.Reader.CopyToAsync(content, Cancel);
            Assert.Equal(TestImage.DigestOf(TestImage.Layer("linux/amd64")), (await pumping).DiffId);
            Assert.Equal(TestImage.Layer("linux/amd64"), content.ToArray());
        })));
    }

    [Fact]
    public async Task The_best_variant_is_chosen()
    {
        var image = TestImage.Layout(null, "linux/amd64", "linux/amd64/v2", "linux/amd64/v4");

        Assert.Equal("linux/amd64/v2", Assert.Single(await ReadAsync(image, "linux/amd64/v3")).Platform.ToString());
        Assert.Equal("linux/amd64", Assert.Single(await ReadAsync(image, "linux/amd64")).Platform.ToString());
    }

    [Fact]
    public async Task An_index_that_says_no_platform_is_asked_by_its_configurations()
    {
        var image = new TestImage();
        image.SetIndex(
            image.AddImage("linux/arm64", TestImage.Layer("a")) with { Platform = null },
            image.AddImage("linux/amd64", TestImage.Layer("b")) with { Platform = null });

        Assert.Equal("linux/amd64", Assert.Single(await ReadAsync(image, "linux/amd64")).Platform.ToString());
    }

    [Fact]
    public async Task Several_images_have_several_names()
    {
        var image = new TestImage();
        var one = image.AddImage("linux/amd64", TestImage.Layer("1"));
        var two = image.AddImage("linux/amd64", TestImage.Layer("2"));
        image.SetIndex(
            one with { Annotations = TestImage.NamedAs("app:1") },
            two with { Annotations = new Dictionary<string, string> { [Containerd] = "ghcr.io/o/app:2" } },
            one with { Annotations = TestImage.NamedAs("latest") });

        Assert.Equal(
            ["docker.io/library/app:1", "ghcr.io/o/app:2", ""],
            (await ReadAsync(image, "linux/amd64")).Select(read => string.Join(' ', read.References)));
    }

    [Fact]
    public async Task Images_without_a_name_stand_each_alone()
    {
        var image = new TestImage();
        image.SetIndex(
            image.AddImage("linux/amd64", TestImage.Layer("1")), image.AddImage("linux/amd64/v2", TestImage.Layer("2")),
            image.AddImage("linux/arm64", TestImage.Layer("3")));

        Assert.Equal(
            ["linux/amd64", "linux/amd64/v2"],
            (await ReadAsync(image, "linux/amd64/v3")).Select(read => $"{read.Platform}"));
    }

    [Theory]
    [InlineData("app:1", "docker.io/library/app:1")]
    [InlineData("1", "1")]
    public async Task Two_images_of_one_name_and_platform_are_refused_by_their_digests(string name, string same)
    {
        var image = new TestImage();
        var one = image.AddImage("linux/amd64", TestImage.Layer("1"));
        var two = image.AddImage("linux/amd64", TestImage.Layer("2"));
        image.SetIndex(
            one with { Annotations = TestImage.NamedAs(name) }, two with { Annotations = TestImage.NamedAs(same) });

        var wrong = await RefusedAsync(image);
        Assert.Equal(("name", same), (wrong.Field, wrong.Value));
        Assert.Contains($"{one.Digest} and {two.Digest}", wrong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_image_whose_layers_are_packed_in_two_ways_is_one()
    {
        var (image, layer) = (new TestImage(), TestImage.Layer("1"));
        var config = image.AddBlob(MediaTypes.ImageConfig, TestImage.Config("linux/amd64", layer));
        var gzip = image.AddManifest("linux/amd64", config, image.AddLayer(Codec.Gzip, layer));
        var zstd = image.AddManifest("linux/amd64", config, image.AddLayer(Codec.Zstd, layer));
        var index = new ImageIndex { SchemaVersion = 2, Manifests = [gzip, zstd, gzip] };
        image.SetIndex(
            image.AddBlob(MediaTypes.ImageIndex, index.ToJson()) with { Annotations = TestImage.NamedAs("app:1") });

        Assert.Equal(
            gzip.Digest, Assert.Single(await ReadAsync(image, "linux/amd64")).Manifest!.Value.Descriptor.Digest);
    }

    [Fact]
    public async Task An_image_is_chosen_by_its_name_by_its_tag_alone_or_by_its_digest()
    {
        var image = new TestImage();
        var (named, tagged, bare) = (image.AddImage("linux/amd64", TestImage.Layer("1")),
            image.AddImage("linux/amd64", TestImage.Layer("2")), image.AddImage("linux/amd64", TestImage.Layer("3")));
        image.SetIndex(
            named with { Annotations = TestImage.NamedAs("example.org/app:1") },
            tagged with { Annotations = TestImage.NamedAs("2") }, bare);
        using var source = await OpenAsync(image, archive: true);
        async Task<Digest> Chosen(string name) => (await source.ReadOneAsync(
            new() { Platform = Platform("linux/amd64"), Reference = ImageReference.Parse(name) }, Cancel))
            .Manifest!.Value.Descriptor.Digest;

        Assert.Equal(named.Digest, await Chosen("example.org/app:1"));
        Assert.Equal(named.Digest, await Chosen($"example.org/app@{named.Digest}"));
        Assert.Equal(tagged.Digest, await Chosen("anything:2"));
        Assert.Equal(bare.Digest, await Chosen($"anything@{bare.Digest}"));
        foreach (var other in new[] { "app:1", "anything:1", $"example.org/other@{named.Digest}", $"anything:2@{named.Digest}" })
        {
            var wrong = await Assert.ThrowsAsync<InvalidImageException>(() => Chosen(other));
            Assert.Equal("reference", wrong.Field);
            Assert.Contains($"example.org/app:1; 2; {bare.Digest}", wrong.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_name_with_the_digest_of_another_image_is_refused()
    {
        var image = new TestImage();
        var (one, two) = (image.AddImage("linux/amd64", TestImage.Layer("1")), image.AddImage("linux/amd64", TestImage.Layer("2")));
        image.SetIndex(one with { Annotations = TestImage.NamedAs($"app@{one.Digest}") });
        Assert.Equal(one.Digest, Assert.Single(await ReadAsync(image, "linux/amd64")).References[0].Digest);
        image.SetIndex(one with { Annotations = TestImage.NamedAs($"app@{two.Digest}") });
        Assert.Equal("name", (await RefusedAsync(image)).Field);
    }

    [Fact]
    public async Task What_is_a_layout_and_an_archive_of_Docker_is_read_as_a_layout_whatever_the_other_list_says()
    {
        var image = TestImage.Layout("app:1", "linux/amd64");
        var other = TestImage.Config("linux/amd64", TestImage.Layer("other"));
        image.Files["manifest.json"] = """[{"Config":"c.json","RepoTags":["app:1"],"Layers":["other.tar"]}]"""u8.ToArray();
        image.Files["c.json"] = other;
        image.Files["other.tar"] = TestImage.Layer("other");

        Assert.NotEqual(other, Assert.Single(await ReadAsync(image, "linux/amd64")).Config);
        using var docker = await ImageSource.OpenAsync(
            Path.Combine(_scratch.Path, "archive.tar"), ImageFormat.DockerArchive, Cancel);
        Assert.Equal(other, Assert.Single(await docker.ReadAsync(Platform("linux/amd64"), Cancel)).Config);
    }

    [Fact]
    public async Task No_image_for_the_platform_is_an_error_that_says_which_there_are()
    {
        var wrong = await RefusedAsync(TestImage.Layout(null, "linux/arm64", "windows/amd64"));

        Assert.Equal(("platform", "linux/arm64, windows/amd64"), (wrong.Field, wrong.Value));
    }

    [Fact]
    public async Task A_layout_may_be_empty_and_hold_what_is_no_image()
    {
        var image = new TestImage();
        image.SetIndex();
        Assert.Empty(await ReadAsync(image, "linux/amd64"));

        image.SetIndex(
            image.AddImage("linux/amd64", TestImage.Layer("x")), image.AddBlob("application/pdf", [1, 2, 3]));
        Assert.Single(await ReadAsync(image, "linux/amd64"));
    }

    [Fact]
    public async Task Lists_are_nested_only_so_deep()
    {
        var image = new TestImage();
        var inner = image.AddImage("linux/amd64", TestImage.Layer("x"));
        for (var depth = 1; depth <= 5; depth++)
        {
            inner = image.AddBlob(
                MediaTypes.ImageIndex, new ImageIndex { SchemaVersion = 2, Manifests = [inner] }.ToJson());
            image.SetIndex(inner);
            if (depth <= 4)
            {
                Assert.Single(await ReadAsync(image, "linux/amd64"));
            }
        }

        Assert.Equal("depth", (await RefusedAsync(image)).Field);
    }

    [Fact]
    public async Task Lists_that_multiply_are_read_only_so_far()
    {
        var image = new TestImage();
        var inner = image.AddImage("linux/amd64", TestImage.Layer("x"));
        for (var depth = 0; depth < 3; depth++)
        {
            inner = image.AddBlob(
                MediaTypes.ImageIndex,
                new ImageIndex { SchemaVersion = 2, Manifests = [.. Enumerable.Repeat(inner, 20)] }.ToJson());
        }

        image.SetIndex(inner);

        Assert.Equal("count", (await RefusedAsync(image)).Field);
    }

    [Theory]
    [InlineData("oci-layout")]
    [InlineData("index.json")]
    public async Task A_layout_without_its_files_is_none(string file)
    {
        var image = TestImage.Layout(null, "linux/amd64");
        image.Files.Remove(file);

        await RefusedAsync(image);
    }

    [Fact]
    public async Task A_layout_of_another_version_is_refused()
    {
        var image = TestImage.Layout(null, "linux/amd64");
        image.Files["oci-layout"] = """{"imageLayoutVersion":"2.0.0"}"""u8.ToArray();

        Assert.Equal("imageLayoutVersion", (await RefusedAsync(image)).Field);
        image.Files["oci-layout"] = """{"imageLayoutVersion":"1.0.0","imagelayoutversion":"2.0.0"}"""u8.ToArray();
        Assert.Equal("imagelayoutversion", (await RefusedAsync(image)).Field);
    }

    [Fact]
    public async Task Every_document_is_what_its_descriptor_says()
    {
        var names = TestImage.Layout(null, "linux/amd64").Files.Keys.Where(
            path => path.StartsWith("blobs", StringComparison.Ordinal));
        foreach (var name in names)
        {
            var image = TestImage.Layout(null, "linux/amd64");
            var isLayer = image.Files[name][0] == 0x1F;
            image.Files[name] = [.. image.Files[name][..^1], (byte)' '];
            if (!isLayer)
            {
                await RefusedAsync(image);
                image.Files[name] = image.Files[name][..^1];
                await RefusedAsync(image);
                image.Files.Remove(name);
                await RefusedAsync(image);
            }
        }

        var exchanged = new TestImage();
        var (manifest, other) = (exchanged.AddImage("linux/amd64", TestImage.Layer("x")), TestImage.DigestOf([1]));
        exchanged.Files[ImageFiles.PathOf(other)] = exchanged.Files[ImageFiles.PathOf(manifest.Digest)];
        exchanged.SetIndex(manifest with { Digest = other });
        Assert.Equal("digest", (await RefusedAsync(exchanged)).Field);
    }

    private static ContainerKit.Images.Platform Platform(string text) => ContainerKit.Images.Platform.Parse(text);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private Task<InvalidImageException> RefusedAsync(TestImage image) =>
        Assert.ThrowsAsync<InvalidImageException>(() => ReadAsync(image, "linux/amd64"));

    private async Task<IReadOnlyList<SourceImage>> ReadAsync(TestImage image, string platform, bool archive = true)
    {
        using var source = await OpenAsync(image, archive);
        return await source.ReadAsync(Platform(platform), Cancel);
    }

    private static async Task<IReadOnlyList<SourceImage>> ReadAsync(string path, string platform)
    {
        using var source = await ImageSource.OpenAsync(path, format: null, Cancel);
        return await source.ReadAsync(Platform(platform), Cancel);
    }

    private async Task<ImageSource> OpenAsync(TestImage image, bool archive)
    {
        if (archive)
        {
            return await ImageSource.OpenAsync(_scratch.File("archive.tar", image.ToArchive()), format: null, Cancel);
        }

        image.WriteTo(_scratch.Path);
        return await ImageSource.OpenAsync(_scratch.Path, format: null, Cancel);
    }
}
