using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

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

    /// <summary>The permissions of one that is a file: 0600.</summary>
    public const uint FileMode = 0x180;

    /// <summary>Whether something is the device 0:0 that overlayfs takes for one.</summary>
    public static bool IsDevice(FileStatus status) =>
        status.IsA(FileType.S_IFCHR) && (status.Major, status.Minor) == (0, 0);

    /// <summary>
    /// Whether something is like the empty files that are one if they have
    /// <see cref="OverlayAttribute.UserWhiteout"/>. Overlayfs knows them from Linux 6.7 on, and itself makes no device
    /// 0:0: a store on it has them.
    /// </summary>
    public static bool MayBeFile(FileStatus status) =>
        status is { IsRegularFile: true, Size: 0 } && (status.Mode & 0xFFF) == FileMode;

    /// <summary>Whether what a directory of a layer holds under a name is one, of either kind.</summary>
    public static bool IsOfOverlay(SafeFileHandle directory, ReadOnlySpan<byte> name, FileStatus status)
    {
        if (!MayBeFile(status))
        {
            return IsDevice(status);
        }

        Syscall.OpenHeld(directory, name, OpenFlags.O_PATH, linkItself: true, out var found);
        using var file = found; // null when it is gone
        return file is not null && Syscall.ReadAttribute(file, OverlayAttribute.UserWhiteout) is not null;
    }
}
