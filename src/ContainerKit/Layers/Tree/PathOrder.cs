namespace ContainerKit;

/// <summary>
/// The order in which trees are read: what a directory holds comes before what has its name and more.
/// </summary>
internal static class PathOrder
{
    /// <summary>The same to sort by.</summary>
    public static Comparer<ReadOnlyMemory<byte>> Comparer { get; } =
        Comparer<ReadOnlyMemory<byte>>.Create(static (one, other) => Compare(one.Span, other.Span));

    /// <summary>Which of two paths comes first.</summary>
    public static int Compare(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other)
    {
        var common = one.CommonPrefixLength(other);
        return Rank(one, common) - Rank(other, common);
    }

    /// <summary>Whether a path is of something in a directory; that of the root is empty.</summary>
    public static bool IsBelow(ReadOnlySpan<byte> path, ReadOnlySpan<byte> directory) =>
        directory.IsEmpty ? !path.IsEmpty
        : path.Length > directory.Length && path[directory.Length] == '/' && path.StartsWith(directory);

    /// <summary>The end of a path comes first, then a slash, which no name has, then all else.</summary>
    private static int Rank(ReadOnlySpan<byte> path, int place) =>
        place == path.Length ? -1 : path[place] == '/' ? 0 : path[place];
}
