namespace ContainerKit.Launch;

/// <summary>Makes a failed step an exception that says what to do.</summary>
internal static class LaunchFailure
{
    /// <summary>The exception for a failure that the launcher reported.</summary>
    public static LaunchException Describe(LaunchPlan plan, Failure failure)
    {
        if (plan.Find(failure.Part, failure.Step) is not var (step, text))
        {
            return failure.Errno switch
            {
                Errno.EMFILE => NoDescriptors(),
                Errno.ENOMEM => new("mapping the plan", "the launcher", "mmap", Errno.ENOMEM,
                    "The launcher found no memory for its plan; raise RLIMIT_AS or the memory limit of this process."),
                _ => new("receiving the plan", "the launcher", "recvmsg", failure.Errno, hint: null),
            };
        }

        var errno = failure.Errno is Errno.None ? Errno.EIO : failure.Errno;
        return new(text, $"{step.Cause}", step.Call.Name, errno, Hint(step, errno));
    }

    /// <summary>The exception for descriptors that were sent and could not be received.</summary>
    public static LaunchException NoDescriptors() =>
        new("receive", "the launch", "recvmsg", Errno.EMFILE, MoreDescriptors);

    /// <summary>The exception for a plan that could not be sent.</summary>
    public static LaunchException NoRoomForPlan() =>
        new("sending the plan", "the launch", "sendmsg", Errno.ENOBUFS,
            "There is no memory for a message, the sockets' buffers are too small for it (net.core.wmem_default in "
            + "sysctl; 212992 is usual), or too many descriptors of this user are on their way (RLIMIT_NOFILE).");

    /// <summary>The exception for a supervisor that ended without a word.</summary>
    public static LaunchException SupervisorGone() =>
        new("supervise", "the launcher", "supervise", Errno.ESRCH,
            "The container's supervisor was killed from outside, and its container with it.");

    /// <summary>The exception for a process that was killed before its program was executed.</summary>
    public static LaunchException EndedBefore() =>
        new("execve", "the launch", "execve", Errno.ESRCH,
            "It was killed before its program was executed: by its Timeout, with its container or host, for want of "
            + "memory, or by somebody who may.");

    /// <summary>The exception for a program that would stop before it began.</summary>
    public static LaunchException Paused() =>
        new("write(\"cgroup.procs\")", "the container", "write", Errno.EBUSY,
            "The container is paused: resume it first.");

    /// <summary>The exception for a container whose end came before what was asked of it.</summary>
    public static LaunchException ContainerGone() =>
        new("setns", "the container", "setns", Errno.ESRCH, "The container has ended, or is ending; start another.");

    /// <summary>What asks for the steps that make a terminal.</summary>
    public const string Terminal = "the terminal";

    /// <summary>What asks for the steps that make and enforce rules of files, ports and scopes.</summary>
    public const string Landlock = "the Landlock rules";

    /// <summary>What asks for the steps that have the kernel ask a filter of calls.</summary>
    public const string Seccomp = "the seccomp profile";

    private const string MoreDescriptors =
        "The start needs more descriptors than this process may have: raise RLIMIT_NOFILE.";

    private static string? Hint(Step step, Errno errno) => (step.Call.Name, errno) switch
    {
        (_, Errno.EINVAL or Errno.EPERM) when ReferenceEquals(step.Call, Call.mapIds) =>
            "A file system there, or this kernel for it, cannot map ids (tmpfs needs Linux 6.3, most network file "
            + "systems cannot), it is mapped already, or this process is not root over it: take another directory, "
            + "or leave MapIds out.",
        ("execve", Errno.ENOENT) =>
            "The container has no such program, or the program's interpreter (its #! line, or its ELF loader) is "
                + "missing there. Each directory of PATH was tried; what may not be executed there was passed over.",
        ("execve", Errno.EACCES) =>
            "The file is not executable, lies in a directory that the container's user cannot enter, or Landlock does "
                + "not let it, or its loader, be executed.",
        (_, Errno.ELOOP) when ReferenceEquals(step.Call, Call.openForRule) =>
            "The path leads through a symbolic link, which Landlock takes none of: name what it leads to.",
        (_, Errno.ENOENT) when ReferenceEquals(step.Call, Call.openForRule) =>
            "The container has no such file or directory: make it, or leave it out of the rules.",
        (_, Errno.ENOTDIR) when ReferenceEquals(step.Call, Call.openForRule) =>
            "It, or what it lies in, is a file, with which nothing can be done that needs a directory.",
        ("landlock_restrict_self", Errno.E2BIG) =>
            "Too many rulesets restrict this process already: start containers from fewer sandboxes within another.",
        ("execve", Errno.ENOEXEC) =>
            "The file has no format the kernel can run: a script needs a #! line, a binary this architecture.",
        ("execve", Errno.E2BIG) =>
            "Arguments and environment exceed the kernel's limit (ARG_MAX; 128 KiB for a single one).",
        (_, Errno.EMFILE) => MoreDescriptors,
        ("openat", Errno.ENOSPC) when $"{step.Cause}" == Terminal =>
            "No pseudoterminal is left on this machine: see kernel.pty.max and kernel.pty.reserve in sysctl.",
        ("clone3" or "unshare", Errno.EPERM) =>
            "This user may not make user namespaces: see kernel.unprivileged_userns_clone and "
            + "kernel.apparmor_restrict_unprivileged_userns in sysctl, a chroot, or a seccomp filter around this "
            + "process. "
            + "HostReport.ProbeAsync says which.",
        ("clone3", Errno.ENOSYS) =>
            "A seccomp filter around this process hides clone3, as old container engines' do: in Docker, "
                + "--security-opt seccomp=unconfined.",
        ("clone3" or "unshare", Errno.ENOSPC) =>
            "The limit of namespaces is reached: see user.max_*_namespaces in sysctl, here and in every parent. In a "
                + "user namespace that is joined there may be no new cgroup namespace: join the one that goes with it.",
        ("seccomp", Errno.EINVAL or Errno.ENOSYS) =>
            "This kernel has no seccomp filters (CONFIG_SECCOMP_FILTER), or hides them: run another, or go without by "
                + "SeccompProfile.Unconfined.",
        ("seccomp", Errno.EPERM or Errno.EACCES) =>
            "A seccomp filter around this process refuses further ones: loosen it, or go without by "
                + "SeccompProfile.Unconfined.",
        ("seccomp", Errno.ENOMEM) =>
            "The profile is too long for the kernel together with the filters around this process: use fewer rules.",
        ("clone3", Errno.EAGAIN) =>
            "A limit of processes is reached: RLIMIT_NPROC, the pids controller, or kernel.pid_max.",
        ("clone3", Errno.ENOMEM) =>
            "The machine has no memory for another process, or the pid namespace that was joined takes none, since its "
                + "PID 1 has ended: open that of another container.",
        ("setns", Errno.EINVAL) =>
            "This process is in it already, as in its own user namespace, or it is a pid namespace above this "
                + "process's own: leave it out.",
        ("setns", Errno.EPERM) =>
            "This process has no privileges over that namespace: it is of a parent, was made by another user, or "
                + "before this process gave up privileges. Make or keep one anew.",
        ("keyctl", Errno.EDQUOT) =>
            "This user's keys are used up, to which each container adds one: see /proc/key-users, and "
                + "kernel.keys.maxkeys in sysctl.",
        ("setresuid" or "setresgid", Errno.EINVAL) =>
            "The user namespace that was joined has no such id: IdMap must say which ids it has.",
        ("prlimit64", Errno.EPERM) => "Only CAP_SYS_RESOURCE raises a limit above this process's own hard limit.",
        ("openat2" or "fchdir", _) when $"{step.Cause}".StartsWith("the working directory", StringComparison.Ordinal) =>
            "It must be a directory in the container that its user can enter, and no way into /proc/PID/fd and its "
                + "like.",
        (_, Errno.EACCES or Errno.ENOENT or Errno.ENOTDIR or Errno.ELOOP)
            when ReferenceEquals(step.Call, Call.openInside) =>
            "The container's root sees no such file there, or may not read it, or its links lead in a circle.",
        (_, Errno.EAGAIN) when ReferenceEquals(step.Call, Call.openInside) =>
            "A program has a lease on the file, which it was asked to give up: try again.",
        ("connect", Errno.ECONNREFUSED) => "No program of the container listens there, or not yet.",
        ("connect", Errno.EINPROGRESS) => "What listens there accepted nothing in 10 seconds.",
        ("connect", Errno.ENETUNREACH) =>
            "The container's network has no way there: only its loopback's addresses are.",
        ("bind", Errno.EADDRNOTAVAIL) =>
            "The container's network has no such address: 127.0.0.1, ::1 or 0.0.0.0 are there.",
        ("bind", Errno.EADDRINUSE) =>
            "A program of the container, or this process, listens there already: choose another port, or 0 for any.",
        ("mkdirat" or "mknodat" or "move_mount" or "openat2", Errno.ENOENT) =>
            "The root has no such directory or file, and is read-only or has a link there that leads nowhere: make it "
                + "there, or give the root a copy-on-write layer.",
        ("openat2", Errno.EXDEV) =>
            "Something of the host was left over the container's root, which was therefore not started.",
        ("openat2", Errno.ELOOP) => "The place to mount on leads through a symbolic link that cannot be trusted.",
        ("move_mount", Errno.EINVAL or Errno.ENOTDIR or Errno.ELOOP) =>
            "A directory can only be mounted on a directory, a file on a file, and nothing on a symbolic link.",
        ("open_tree", Errno.ENOENT) => "There is no such file or directory on the host.",
        ("open_tree", Errno.EPERM) =>
            "An ordinary user cannot map the ids of the host's files: leave MapIds out, or map its own id to the "
                + "container's user.",
        ("open_tree", Errno.EINVAL) =>
            "Something else is mounted below this directory, which cannot be left out from within a user namespace, or "
                + "the file lies on no mount of this process's: take another.",
        ("open_tree" or "openat2" or "openat" or "fchdir" or "move_mount" or "mkdirat" or "mknodat", Errno.EACCES) =>
            "The container's user may not enter or change it: on the host it is another user than this process's, see "
                + "IdMap.",
        ("fsconfig" or "mount", Errno.EACCES or Errno.EOVERFLOW) =>
            "A layer belongs to a user that the container does not have: map that one, which is this process's own, as "
            + "0 or as the container's user, see IdMap.",
        ("fsmount", Errno.EPERM) =>
            "The host's own /proc or /sys is partly covered by other mounts, as in a container; such a host may not "
                + "mount a fresh one "
            + "(in Docker: --security-opt systempaths=unconfined; in Kubernetes: procMount: Unmasked).",
        ("prctl" or "write" or "mount_setattr", Errno.EPERM) =>
            "A security module may take the privileges of a new user namespace away: see "
                + "kernel.apparmor_restrict_unprivileged_userns.",
        _ => null,
    };
}
