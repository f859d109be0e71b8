namespace ContainerKit.Tests.Images;

/// <summary>In which order an image's layers are loaded.</summary>
public class LayerOrderTests
{
    [Fact]
    public async Task The_largest_layer_is_begun_first()
    {
        using var scratch = new Scratch();
        var image = new TestImage();
        var large = new byte[4096];
        Random.Shared.NextBytes(large);
        var layers = new[] { TestImage.Layer("small"), TestImage.Tar(("large", large)), TestImage.Layer("also small") };
        image.SetIndex(image.AddImage("linux/amd64", layers));
        image.WriteTo($"{scratch.Path}/image");
        await using var store = ImageStore.Open($"{scratch.Path}/store", new() { WritesThrough = false });
        var progress = new Done();

        var platform = ContainerKit.Images.Platform.Parse("linux/amd64");
        var options = new UnpackOptions { Parallelism = 1, Platform = platform };
        await store.LoadAsync($"{scratch.Path}/image", options, progress, TestContext.Current.CancellationToken);

        Assert.Equal(1, progress.Layers[0]);
        Assert.Equal([0, 1, 2], progress.Layers.Order());
    }

    private sealed class Done : IProgress<UnpackProgress>
    {
        public List<int> Layers { get; } = [];

        public void Report(UnpackProgress value)
        {
            if (value.IsDone)
            {
                Layers.Add(value.Layer);
            }
        }
    }
}
