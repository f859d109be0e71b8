namespace ContainerKit;

/// <content>What nobody uses, and what is damaged.</content>
public sealed partial class ImageStore
{
    /// <summary>
    /// Removes what no image on the list needs, no writable layer and no process: layers, and what they came in. It
    /// waits for loads, commits and saves that are going on.
    /// </summary>
    /// <exception cref="InvalidImageException">It cannot be known what a damaged image or writable layer needs: nothing
    /// is removed; <see cref="CheckAsync"/> repairs it.</exception>
    public Task<CollectedGarbage> CollectGarbageAsync(CancellationToken cancellationToken = default) =>
        Layers.CollectGarbageAsync([], cancellationToken);

    /// <summary>How much each layer holds, and which images share it.</summary>
    public IReadOnlyList<LayerUsage> ListUsage()
    {
        var images = ListImages();
        return [.. Layers.ListLayers().Select(layer => new LayerUsage(
            layer.DiffId, layer.Size, [.. images.Where(image => image.Layers.Contains(layer.DiffId))]))];
    }

    /// <summary>
    /// Looks for what no process, even if it is killed, leaves behind: layers and images that others damaged. With
    /// <paramref name="repair"/> these are taken off, and can be loaded again; writable layers are left alone.
    /// </summary>
    public async Task<StoreCheck> CheckAsync(bool repair = false, CancellationToken cancellationToken = default)
    {
        var layers = await Layers.CheckAsync(repair, cancellationToken).ConfigureAwait(false);
        var faults = new List<StoreFault>(layers.Faults);
        foreach (var digest in _list.Read().Select(descriptor => descriptor.Digest).Distinct().ToList())
        {
            if (FaultOf(digest) is not { } problem)
            {
                continue;
            }

            if (repair)
            {
                await _list.ChangeAsync(
                    before => before.Where(descriptor => descriptor.Digest != digest), cancellationToken)
                    .ConfigureAwait(false);
            }

            faults.Add(new($"images/{digest}", problem, IsRepaired: repair));
        }

        return new(faults);
    }

    /// <summary>Removes the blobs that no image needs, and says which layers the images need.</summary>
    private IEnumerable<Digest> CollectBlobs()
    {
        List<Image> images = [.. ListImages(), .. ListOrigins()];
        _blobs.RemoveAllBut(images.SelectMany(BlobsOf).ToHashSet());
        return images.SelectMany(image => image.Layers);
    }

    /// <summary>The images that writable layers were made of: a commit needs them, on the list or not.</summary>
    private List<Image> ListOrigins()
    {
        var origins = new List<Image>();
        foreach (var name in Layers.ListWritable().Select(writable => writable.Origin).Distinct())
        {
            if (Digest.TryParse(name, out var digest) && FaultOf(digest) is null)
            {
                origins.Add(Describe(digest, []));
            }
        }

        return origins;
    }

    private static IEnumerable<Digest> BlobsOf(Image image) =>
        [image.Digest, image.Id, .. image.Blobs.Select(blob => blob.Digest)];

    private string? FaultOf(Digest digest)
    {
        try
        {
            var image = Describe(digest, []);
            return image.Layers.FirstOrDefault(layer => !Layers.Contains(layer)) is { } layer && layer != default
                ? $"Its layer {layer} is missing."
                : image.Blobs.FirstOrDefault(
                    blob => !_blobs.Has(blob.Digest) || _blobs.LengthOf(blob.Digest) != blob.Size) is { } blob
                ? $"Its blob {blob.Digest} is missing, or of another size."
                : null;
        }
        catch (InvalidImageException damaged)
        {
            return damaged.Message;
        }
    }
}

/// <summary>What a layer of a store is used for.</summary>
/// <param name="DiffId">The layer.</param>
/// <param name="Size">How much its files hold.</param>
/// <param name="Images">The images that have it: it goes with the last of them.</param>
public sealed record LayerUsage(Digest DiffId, ByteSize Size, IReadOnlyList<Image> Images);
