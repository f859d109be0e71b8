namespace ContainerKit;

/// <summary>What holds of a container, each by itself.</summary>
[Flags]
public enum IsolationProperties
{
    /// <summary>Nothing in particular.</summary>
    None = 0,

    /// <summary>It reaches no network but a loopback of its own, if any.</summary>
    NoNetwork = 1 << 0,

    /// <summary>
    /// It connects to no socket of the host, by a path or a name, but in directories that it was given.
    /// </summary>
    NoHostSockets = 1 << 1,

    /// <summary>It reads and writes none of the host's files but its programs and what it was given.</summary>
    NoHostFiles = 1 << 2,

    /// <summary>It sees none of the host's processes.</summary>
    NoHostProcesses = 1 << 3,

    /// <summary>It neither signals nor traces processes of the host.</summary>
    NoSignals = 1 << 4,

    /// <summary>All its processes together have a limit of memory.</summary>
    MemoryLimit = 1 << 5,

    /// <summary>All its processes together have a limit of their number.</summary>
    ProcessLimit = 1 << 6,

    /// <summary>All its processes end when this process does, however that ends.</summary>
    DiesWithHost = 1 << 7,

    /// <summary>All its processes end when its program does, or is killed.</summary>
    KillsAll = 1 << 8,
}
