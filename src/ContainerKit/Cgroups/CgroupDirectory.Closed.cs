using System.Text;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <content>
/// What a program of the group's own user has closed, to its host as well: the owner opens it again.
/// </content>
internal sealed partial class CgroupDirectory
{
    private const uint OwnerReads = 0x100, OwnerWrites = 0x80; // 0400, 0200

    /// <summary>Opens one that is there, and gives it back to its owner if it is closed to them.</summary>
    public static CgroupDirectory OpenOwn(CgroupHierarchy hierarchy, string path)
    {
        using var above = Syscall.Open(System.IO.Path.GetDirectoryName(path)!, OpenFlags.O_PATH);
        return new(hierarchy, path, OpenUp(above, Encoding.UTF8.GetBytes(System.IO.Path.GetFileName(path) + '\0')));
    }

    /// <summary>The same of one in it.</summary>
    public CgroupDirectory OpenOwnChild(string name) =>
        new(Hierarchy, $"{Path}/{name}", OpenUp(_handle, Encoding.UTF8.GetBytes(name + '\0')));

    private static SafeFileHandle OpenUp(SafeFileHandle above, ReadOnlySpan<byte> name)
    {
        using var found = Syscall.OpenEntry(above, name, OpenFlags.O_PATH);
        TryOpenUp(found, Open700, Mode);
        return Syscall.OpenEntry(found, ".\0"u8, OpenFlags.O_RDONLY);
    }

    /// <summary>Gives itself back to its owner; no if it is not closed to them.</summary>
    private bool TryOpenUp() => TryOpenUp(_handle, Open700, Mode);

    /// <summary>Gives a file, and itself, back to its owner; no if they are not closed to them.</summary>
    private bool TryOpenUp(string file, OpenFlags flags)
    {
        var isOpened = TryOpenUp();
        try
        {
            using var found = Syscall.OpenChild(_handle, file, OpenFlags.O_PATH);
            var wanted = flags.HasFlag(OpenFlags.O_WRONLY) ? OwnerWrites : OwnerReads;
            return TryOpenUp(found, wanted, Syscall.Status(found).Mode | wanted) || isOpened;
        }
        catch (LinuxException)
        {
            return isOpened;
        }
    }

    private static bool TryOpenUp(SafeFileHandle found, uint wanted, uint mode)
    {
        const uint permissions = 0xFFF; // 07777, without the kind of file
        try
        {
            if ((Syscall.Status(found).Mode & wanted) == wanted)
            {
                return false;
            }

            Syscall.ChangeMode(Syscall.PathOf(found), mode & permissions); // fchmod(2) wants it open for more
            return true;
        }
        catch (LinuxException)
        {
            return false; // it is gone, or another user's
        }
    }
}
