using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>Kinds of namespaces; namespaces(7).</summary>
[Flags]
public enum NamespaceKinds : uint
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>The clocks that count from the boot.</summary>
    Time = CloneFlags.CLONE_NEWTIME,

    /// <summary>The tree of mounts.</summary>
    Mount = CloneFlags.CLONE_NEWNS,

    /// <summary>The root of the cgroups.</summary>
    Cgroup = CloneFlags.CLONE_NEWCGROUP,

    /// <summary>Host and domain name.</summary>
    Uts = CloneFlags.CLONE_NEWUTS,

    /// <summary>System V IPC and POSIX message queues.</summary>
    Ipc = CloneFlags.CLONE_NEWIPC,

    /// <summary>User and group ids, and what capabilities are good for.</summary>
    User = CloneFlags.CLONE_NEWUSER,

    /// <summary>Process ids.</summary>
    Pid = CloneFlags.CLONE_NEWPID,

    /// <summary>Network interfaces, addresses, ports and abstract sockets.</summary>
    Network = CloneFlags.CLONE_NEWNET,

    /// <summary>All but <see cref="Time"/>, which isolates nothing while its clocks have no offset.</summary>
    Default = Mount | Cgroup | Uts | Ipc | User | Pid | Network,

    /// <summary>All eight.</summary>
    All = Default | Time,
}
