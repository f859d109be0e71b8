using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Linux;

/// <summary>Mounts of this process's own mount namespace, or of none; mount(2), fsmount(2).</summary>
internal static unsafe partial class Syscall
{
    /// <summary>Shows a file at another, too; <paramref name="path"/> names that in errors. mount(2).</summary>
    public static void BindMount(string source, string target, string path)
    {
        const nuint MS_BIND = 0x1000;
        Check(Mount(source, target, null, MS_BIND, null), "mount", path);
    }

    /// <summary>Takes away the mount that a path leads to; umount2(2).</summary>
    public static void Unmount(string target, string path) =>
        Check(Unmount(target, (int)UnmountFlags.MNT_DETACH), "umount2", path);

    /// <summary>
    /// Mounts a file system of a disk, which nobody sees who does not have the descriptor. It is unmounted with the
    /// last that was opened by that; fsopen(2), fsconfig(2), fsmount(2).
    /// </summary>
    public static SafeFileHandle MountDisk(string type, string disk, MountAttributes attributes)
    {
        using var context = Handle(
            FsOpen(SyscallNumber.fsopen.Here, type, (nint)FsOpenFlags.FSOPEN_CLOEXEC), "fsopen", type);
        var (configure, set) = (SyscallNumber.fsconfig.Here, (nint)FsConfigCommand.FSCONFIG_SET_STRING);
        Check(FsConfig(configure, context, set, "source", disk, 0), "fsconfig", disk);
        Check(FsConfig(configure, context, (nint)FsConfigCommand.FSCONFIG_CMD_CREATE, null, null, 0), "fsconfig", disk);
        return Handle(
            FsMount(SyscallNumber.fsmount.Here, context, (nint)FsMountFlags.FSMOUNT_CLOEXEC, (nint)attributes),
            "fsmount", disk);
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint FsOpen(nint number, string type, nint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint FsConfig(
        nint number, SafeFileHandle context, nint command, string? key, string? value, nint auxiliary);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint FsMount(nint number, SafeFileHandle context, nint flags, nint attributes);

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Mount(string source, string target, string? type, nuint flags, void* options);

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Unmount(string target, int flags);
}
