namespace ContainerKit;

/// <summary>Bytes that are kept up to the end, and no more of them than allowed.</summary>
internal sealed class ByteStore(ByteSize most)
{
    private const int BlockSize = 64 * 1024;

    private byte[] _block = [];
    private int _used;
    private long _left = most.Bytes;

    /// <summary>Counts bytes that are kept elsewhere, until they are <see cref="GiveBack"/>; gives the count.</summary>
    public int Take(int bytes)
    {
        const int cost = 64; // of what refers to it
        _left -= bytes + cost;
        return _left >= 0 ? bytes + cost : throw new InvalidImageException(
            $"There are more or longer names and attributes than may be remembered ({most}).");
    }

    /// <summary>Counts no longer what is not kept any more.</summary>
    public void GiveBack(long count) => _left += count;

    /// <summary>Keeps a copy of some bytes.</summary>
    public ReadOnlyMemory<byte> Keep(ReadOnlySpan<byte> bytes)
    {
        Take(bytes.Length);
        if (bytes.Length > BlockSize / 8)
        {
            return bytes.ToArray();
        }

        if (_block.Length - _used < bytes.Length)
        {
            // The first one is small: most directories that are unpacked are, too.
            (_block, _used) = (new byte[_block.Length == 0 ? BlockSize / 8 : BlockSize], 0);
        }

        var kept = _block.AsMemory(_used, bytes.Length);
        bytes.CopyTo(kept.Span);
        _used += bytes.Length;
        return kept;
    }
}
