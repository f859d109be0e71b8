namespace ContainerKit;

/// <summary>A file or directory that a writable layer shows otherwise than the layers below it.</summary>
/// <param name="Path">Its absolute path; what is no UTF-8 in it is replaced.</param>
/// <param name="Kind">How it differs.</param>
public sealed record LayerChange(string Path, LayerChangeKind Kind);

/// <summary>How a file or directory differs from that of the layers below.</summary>
public enum LayerChangeKind
{
    /// <summary>There was none.</summary>
    Added,

    /// <summary>
    /// It holds something else, or has other owners, permissions, times or attributes. A directory is not changed by
    /// what it holds, nor by its times.
    /// </summary>
    Changed,

    /// <summary>It is no longer there; of what a directory held, nothing is told.</summary>
    Removed,
}
