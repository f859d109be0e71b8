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
    private readonly string _parent, _name;
    private readonly FileStatus _made;
    private readonly TimeSpan? _longest;

    private TemporaryDirectory(string parent, string name, SafeFileHandle lease, TimeSpan? longest) =>
        (_parent, _name, Lease, _made, _longest) = (parent, name, lease, Syscall.Status(lease), longest);

    /// <summary>The directory, open and locked, for others to hold, too.</summary>
    public SafeFileHandle Lease { get; }

    /// <summary>Where it is.</summary>
    public string FullPath => Path.Combine(_parent, _name);

    /// <summary>
    /// Whether it is in its place, and neither it nor what it holds was changed since it was made; others of this user
    /// can do that. The time of the last change can be set by nobody.
    /// </summary>
    public bool IsUntouched
    {
        get
        {
            try
            {
                var found = Syscall.Status(Lease, FullPath);
                return found.IsSameAs(_made) && found.Owner == Syscall.EffectiveUser
                    && (found.ChangedSeconds, found.ChangedNanoseconds)
                        == (_made.ChangedSeconds, _made.ChangedNanoseconds);
            }
            catch (LinuxException)
            {
                return false;
            }
        }
    }

    /// <summary>Makes one with a name that begins so, whose removal gives up after that time.</summary>
    public static TemporaryDirectory Make(string parent, string prefix, TimeSpan? longest = null)
    {
        while (true)
        {
            var name = string.Create(
                CultureInfo.InvariantCulture, $"{prefix}{Environment.ProcessId}-{Guid.NewGuid():N}");
            var path = Path.Combine(parent, name);
            Syscall.MakeDirectory(path, 0x1C0); // 0700
            if (TryLease(path) is { } lease)
            {
                return new(parent, name, lease, longest);
            }
        }
    }

    /// <summary>Removes this user's directories of that name that nobody has locked.</summary>
    public static void Sweep(string parent, string prefix, TimeSpan? longest = null)
    {
        using var opened = Syscall.Open(parent, OpenFlags.O_PATH);
        var all = new EnumerationOptions { AttributesToSkip = default, IgnoreInaccessible = true };
        foreach (var path in Directory.EnumerateDirectories(parent, $"{prefix}*", all))
        {
            var name = Path.GetFileName(path);
            try
            {
                using var directory = Syscall.OpenEntry(opened, Bytes(name + '/'), OpenFlags.O_RDONLY);
                if (Syscall.Status(directory).Owner == Syscall.EffectiveUser && Syscall.TryLockWhole(directory))
                {
                    HostileTree.Remove(opened, Bytes(name), longest: longest);
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
            if (!IsRemovedEmpty(parent))
            {
                Remove(parent);
            }
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

    /// <summary>Opens and locks what was just made; null when a sweep came between, and took it.</summary>
    private static SafeFileHandle? TryLease(string path)
    {
        SafeFileHandle? lease = null;
        try
        {
            lease = Syscall.Open(path + '/', OpenFlags.O_RDONLY);
            if (Syscall.TryLockWhole(lease) && Directory.Exists(path))
            {
                return lease;
            }

            lease.Dispose();
            return null;
        }
        catch (LinuxException gone) when (gone.Errno is Errno.ENOENT)
        {
            return null;
        }
        catch
        {
            lease?.Dispose();
            Directory.Delete(path);
            throw;
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

    /// <summary>Removes it with all that is in it, unless another has its name now.</summary>
    private void Remove(SafeFileHandle parent)
    {
        using var found = Syscall.OpenEntry(parent, Bytes(_name), OpenFlags.O_PATH);
        if (Syscall.Status(found).IsSameAs(Syscall.Status(Lease)))
        {
            HostileTree.Remove(parent, Bytes(_name), longest: _longest);
        }
    }

    private static byte[] Bytes(string name) => Encoding.UTF8.GetBytes(name + '\0');
}
