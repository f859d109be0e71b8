namespace ContainerKit;

/// <summary>How a process hosts its containers.</summary>
public sealed record ContainerHostOptions
{
    // null: code for lists of them is compiled at the first start
    private readonly IReadOnlyList<HostIdRange>? _idRanges;

    /// <summary>Where the launcher is run from; memory unless said otherwise.</summary>
    public Launcher Launcher { get; init; } = Launcher.Memory;

    /// <summary>
    /// How many starts are prepared ahead, 0 to 64; none unless said otherwise. After a start, the next ones with the
    /// same namespaces and ids find a process that waits for them in namespaces of its own, and take half the time. A
    /// spare is two sleeping processes with less than 64 KiB of memory together; it ends with its host, or when a file
    /// system is mounted or unmounted. It serves only a thread that has the credentials, capabilities, seccomp filters,
    /// cgroups and namespaces of the one that made it; resource limits, priority and Landlock rules are those of then.
    /// A start that finds no spare, whose copy-on-write layer needs a lock or other ids, or whose ids are kept or
    /// found, does everything itself.
    /// </summary>
    public int Spares { get; init; }

    /// <summary>
    /// Whether its containers are in no namespaces even where they could be: for programs that are trusted enough, and
    /// to see what they meet on hosts that allow none. They need a
    /// <see cref="ContainerOptions.MinimumIsolation"/> of <see cref="Isolation.Restricted"/>. False unless said
    /// otherwise.
    /// </summary>
    public bool WithoutNamespaces { get; init; }

    /// <summary>
    /// As root, the ids that <see cref="IdMap.Automatic"/> takes from: whole blocks of 65,536, each from a multiple of
    /// that on; when empty, those from 1,879,048,192 to 2,147,352,575. Blocks with ids of /etc/passwd, /etc/group,
    /// /etc/subuid or /etc/subgid are passed over.
    /// </summary>
    public IReadOnlyList<HostIdRange> IdRanges
    {
        get => _idRanges ?? [];
        init => _idRanges = value;
    }

    /// <summary>
    /// The cgroup in which each container gets one of its own, with a path as for <see cref="Cgroup.Open"/>: then any
    /// can be paused and has a receipt. Unless said otherwise, those with <see cref="ContainerOptions.Limits"/> get
    /// theirs in the group that this process is in at the first, and others none. Groups that a killed host left there
    /// are removed. A start with a group finds no spare.
    /// </summary>
    public string? CgroupParent { get; init; }

    /// <summary>
    /// The absolute path of the directory in which hosts reserve ids, which is made when it is missing and must belong
    /// to this user and be writable by nobody else. Hosts that use the same ids need the same one: unless said
    /// otherwise /run/containerkit for root, for others containerkit in XDG_RUNTIME_DIR, in /run/user/UID where that is
    /// not set, or else /tmp/containerkit-UID.
    /// </summary>
    public string? StateDirectory { get; init; }

    /// <summary>Complains about options that cannot be meant.</summary>
    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(Spares);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Spares, 64);
        if (CgroupParent is not null)
        {
            CgroupName.ValidatePath(CgroupParent);
        }

        ContainerKit.StateDirectory.Validate(StateDirectory);
        if (_idRanges is not null)
        {
            IdBlocks.Validate(_idRanges);
        }
    }
}
