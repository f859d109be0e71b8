namespace ContainerKit;

/// <summary>Extended attributes by which overlayfs knows what a layer hides; overlayfs.rst of the kernel.</summary>
internal static class OverlayAttribute
{
    /// <summary>Says that a directory hides that of the layers below; for overlays of root.</summary>
    public static ReadOnlySpan<byte> TrustedOpaque => "trusted.overlay.opaque\0"u8;

    /// <summary>The same for overlays that are mounted with <c>userxattr</c>.</summary>
    public static ReadOnlySpan<byte> UserOpaque => "user.overlay.opaque\0"u8;

    /// <summary>
    /// Says what a directory was copied from, which may be unknown, and thereby that it may hold whiteouts; for
    /// overlays of root.
    /// </summary>
    public static ReadOnlySpan<byte> TrustedOrigin => "trusted.overlay.origin\0"u8;

    /// <summary>The same for overlays that are mounted with <c>userxattr</c>.</summary>
    public static ReadOnlySpan<byte> UserOrigin => "user.overlay.origin\0"u8;

    /// <summary>
    /// Says, of an empty file, that there is nothing; for overlays that are mounted with <c>userxattr</c>.
    /// </summary>
    public static ReadOnlySpan<byte> UserWhiteout => "user.overlay.whiteout\0"u8;

    /// <summary>What stands behind the prefix of one that is data, and not meant for the overlay itself.</summary>
    public static ReadOnlySpan<byte> Escape => "overlay."u8;

    /// <summary>The label of SELinux, with a NUL.</summary>
    public static ReadOnlySpan<byte> SecurityLabel => "security.selinux\0"u8;

    /// <summary>What the name of one of overlayfs's own starts with; empty when it is none.</summary>
    public static ReadOnlySpan<byte> Prefix(ReadOnlySpan<byte> name) =>
        name.StartsWith("user.overlay."u8) ? name[.."user.overlay.".Length]
        : name.StartsWith("trusted.overlay."u8) ? name[.."trusted.overlay.".Length]
        : [];
}
