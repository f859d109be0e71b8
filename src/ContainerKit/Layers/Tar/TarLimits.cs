namespace ContainerKit;

/// <summary>How much an archive may ask for. What is over a limit is an <see cref="InvalidImageException"/>.</summary>
internal sealed record TarLimits
{
    /// <summary>The limits that no honest image comes near.</summary>
    public static TarLimits Default { get; } = new();

    /// <summary>How many members, global headers included.</summary>
    public int MaxEntries { get; init; } = 2_000_000;

    /// <summary>How long a name or a link's target is, in bytes; what the kernel's PATH_MAX is.</summary>
    public int MaxPathLength { get; init; } = 4096;

    /// <summary>How many directories a name leads through.</summary>
    public int MaxDepth { get; init; } = 512;

    /// <summary>How long the records of one PAX header are together, in bytes.</summary>
    public int MaxPaxBytes { get; init; } = 1 << 20;

    /// <summary>How many extended attributes a member has.</summary>
    public int MaxAttributes { get; init; } = 256;

    /// <summary>How many pieces a sparse file has.</summary>
    public int MaxExtents { get; init; } = 1 << 16;

    /// <summary>How much all files hold together once they are unpacked, holes included.</summary>
    public ByteSize MaxContent { get; init; } = ByteSize.GiB(256);

    /// <summary>How many zeros may follow the end of the archive.</summary>
    public ByteSize MaxPadding { get; init; } = ByteSize.MiB(64);
}
