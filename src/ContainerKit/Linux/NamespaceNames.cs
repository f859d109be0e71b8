namespace ContainerKit.Linux;

/// <summary>The names of a process's namespaces as files below /proc/PID/ns; namespaces(7).</summary>
internal static class NamespaceNames
{
    /// <summary>The eight kinds, a user namespace first: in it there may be privileges over the others.</summary>
    public static readonly (CloneFlags Kind, string Name)[] All =
    [
        (CloneFlags.CLONE_NEWUSER, "user"), (CloneFlags.CLONE_NEWNS, "mnt"), (CloneFlags.CLONE_NEWPID, "pid"),
        (CloneFlags.CLONE_NEWNET, "net"), (CloneFlags.CLONE_NEWIPC, "ipc"), (CloneFlags.CLONE_NEWUTS, "uts"),
        (CloneFlags.CLONE_NEWCGROUP, "cgroup"), (CloneFlags.CLONE_NEWTIME, "time"),
    ];
}
