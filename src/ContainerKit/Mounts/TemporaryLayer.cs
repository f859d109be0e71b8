using System.Globalization;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// A directory on disk for the changes of one container, for kernels before 6.6, where overlayfs cannot keep its notes on
/// a tmpfs. It is locked while the container or its host lives; what a killed host left is removed by the next. Disposing
/// removes it.
/// </summary>
internal sealed class TemporaryLayer : IDisposable
{
    private const string Prefix = "containerkit-layer-";

    private readonly string _path;

    private TemporaryLayer(string path) =>
        (_path, Lease) = (path, Syscall.Create(path + ".lock", 0x180)); // 0600

    /// <summary>Whether layers in memory are complete on this kernel.</summary>
    public static bool IsNeeded => Environment.OSVersion.Version < new Version(6, 6);

    /// <summary>The open lock, which the supervisor holds too.</summary>
    public SafeFileHandle Lease { get; }

    /// <summary>The layer as an option.</summary>
    public CopyOnWrite AsChanges() => CopyOnWrite.In(_path) with { Lease = Lease };

    /// <summary>Makes a layer, and removes those whose containers are gone.</summary>
    public static TemporaryLayer Make()
    {
        var parent = new[] { Path.GetTempPath(), "/var/tmp" }.FirstOrDefault(IsOnDisk)
            ?? throw new ArgumentException(
                "CopyOnWrite.Temporary needs a disk on this kernel (before 6.6), and neither the temporary directory nor /var/tmp "
                + "is on one: set TMPDIR, or use CopyOnWrite.In.");
        Sweep(parent);
        var name = string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Environment.ProcessId}-{Guid.NewGuid():N}");
        var layer = new TemporaryLayer(Path.Combine(parent, name));
        Syscall.TryLock(layer.Lease);
        Syscall.MakeDirectory(layer._path, 0x1C0); // 0700
        return layer;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Remove(_path);
        Lease.Dispose();
    }

    private static bool IsOnDisk(string path) =>
        Directory.Exists(path) && new DriveInfo(path).DriveFormat is not ("tmpfs" or "overlay" or "overlayfs" or "ramfs");

    /// <summary>Removes the layers of this user that nobody has locked.</summary>
    private static void Sweep(string parent)
    {
        foreach (var path in Directory.EnumerateFiles(parent, Prefix + "*.lock"))
        {
            try
            {
                using var file = Syscall.Open(path, OpenFlags.O_RDWR | OpenFlags.O_NONBLOCK);
                if (Syscall.Status(file).Owner == Syscall.EffectiveUser && Syscall.TryLock(file))
                {
                    Remove(path[..^".lock".Length]);
                }
            }
            catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
            {
                // Another process was faster, or it is not ours to remove.
            }
        }
    }

    /// <summary>The lock goes last: while it is there, a sweep finds what is left.</summary>
    private static void Remove(string path)
    {
        if (Directory.Exists(path))
        {
            MakeAccessible(path);
            Directory.Delete(path, recursive: true);
        }

        File.Delete(path + ".lock");
    }

    /// <summary>Overlayfs, and the container, leave directories that their owner cannot enter.</summary>
    private static void MakeAccessible(string path)
    {
        Syscall.ChangeMode(path, 0x1C0); // 0700
        foreach (var child in new DirectoryInfo(path).EnumerateDirectories())
        {
            if (child.LinkTarget is null)
            {
                MakeAccessible(child.FullName);
            }
        }
    }
}
