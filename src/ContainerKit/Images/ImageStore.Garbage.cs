using ContainerKit.Images;

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

    /// <summary>
    /// Looks for what no process, even if it is killed, leaves behind: damage by others. It reads all that images came
    /// in, to compare it with its digests. With <paramref name="repair"/>, which waits for loads, commits and saves,
    /// damaged layers, blobs and images are taken off, and can be loaded again; so can all images whose list is
    /// damaged. Writable layers are left alone.
    /// </summary>
    public async Task<StoreCheck> CheckAsync(bool repair = false, CancellationToken cancellationToken = default)
    {
        var layers = await Layers.CheckAsync(repair, cancellationToken).ConfigureAwait(false);
        using var users = repair
            ? await Layers.EnterAloneAsync(cancellationToken).ConfigureAwait(false)
            : await Layers.EnterAsync(cancellationToken).ConfigureAwait(false);
        var check = new ImageCheck(Layers, _blobs, _list, repair);
        var faults = await Task.Run(
            () => check.RunAsync(digest => Describe(digest, []), cancellationToken), cancellationToken)
            .ConfigureAwait(false);
        return new([.. layers.Faults, .. faults]);
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
            try
            {
                if (Digest.TryParse(name, out var digest))
                {
                    origins.Add(Describe(digest, []));
                }
            }
            catch (InvalidImageException)
            {
                // It can be committed no more; its layers stay for the writable one.
            }
        }

        return origins;
    }

    private static IEnumerable<Digest> BlobsOf(Image image) =>
        [image.Digest, image.Id, .. image.Blobs.Select(blob => blob.Digest)];
}
