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
    /// <exception cref="ArgumentException">It was not made of an image, and none was given.</exception>
    /// <exception cref="InvalidImageException">A name begins with <c>.wh.</c>, which layers use themselves.</exception>
    public async Task<Image> CommitAsync(
        WritableLayer writable, CommitOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(writable);
        options ??= new();
        var parent = options.Base ?? FindOrigin(writable);
        using var users = await Layers.EnterAsync(cancellationToken).ConfigureAwait(false);
        var commit = new ImageCommit(Layers, _blobs, parent, options);
        var manifest = await commit.RunAsync(writable, cancellationToken).ConfigureAwait(false);
        var names = options.Reference is { } name ? [name] : Array.Empty<ImageReference>();
        var image = Describe(manifest.Digest, [.. names.Select(name => ImageList.Named(manifest, name))]);
        await _list.ChangeAsync(before => Add(before, manifest, names), cancellationToken).ConfigureAwait(false);
        return image;
    }

    private Image FindOrigin(WritableLayer writable) =>
        Digest.TryParse(writable.Origin, out var digest) && _blobs.Has(digest)
            ? Describe(digest, [])
            : throw new ArgumentException(
                $"It is not known which image {writable} was made of: CommitOptions.Base says it.", nameof(writable));
}
