namespace ContainerKit;

/// <summary>
/// Ids in a row: the first of the container is <see cref="Inside"/>, the one of the host behind it
/// <see cref="Outside"/>, and there are <see cref="Count"/> of each. The highest id is 4294967294.
/// </summary>
public readonly record struct IdRange(uint Inside, uint Outside, uint Count)
{
    /// <summary>Formats the range as a line of uid_map: <c>0 100000 65536</c>; user_namespaces(7).</summary>
    public override string ToString() => FormattableString.Invariant($"{Inside} {Outside} {Count}");
}
