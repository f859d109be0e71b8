using ContainerKit.Images;

namespace ContainerKit;

/// <content>How images come into the store.</content>
public sealed partial class ImageStore
{
    /// <summary>
    /// Loads the images of a place, under the names they bear there: an OCI layout (a directory or a tar archive), an
    /// archive of Docker, or, with <see cref="ImageFormat.RootArchive"/>, a tar archive of files. Layers come at the
    /// same time, each verified before anybody can see it. Layers that the store has are not read. After a failure no
    /// image has come; layers that were whole by then stay until they are collected, so that the next load goes on from
    /// there.
    /// </summary>
    /// <exception cref="InvalidImageException">The image is malformed, not what its digests say, or too
    /// large.</exception>
    /// <exception cref="LinuxException">The kernel refuses something, as ENOSPC.</exception>
    public async Task<IReadOnlyList<Image>> LoadAsync(
        string source, UnpackOptions? options = null, IProgress<UnpackProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(source);
        options = (options ?? new()).Checked();
        if (options.IdMap is not null)
        {
            throw new ArgumentException(
                "A store has one map of ids from its making on: set LayerStoreOptions.IdMap instead.", nameof(options));
        }

        using var place = await ImageSource.OpenAsync(source, options.Format, cancellationToken).ConfigureAwait(false);
        using var users = await Layers.EnterAsync(cancellationToken).ConfigureAwait(false);
        var (images, listed) = (new List<Image>(), new List<(BlobDescriptor Manifest, SourceImage Image)>());
        foreach (var image in await place.ReadAsync(options, cancellationToken).ConfigureAwait(false))
        {
            var loading = new ImageLoad(Layers, _blobs, image, options, progress);
            await using var held = loading.ConfigureAwait(false);
            var manifest = await loading.RunAsync(cancellationToken).ConfigureAwait(false);
            images.Add(Describe( // first: what could not be read must not be listed
                manifest.Digest, [.. image.References.Select(name => ImageList.Named(manifest, name))]));
            listed.Add((manifest, image));
        }

        await _list.ChangeAsync(
            before => listed.Aggregate(before, (list, add) => Add(list, add.Manifest, add.Image.References)),
            cancellationToken).ConfigureAwait(false);

        return images;
    }
}
