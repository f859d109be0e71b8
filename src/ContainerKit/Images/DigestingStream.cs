using System.Security.Cryptography;

namespace ContainerKit.Images;

/// <summary>A stream that hashes and counts what is written through it to another, which stays open.</summary>
internal sealed class DigestingStream(Stream target) : WritingStream
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long _count;

    public override long Length => _count;

    /// <summary>The digest of all that was written.</summary>
    public Digest Finish() => Digest.FromHash(_hash.GetHashAndReset());

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        target.Write(buffer);
        _hash.AppendData(buffer);
        _count += buffer.Length;
    }

    public override void Flush() => target.Flush();

    protected override void Dispose(bool disposing)
    {
        _hash.Dispose();
        base.Dispose(disposing);
    }
}
