namespace ContainerKit;

/// <summary>
/// What a layer has made, or made something in. Where nothing was before the layer, it made all there is.
/// </summary>
internal sealed class MadePaths(bool madeAll, ByteStore store)
{
    private readonly HashSet<ReadOnlyMemory<byte>> _paths = new(PathComparer.Instance);

    /// <summary>Whether there was nothing before.</summary>
    public bool MadeAll => madeAll;

    /// <summary>Remembers a path.</summary>
    public void Add(ReadOnlySpan<byte> path)
    {
        if (!madeAll && !Contains(path))
        {
            _paths.Add(store.Keep(path));
        }
    }

    /// <summary>Whether it is one of the layer's.</summary>
    public bool Contains(ReadOnlySpan<byte> path) =>
        madeAll || _paths.GetAlternateLookup<ReadOnlySpan<byte>>().Contains(path);
}
