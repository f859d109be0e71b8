using System.Runtime.InteropServices;

namespace ContainerKit.Linux;

/// <summary>Mounts of this process's own mount namespace; mount(2).</summary>
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

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Mount(string source, string target, string? type, nuint flags, void* options);

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Unmount(string target, int flags);
}
