using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Images;

/// <summary>
/// Opens files that somebody names, once they are known to be such: to open a pipe wakes who writes to it, and to open
/// a device may do anything.
/// </summary>
internal static class RegularFile
{
    /// <summary>Opens a file of the host.</summary>
    /// <exception cref="InvalidImageException">It is no regular file.</exception>
    public static SafeFileHandle Open(string path)
    {
        using var named = Syscall.Open(path, OpenFlags.O_PATH);
        return Open(named, path);
    }

    /// <summary>Opens what a descriptor only stands for.</summary>
    public static SafeFileHandle Open(SafeFileHandle named, string path)
    {
        var status = Syscall.Status(named);
        ImageDocument.Require(
            status.IsRegularFile, "This is no regular file.", ImageDocument.Printable(path), "type",
            Convert.ToString(status.Mode, 8));
        try
        {
            return Syscall.Open(Syscall.PathOf(named), OpenFlags.O_RDONLY);
        }
        catch (LinuxException refused)
        {
            throw new LinuxException(refused.Call, refused.Errno, path);
        }
    }
}
