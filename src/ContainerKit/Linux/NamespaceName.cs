namespace ContainerKit.Linux;

/// <summary>A kind of namespace, and its name as a file below /proc/PID/ns; namespaces(7).</summary>
internal sealed record NamespaceName(CloneFlags Kind, string Name)
{
    /// <summary>The eight kinds, a user namespace first: in it there may be privileges over the others.</summary>
    public static readonly NamespaceName[] All =
    [
        new(CloneFlags.CLONE_NEWUSER, "user"), new(CloneFlags.CLONE_NEWNS, "mnt"), new(CloneFlags.CLONE_NEWPID, "pid"),
        new(CloneFlags.CLONE_NEWNET, "net"), new(CloneFlags.CLONE_NEWIPC, "ipc"), new(CloneFlags.CLONE_NEWUTS, "uts"),
        new(CloneFlags.CLONE_NEWCGROUP, "cgroup"), new(CloneFlags.CLONE_NEWTIME, "time"),
    ];
}
