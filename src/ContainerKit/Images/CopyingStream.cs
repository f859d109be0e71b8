namespace ContainerKit.Images;

/// <summary>A stream whose bytes are written elsewhere as they are read.</summary>
internal sealed class CopyingStream(Stream source, Stream copy) : UnpackingStream
{
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await source.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
        copy.Write(buffer.Span[..count]);
        return count;
    }

    public override int Read(Span<byte> buffer)
    {
        var count = source.Read(buffer);
        copy.Write(buffer[..count]);
        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));
}
