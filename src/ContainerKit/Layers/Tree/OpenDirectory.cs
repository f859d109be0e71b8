using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// A directory that is open to be read, so that all can be done to it by its descriptor.
/// <see cref="Inherits"/> says whether files that are made in it take over a group or an access list.
/// </summary>
internal sealed record OpenDirectory(SafeFileHandle Handle, bool Inherits) : IDisposable
{
    /// <summary>The default access list of a directory; acl(5).</summary>
    private static ReadOnlySpan<byte> DefaultAccess => "system.posix_acl_default\0"u8;

    /// <summary>One that may be anybody's, and that is looked at to know what files in it take over.</summary>
    public static OpenDirectory Of(SafeFileHandle handle)
    {
        const uint S_ISGID = 0x400;
        var status = Syscall.Status(handle);
        return new(handle, (status.Mode & S_ISGID) != 0 || status.Group != Syscall.EffectiveGroup
            || Syscall.ReadAttribute(handle, DefaultAccess) is not null);
    }

    /// <inheritdoc/>
    public void Dispose() => Handle.Dispose();
}
