using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Images;

/// <summary>
/// A part of a file as a stream; many may read the same file at once. It is read in the thread that asks, and fails
/// with the call and its errno.
/// </summary>
internal sealed class FileWindow(SafeFileHandle file, long offset, long length, bool ownsFile) : UnpackingStream
{
    private long _position;

    public override long Length => length;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult(Read(buffer.Span));
    }

    public override int Read(Span<byte> buffer)
    {
        var part = buffer[..(int)Math.Min(buffer.Length, length - _position)];
        var count = Syscall.ReadAt(file, part, offset + _position);
        _position += count;
        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    protected override void Dispose(bool disposing)
    {
        if (ownsFile)
        {
            file.Dispose();
        }

        base.Dispose(disposing);
    }
}
