using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Images;

/// <summary>A part of a file as a stream; many may read the same file at once.</summary>
internal sealed class FileWindow(SafeFileHandle file, long offset, long length, bool ownsFile) : UnpackingStream
{
    private long _position;

    public override long Length => length;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await RandomAccess.ReadAsync(
            file, buffer[..Room(buffer.Length)], offset + _position, cancellationToken)
            .ConfigureAwait(false);
        _position += count;
        return count;
    }

    public override int Read(Span<byte> buffer)
    {
        var count = RandomAccess.Read(file, buffer[..Room(buffer.Length)], offset + _position);
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

    private int Room(int wanted) => (int)Math.Min(wanted, length - _position);
}
