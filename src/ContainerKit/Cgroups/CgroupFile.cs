using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// A file of a group that is read again and again: opened at the first time, and kept, unless this process has hardly
/// any descriptors left.
/// </summary>
internal sealed class CgroupFile(CgroupDirectory? directory, string name) : IDisposable
{
    /// <summary>A new descriptor has the least free number, so the number tells how many there are.</summary>
    private static readonly ulong MostKept = Syscall.GetLimit(Resource.RLIMIT_NOFILE).Soft / 8 * 7;

    private SafeFileHandle? _handle;
    private bool _isMissing = directory is null;

    /// <summary>Whether there is none, as the last reading found.</summary>
    public bool IsMissing => _isMissing;

    /// <summary>Reads it whole, beyond the buffer if it is longer; nothing when this kernel has none here.</summary>
    public ReadOnlySpan<byte> Read(Span<byte> buffer)
    {
        if (_isMissing)
        {
            return default;
        }

        try
        {
            return Read(_handle ?? Open(), buffer);
        }
        catch (LinuxException failure) when (_handle is null && failure.Errno is Errno.ENOENT && directory!.IsThere)
        {
            _isMissing = true;
            return default;
        }
        catch (LinuxException failure) when (failure.Errno is Errno.ENOTSUP)
        {
            _isMissing = true; // as pressure, where it is switched off
            return default;
        }
    }

    /// <summary>Reads a number, which is the whole file; null when there is none here.</summary>
    public long? ReadNumber(Span<byte> buffer)
    {
        var text = Read(buffer);
        return text.IsEmpty ? null : CgroupText.Number(text);
    }

    /// <inheritdoc/>
    public void Dispose() => _handle?.Dispose();

    private SafeFileHandle Open()
    {
        var handle = directory!.OpenFile(name, OpenFlags.O_RDONLY);
        if ((ulong)handle.DangerousGetHandle() < MostKept)
        {
            _handle = handle;
        }

        return handle;
    }

    private ReadOnlySpan<byte> Read(SafeFileHandle handle, Span<byte> buffer)
    {
        try
        {
            var length = Syscall.ReadAt(handle, buffer, 0);
            while (length == buffer.Length)
            {
                buffer = new byte[2 * length];
                length = Syscall.ReadAt(handle, buffer, 0);
            }

            return buffer[..length];
        }
        finally
        {
            if (handle != _handle)
            {
                handle.Dispose();
            }
        }
    }
}
