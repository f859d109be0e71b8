namespace ContainerKit.Images;

/// <summary>
/// A look at what a store has of images: their list, each blob's content, and whether each image has what it needs.
/// Where it repairs, nobody else may use the store.
/// </summary>
internal sealed class ImageCheck(LayerStore layers, BlobStore blobs, ImageList list, bool repair)
{
    private readonly List<StoreFault> _faults = [];
    private readonly HashSet<Digest> _damaged = [];

    /// <summary>Finds what is damaged, and takes it away where it repairs.</summary>
    /// <param name="describe">Reads an image, or says by an exception what is wrong with its documents.</param>
    /// <param name="cancellationToken">Stops it between two things.</param>
    public async Task<IReadOnlyList<StoreFault>> RunAsync(
        Func<Digest, Image> describe, CancellationToken cancellationToken)
    {
        CheckBlobs(cancellationToken);
        foreach (var digest in ListImages())
        {
            if (FaultOf(digest, describe) is { } problem)
            {
                _faults.Add(new($"images/{digest}", problem, IsRepaired: repair));
                _damaged.Add(digest);
            }
        }

        if (repair && _faults.Count > 0)
        {
            await list.ChangeAsync(
                before => before.Where(descriptor => !_damaged.Contains(descriptor.Digest)), cancellationToken)
                .ConfigureAwait(false);
        }

        return _faults;
    }

    private void CheckBlobs(CancellationToken cancellationToken)
    {
        foreach (var blob in blobs.List())
        {
            var problem = blob.Digest is { } digest ? blobs.FaultOf(digest, cancellationToken) : "It is no blob.";
            if (problem is null)
            {
                continue;
            }

            _faults.Add(new($"images/{blob.Path}", problem, IsRepaired: repair));
            _damaged.Add(blob.Digest.GetValueOrDefault());
            if (repair)
            {
                blob.Remove();
            }
        }
    }

    private List<Digest> ListImages()
    {
        try
        {
            return list.Read().Select(descriptor => descriptor.Digest).Distinct().ToList();
        }
        catch (InvalidImageException damaged)
        {
            _faults.Add(new($"images/{ImageList.File}", damaged.Message, IsRepaired: repair));
            if (repair)
            {
                list.SetAside();
            }

            return [];
        }
    }

    private bool IsMissingOrDamaged(Digest blob) => !blobs.Has(blob) || _damaged.Contains(blob);

    private string? FaultOf(Digest digest, Func<Digest, Image> describe)
    {
        try
        {
            var image = describe(digest);
            return image.Layers.FirstOrDefault(layer => !layers.Contains(layer)) is { } layer && layer != default
                ? $"Its layer {layer} is missing."
                : image.Blobs.Select(blob => blob.Digest).FirstOrDefault(IsMissingOrDamaged) is { } blob
                    && blob != default
                ? $"Its blob {blob} is missing or damaged."
                : null;
        }
        catch (InvalidImageException damaged)
        {
            return damaged.Message;
        }
    }
}
