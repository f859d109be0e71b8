using System.Globalization;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>Where the hosts of one user leave word for each other; nobody else may write there.</summary>
internal static class StateDirectory
{
    private const string Cause = "the state directory";

    /// <summary>Complains about what cannot be one.</summary>
    public static void Validate(string? path)
    {
        if (path is not null && (!Path.IsPathRooted(path) || path.Contains('\0', StringComparison.Ordinal)
            || Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(path)) is null))
        {
            throw new ArgumentException("StateDirectory must be an absolute path without NUL, and not the root.");
        }
    }

    /// <summary>Opens it, and makes it when it is missing; the default one without a path.</summary>
    /// <exception cref="LaunchException">It is no directory of this user's alone, or cannot be made.</exception>
    public static SafeFileHandle Open(string? path)
    {
        path = Path.TrimEndingDirectorySeparator(path ?? Default);
        try
        {
            Make(path);
            using var parent = Syscall.Open(Path.GetDirectoryName(path)!, OpenFlags.O_PATH);
            var directory = Syscall.OpenChild(parent, Path.GetFileName(path), OpenFlags.O_PATH);
            if (Complaint(Syscall.Status(directory)) is not { } complaint)
            {
                return directory;
            }

            directory.Dispose();
            throw Failed(path, "statx", Errno.EPERM, complaint);
        }
        catch (LinuxException failure) when (failure is not LaunchException)
        {
            throw Failed(path, failure);
        }
    }

    /// <summary>What is to be said of a failed call there.</summary>
    public static LaunchException Failed(string? path, LinuxException failure) =>
        Failed(path ?? Default, failure.Call, failure.Errno, failure.Errno switch
        {
            Errno.ELOOP => "It, or a file in it, is a link, which is not followed",
            Errno.ENOSPC or Errno.EDQUOT => "Its file system is full",
            Errno.EROFS => "It lies on a read-only file system",
            Errno.ENOENT => "The directory it is to be made in is not there",
            _ => "This user cannot make it, or files in it",
        });

    private static LaunchException Failed(string path, string call, Errno errno, string complaint) =>
        new($"{call}(\"{path}\")", Cause, call, errno,
            $"{complaint}: set ContainerHostOptions.StateDirectory to a directory of this user's alone.");

    /// <summary>
    /// One place for all processes of a user's session, or they would not find each other.
    /// </summary>
    private static string Default
    {
        get
        {
            var user = Syscall.EffectiveUser.ToString(CultureInfo.InvariantCulture);
            var runtime = Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is ['/', ..] set
                ? set
                : $"/run/user/{user}";
            return user == "0" ? "/run/containerkit"
                : Directory.Exists(runtime) ? $"{Path.TrimEndingDirectorySeparator(runtime)}/containerkit"
                : $"/tmp/containerkit-{user}";
        }
    }

    private static void Make(string path)
    {
        try
        {
            Syscall.MakeDirectory(path, 0x1C0); // 0700
        }
        catch (LinuxException exists) when (exists.Errno is Errno.EEXIST)
        {
        }
    }

    private static string? Complaint(in FileStatus status)
    {
        const int writableByOthers = 0x12; // 022
        return !status.IsDirectory ? "It is no directory"
            : status.Owner != Syscall.EffectiveUser ? FormattableString.Invariant($"It belongs to user {status.Owner}")
            : (status.Mode & writableByOthers) != 0 ? "Others may write to it"
            : null;
    }
}
