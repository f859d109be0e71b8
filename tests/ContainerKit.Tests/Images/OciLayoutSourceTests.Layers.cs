using ContainerKit.Images;

namespace ContainerKit.Tests.Images;

/// <content>The layers of an image.</content>
public sealed partial class OciLayoutSourceTests
{
    [Fact]
    public async Task The_number_of_layers_is_the_same_everywhere()
    {
        var image = new TestImage();
        var config = image.AddBlob(MediaTypes.ImageConfig, TestImage.Config("linux/amd64", [1], [2]));
        var layer = image.AddBlob(MediaTypes.Layer, TestImage.Layer("x"));
        image.SetIndex(image.AddBlob(
            MediaTypes.ImageManifest,
            new ImageManifest { SchemaVersion = 2, Config = config, Layers = [layer] }.ToJson()));

        Assert.Equal("diff_ids", (await RefusedAsync(image)).Field);
    }

    [Fact]
    public async Task An_unknown_kind_of_layer_is_refused()
    {
        var image = new TestImage();
        var config = image.AddBlob(MediaTypes.ImageConfig, TestImage.Config("linux/amd64", [1]));
        var layer = image.AddBlob("application/vnd.oci.image.layer.v1.tar+lzma", TestImage.Layer("x"));
        image.SetIndex(image.AddBlob(
            MediaTypes.ImageManifest,
            new ImageManifest { SchemaVersion = 2, Config = config, Layers = [layer] }.ToJson()));

        Assert.Equal("mediaType", (await RefusedAsync(image)).Field);
    }
}
