namespace ContainerKit;

/// <summary>
/// The order in which trees are read: what a directory holds comes before what has its name and more.
/// </summary>
internal static class PathOrder
{
    /// <summary>Which of two paths comes first.</summary>
    public static int Compare(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other)
    {
        var common = one.CommonPrefixLength(other);
        return Rank(one, common) - Rank(other, common);
    }

    /// <summary>Whether a path is of something in a directory.</summary>
    public static bool IsBelow(ReadOnlySpan<byte> path, ReadOnlySpan<byte> directory) =>
        path.Length > directory.Length && path[directory.Length] == '/' && path.StartsWith(directory);

    /// <summary>The end of a path comes first, then a slash, which no name has, then all else.</summary>
    private static int Rank(ReadOnlySpan<byte> path, int place) =>
        place == path.Length ? -1 : path[place] == '/' ? 0 : path[place];
}
