using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// A lock that processes have alone or together, on a file that may be removed when nobody has it. It ends with its
/// process, however that ends; disposing gives it back.
/// </summary>
internal sealed class StoreLock : IDisposable
{
    private readonly SafeFileHandle _file;

    private StoreLock(SafeFileHandle file) => _file = file;

    /// <summary>The open file, for a supervisor to hold.</summary>
    public SafeFileHandle Handle => _file;

    /// <summary>Takes it unless another has it, alone or together with others.</summary>
    public static StoreLock? TryTake(StoreDirectory directory, string name, bool together = false)
    {
        const OpenFlags flags = OpenFlags.O_CREAT | OpenFlags.O_RDWR | OpenFlags.O_NONBLOCK;
        while (true)
        {
            var file = Syscall.OpenEntry(directory.Handle, StoreDirectory.Bytes(name), flags, 0x180); // 0600
            try
            {
                if (!(together ? Syscall.TryShareLock(file) : Syscall.TryLock(file)))
                {
                    file.Dispose();
                    return null;
                }

                if (Syscall.Status(file).Links > 0)
                {
                    return new(file);
                }

                file.Dispose(); // it was removed between the opening and the locking
            }
            catch
            {
                file.Dispose();
                throw;
            }
        }
    }

    /// <summary>Waits until it can be had.</summary>
    public static async Task<StoreLock> TakeAsync(
        StoreDirectory directory, string name, bool together, CancellationToken cancellationToken)
    {
        for (var delay = 1; ; delay = Math.Min(2 * delay, 50))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (TryTake(directory, name, together) is { } taken)
            {
                return taken;
            }

            await Task.Delay(delay, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Shares what this had alone.</summary>
    public void Share() => Syscall.TryShareLock(_file);

    /// <summary>Removes the file, if it is there; this must have it alone, or nobody want it any more.</summary>
    public static void Remove(StoreDirectory directory, string name)
    {
        try
        {
            Syscall.TryUnlink(directory.Handle, StoreDirectory.Bytes(name));
        }
        catch (LinuxException gone) when (gone.Errno is Errno.ENOENT)
        {
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_file.IsClosed)
        {
            Syscall.Unlock(_file); // a process that somebody is starting has a copy until it is executed
            _file.Dispose();
        }
    }
}
