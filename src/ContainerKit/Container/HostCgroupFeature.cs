namespace ContainerKit;

/// <summary>
/// What a cgroup limits, counts, does or tells, with the controller that does, in version 2 and in version 1; null
/// where a version has no such thing, empty where it needs no controller.
/// </summary>
internal sealed record HostCgroupFeature(string Name, string? Controller, string? OldController)
{
    private const string
        NewKernel = "Run Linux 5.15 or newer.", Accounting = "Boot with swapaccount=1.",
        Pressure = "/proc/pressure/cpu", WithPressure = "Boot with psi=1.",
        Weighing = "Use the scheduler bfq: modprobe bfq, echo bfq >/sys/block/NAME/queue/scheduler.";

    /// <summary>
    /// All of them, in the order of <see cref="CgroupLimits"/>, <see cref="CgroupStatistics"/> and
    /// <see cref="CgroupEventKind"/>.
    /// </summary>
    public static readonly HostCgroupFeature[] All =
    [
        Limit("CPU time", "cpu", "cpu") with { Files = ["cpu.max"], OldFiles = ["cpu.cfs_quota_us"] },
        Limit("CPU burst", "cpu", "cpu") with { Files = ["cpu.max.burst"], OldFiles = ["cpu.cfs_burst_us"] },
        Limit("CPU weight", "cpu", "cpu") with { Files = ["cpu.weight"], OldFiles = ["cpu.shares"] },
        Limit("CPU idle", "cpu", "cpu") with { Files = ["cpu.idle"], OldFiles = ["cpu.idle"] },
        Limit("CPUs and memory nodes", "cpuset", "cpuset"),
        Limit("memory", "memory", "memory"),
        Limit("memory high, low, min, OOM group", "memory", null),
        Limit("swap", "memory", "memory") with
        {
            Files = ["memory.swap.max"], OldFiles = ["memory.memsw.limit_in_bytes"], Enabling = Accounting,
        },
        Limit("processes", "pids", "pids"),
        Limit("block devices", "io", "blkio") with
        {
            Files = ["io.max"], OldFiles = ["blkio.throttle.read_bps_device"],
            Enabling = "Build the kernel with CONFIG_BLK_DEV_THROTTLING.",
        },
        Limit("weight of block devices", "io", "blkio") with
        {
            Files = ["io.weight", "io.bfq.weight"], OldFiles = ["blkio.bfq.weight"], Enabling = Weighing,
        },
        Limit("devices", "", "devices") with { IsForHostRoot = true },
        Limit("hugetlb", "hugetlb", null),
        Limit("rdma", "rdma", null) with
        {
            Needs = "/sys/class/infiniband", Enabling = "Load the driver of a device that has RDMA.",
        },
        Limit("misc", "misc", null) with
        {
            Lists = ["misc.capacity", "misc.current"], Enabling = "Use a CPU with SEV or TDX, and a kernel with it.",
        },
        new("cgroup statistics: CPU time", "", "cpuacct"),
        new("cgroup statistics: throttling", "cpu", "cpu"),
        new("cgroup statistics: memory", "memory", "memory"),
        new("cgroup statistics: block devices", "io", "blkio"),
        new("cgroup statistics: processes", "pids", "pids"),
        new("cgroup statistics: pressure", "", null) { Needs = Pressure, Enabling = WithPressure },
        Control("freeze", "freezer") with { IsBetterInVersion2 = true },
        Control("kill at once", null) with { Files = ["cgroup.kill"] },
        Control("single threads", "cpu"),
        new("cgroup events: empty, frozen", "", null),
        new("cgroup events: OOM", "memory", "memory"),
        new("cgroup events: memory high, max", "memory", null),
        new("cgroup events: pids.max", "pids", null),
        new("cgroup events: pressure", "", null)
        {
            Needs = Pressure, Enabling = WithPressure, IsWritten = true,
        },
    ];

    /// <summary>
    /// A file of the kernel that is there when it has this, or a directory that has something in it.
    /// </summary>
    private string? Needs { get; init; }

    /// <summary>
    /// Files of which a group has one, that of the root or that of any other, in which there is what this limits.
    /// </summary>
    private string[] Lists { get; init; } = [];

    /// <summary>Files of which a group has one when the kernel has this; none when it always does.</summary>
    private string[] Files { get; init; } = [];

    private string[] OldFiles { get; init; } = [];

    /// <summary>What gives it to a kernel without.</summary>
    private string Enabling { get; init; } = NewKernel;

    private bool IsBetterInVersion2 { get; init; }

    /// <summary>Whether a user needs a group to write to.</summary>
    private bool IsWritten { get; init; }

    /// <summary>Whether the kernel lets only the host's root.</summary>
    private bool IsForHostRoot { get; init; }

    /// <summary>Whether it can be had in this process's own groups, by this user.</summary>
    public HostFinding Find(IReadOnlyList<OwnCgroup> groups, HostSurroundings around)
    {
        var unified = groups.FirstOrDefault(own => own.IsUnified);
        var old = groups.FirstOrDefault(own => !own.IsUnified && own.Controllers.Contains(OldController));
        var group = old is not null && !(IsBetterInVersion2 && unified is not null) ? old
            : Controller is "" || unified?.Controllers.Contains(Controller) is true ? unified
            : null;
        return HostFinding.Of(
            Name, group is null ? NotThere(groups, around.IsRoot) : Refusal(group, around),
            group is { IsUnified: true } ? "v2" : "v1");
    }

    private static HostCgroupFeature Limit(string name, string controller, string? oldController) =>
        new($"cgroup limit: {name}", controller, oldController) { IsWritten = true };

    private static HostCgroupFeature Control(string name, string? oldController) =>
        new($"cgroup control: {name}", "", oldController) { IsWritten = true };

    private HostRefusal NotThere(IReadOnlyList<OwnCgroup> groups, bool isRoot)
    {
        if (OldController is null && groups.Any(own => !own.IsUnified && own.Controllers.Contains(Controller)))
        {
            return new(
                "Version 1 has this controller here, and only version 2 does this.",
                "Boot with systemd.unified_cgroup_hierarchy=1.");
        }

        var hasUnified = groups.Any(own => own.IsUnified);
        return new(
            Controller is { Length: > 0 } && (hasUnified || OldController is not null)
                ? $"This process has no controller {Controller}."
                : "There is no version 2.",
            !isRoot ? "Have it delegated: systemd-run --user --scope -p Delegate=yes."
                : hasUnified ? "Enable it in each cgroup.subtree_control above; a kernel that was built without it, or "
                    + "booted with cgroup_disable=, has none."
                : "Mount it below /sys/fs/cgroup, or boot without cgroup_disable=.");
    }

    private static bool IsThere(string path) =>
        File.Exists(path) || (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any());

    private HostRefusal? Refusal(OwnCgroup group, HostSurroundings around)
    {
        var files = group.IsUnified ? Files : OldFiles;
        return Needs is not null && !IsThere(Needs) ? new($"This kernel has no {Needs}.", Enabling)
            : Lists.Length > 0 && !Lists.Any(list => HostSurroundings.Lines($"{group.Path}/{list}").Length > 0)
            ? new($"There is nothing in {string.Join(" or ", Lists)}.", Enabling)
            : files.Length > 0 && !files.Any(group.Has) ? new($"This kernel has no {files[0]} here.", Enabling)
            : IsWritten && !group.IsWritable ? new(
                $"This user may not make cgroups in {group.Path ?? $"what is above {group.Hierarchy.Mount}"}.",
                $"See {HostCgroups.Writable}.")
            : IsForHostRoot && !around.IsHostRoot ? new(
                "The kernel lets only the host's root change the devices of a cgroup.",
                "Start as root with CAP_SYS_ADMIN, outside of user namespaces.")
            : null;
    }
}
