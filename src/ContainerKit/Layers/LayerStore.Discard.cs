using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <content>How writable layers go, whoever looks at them meanwhile.</content>
public sealed partial class LayerStore
{
    /// <summary>
    /// Removes a writable layer and what is in it, whatever is written down of it; harmless when there is none.
    /// </summary>
    /// <exception cref="LinuxException">A container is on it: EBUSY.</exception>
    public async Task DiscardWritableAsync(string id, CancellationToken cancellationToken = default)
    {
        Validate(id);
        if (!TrySetAsideWritable(id, out var removed))
        {
            throw new LinuxException(
                "rename", Errno.EBUSY, id, "A container is on this writable layer: stop it first.");
        }

        StoreLock.Remove(_locks, WritablePrefix + id);
        await RemoveAsync(removed, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Takes a writable layer away unless a container is on it; gives the name under which it waits for its removal.
    /// </summary>
    private bool TrySetAsideWritable(string id, out string? removed)
    {
        using var turn = TakeTurn();
        while (TryOpenPlain(_writable, id) is { } found)
        {
            using var writable = found;
            using var taken = TryLock(writable);
            if (IsStillThere(writable, id)) // or another took it away, and perhaps made it anew
            {
                removed = taken is null ? null : SetAside(_writable, id);
                return taken is not null;
            }
        }

        var isOther = Syscall.TryStatus(_writable.Handle, StoreDirectory.Bytes(id), out var status)
            && !status.IsDirectory;
        removed = isOther ? SetAside(_writable, id) : null;
        return true;
    }

    /// <summary>
    /// Waits for others who keep containers off writable layers, as each does for a moment: who did not would take them
    /// for a container.
    /// </summary>
    private SafeFileHandle TakeTurn()
    {
        var turn = Syscall.OpenEntry(_writable.Handle, ".\0"u8, OpenFlags.O_RDONLY); // with a lock of its own
        try
        {
            Syscall.LockWhole(turn);
            return turn;
        }
        catch
        {
            turn.Dispose();
            throw;
        }
    }

    /// <summary>Keeps containers off; null when one is there, or it is being removed.</summary>
    private static LockedFile? TryLock(StoreDirectory writable)
    {
        try
        {
            return LockedFile.TryTake(writable.Handle, LayersRoot.Lock);
        }
        catch (LinuxException removed) when (removed.Errno is Errno.ENOENT)
        {
            return null;
        }
    }

    private bool IsStillThere(StoreDirectory opened, string id) =>
        Syscall.TryStatus(_writable.Handle, StoreDirectory.Bytes(id), out var status)
        && status.Inode == Syscall.Status(opened.Handle).Inode;
}
