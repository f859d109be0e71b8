namespace ContainerKit;

/// <summary>How much an archive may ask of the one who unpacks it.</summary>
internal sealed record TreeLimits
{
    /// <summary>
    /// The same for one who reads a tree, and remembers the names of the directories on the way to where it is: what
    /// layers that can be unpacked hold, and as much as containers can.
    /// </summary>
    public static TreeLimits OfReader { get; } = new() { MaxRemembered = ByteSize.MiB(256) };

    /// <summary>How many parts a path may have; 256 unless said otherwise.</summary>
    public int MaxDepth { get; init; } = 256;

    /// <summary>
    /// How many bytes of names and attributes may have to be remembered up to the end: those of directories, of hard
    /// links to what comes later and, where layers lie upon each other, of everything. 64 MiB unless said otherwise.
    /// </summary>
    public ByteSize MaxRemembered { get; init; } = ByteSize.MiB(64);
}
