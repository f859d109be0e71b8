namespace ContainerKit;

/// <summary>A system call failed.</summary>
public class LinuxException : IOException
{
    /// <summary>Describes a failed call.</summary>
    public LinuxException(string call, Errno errno, string? path = null)
        : this((path is null ? $"{call}: {errno}" : $"{call} '{path}': {errno}") + Remedy(call, errno, path), call,
            errno, path)
    {
    }

    /// <summary>Describes a call that failed for a reason which the caller knows better.</summary>
    internal LinuxException(string call, Errno errno, string path, string remedy)
        : this($"{call} '{path}': {errno}. {remedy}", call, errno, path)
    {
    }

    private protected LinuxException(string message, string call, Errno errno, string? path)
        : base(message, (int)errno)
    {
        Call = call;
        Errno = errno;
        Path = path;
    }

    /// <summary>The call that failed, as section 2 of the manual names it.</summary>
    public string Call { get; }

    /// <summary>Why it failed.</summary>
    public Errno Errno { get; }

    /// <summary>The path it was about, if it was about one.</summary>
    public string? Path { get; }

    /// <summary>What to do when this process, or the machine, has run out of something.</summary>
    private static string? Remedy(string call, Errno errno, string? path) => (call, errno) switch
    {
        (_, Errno.EMFILE) => ". This process has no descriptors left: close some, or raise RLIMIT_NOFILE.",
        (_, Errno.ENFILE) => ". The machine has no descriptors left: see fs.file-max in sysctl.",
        (_, Errno.ENOMEM) =>
            ". Memory is refused: see RLIMIT_AS, this process's memory cgroup, and vm.overcommit_memory in sysctl.",
        ("ioctl" or "write", Errno.EIO) =>
            ". No process has the terminal open any more: the program has ended, or closed it.",
        ("ioctl", Errno.EPERM) =>
            ". It lies outside this process's own user or pid namespace, where nothing can be seen.",
        ("ioctl", Errno.EINVAL) =>
            ". Only user and pid namespaces have a parent, and only user namespaces an owner's id.",
        ("mount" or "umount2", Errno.EPERM) =>
            ". Mounting needs CAP_SYS_ADMIN over this process's mount namespace: hold the Namespace open instead.",
        ("mount", Errno.EINVAL) =>
            ". A mount namespace cannot be pinned within itself or an older one, nor where mounts are passed on to "
            + "others: pin it below a private mount.",
        ("write", Errno.EBUSY) when path?.EndsWith("/cgroup.procs", StringComparison.Ordinal) is true =>
            ". A cgroup of version 2 whose groups are limited takes no process itself: move it into one of these.",
        ("write", Errno.EBUSY) when path?.Contains("/memory.", StringComparison.Ordinal) is true =>
            ". More memory is in use than that, and the kernel cannot free enough of it: end something first.",
        ("mkdirat", Errno.EACCES or Errno.EPERM or Errno.EROFS) =>
            ". This user must be allowed to make cgroups there, as systemd has it with Delegate=yes, and the mount "
            + "must be writable.",
        ("posix_spawn", Errno.EACCES) =>
            ". The launcher may not be executed here: from memory, see Launcher.File; a file's mount may be noexec.",
        ("posix_spawn", Errno.EAGAIN) =>
            ". A limit of processes is reached: RLIMIT_NPROC, the pids controller, or kernel.pid_max.",
        _ => null,
    };
}
