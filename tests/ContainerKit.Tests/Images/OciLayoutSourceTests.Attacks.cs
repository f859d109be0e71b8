using System.Text;
using ContainerKit.Images;

namespace ContainerKit.Tests.Images;

/// <content>Attacks that the field has seen, by their numbers.</content>
public sealed partial class OciLayoutSourceTests
{
    [Fact]
    public async Task CVE_2021_41190_a_list_that_is_named_as_a_manifest_is_refused()
    {
        var image = new TestImage();
        var inner = image.AddImage("linux/amd64", TestImage.Layer("x"));
        var index = new ImageIndex { SchemaVersion = 2, Manifests = [inner] };
        image.SetIndex(image.AddBlob(MediaTypes.ImageManifest, index.ToJson()));

        await RefusedAsync(image);
    }

    [Fact]
    public async Task CVE_2023_25153_a_document_is_not_read_whole_to_see_that_it_is_too_large()
    {
        var image = TestImage.Layout(null, "linux/amd64");
        image.WriteTo(_scratch.Path);
        using (var file = File.OpenWrite(Path.Combine(_scratch.Path, "index.json")))
        {
            file.SetLength(1L << 40);
        }

        Assert.Equal("size",
            (await Assert.ThrowsAsync<InvalidImageException>(() => ReadAsync(_scratch.Path, "linux/amd64"))).Field);
    }

    [Fact]
    public async Task CVE_2023_25153_documents_are_limited_altogether_however_often_one_is_there()
    {
        var image = new TestImage();
        var small = image.AddImage("linux/amd64", TestImage.Layer("1"));
        byte[] json = [.. image.Files[ImageFiles.PathOf(small.Digest)], .. new byte[4_000_000].Select(_ => (byte)' ')];
        var large = image.AddBlob(MediaTypes.ImageManifest, json);
        BlobDescriptor[] Named(int count) => [.. Enumerable.Range(0, count).Select(
            i => large with { Annotations = TestImage.NamedAs($"app:{i}") })];

        image.SetIndex(Named(8));
        Assert.Equal(8, (await ReadAsync(image, "linux/amd64")).Count);
        image.SetIndex(Named(9));
        Assert.Equal("size of all", (await RefusedAsync(image)).Field);
        image.Files["index.json"] = Encoding.UTF8.GetBytes(
            $$"""{"schemaVersion":2,"manifests":[],"x":[{{string.Join(',', Enumerable.Repeat("{}", 300_000))}}]}""");
        Assert.Equal("size of all", (await RefusedAsync(image)).Field);
    }

    [Fact]
    public async Task CVE_2024_3727_a_blob_of_a_layout_directory_is_never_outside_of_it()
    {
        var image = TestImage.Layout(null, "linux/amd64");
        var layer = image.Files.Single(file => file.Value[0] == 0x1F);
        image.Files.Remove(layer.Key);
        image.WriteTo(Directory.CreateDirectory(Path.Combine(_scratch.Path, "layout")).FullName);
        var outside = _scratch.File("outside", layer.Value);
        File.CreateSymbolicLink(Path.Combine(_scratch.Path, "layout", layer.Key), outside);

        var read = Assert.Single(await ReadAsync(Path.Combine(_scratch.Path, "layout"), "linux/amd64"));
        using var source = await ImageSource.OpenAsync(Path.Combine(_scratch.Path, "layout"), format: null, Cancel);
        var open = (await source.ReadAsync(read.Platform, Cancel))[0].Layers[0].Open;

        Assert.Throws<InvalidImageException>(() => open());
    }

    [Fact]
    public async Task CVE_2020_15157_a_layer_that_is_said_to_be_elsewhere_is_fetched_from_nowhere()
    {
        using var elsewhere = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        elsewhere.Start();
        var (image, layer) = (new TestImage(), TestImage.Layer("x"));
        var config = image.AddBlob(MediaTypes.ImageConfig, TestImage.Config("linux/amd64", layer));
        image.SetIndex(image.AddManifest("linux/amd64", config, new BlobDescriptor
        {
            MediaType = "application/vnd.docker.image.rootfs.foreign.diff.tar",
            Digest = TestImage.DigestOf(layer),
            Size = layer.Length,
            Urls = [$"http://{elsewhere.LocalEndpoint}/layer"],
        }));
        using var source = await OpenAsync(image, archive: true);
        var read = Assert.Single(await source.ReadAsync(Platform("linux/amd64"), Cancel));

        Assert.Throws<InvalidImageException>(() => read.Layers[0].Open());
        Assert.False(elsewhere.Pending());
    }
}
