using System.Runtime.InteropServices;
using ContainerKit.Linux;

namespace ContainerKit.Launch;

/// <summary>What is done to files that somebody else laid out, by paths of any bytes.</summary>
internal sealed partial class LaunchStage
{
    /// <summary>
    /// openat2(2) of what lies below a directory: through no link, to a link itself, and to nothing when nothing is
    /// there any more.
    /// </summary>
    public Descriptor OpenBelow(Descriptor directory, ReadOnlySpan<byte> path, OpenFlags flags)
    {
        var how = new OpenHow(
            (ulong)(flags | OpenFlags.O_CLOEXEC) | Syscall.NoFollow(RuntimeInformation.ProcessArchitecture), 0,
            (ulong)(ResolveFlags.RESOLVE_BENEATH | ResolveFlags.RESOLVE_NO_SYMLINKS | ResolveFlags.RESOLVE_NO_XDEV));
        var opened = Keep(ref Add(Call.openat2, directory, Data.Add(path), Data.Add(how), 24));
        Last.Tolerate(Errno.ENOENT);
        Last.Tolerate(Errno.ENOTDIR);
        Last.Tolerate(Errno.ELOOP);
        return opened;
    }

    /// <summary>fchownat(2) of what a descriptor stands for.</summary>
    public void ChangeOwner(Descriptor file, uint user, uint group)
    {
        const int AT_EMPTY_PATH = 0x1000;
        Add(Call.fchownat, file, Data.Add(""u8), user, group, AT_EMPTY_PATH);
    }

    /// <summary>fchmod(2).</summary>
    public void ChangeMode(Descriptor file, uint mode) => Add(Call.fchmod, file, mode);

    /// <summary>fsetxattr(2).</summary>
    public void SetAttribute(Descriptor file, string name, ReadOnlySpan<byte> value) =>
        Add(Call.fsetxattr, file, Data.Add(name), Data.Add(value), value.Length, 0);
}
