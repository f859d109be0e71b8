using System.Buffers;
using ICSharpCode.SharpZipLib.BZip2;

namespace ContainerKit.Images;

/// <summary>
/// Unpacks bzip2 streams one after the other. It reads in the thread that asks: such layers come from files.
/// </summary>
internal sealed class Bzip2Unpacker(BlobInput input) : UnpackingStream
{
    private const int MaxSmallStreams = 1000;
    private const int SmallStream = 16 << 10;

    private readonly byte[] _block = ArrayPool<byte>.Shared.Rent(64 << 10);
    private BZip2InputStream? _stream;
    private long _streams;
    private long _count;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        while (_stream is not null || Next())
        {
            var count = _stream!.Read(_block, 0, Math.Min(buffer.Length, _block.Length));
            if (count > 0)
            {
                _block.AsSpan(0, count).CopyTo(buffer.Span);
                _count += count;
                return ValueTask.FromResult(count);
            }

            _stream = null;
        }

        return ValueTask.FromResult(0);
    }

    protected override void Dispose(bool disposing)
    {
        ArrayPool<byte>.Shared.Return(_block);
        base.Dispose(disposing);
    }

    private bool Next()
    {
        var start = input.Peek(4);
        if (start.IsEmpty && _streams > 0)
        {
            return false;
        }

        if (start is not [(byte)'B', (byte)'Z', (byte)'h', >= (byte)'1' and <= (byte)'9'])
        {
            throw new InvalidDataException("Something follows the last bzip2 stream.");
        }

        // Each one takes megabytes to begin with, so many that hold next to nothing only keep a processor busy.
        if (++_streams > MaxSmallStreams && _count / _streams < SmallStream)
        {
            throw new InvalidDataException(
                $"There are over {MaxSmallStreams} bzip2 streams with next to nothing in them.");
        }

        _stream = new(input) { IsStreamOwner = false };
        return true;
    }
}
