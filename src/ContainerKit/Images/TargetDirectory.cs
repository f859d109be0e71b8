using ContainerKit.Linux;

namespace ContainerKit.Images;

/// <summary>A directory of the host that is filled, and must be empty before.</summary>
internal static class TargetDirectory
{
    /// <summary>Opens one; nobody waits for what is none.</summary>
    public static StoreDirectory Open(string path)
    {
        using var named = Syscall.Open(path, OpenFlags.O_PATH);
        return Syscall.Status(named).IsDirectory
            ? new(Syscall.OpenEntry(named, ".\0"u8, OpenFlags.O_RDONLY))
            : throw new LinuxException("open", Errno.ENOTDIR, path);
    }

    /// <summary>Refuses one that holds something.</summary>
    public static void CheckEmpty(StoreDirectory directory, string path)
    {
        if (directory.Names().Count > 0)
        {
            throw new LinuxException("open", Errno.ENOTEMPTY, path, "Images go to an empty directory only.");
        }
    }
}
