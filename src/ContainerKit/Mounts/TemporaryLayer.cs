using System.Globalization;
using System.Text;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// A directory on disk for the changes of one container, for kernels before 6.6, where overlayfs cannot keep its notes
/// on a tmpfs. It is locked while the container or its host lives; what a killed host left is removed by the next.
/// Disposing removes it.
/// </summary>
internal sealed class TemporaryLayer : IDisposable
{
    private const string Prefix = "containerkit-layer-", Lock = ".lock";

    private readonly string _parent, _name;

    private TemporaryLayer(string parent, string name, SafeFileHandle lease) =>
        (_parent, _name, Lease) = (parent, name, lease);

    /// <summary>Whether layers in memory are complete on this kernel.</summary>
    public static bool IsNeeded => Environment.OSVersion.Version < new Version(6, 6);

    /// <summary>The open lock, which the supervisor holds too.</summary>
    public SafeFileHandle Lease { get; }

    /// <summary>The layer as an option.</summary>
    public CopyOnWrite AsChanges() => CopyOnWrite.In(Path.Combine(_parent, _name)) with { Lease = Lease };

    /// <summary>Makes a layer, and removes those whose containers are gone.</summary>
    public static TemporaryLayer Make()
    {
        var parent = new[] { Path.GetTempPath(), "/var/tmp" }.FirstOrDefault(IsOnDisk)
            ?? throw new ArgumentException(
                "CopyOnWrite.Temporary needs a disk on this kernel (before 6.6), and neither the temporary directory "
                    + "nor /var/tmp "
                + "is on one: set TMPDIR, or use CopyOnWrite.In.");
        Sweep(parent);
        while (true)
        {
            var name = string.Create(
                CultureInfo.InvariantCulture, $"{Prefix}{Environment.ProcessId}-{Guid.NewGuid():N}");
            var path = Path.Combine(parent, name);
            var layer = new TemporaryLayer(parent, name, Syscall.Create(path + Lock, 0x180)); // 0600
            try
            {
                if (TryTake(layer.Lease))
                {
                    Syscall.MakeDirectory(path, 0x1C0); // 0700
                    return layer;
                }

                layer.Lease.Dispose(); // a sweep was there between the making and the locking: it takes the lock away
            }
            catch
            {
                layer.Dispose();
                throw;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            using var parent = Syscall.Open(_parent, OpenFlags.O_PATH);
            Remove(parent, _name);
        }
        catch (LinuxException)
        {
            // The next sweep takes it: a run's result is not lost for what its program left.
        }
        finally
        {
            Lease.Dispose();
        }
    }

    private static bool IsOnDisk(string path) =>
        Directory.Exists(path)
            && new DriveInfo(path).DriveFormat is not ("tmpfs" or "overlay" or "overlayfs" or "ramfs");

    /// <summary>Removes this user's layers that nobody has locked. A killed host left a lock, if anything.</summary>
    private static void Sweep(string parent)
    {
        using var directory = Syscall.Open(parent, OpenFlags.O_PATH);
        var all = new EnumerationOptions { AttributesToSkip = default, IgnoreInaccessible = true };
        foreach (var path in Directory.EnumerateFiles(parent, $"{Prefix}*{Lock}", all))
        {
            try
            {
                var name = Path.GetFileName(path);
                using var file = Syscall.OpenEntry(directory, Bytes(name), OpenFlags.O_RDWR | OpenFlags.O_NONBLOCK);
                if (IsOwn(file) && TryTake(file))
                {
                    Remove(directory, name[..^Lock.Length]);
                }
            }
            catch (LinuxException)
            {
                // Another process was faster, or it is not ours to remove.
            }
        }
    }

    /// <summary>Locks a file, unless somebody has; false also when it was removed before it was locked.</summary>
    private static bool TryTake(SafeFileHandle file) => Syscall.TryLock(file) && Syscall.Status(file).Links > 0;

    /// <summary>The lock goes last: while it is there, a sweep finds what is left.</summary>
    private static void Remove(SafeFileHandle parent, string name)
    {
        if (HasOwn(parent, name))
        {
            HostileTree.Remove(parent, Bytes(name));
        }

        Syscall.TryUnlink(parent, Bytes(name + Lock));
    }

    /// <summary>Whether there is a directory of this user's; another user's, or a link, is not to be touched.</summary>
    private static bool HasOwn(SafeFileHandle parent, string name)
    {
        try
        {
            using var directory = Syscall.OpenEntry(parent, Bytes(name), OpenFlags.O_PATH);
            return IsOwn(directory) ? true : throw new LinuxException("openat2", Errno.EPERM, name);
        }
        catch (LinuxException missing) when (missing.Errno is Errno.ENOENT)
        {
            return false;
        }
    }

    private static bool IsOwn(SafeFileHandle file) => Syscall.Status(file).Owner == Syscall.EffectiveUser;

    private static byte[] Bytes(string name) => Encoding.UTF8.GetBytes(name + '\0');
}
