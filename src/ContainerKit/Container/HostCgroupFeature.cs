namespace ContainerKit;

/// <summary>
/// What a cgroup limits, counts or tells, with the controller that does, in version 2 and in version 1; null where a
/// version has no such thing, empty where it needs no controller.
/// </summary>
internal sealed record HostCgroupFeature(string Name, string? Controller, string? OldController)
{
    /// <summary>All of them, in the order of <see cref="CgroupLimits"/> and <see cref="CgroupStatistics"/>.</summary>
    public static readonly HostCgroupFeature[] All =
    [
        new("cgroup limit: CPU time", "cpu", "cpu"),
        new("cgroup limit: CPUs and memory nodes", "cpuset", "cpuset"),
        new("cgroup limit: memory", "memory", "memory"),
        new("cgroup limit: memory high, low, min, OOM group", "memory", null),
        new("cgroup limit: swap", "memory", "memory") { File = "memory.memsw.limit_in_bytes" },
        new("cgroup limit: processes", "pids", "pids"),
        new("cgroup limit: block devices", "io", "blkio"),
        new("cgroup limit: devices", "", "devices"),
        new("cgroup statistics: pressure", "", null) { File = "/proc/pressure/cpu" },
        new("cgroup control: freeze", "", "freezer") { IsBetterInVersion2 = true },
        new("cgroup control: kill at once", "", null),
        new("cgroup events: empty, frozen", "", null),
    ];

    /// <summary>A file that is there when the kernel was built and booted with it.</summary>
    private string? File { get; init; }

    private bool IsBetterInVersion2 { get; init; }

    /// <summary>Whether it can be had in this process's own group, by the controllers that are there.</summary>
    public HostFinding Find(string[]? unified, HashSet<string> old, bool isRoot)
    {
        var isOld = OldController is { Length: > 0 } && old.Contains(OldController)
            && !(IsBetterInVersion2 && unified is not null);
        var isUnified = unified is not null && (Controller is "" || (!isOld && unified.Contains(Controller)));
        if (!isOld && !isUnified)
        {
            return HostFinding.No(Name, OldController is null && old.Contains(Controller ?? "")
                ? new(
                    "Version 1 has this controller, and does not know it.",
                    "Boot with systemd.unified_cgroup_hierarchy=1.")
                : new(
                    Controller is { Length: > 0 } ? $"This process has no controller {Controller}."
                    : "There is no version 2.",
                    isRoot ? "Mount it below /sys/fs/cgroup, or boot without cgroup_disable=."
                    : "Have it delegated: systemd-run --user --scope -p Delegate=yes."));
        }

        var isMissing = File is ['/', ..] ? !System.IO.File.Exists(File)
            : File is not null && isOld && !System.IO.File.Exists($"/sys/fs/cgroup/{OldController}/{File}");
        return HostFinding.Of(
            Name,
            isMissing ? new("This kernel does not count it.", "Boot with psi=1, or swapaccount=1 for swap.") : null,
            isOld ? "v1" : "v2");
    }
}
