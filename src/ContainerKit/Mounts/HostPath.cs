using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>A path of the host that options name.</summary>
internal static class HostPath
{
    /// <summary>Complains about a path that is not absolute.</summary>
    public static void Validate(string path, string role)
    {
        if (!Path.IsPathRooted(path) || path.Contains('\0', StringComparison.Ordinal))
        {
            throw new ArgumentException(
                $"The {role} '{path?.Replace('\0', '␀')}' of a mount must be an absolute path without NUL.");
        }
    }

    /// <summary>What is there, with links followed; nothing when there is nothing that this process can see.</summary>
    public static FileStatus Status(string path)
    {
        try
        {
            return Syscall.Status(path);
        }
        catch (LinuxException missing)
            when (missing.Errno is Errno.ENOENT or Errno.ENOTDIR or Errno.EACCES or Errno.ELOOP)
        {
            return default;
        }
    }
}
