using System.Buffers;
using System.Security.Cryptography;

namespace ContainerKit.Images;

/// <summary>
/// The packed side of a blob: hashes and counts what comes from the source, whoever reads it, and stops where there is
/// more than was said. Disposing it leaves the source open.
/// </summary>
internal sealed class BlobInput(Stream source, ExpectedBlob expected, IProgress<long>? progress) : UnpackingStream
{
    public const int BufferSize = 128 << 10;

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(ExpectedBlob.AlgorithmOf(expected.Digest));
    private readonly byte[] _buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
    private int _start;
    private int _end;
    private bool _ended;

    /// <summary>How many bytes the source gave.</summary>
    public long Count { get; private set; }

    /// <summary>Why it stopped, for who reads through somebody that swallows exceptions.</summary>
    public InvalidImageException? Refusal { get; private set; }

    /// <summary>The bytes that will be read next; fewer than asked for only before the end.</summary>
    public async ValueTask<ReadOnlyMemory<byte>> PeekAsync(int count, CancellationToken cancellationToken)
    {
        while (_end - _start < count && !_ended)
        {
            MakeRoom();
            var got = await source.ReadAsync(_buffer.AsMemory(_end), cancellationToken).ConfigureAwait(false);
            Take(got, _buffer.AsSpan(_end));
        }

        return _buffer.AsMemory(_start, Math.Min(count, _end - _start));
    }

    /// <summary>The same, waiting in this thread.</summary>
    public ReadOnlySpan<byte> Peek(int count)
    {
        while (_end - _start < count && !_ended)
        {
            MakeRoom();
            Take(source.Read(_buffer.AsSpan(_end)), _buffer.AsSpan(_end));
        }

        return _buffer.AsSpan(_start, Math.Min(count, _end - _start));
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_start == _end && buffer.Length >= BufferSize / 2)
        {
            var count = _ended ? 0 : await source.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
            Note(count, buffer.Span);
            return count;
        }

        if (_start == _end)
        {
            await PeekAsync(1, cancellationToken).ConfigureAwait(false);
        }

        return Serve(buffer.Span);
    }

    public override int Read(Span<byte> buffer)
    {
        Peek(1);
        return Serve(buffer);
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int ReadByte() => _start < _end || Peek(1).Length > 0 ? _buffer[_start++] : -1;

    /// <summary>The digest of all that was read.</summary>
    public Digest Finish() => Digest.FromHash(_hash.GetHashAndReset());

    /// <summary>Gives back what it holds; once.</summary>
    public void Release()
    {
        _hash.Dispose();
        ArrayPool<byte>.Shared.Return(_buffer);
    }

    private int Serve(Span<byte> buffer)
    {
        var count = Math.Min(buffer.Length, _end - _start);
        _buffer.AsSpan(_start, count).CopyTo(buffer);
        _start += count;
        return count;
    }

    private void MakeRoom()
    {
        if (_start == _end)
        {
            (_start, _end) = (0, 0);
        }
        else if (_end == _buffer.Length)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
        }
    }

    private void Take(int count, ReadOnlySpan<byte> bytes)
    {
        Note(count, bytes);
        _end += count;
    }

    private void Note(int count, ReadOnlySpan<byte> bytes)
    {
        _ended |= count == 0;
        if (count == 0)
        {
            return;
        }

        Count += count;
        if (Count > (expected.Size ?? long.MaxValue))
        {
            throw Refusal = expected.Wrong("There is more than was said.", "size", $"over {expected.Size}");
        }

        _hash.AppendData(bytes[..count]);
        progress?.Report(Count);
    }
}
