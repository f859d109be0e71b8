using ContainerKit.Images;

namespace ContainerKit;

/// <content>How images leave the store.</content>
public sealed partial class ImageStore
{
    /// <summary>
    /// Saves images, with the names they bear, as a tar archive that is there whole or not at all: an OCI layout, or
    /// what <c>docker load</c> takes. An OCI layout also goes to a directory that is there, and empty; after a failure,
    /// it is again. The same images give the same bytes, each verified. What is made is closed to other users, as an
    /// image may hold what is for root only.
    /// </summary>
    /// <exception cref="ArgumentException">There are no images, or no images can be of this form.</exception>
    /// <exception cref="InvalidImageException">A blob of the store is missing or damaged.</exception>
    /// <exception cref="LinuxException">The kernel refuses something, as ENOSPC.</exception>
    public async Task SaveAsync(
        IReadOnlyList<Image> images, string path, ImageFormat format = ImageFormat.OciLayout,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var save = BeginSave(images, format);
        path = Path.GetFullPath(path);
        using var users = await Layers.EnterAsync(cancellationToken).ConfigureAwait(false);
        if (format == ImageFormat.OciLayout && Directory.Exists(path))
        {
            using var layout = TargetDirectory.Open(path);
            TargetDirectory.CheckEmpty(layout, path);
            await save.WriteToAsync(layout, cancellationToken).ConfigureAwait(false);
            return;
        }

        using var parent = TargetDirectory.Open(Path.GetDirectoryName(path) ?? path);
        using var archive = NewFile.Begin(parent);
        await save.WriteToAsync(archive.Content, cancellationToken).ConfigureAwait(false);
        archive.Keep(parent, Path.GetFileName(path));
    }

    /// <summary>Saves images as a tar archive, and leaves the stream open.</summary>
    /// <exception cref="ArgumentException">There are no images, or no images can be of this form.</exception>
    public async Task SaveAsync(
        IReadOnlyList<Image> images, Stream destination, ImageFormat format = ImageFormat.OciLayout,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        var save = BeginSave(images, format);
        using var users = await Layers.EnterAsync(cancellationToken).ConfigureAwait(false);
        await save.WriteToAsync(destination, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Writes the files that a container of an image sees as a tar archive, which <see cref="ImageFormat.RootArchive"/>
    /// takes; the stream stays open.
    /// </summary>
    /// <exception cref="InvalidImageException">The files are longer together than may be exported.</exception>
    /// <exception cref="LinuxException">A layer is missing: ENOENT.</exception>
    public async Task ExportAsync(
        Image image, Stream destination, ExportOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(destination);
        using var users = await Layers.EnterAsync(cancellationToken).ConfigureAwait(false);
        using var tree = Layers.ReadLayers(image.Layers, cancellationToken);
        await TreeArchive.WriteAsync(tree, destination, (options ?? new()).MaxSize, cancellationToken)
            .ConfigureAwait(false);
    }

    private ImageSave BeginSave(IReadOnlyList<Image> images, ImageFormat format)
    {
        ArgumentNullException.ThrowIfNull(images);
        if (images.Count == 0)
        {
            throw new ArgumentException("There are no images to save.", nameof(images));
        }

        return format is ImageFormat.OciLayout or ImageFormat.DockerArchive
            ? new(_blobs, images, format)
            : throw new ArgumentException(
                "Images are saved as OciLayout or DockerArchive; ExportAsync writes their files.", nameof(format));
    }
}
