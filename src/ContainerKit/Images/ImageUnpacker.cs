using ContainerKit.Images;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// Unpacks images to plain directories, in one pass and bounded memory; <see cref="ImageStore"/> does so for layers
/// that containers share. All digests are verified. Nothing of an image is ever executed.
/// </summary>
public static class ImageUnpacker
{
    /// <summary>
    /// Makes a root filesystem of an image, from an OCI layout (a directory or a tar archive), an archive of Docker,
    /// or, with <see cref="ImageFormat.RootArchive"/>, a tar archive of files; and gives the image's configuration. The
    /// directory must be empty if it is there. Until all is verified, it is
    /// closed to others; after a failure, it is empty. As root, files get the owners, devices and attributes that the
    /// image says; otherwise all are this user's, or belong to <see cref="UnpackOptions.IdMap"/>, without devices.
    /// </summary>
    /// <exception cref="InvalidImageException">The image is malformed, not what its digests say, or too
    /// large.</exception>
    /// <exception cref="LinuxException">The kernel refuses something, as ENOSPC.</exception>
    public static async Task<ImageConfig> UnpackToDirectoryAsync(
        string source, string directory, UnpackOptions? options = null, IProgress<UnpackProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(source);
        ArgumentException.ThrowIfNullOrEmpty(directory);
        options = (options ?? new()).Checked();
        using var ids = MappedIds.Of(options.IdMap, options.Launcher);
        using var images = await ImageSource.OpenAsync(source, options.Format, cancellationToken).ConfigureAwait(false);
        var image = await images.ReadOneAsync(options, cancellationToken).ConfigureAwait(false);
        var owners = ids is null
            ? TreeOwners.OfThisUser()
            : await ids.OwnersAsync(cancellationToken).ConfigureAwait(false);
        var path = Path.GetFullPath(directory);
        var isOurs = MakeDirectory(path);
        using var target = TargetDirectory.Open(path);
        var root = target.Handle;
        var mode = Close(target, path);
        try
        {
            var (diffIds, said) = await UnpackAsync(
                image, root, new(options, owners), progress, cancellationToken).ConfigureAwait(false);
            var config = ImageConfig.Parse(image.CompleteConfig(diffIds));
            Syscall.ChangeMode(root, said ?? (isOurs ? 0x1EDu : mode)); // 0755, while it is this user's
            await owners.CompleteAsync(root, cancellationToken).ConfigureAwait(false);
            return config;
        }
        catch
        {
            using var removal = new TreeRemoval(ids);
            removal.Empty(root);
            Syscall.ChangeMode(root, mode);
            if (isOurs)
            {
                Directory.Delete(path);
            }

            throw;
        }
    }

    private static async Task<(List<Digest> DiffIds, uint? RootMode)> UnpackAsync(
        SourceImage image, SafeFileHandle root, LayerUnpacker unpacker, IProgress<UnpackProgress>? progress,
        CancellationToken cancellationToken)
    {
        var (diffIds, mode) = (new List<Digest>(), default(uint?));
        foreach (var layer in image.Layers)
        {
            // One after the other: what a layer takes away lies in those below.
            var told = LayerProgress.Of(progress, diffIds.Count, image);
            var unpacked = await unpacker.UnpackAsync(layer, root, TreeForm.Plain, copy: null, told, cancellationToken)
                .ConfigureAwait(false);
            diffIds.Add(unpacked.Blob.DiffId);
            mode = unpacked.RootMode ?? mode;
            told?.Done();
        }

        return (diffIds, mode);
    }

    private static bool MakeDirectory(string path)
    {
        try
        {
            Syscall.MakeDirectory(path, 0x1C0); // 0700
            return true;
        }
        catch (LinuxException exists) when (exists.Errno is Errno.EEXIST)
        {
            return false;
        }
    }

    /// <summary>Keeps others out of a directory, which must be empty by then; gives the mode it had.</summary>
    private static uint Close(StoreDirectory directory, string path)
    {
        TargetDirectory.CheckEmpty(directory, path); // first: it may be one that many need
        var mode = Syscall.Status(directory.Handle).Mode & 0xFFFu;
        try
        {
            Syscall.ChangeMode(directory.Handle, StoreDirectory.Closed);
            TargetDirectory.CheckEmpty(directory, path);
            return mode;
        }
        catch
        {
            Syscall.ChangeMode(directory.Handle, mode);
            throw;
        }
    }
}
