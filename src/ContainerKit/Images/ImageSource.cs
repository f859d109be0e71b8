namespace ContainerKit.Images;

/// <summary>Where images come from: a place that has some.</summary>
internal abstract class ImageSource : IDisposable
{
    /// <summary>
    /// Opens a place of this form; without one, an OCI image layout or an archive of Docker, in a directory or a tar
    /// archive.
    /// </summary>
    /// <exception cref="InvalidImageException">It is none of them.</exception>
    public static async Task<ImageSource> OpenAsync(
        string path, ImageFormat? format, CancellationToken cancellationToken)
    {
        if (format is ImageFormat.RootArchive)
        {
            return new RootTarSource(path);
        }

        ImageFiles files = Directory.Exists(path)
            ? new DirectoryFiles(path)
            : await Task.Run(() => ArchiveFiles.OpenAsync(path, cancellationToken), cancellationToken)
                .ConfigureAwait(false);
        try
        {
            // Docker since 25 writes both at once, of which the layout says more.
            return format is not ImageFormat.DockerArchive && OciLayoutSource.IsThere(files)
                ? new OciLayoutSource(files)
                : format is not ImageFormat.OciLayout && DockerArchiveSource.IsThere(files)
                ? new DockerArchiveSource(files)
                : throw new InvalidImageException(
                    "There is no oci-layout, manifest.json or repositories: this is no image. The archive of a root "
                    + "filesystem is loaded as such.", entry: path);
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    /// <summary>
    /// The images that run on a platform, in the order of their place. Of one that is there for several, the best.
    /// </summary>
    /// <exception cref="InvalidImageException">A document is malformed, missing, or fits no other.</exception>
    public async Task<IReadOnlyList<SourceImage>> ReadAsync(Platform platform, CancellationToken cancellationToken)
    {
        var images = await ReadAllAsync(platform, cancellationToken).ConfigureAwait(false);
        var named = new Dictionary<string, SourceImage>();
        foreach (var (name, image) in images.SelectMany(image => image.Names.Select(name => (name, image))))
        {
            // Some readers take the first, some the last.
            if (!named.TryAdd(name, image) && !ReferenceEquals(named[name], image))
            {
                throw new InvalidImageException(
                    $"Two images for one platform have this name: {named[name].Name} and {image.Name}.", entry: Place,
                    field: "name", value: ImageDocument.Printable(name));
            }
        }

        return images;
    }

    /// <summary>The images that options ask for.</summary>
    /// <exception cref="InvalidImageException">There is none of them.</exception>
    public async Task<IReadOnlyList<SourceImage>> ReadAsync(UnpackOptions options, CancellationToken cancellationToken)
    {
        var images = await ReadAsync(options.Platform, cancellationToken).ConfigureAwait(false);
        var meant = options.Reference is { } name
            ? [.. images.Where(image => image.IsMeantBy(name))]
            : images;
        return meant.Count > 0 ? meant : throw new InvalidImageException(
            $"There is no such image, but {List(images)}.", entry: Place, field: "reference",
            value: $"{options.Reference}");
    }

    /// <summary>The one image that options ask for.</summary>
    /// <exception cref="InvalidImageException">There is none of them, or several.</exception>
    public async Task<SourceImage> ReadOneAsync(UnpackOptions options, CancellationToken cancellationToken)
    {
        var images = await ReadAsync(options, cancellationToken).ConfigureAwait(false);
        return images.Count == 1 ? images[0] : throw new InvalidImageException(
            $"There are {images.Count} images: UnpackOptions.Reference says which.", entry: Place, field: "references",
            value: List(images));
    }

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>What errors call it by.</summary>
    protected abstract string Place { get; }

    /// <summary>Reads all of them.</summary>
    protected abstract Task<IReadOnlyList<SourceImage>> ReadAllAsync(
        Platform platform, CancellationToken cancellationToken);

    /// <summary>An image of a verified configuration and what is said of its layers.</summary>
    protected static SourceImage Describe(
        byte[] json, string name, IReadOnlyList<ExpectedBlob> blobs, Func<int, Stream> open,
        IReadOnlyList<ImageReference> references)
    {
        var config = ImageConfig.Read(json, name);
        var diffIds = config.Layers.DiffIds;
        ImageDocument.Require(
            diffIds.Count == blobs.Count, $"There are {blobs.Count} layers.", $"{name}, rootfs", "diff_ids",
            $"{diffIds.Count}");
        return new()
        {
            Name = name,
            References = references,
            Platform = config.Platform,
            Config = json,
            Layers = [.. blobs.Select((blob, i) => new SourceLayer(blob with { DiffId = diffIds[i] }, () => open(i)))],
        };
    }

    private static string List(IReadOnlyList<SourceImage> images) =>
        ImageDocument.Printable(images.Count == 0 ? "none" : string.Join("; ", images));
}
