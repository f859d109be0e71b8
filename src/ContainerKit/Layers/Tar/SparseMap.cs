namespace ContainerKit;

/// <summary>Collects the pieces of a sparse file: in order, apart, inside it, and all that the archive holds.</summary>
internal sealed class SparseMap(TarLimits limits)
{
    private long _end, _packed;
    private int _count;

    /// <summary>Begins another file.</summary>
    public void Clear() => (_end, _packed, _count) = (0, 0, 0);

    /// <summary>Adds a piece.</summary>
    public void Add(long offset, long length, TarEntry entry)
    {
        if (++_count > limits.MaxExtents)
        {
            throw entry.Invalid($"A sparse file has more than {limits.MaxExtents} pieces.", "sparse", _count);
        }

        if (offset < _end || length < 0 || offset > long.MaxValue - length)
        {
            throw entry.Invalid(
                "A sparse file's pieces overlap, are not in order, or are not inside it.", "sparse", offset);
        }

        (_end, _packed) = (offset + length, _packed + length);
        if (length > 0) // GNU tar ends a map with an empty piece at the file's end
        {
            entry.Extents.Add(new(offset, length));
        }
    }

    /// <summary>Checks the map of a file of this size of which the archive holds so much, and sets the size.</summary>
    public void Complete(long size, long packed, TarEntry entry)
    {
        if (_end > size)
        {
            throw entry.Invalid("A sparse file's pieces are not inside it.", "realsize", size);
        }

        if (_packed != packed)
        {
            throw entry.Invalid($"A sparse file's pieces hold {_packed} bytes, the archive others.", "size", packed);
        }

        if (entry.Extents.Count == 0 && size > 0)
        {
            entry.Extents.Add(new(size, 0)); // all of it is a hole, which no piece would say
        }

        entry.Size = size;
    }
}
