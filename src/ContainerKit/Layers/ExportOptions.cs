namespace ContainerKit;

/// <summary>How files are exported; a value to keep, share and vary with <c>with</c>.</summary>
public sealed record ExportOptions
{
    /// <summary>
    /// How long the files may be together, holes included, which an archive has as zeros; 64 GiB unless said otherwise.
    /// A container makes files of any length that take nothing on its disk.
    /// </summary>
    public ByteSize MaxSize { get; init; } = ByteSize.GiB(64);
}
