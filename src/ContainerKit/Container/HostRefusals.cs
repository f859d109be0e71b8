using System.Globalization;

namespace ContainerKit;

/// <summary>Why a start was refused: the failed step, explained by what surrounds this process.</summary>
internal static class HostRefusals
{
    private const string Clone = "clone3";

    /// <summary>Nothing was tried, for want of something else.</summary>
    public static HostRefusal Needs(string name) => new($"It needs what is missing above: {name}.", $"See {name}.");

    /// <summary>The host's file systems are root's.</summary>
    public static HostRefusal OnlyRoot(string instead) =>
        new("Only root may do this with file systems of the host.",
            $"Nothing needs to be done: this user's containers do without. See {instead}.");

    /// <summary>A filter stands between.</summary>
    public static HostRefusal Filtered(string call, Errno errno) => new(
        $"A seccomp filter around this process refuses {call} ({errno}), as container engines do.",
        "Loosen it: --security-opt seccomp=unconfined in Docker and Podman, seccompProfile.type Unconfined in "
            + "Kubernetes.");

    /// <summary>Why the launcher does not run from memory.</summary>
    public static HostRefusal Memory(LinuxException failure, HostSurroundings around)
    {
        const string remedy = "Write the launcher to a file with Launcher.Save, and set ContainerHostOptions.Launcher "
            + "to Launcher.File of it.";
        return failure switch
        {
            { Call: "memfd_create", Errno: Errno.EACCES } =>
                new($"vm.memfd_noexec is {HostSurroundings.Setting("vm.memfd_noexec") ?? "set"}: memory must not be "
                    + "executed.", remedy),
            { Call: "memfd_create" or "posix_spawn", Errno: Errno.EACCES or Errno.EPERM } =>
                new($"A security module forbids to execute from memory ({failure.Call}: {failure.Errno}).", remedy),
            _ => Namespace("pid", failure, around),
        };
    }

    /// <summary>Why there is no user namespace, or none of which this user could be root.</summary>
    public static HostRefusal UserNamespace(LinuxException failure, HostSurroundings around) => failure switch
    {
        { Call: Clone, Errno: Errno.EPERM }
            when !around.IsHostRoot && HostSurroundings.NumberSetting("kernel.unprivileged_userns_clone") == 0 =>
            new("kernel.unprivileged_userns_clone is 0: only root may make user namespaces.",
                "sysctl -w kernel.unprivileged_userns_clone=1"),
        { Errno: Errno.EPERM or Errno.EACCES } when IsRestrictedByAppArmor(around) =>
            new("kernel.apparmor_restrict_unprivileged_userns is 1: AppArmor lets only programs with a profile use "
                + "user namespaces.",
                "Give this program an AppArmor profile with the rule \"userns,\", or sysctl -w "
                    + "kernel.apparmor_restrict_unprivileged_userns=0"),
        { Call: Clone, Errno: Errno.EPERM } when around.IsChrooted =>
            new("This process is in a chroot, where the kernel refuses user namespaces.",
                "Start it outside, or make that root with pivot_root."),
        { Call: Clone, Errno: Errno.EPERM } when !around.HasOwnId =>
            new("This process's own id is not mapped in its user namespace.",
                "Write its uid_map and gid_map first: unshare --map-root-user."),
        { Call: Clone, Errno: Errno.EINVAL } =>
            new("The kernel has no user namespaces.", "Run a kernel with CONFIG_USER_NS."),
        { Call: Clone, Errno: Errno.EPERM } when !around.HasSeccompFilter =>
            new("The kernel refuses user namespaces (EPERM), and neither a setting nor a filter says so: it is a "
                + "chroot or a security module.",
                "Start this process outside of a chroot, and let the security module permit it: the kernel's log names "
                    + "it."),
        _ => Namespace("user", failure, around),
    };

    /// <summary>Why there is no namespace of a kind, by the name it has in sysctl.</summary>
    public static HostRefusal Namespace(string kind, LinuxException failure, HostSurroundings around) => failure switch
    {
        { Call: Clone, Errno: Errno.ENOSPC } => LimitReached(kind),
        { Call: Clone, Errno: Errno.EINVAL } =>
            new($"The kernel has no {kind} namespaces.", "Run a kernel whose configuration has them."),
        { Call: Clone, Errno: Errno.EAGAIN } or { Call: "posix_spawn", Errno: Errno.EAGAIN } =>
            new("A limit of processes is reached.", "Raise RLIMIT_NPROC, pids.max of the cgroup, or kernel.pid_max."),
        { Call: Clone or "unshare", Errno: Errno.EPERM or Errno.ENOSYS or Errno.EACCES } when around.HasSeccompFilter =>
            Filtered(failure.Call, failure.Errno),
        _ => Step(failure, around),
    };

    /// <summary>Why any other step failed.</summary>
    public static HostRefusal Step(LinuxException failure, HostSurroundings around)
    {
        var remedy = (failure as LaunchException)?.Hint
            ?? (around.HasSeccompFilter ? "A seccomp filter around this process may be the cause: try without it."
                : "A security module around this process may be the cause: see the kernel's log.");
        var reason = failure is LaunchException launch
            ? $"{launch.Step} failed: {launch.Errno} ({launch.Cause})."
            : $"{failure.Message}.";
        return new(reason, remedy);
    }

    private static HostRefusal LimitReached(string kind)
    {
        var name = $"user.max_{kind}_namespaces";
        return HostSurroundings.NumberSetting(name) is { } limit
            ? new(string.Create(CultureInfo.InvariantCulture,
                $"{name} is {limit}{(limit > 0 ? ", and reached here or in a namespace above" : "")}."),
                $"sysctl -w {name}={Math.Max(10 * limit, 10_000)}, here and in the namespaces above, or end what holds "
                    + $"so many.")
            : new($"The limit {name} is reached.", "End what holds so many, or raise it outside.");
    }

    private static bool IsRestrictedByAppArmor(HostSurroundings around) =>
        !around.IsHostRoot && HostSurroundings.NumberSetting("kernel.apparmor_restrict_unprivileged_userns") == 1;
}
