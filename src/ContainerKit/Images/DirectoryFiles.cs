using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Images;

/// <summary>The files of an image in a directory. Links in it are followed only within it.</summary>
internal sealed class DirectoryFiles(string directory) : ImageFiles
{
    private readonly SafeFileHandle _directory = Syscall.Open(directory, OpenFlags.O_PATH);

    public override string Name => directory;

    public override FileWindow? TryOpen(string path)
    {
        SafeFileHandle file;
        try
        {
            // Not to wait for who writes to a pipe that lies there.
            file = Syscall.OpenInRoot(_directory, path, OpenFlags.O_RDONLY | OpenFlags.O_NONBLOCK);
        }
        catch (LinuxException missing) when (missing.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            return null;
        }

        var status = Syscall.Status(file);
        if (status.IsRegularFile)
        {
            return new(file, 0, (long)status.Size, ownsFile: true);
        }

        file.Dispose();
        throw new InvalidImageException(
            "This is no regular file.", entry: ImageDocument.Printable(path), field: "mode",
            value: Convert.ToString(status.Mode, 8));
    }

    public override void Dispose() => _directory.Dispose();
}
