namespace ContainerKit.Images;

/// <summary>
/// What <c>docker save</c> makes: with a manifest.json, or of before 1.10 with a file of repositories.
/// </summary>
internal sealed class DockerArchiveSource(ImageFiles files) : ImageSource
{
    /// <summary>The most images of one archive.</summary>
    public const int MaxImages = 1000;

    /// <summary>Whether a place holds such images.</summary>
    public static bool IsThere(ImageFiles files)
    {
        using var manifest = files.TryOpen("manifest.json");
        using var repositories = files.TryOpen("repositories");
        return manifest is not null || repositories is not null;
    }

    public override void Dispose() => files.Dispose();

    protected override string Place => files.Name;

    protected override async Task<IReadOnlyList<SourceImage>> ReadAllAsync(
        Platform platform, CancellationToken cancellationToken)
    {
        var manifest = await files.TryReadAsync("manifest.json", cancellationToken).ConfigureAwait(false);
        var all = manifest is not null
            ? await ReadItemsAsync(manifest, cancellationToken).ConfigureAwait(false)
            : await new LegacyDockerImages(files).ReadAsync(cancellationToken).ConfigureAwait(false);
        var fitting = all.Where(image => platform.DistanceTo(image.Platform) is not null).ToArray();
        return fitting.Length > 0 || all.Count == 0 ? fitting : throw new InvalidImageException(
            $"There is no image for {platform}.", entry: files.Name, field: "platform",
            value: ImageDocument.Printable(string.Join(", ", all.Select(image => image.Platform).Distinct())));
    }

    private async Task<IReadOnlyList<SourceImage>> ReadItemsAsync(byte[] json, CancellationToken cancellationToken)
    {
        var items = ImageDocument.Read(json, ImageJson.Default.DockerArchiveItemArray, "manifest.json");
        ImageDocument.Require(
            items.Length <= MaxImages, $"At most {MaxImages} images are read.", "manifest.json", "count",
            $"{items.Length}");
        var images = new List<SourceImage>();
        for (var i = 0; i < items.Length; i++)
        {
            images.Add(await ReadItemAsync(items[i], $"manifest.json, [{i}]", cancellationToken).ConfigureAwait(false));
        }

        return images;
    }

    private async Task<SourceImage> ReadItemAsync(
        DockerArchiveItem item, string name, CancellationToken cancellationToken)
    {
        var config = await files.ReadAsync(item.Config, cancellationToken).ConfigureAwait(false);
        if (DigestIn(item.Config) is { } said && BlobDescriptor.DigestOf(config, said) != said)
        {
            throw new InvalidImageException(
                "The content has another digest.", $"{said}", name, "Config", ImageDocument.Printable(item.Config));
        }

        var layers = item.Layers ?? [];
        ImageDocument.Require(
            layers.Count <= ImageManifest.MaxLayers, $"An image has at most {ImageManifest.MaxLayers} layers.", name,
            "Layers", $"{layers.Count}");
        var blobs = layers.Select(
            path => Expect(files, path, path.StartsWith("blobs/", StringComparison.Ordinal) ? DigestIn(path) : null));
        var references = (item.References ?? []).Select(text => ReadReference(text, name)).ToArray();
        return Describe(
            config, ImageDocument.Printable(item.Config), [.. blobs], i => files.Open(layers[i]), references);
    }

    /// <summary>A layer that must be there.</summary>
    internal static ExpectedBlob Expect(ImageFiles files, string path, Digest? digest)
    {
        using var file = files.Open(path);
        return new(ImageDocument.Printable(path)) { Digest = digest, Size = file.Length };
    }

    /// <summary>A name that an archive gives to an image.</summary>
    internal static ImageReference ReadReference(string text, string name) =>
        ImageReference.TryParse(text, out var reference) && reference.Digest is null
            ? reference
            : throw new InvalidImageException(
                "This is no name and tag of an image.", entry: name, field: "RepoTags",
                value: ImageDocument.Printable(text));

    // <hex>.json or blobs/sha256/<hex>: a name that says what the content must be.
    private static Digest? DigestIn(string path)
    {
        var last = path[(path.LastIndexOf('/') + 1)..];
        var hex = last.EndsWith(".json", StringComparison.Ordinal) ? last[..^5] : last;
        return Digest.TryParse($"sha256:{hex}", out var digest) ? digest : null;
    }
}
