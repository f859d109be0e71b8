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

    private TemporaryLayer(string path, SafeFileHandle lease) => (_path, Lease) = (path, lease);

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
        var path = Path.Combine(parent, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Environment.ProcessId}-{Guid.NewGuid():N}"));

        // A sweep knows a layer by its lock's name, which it has only when it is locked.
        var lease = Syscall.Create(path + ".new", 0x180); // 0600
        var layer = new TemporaryLayer(path, lease);
        try
        {
            Syscall.TryLock(lease);
            Syscall.MakeDirectory(path, 0x1C0); // 0700
            File.Move(path + ".new", path + ".lock");
            return layer;
        }
        catch
        {
            layer.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            Remove(_path);
            File.Delete(_path + ".new");
        }
        catch (Exception left) when (left is IOException or UnauthorizedAccessException)
        {
            // The next sweep takes it: a run's result is not lost for what its program left.
        }
        finally
        {
            Lease.Dispose();
        }
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
                if (IsOwn(path) && IsOwn(path[..^".lock".Length]) && Syscall.TryLock(file))
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
            while (Flatten(path, path))
            {
                // What was moved up may be deep again.
            }

            Directory.Delete(path, recursive: true);
        }

        File.Delete(path + ".lock");
    }

    /// <summary>Whether a path is this user's own, or there is nothing; another user's, or a link, is not to be touched.</summary>
    private static bool IsOwn(string path)
    {
        if (!Path.Exists(path))
        {
            return true;
        }

        using var file = Syscall.Open(path, OpenFlags.O_PATH);
        return new FileInfo(path).LinkTarget is null && Syscall.Status(file).Owner == Syscall.EffectiveUser;
    }

    /// <summary>
    /// Opens directories that overlayfs, or the container, left closed to their owner, and moves those up that lie so
    /// deep that no path leads to what is in them; whether there were any.
    /// </summary>
    private static bool Flatten(string top, string path)
    {
        const int deep = 2048;
        var moved = false;
        Syscall.ChangeMode(path, 0x1C0); // 0700
        foreach (var child in new DirectoryInfo(path).GetDirectories())
        {
            if (child.LinkTarget is not null)
            {
                continue;
            }

            if (child.FullName.Length > deep)
            {
                Directory.Move(child.FullName, Path.Combine(top, $"{Guid.NewGuid():N}"));
                moved = true;
            }
            else
            {
                moved |= Flatten(top, child.FullName);
            }
        }

        return moved;
    }
}
