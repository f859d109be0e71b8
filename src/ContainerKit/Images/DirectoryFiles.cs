using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Images;

/// <summary>The files of an image in a directory. Links in it are followed only within it.</summary>
internal sealed class DirectoryFiles(string directory) : ImageFiles
{
    private readonly SafeFileHandle _directory = Syscall.Open(directory, OpenFlags.O_PATH);

    public override string Name => directory;

    public override void Dispose() => _directory.Dispose();

    protected override FileWindow? TryOpenNamed(string path)
    {
        try
        {
            using var named = Syscall.OpenInRoot(_directory, path, OpenFlags.O_PATH);
            var file = RegularFile.Open(named, path);
            return new(file, 0, (long)Syscall.Status(file).Size, ownsFile: true);
        }
        catch (LinuxException missing) when (missing.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            return null;
        }
        catch (LinuxException wrong) when (wrong.Errno is Errno.ELOOP or Errno.ENAMETOOLONG)
        {
            throw new InvalidImageException(
                "Links lead round in circles, or a name is too long.", entry: ImageDocument.Printable(path),
                field: "path", value: $"{wrong.Errno}");
        }
    }
}
