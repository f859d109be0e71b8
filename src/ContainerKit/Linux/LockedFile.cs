using System.Text;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Linux;

/// <summary>
/// A file that is locked while this or a copy of its descriptor lives, such as a supervisor's. Disposing gives it free,
/// whoever has a copy, unless it is shared. The file stays: to remove one that another is about to lock would give it
/// away twice.
/// </summary>
internal sealed class LockedFile : IDisposable
{
    private bool _isShared;

    private LockedFile(SafeFileHandle handle) => Handle = handle;

    /// <summary>The open file.</summary>
    public SafeFileHandle Handle { get; }

    /// <summary>Makes a file of a directory where it is missing, and locks it; null when another has it.</summary>
    public static LockedFile? TryTake(SafeFileHandle directory, string name)
    {
        const OpenFlags flags = OpenFlags.O_CREAT | OpenFlags.O_RDWR | OpenFlags.O_NONBLOCK;
        var file = Syscall.OpenEntry(directory, Encoding.UTF8.GetBytes(name + '\0'), flags, 0x180); // 0600
        try
        {
            if (Syscall.TryLock(file))
            {
                return new(file);
            }
        }
        catch
        {
            file.Dispose();
            throw;
        }

        file.Dispose();
        return null;
    }

    /// <summary>The same lock, which ends when all that share it are given up.</summary>
    public LockedFile Share()
    {
        var shared = new LockedFile(Syscall.Duplicate(Handle, least: 0)) { _isShared = true };
        _isShared = true;
        return shared;
    }

    /// <summary>Gives it up, but leaves it locked for whoever has a copy.</summary>
    public void Leave() => Handle.Dispose();

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!Handle.IsClosed)
        {
            if (!_isShared)
            {
                Syscall.Unlock(Handle); // a process that somebody is starting has a copy until it is executed
            }

            Handle.Dispose();
        }
    }
}
