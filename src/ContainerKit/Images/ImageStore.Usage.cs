namespace ContainerKit;

/// <content>What takes how much room, and for whom.</content>
public sealed partial class ImageStore
{
    /// <summary>How much each layer holds, and which images and writable layers share it.</summary>
    public IReadOnlyList<LayerUsage> ListUsage()
    {
        var images = ListImages().SelectMany(image => image.Layers.Distinct(), (image, layer) => (Layer: layer, image))
            .ToLookup(use => use.Layer, use => use.image);
        var writable = Layers.ListWritable().SelectMany(one => one.Layers, (one, layer) => (Layer: layer, one.Id))
            .ToLookup(use => use.Layer, use => use.Id);
        return Layers.ListLayers().Select(layer => new LayerUsage(layer.DiffId, layer.Size, [.. images[layer.DiffId]])
        {
            WritableLayers = [.. writable[layer.DiffId]],
        }).ToList();
    }

    /// <summary>How much the layers of each image hold: those that it shares, and those that go with it.</summary>
    public IReadOnlyList<ImageUsage> ListImageUsage()
    {
        var layers = ListUsage();
        return [.. ListImages().Select(image =>
        {
            var own = layers.Where(layer => layer.Images.Any(user => user.Digest == image.Digest)).ToList();
            return new ImageUsage(
                image, Sum(own.Where(layer => !layer.IsShared)), Sum(own.Where(layer => layer.IsShared)));
        })];
    }

    private static ByteSize Sum(IEnumerable<LayerUsage> layers) => new(layers.Sum(layer => layer.Size.Bytes));
}

/// <summary>What a layer of a store is used for.</summary>
/// <param name="DiffId">The layer.</param>
/// <param name="Size">How much its files hold.</param>
/// <param name="Images">The images that have it: it goes with the last of them.</param>
public sealed record LayerUsage(Digest DiffId, ByteSize Size, IReadOnlyList<Image> Images)
{
    /// <summary>The ids of the writable layers over it: it stays while one is there.</summary>
    public IReadOnlyList<string> WritableLayers { get; init; } = [];

    /// <summary>Whether several images have it.</summary>
    public bool IsShared => Images.Count > 1;
}

/// <summary>How much room an image takes.</summary>
/// <param name="Image">The image.</param>
/// <param name="Unique">How much the layers hold that no other image has: so much goes with it, once no writable layer
/// lies over them.</param>
/// <param name="Shared">How much the layers hold that others have, too.</param>
public sealed record ImageUsage(Image Image, ByteSize Unique, ByteSize Shared)
{
    /// <summary>How much all its layers hold.</summary>
    public ByteSize Total => new(Unique.Bytes + Shared.Bytes);
}
