using System.Globalization;
using System.Text;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// A directory of this user alone, locked while its lease or a copy of that is open; what a killed process left is
/// removed by a later one. Disposing removes it.
/// </summary>
internal sealed class TemporaryDirectory : IDisposable
{
    private const string Lock = ".lock";

    private readonly string _parent, _name;

    private TemporaryDirectory(string parent, string name, SafeFileHandle lease) =>
        (_parent, _name, Lease) = (parent, name, lease);

    /// <summary>The open lock, for others to hold, too.</summary>
    public SafeFileHandle Lease { get; }

    /// <summary>Where it is.</summary>
    public string FullPath => Path.Combine(_parent, _name);

    /// <summary>Makes one with a name that begins so.</summary>
    public static TemporaryDirectory Make(string parent, string prefix)
    {
        while (true)
        {
            var name = string.Create(
                CultureInfo.InvariantCulture, $"{prefix}{Environment.ProcessId}-{Guid.NewGuid():N}");
            var path = Path.Combine(parent, name);
            var directory = new TemporaryDirectory(parent, name, Syscall.Create(path + Lock, 0x180)); // 0600
            try
            {
                if (TryTake(directory.Lease))
                {
                    Syscall.MakeDirectory(path, 0x1C0); // 0700
                    return directory;
                }

                directory.Lease.Dispose(); // a sweep came between the making and the locking: it takes the lock away
            }
            catch
            {
                directory.Dispose();
                throw;
            }
        }
    }

    /// <summary>
    /// Removes this user's directories of that name that nobody has locked. A killed process left a lock, if anything.
    /// </summary>
    public static void Sweep(string parent, string prefix)
    {
        using var directory = Syscall.Open(parent, OpenFlags.O_PATH);
        var all = new EnumerationOptions { AttributesToSkip = default, IgnoreInaccessible = true };
        foreach (var path in Directory.EnumerateFiles(parent, $"{prefix}*{Lock}", all))
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

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            using var parent = Syscall.Open(_parent, OpenFlags.O_PATH);
            if (IsRemovedEmpty(parent))
            {
                Syscall.TryUnlink(parent, Bytes(_name + Lock));
                return;
            }

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

    /// <summary>What most programs leave is nothing.</summary>
    private bool IsRemovedEmpty(SafeFileHandle parent)
    {
        try
        {
            return Syscall.TryRemoveDirectory(parent, Bytes(_name));
        }
        catch (LinuxException other) when (other.Errno is Errno.ENOTDIR)
        {
            return false;
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
