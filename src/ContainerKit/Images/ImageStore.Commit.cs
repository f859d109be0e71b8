using ContainerKit.Images;

namespace ContainerKit;

/// <content>How containers change images, and changes become images.</content>
public sealed partial class ImageStore
{
    /// <summary>
    /// Makes a writable layer over an image; <see cref="WritableLayer.Root"/> is the root filesystem of a container.
    /// </summary>
    /// <exception cref="LinuxException">A layer is missing: ENOENT; the id is taken: EEXIST.</exception>
    public Task<WritableLayer> CreateWritableAsync(
        Image image, WritableLayerOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        return Layers.CreateWritableAsync(image.Layers, options, $"{image.Digest}", fill: null, cancellationToken);
    }

    /// <summary>
    /// Makes an image of a writable layer's changes, as a layer over those of its own image. It costs as much as the
    /// changes are large, however large the image is. The writable layer stays as it is, and goes on being usable; what
    /// a container changes meanwhile may be in the image or not.
    /// </summary>
    /// <exception cref="ArgumentException">It was not made of an image, and none was given; or another one was; or
    /// the name has a digest.</exception>
    /// <exception cref="LinuxException">A layer of the image, or what that came in, is missing: ENOENT.</exception>
    /// <exception cref="InvalidImageException">A name begins with <c>.wh.</c>, which layers use themselves; or the
    /// files are longer together than <see cref="CommitOptions.MaxLayerSize"/>.</exception>
    public async Task<Image> CommitAsync(
        WritableLayer writable, CommitOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(writable);
        options ??= new();
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.MaxLayerSize.Bytes);
        if (options.Reference?.Digest is not null)
        {
            throw new ArgumentException(
                $"'{options.Reference}' has a digest, which no image has before it is made.", nameof(options));
        }

        using var users = await Layers.EnterAsync(cancellationToken).ConfigureAwait(false);
        var parent = options.Base is { } given ? FindBase(writable, given) : FindOrigin(writable);
        var commit = new ImageCommit(Layers, _blobs, parent, options);
        var manifest = await commit.RunAsync(writable, cancellationToken).ConfigureAwait(false);
        var names = options.Reference is { } name ? [name] : Array.Empty<ImageReference>();
        var image = Describe(manifest.Digest, [.. names.Select(name => ImageList.Named(manifest, name))]);
        await _list.ChangeAsync(before => Add(before, manifest, names), cancellationToken).ConfigureAwait(false);
        return image;
    }

    private Image FindOrigin(WritableLayer writable) =>
        Digest.TryParse(writable.Origin, out var digest) && _blobs.Has(digest)
            ? WithParts(Describe(digest, []))
            : throw new ArgumentException(
                $"It is not known which image {writable} was made of: CommitOptions.Base says it.", nameof(writable));

    // As the store has it, whatever the caller made of it.
    private Image FindBase(WritableLayer writable, Image given)
    {
        var image = _blobs.Has(given.Digest)
            ? WithParts(Describe(given.Digest, []))
            : throw new ArgumentException($"The base {given} is not in this store: load it.", nameof(given));
        return Layers.IsOver(writable, image.Layers) ? image : throw new ArgumentException(
            $"{writable} lies over other layers than those of {given}: its changes are none of that image.",
            nameof(given));
    }

    private Image WithParts(Image image)
    {
        var missing = image.Layers.Where(layer => !Layers.Contains(layer))
            .Concat(image.Blobs.Select(blob => blob.Digest).Where(blob => !_blobs.Has(blob))).ToList();
        return missing.Count == 0 ? image : throw new LinuxException(
            "open", Errno.ENOENT, $"{missing[0]}", "A layer of the image is missing: load that again.");
    }
}
