using System.Security.Cryptography;

namespace ContainerKit.Images;

/// <summary>A blob as it is read, which fails at its end unless all of it is what its digest says.</summary>
internal sealed class VerifyingStream(Stream source, Digest digest) : UnpackingStream
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(ExpectedBlob.AlgorithmOf(digest));
    private bool _ended;

    public override long Length => source.Length;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await source.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
        return Note(buffer.Span, count);
    }

    public override int Read(Span<byte> buffer) => Note(buffer, source.Read(buffer));

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    protected override void Dispose(bool disposing)
    {
        _hash.Dispose();
        source.Dispose();
        base.Dispose(disposing);
    }

    private int Note(ReadOnlySpan<byte> buffer, int count)
    {
        _hash.AppendData(buffer[..count]);
        if (count == 0 && !_ended)
        {
            _ended = true;
            var found = Digest.FromHash(_hash.GetHashAndReset());
            if (found != digest)
            {
                throw BlobStore.Damaged("A blob of the store was changed from outside.", digest);
            }
        }

        return count;
    }
}
