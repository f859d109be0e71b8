using System.Runtime.InteropServices;
using ContainerKit.Linux;

namespace ContainerKit.Launch;

/// <summary>What is done to files that somebody else laid out, by paths of any bytes.</summary>
internal sealed partial class LaunchStage
{
    private const int Again = 500; // above all that a part has
    private const string AgainPath = "/proc/self/fd/500";

    /// <summary>openat2(2) of what lies below a directory: to nothing when nothing is there any more.</summary>
    public Descriptor OpenBelow(Descriptor directory, ReadOnlySpan<byte> path, OpenFlags flags)
    {
        var opened = OpenHeld(directory, path, flags);
        Last.Tolerate(Errno.ENOENT);
        Last.Tolerate(Errno.ENOTDIR);
        Last.Tolerate(Errno.ELOOP);
        return opened;
    }

    /// <summary>openat2(2) of what a directory holds: through no link, to a link itself.</summary>
    public Descriptor OpenHeld(Descriptor directory, ReadOnlySpan<byte> path, OpenFlags flags)
    {
        var how = new OpenHow(
            (ulong)(flags | OpenFlags.O_CLOEXEC) | Syscall.NoFollow(RuntimeInformation.ProcessArchitecture), 0,
            (ulong)(ResolveFlags.RESOLVE_BENEATH | ResolveFlags.RESOLVE_NO_SYMLINKS | ResolveFlags.RESOLVE_NO_XDEV));
        return Keep(ref Add(Call.openat2, directory, Data.Add(path), Data.Add(how), 24));
    }

    /// <summary>openat(2) of what a descriptor stands for.</summary>
    public Descriptor OpenAgain(Descriptor file, OpenFlags flags)
    {
        Duplicate(file, Again);
        return Open(Descriptor.WorkingDirectory, AgainPath, flags);
    }

    /// <summary>getxattr(2) of what a descriptor stands for, and write(2) of that to a new file in memory.</summary>
    public Descriptor CopyAttribute(Descriptor file, ReadOnlySpan<byte> name)
    {
        const int most = 0x10000; // XATTR_SIZE_MAX
        Duplicate(file, Again);
        var value = Data.Reserve(most);
        var length = Keep(ref Add(Call.getxattr, Data.Add(AgainPath), Data.Add(name), value, most));
        var copy = Keep(ref Add(Call.memfd_create, Data.Add("attribute"), (long)MemfdFlags.MFD_CLOEXEC));
        Add(Call.write, copy, value, length);
        return copy;
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
