using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// A directory of the host that keeps the changes of one container at a time: its file <c>lock</c> is locked while the
/// container or its host lives. Disposing gives it free.
/// </summary>
internal sealed class KeptLayer : IDisposable
{
    private KeptLayer(SafeFileHandle lease) => Lease = lease;

    /// <summary>The open lock, which the supervisor holds too.</summary>
    public SafeFileHandle Lease { get; }

    /// <summary>Locks a directory.</summary>
    /// <exception cref="ArgumentException">Another container has it.</exception>
    public static KeptLayer Take(string path)
    {
        const OpenFlags flags = OpenFlags.O_CREAT | OpenFlags.O_RDWR | OpenFlags.O_NONBLOCK;
        using var directory = Syscall.Open(path, OpenFlags.O_PATH);
        var file = Syscall.OpenEntry(directory, "lock\0"u8, flags, 0x180); // 0600
        if (Syscall.TryLock(file))
        {
            return new(file);
        }

        file.Dispose();
        throw new ArgumentException(
            $"The directory '{path}' takes the changes of another container: wait until that is gone, or give each "
            + "container a directory of its own.");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!Lease.IsClosed)
        {
            Syscall.Unlock(Lease); // a process that somebody is starting has a copy until it is executed
            Lease.Dispose();
        }
    }
}
