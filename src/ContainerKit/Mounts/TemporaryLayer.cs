namespace ContainerKit;

/// <summary>
/// A directory on disk for the changes of one container, for kernels before 6.6, where overlayfs cannot keep its notes
/// on a tmpfs. It is locked while the container or its host lives; what a killed host left is removed by the next.
/// Disposing removes it.
/// </summary>
internal sealed class TemporaryLayer : IDisposable
{
    private const string Prefix = "containerkit-layer-";

    private readonly TemporaryDirectory _directory;

    private TemporaryLayer(TemporaryDirectory directory) => _directory = directory;

    /// <summary>Whether layers in memory are complete on this kernel.</summary>
    public static bool IsNeeded => Environment.OSVersion.Version < new Version(6, 6);

    /// <summary>Makes a layer, and removes those whose containers are gone.</summary>
    public static TemporaryLayer Make()
    {
        var parent = new[] { Path.GetTempPath(), "/var/tmp" }.FirstOrDefault(IsOnDisk)
            ?? throw new ArgumentException(
                "CopyOnWrite.Temporary needs a disk on this kernel (before 6.6), and neither the temporary directory "
                    + "nor /var/tmp "
                + "is on one: set TMPDIR, or use CopyOnWrite.In.");
        TemporaryDirectory.Sweep(parent, Prefix);
        return new(TemporaryDirectory.Make(parent, Prefix));
    }

    /// <summary>The layer as an option; the supervisor holds its lease, too.</summary>
    public CopyOnWrite AsChanges() => CopyOnWrite.In(_directory.FullPath) with { Lease = _directory.Lease };

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();

    private static bool IsOnDisk(string path) =>
        Directory.Exists(path)
            && new DriveInfo(path).DriveFormat is not ("tmpfs" or "overlay" or "overlayfs" or "ramfs");
}
