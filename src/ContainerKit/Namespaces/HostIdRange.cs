namespace ContainerKit;

/// <summary>
/// Ids of the host in a row, users and groups alike: <see cref="Count"/> of them from <see cref="First"/> on.
/// </summary>
public readonly record struct HostIdRange(uint First, uint Count)
{
    /// <summary>The first id after it.</summary>
    internal ulong End => First + (ulong)Count;

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"{First}-{End - 1}");

    internal bool Overlaps(HostIdRange other) => First < other.End && other.First < End;
}
