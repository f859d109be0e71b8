namespace ContainerKit;

/// <summary>How a process hosts its containers.</summary>
public sealed record ContainerHostOptions
{
    /// <summary>Where the launcher is run from; memory unless said otherwise.</summary>
    public Launcher Launcher { get; init; } = Launcher.Memory;

    /// <summary>
    /// How many starts are prepared ahead, 0 to 64; none unless said otherwise. After a start, the next ones with the same
    /// namespaces and ids find a process that waits for them in namespaces of its own, and take half the time. A spare is
    /// two sleeping processes with less than 64 KiB of memory together; it ends with its host, or when a file system is
    /// mounted or unmounted. It serves only a thread that has the credentials, capabilities, seccomp filters, cgroups and
    /// namespaces of the one that made it; resource limits, priority and Landlock rules are those of then. A start that
    /// finds no spare, or whose copy-on-write layer needs a lock or other ids, does everything itself.
    /// </summary>
    public int Spares { get; init; }
}
