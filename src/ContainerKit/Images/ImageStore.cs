using ContainerKit.Images;

namespace ContainerKit;

/// <summary>
/// The images of a directory that any number of this user's processes share without a daemon: names, configurations,
/// and layers that are unpacked once, whichever images they are in. Thread-safe. Disposing it removes nothing.
/// </summary>
public sealed partial class ImageStore : IAsyncDisposable
{
    private readonly StoreDirectory _images;
    private readonly BlobStore _blobs;
    private readonly ImageList _list;

    private ImageStore(LayerStore layers)
    {
        Layers = layers;
        _images = layers.MakeDirectory("images");
        _blobs = new(_images);
        _list = new(_images);
        layers.KeptBesides = CollectBlobs;
    }

    /// <summary>The layers, and the writable ones over them.</summary>
    public LayerStore Layers { get; }

    /// <summary>Opens the store in a directory, and makes both where they are missing.</summary>
    /// <exception cref="LinuxException">As of <see cref="LayerStore.Open"/>.</exception>
    /// <exception cref="InvalidImageException">It was made by a newer version of ContainerKit.</exception>
    public static ImageStore Open(string directory, LayerStoreOptions? options = null) =>
        new(LayerStore.Open(directory, options));

    /// <summary>The images there are, in the order in which they came.</summary>
    public IReadOnlyList<Image> ListImages()
    {
        while (true)
        {
            var version = _list.Version;
            try
            {
                return
                [
                    .. _list.Read().GroupBy(descriptor => descriptor.Digest)
                        .Select(group => Describe(group.Key, [.. group])),
                ];
            }
            catch (InvalidImageException) when (_list.Version != version)
            {
                // One was removed meanwhile, and collected.
            }
        }
    }

    /// <summary>
    /// Finds an image by a name, by one with the digest of its manifest (<c>name@sha256:…</c>), by the digest of its
    /// manifest or its configuration, or by the beginning of one of them (at least four digits) that no other has; null
    /// when there is none.
    /// </summary>
    /// <exception cref="ArgumentException">Several are meant.</exception>
    public Image? Find(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        var images = ListImages();
        if (ImageReference.TryParse(name, out var reference)
            && images.FirstOrDefault(image => reference.IsOf(image.References, image.Digest)) is { } named)
        {
            return named;
        }

        var found = images.Where(image => IsMeant(image.Id, name) || IsMeant(image.Digest, name)).ToList();
        return found.Count < 2 ? found.FirstOrDefault() : throw new ArgumentException(
            $"'{name}' may be any of {string.Join(", ", found.Select(image => image.Digest))}: give more of it.",
            nameof(name));
    }

    /// <summary>Gives an image a name, which another one loses.</summary>
    /// <exception cref="ArgumentException">It is not in this store, or the name has another's digest.</exception>
    public Task TagAsync(Image image, ImageReference reference, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(reference);
        CheckDigest(reference, image.Digest);
        return _list.ChangeAsync(
            before => before.FirstOrDefault(descriptor => descriptor.Digest == image.Digest) is { } known
                ? Add(before, known, [reference])
                : throw new ArgumentException($"{image.Digest} is not in this store.", nameof(image)),
            cancellationToken);
    }

    /// <summary>Takes a name away; the image stays until it is removed.</summary>
    public Task UntagAsync(ImageReference reference, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(reference);
        return _list.ChangeAsync(
            before => before.SelectMany(descriptor =>
                ImageList.NameOf(descriptor) != reference ? [descriptor]
                : before.Count(other => other.Digest == descriptor.Digest) > 1 ? Array.Empty<BlobDescriptor>()
                : [ImageList.Named(descriptor, null)]),
            cancellationToken);
    }

    /// <summary>
    /// Takes an image off the list, with all its names; its layers stay as long as others use them, and until they are
    /// collected.
    /// </summary>
    public Task RemoveAsync(Image image, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        return _list.ChangeAsync(
            before => before.Where(descriptor => descriptor.Digest != image.Digest), cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _blobs.Dispose();
        _images.Dispose();
        await Layers.DisposeAsync().ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public override string ToString() => $"ImageStore {{ {Layers.Path} }}";

    private static void CheckDigest(ImageReference reference, Digest digest)
    {
        if (reference.Digest is { } said && said != digest)
        {
            throw new ArgumentException(
                $"'{reference}' is the name of another image than {digest}: leave the digest out.", nameof(reference));
        }
    }

    private static bool IsMeant(Digest digest, string name) =>
        $"{digest}" == name || (name.Length >= 4 && digest.Hex.StartsWith(name, StringComparison.Ordinal));

    /// <summary>Lists a manifest under further names, which others lose; these stay, if need be without one.</summary>
    private static List<BlobDescriptor> Add(
        IReadOnlyList<BlobDescriptor> before, BlobDescriptor manifest, IReadOnlyList<ImageReference> references)
    {
        var after = before
            .Where(descriptor => ImageList.NameOf(descriptor) is not { } name || !references.Contains(name))
            .Concat(references.Select(reference => ImageList.Named(manifest, reference))).ToList();
        foreach (var image in before.Append(manifest))
        {
            if (!after.Exists(descriptor => descriptor.Digest == image.Digest))
            {
                after.Add(ImageList.Named(image, null));
            }
        }

        var named = after.Where(descriptor => ImageList.NameOf(descriptor) is not null)
            .Select(descriptor => descriptor.Digest).ToHashSet();
        after.RemoveAll(descriptor => ImageList.NameOf(descriptor) is null && named.Contains(descriptor.Digest));
        return after;
    }

    private Image Describe(Digest digest, IReadOnlyList<BlobDescriptor> descriptors)
    {
        var manifest = ImageManifest.Parse(_blobs.Read(digest));
        return new()
        {
            Id = manifest.Config.Digest,
            Digest = digest,
            References = [.. descriptors.Select(ImageList.NameOf).OfType<ImageReference>()],
            Config = ImageConfig.Parse(_blobs.Read(manifest.Config.Digest)),
            Size = new(manifest.Layers.Aggregate(
                0L, (sum, layer) => layer.Size > long.MaxValue - sum ? long.MaxValue : sum + layer.Size)),
            Blobs = manifest.Layers,
        };
    }
}
