using System.Text;

namespace ContainerKit;

/// <summary>A file or directory that a writable layer shows otherwise than the layers below it.</summary>
/// <param name="Path">Its absolute path; what is no UTF-8 in it is replaced.</param>
/// <param name="Kind">How it differs.</param>
public sealed record LayerChange(string Path, LayerChangeKind Kind)
{
    /// <summary>Changes that were found, in the order of the paths' bytes.</summary>
    internal static IReadOnlyList<LayerChange> ListOf(List<(ReadOnlyMemory<byte> Path, LayerChangeKind Kind)> found)
    {
        found.Sort(static (one, other) => one.Path.Span.SequenceCompareTo(other.Path.Span));
        return found.ConvertAll(
            static change => new LayerChange($"/{Encoding.UTF8.GetString(change.Path.Span)}", change.Kind));
    }
}

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
