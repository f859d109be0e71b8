using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>Which cgroups there are, and whether this user may make others below its own; cgroups(7).</summary>
internal static class HostCgroups
{
    /// <summary>The finding that explains why nothing can be limited.</summary>
    public const string Writable = "writable cgroup";

    private static readonly string[] Wanted = ["cpu", "memory", "pids"];

    /// <summary>The hierarchies, their controllers, and this process's own groups.</summary>
    public static IEnumerable<HostFinding> Probe(HostSurroundings around)
    {
        var mounts = CgroupHost.InSight(around.Mounts);
        var hierarchies = HostSurroundings.Lines("/proc/self/cgroup")
            .Select(line => CgroupHierarchy.Find(line, mounts) is { } found ? new OwnCgroup(found) : null)
            .OfType<OwnCgroup>().Where(own => own.IsInSight).ToList();
        if (hierarchies.Count == 0)
        {
            yield return HostFinding.No(
                "cgroups", new("No cgroup hierarchy is mounted in sight.", "mount -t cgroup2 none /sys/fs/cgroup"));
            yield break;
        }

        var (unified, old) = (
            hierarchies.Find(own => own.Hierarchy.IsUnified), hierarchies.FindAll(own => !own.Hierarchy.IsUnified));
        yield return HostFinding.Yes("cgroups", (unified, old.Count) switch
        {
            (not null, 0) => $"v2 at {unified.Hierarchy.Mount}",
            (not null, _) => $"hybrid: v2 at {unified.Hierarchy.Mount}, v1 beside it",
            _ => "v1",
        });

        var controllers =
            hierarchies.SelectMany(own => own.Controllers).Order(StringComparer.Ordinal).ToList();
        var missing = Wanted.Except(controllers).ToList();
        yield return HostFinding.Of("cgroup controllers", missing.Count == 0 ? null : new(
                "This process's own cgroup has no controller for "
                    + string.Join(", ", missing)
                    + (controllers.Count == 0 ? "." : $", only: {string.Join(' ', controllers)}."),
                "Enable them above, in each cgroup.subtree_control; with systemd, Delegate=yes in user@.service."),
            string.Join(' ', controllers));

        var closed = hierarchies
            .Where(own => own.Hierarchy.IsUnified || own.Controllers.Intersect(Wanted).Any())
            .Where(own => !own.IsWritable).Select(own => own.Path ?? $"above {own.Hierarchy.Mount}")
                .ToList();
        yield return HostFinding.Of(Writable, closed.Count == 0 ? null : new(
                $"This user may not make cgroups below its own: {string.Join(", ", closed)}.",
                around.IsRoot
                    ? "Mount /sys/fs/cgroup for writing; in a container, give it a cgroup namespace of its own."
                    : "Start with systemd-run --user --scope -p Delegate=yes, or let root chown a cgroup, and its "
                        + "cgroup.procs, to this user."),
            unified?.Path ?? old[0].Path);

        if (Directory.Exists("/run/systemd/system"))
        {
            yield return BySystemd(unified);
        }

        yield return ToContainers(closed.Count == 0);
        foreach (var feature in HostCgroupFeature.All)
        {
            yield return feature.Find(hierarchies, around);
        }
    }

    private static HostFinding BySystemd(OwnCgroup? unified)
    {
        var isDelegated = unified?.Path is { } own
            && (Syscall.HasAttribute(own, "user.delegate") || Syscall.HasAttribute(own, "trusted.delegate"));
        return HostFinding.Of("cgroup delegated by systemd", isDelegated ? null : new(
            "systemd manages the cgroup of this process, and may undo what is made in it.",
            "Start in a scope or a service of its own: systemd-run --scope -p Delegate=yes, or Delegate=yes in the "
            + "unit."));
    }

    /// <summary>Whether <see cref="ContainerOptions.DelegateCgroup"/> can be had.</summary>
    private static HostFinding ToContainers(bool isWritable)
    {
        var ours = CgroupHost.HierarchiesOf("self").FindAll(hierarchy => hierarchy.DirectoryOf("") is not null);
        return HostFinding.Of("cgroup delegated to containers", Cgroup.WhyNotDelegated(ours) is var (reason, remedy)
            ? new(reason, remedy)
            : isWritable ? null : HostRefusals.Needs(Writable), "v2, mounted with nsdelegate");
    }
}
