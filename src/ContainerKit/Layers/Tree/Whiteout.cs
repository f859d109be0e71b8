using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>
/// Names by which a layer's archive says that something of the layers below is gone; layer.md of the OCI image
/// specification.
/// </summary>
internal static class Whiteout
{
    /// <summary>What all of them start with, before the name of what is gone.</summary>
    public static ReadOnlySpan<byte> Prefix => ".wh."u8;

    /// <summary>Says that all of the directory that holds it is gone.</summary>
    public static ReadOnlySpan<byte> Opaque => ".wh..wh..opq"u8;

    /// <summary>What AUFS kept for itself, in the root of layers from when Docker ran on it.</summary>
    public static ReadOnlySpan<byte> OfAufs => ".wh..wh."u8;

    /// <summary>Whether a name is one of these.</summary>
    public static bool IsWhiteout(ReadOnlySpan<byte> name) => name.StartsWith(Prefix);

    /// <summary>Whether overlayfs takes a file for one.</summary>
    public static bool IsOfOverlay(FileStatus status) =>
        status.IsA(FileType.S_IFCHR) && (status.Major, status.Minor) == (0, 0);
}
