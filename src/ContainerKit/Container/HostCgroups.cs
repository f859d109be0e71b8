using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>Which cgroups there are, and whether this user may make others below its own; cgroups(7).</summary>
internal static class HostCgroups
{
    private static readonly string[] Wanted = ["cpu", "memory", "pids"];

    /// <summary>The hierarchies, their controllers, and this process's own groups.</summary>
    public static IEnumerable<HostFinding> Probe(HostSurroundings around)
    {
        var hierarchies = HostSurroundings.Lines("/proc/self/cgroup")
            .Select(line => Hierarchy.Find(line, around.Mounts)).OfType<Hierarchy>().ToList();
        if (hierarchies.Count == 0)
        {
            yield return HostFinding.No(
                "cgroups", new("No cgroup hierarchy is mounted in sight.", "mount -t cgroup2 none /sys/fs/cgroup"));
            yield break;
        }

        var (unified, old) = (
            hierarchies.Find(hierarchy => hierarchy.IsUnified), hierarchies.FindAll(hierarchy => !hierarchy.IsUnified));
        yield return HostFinding.Yes("cgroups", (unified, old.Count) switch
        {
            (not null, 0) => $"v2 at {unified.Mount}",
            (not null, _) => $"hybrid: v2 at {unified.Mount}, v1 beside it",
            _ => "v1",
        });

        var controllers =
            hierarchies.SelectMany(hierarchy => hierarchy.Controllers).Order(StringComparer.Ordinal).ToList();
        var missing = Wanted.Except(controllers).ToList();
        yield return HostFinding.Of("cgroup controllers", missing.Count == 0 ? null : new(
                "This process's own cgroup has no controller for "
                    + string.Join(", ", missing)
                    + (controllers.Count == 0 ? "." : $", only: {string.Join(' ', controllers)}."),
                "Enable them above, in each cgroup.subtree_control; with systemd, Delegate=yes in user@.service."),
            string.Join(' ', controllers));

        var closed = hierarchies
            .Where(hierarchy => hierarchy.IsUnified || hierarchy.Controllers.Intersect(Wanted).Any())
            .Where(hierarchy => !hierarchy.IsWritable).Select(hierarchy => hierarchy.Own ?? $"above {hierarchy.Mount}")
                .ToList();
        yield return HostFinding.Of("writable cgroup", closed.Count == 0 ? null : new(
                $"This user may not make cgroups below its own: {string.Join(", ", closed)}.",
                around.IsRoot
                    ? "Mount /sys/fs/cgroup for writing; in a container, give it a cgroup namespace of its own."
                    : "Start with systemd-run --user --scope -p Delegate=yes, or let root chown a cgroup, and its "
                        + "cgroup.procs, to this user."),
            unified?.Own ?? old[0].Own);
    }

    /// <summary>
    /// A tree of cgroups, and the group in it that this process is in; null when that lies above the mount.
    /// </summary>
    private sealed record Hierarchy(string Mount, string? Own, string[] Controllers, bool IsUnified)
    {
        public bool IsWritable => Own is not null && Syscall.MayWrite(Own) && Syscall.MayWrite($"{Own}/cgroup.procs");

        /// <summary>Reads a line of /proc/self/cgroup: <c>4:memory:/group</c>, <c>0::/group</c>.</summary>
        public static Hierarchy? Find(string line, IReadOnlyList<MountInfo> mounts)
        {
            if (line.Split(':', 3) is not [_, var controllers, var path])
            {
                return null;
            }

            var isUnified = controllers.Length == 0;
            var mount = mounts.LastOrDefault(mount => isUnified
                ? mount.Type == "cgroup2"
                : mount.Type == "cgroup" && controllers.Split(',').All(mount.SuperOptions.Split(',').Contains));
            if (mount is null)
            {
                return null;
            }

            var root = mount.Root.TrimEnd('/');
            var own = path == root || path.StartsWith(root + "/", StringComparison.Ordinal)
                ? (mount.Target + path[root.Length..]).TrimEnd('/')
                : null;
            if (own is not null && !File.Exists($"{own}/cgroup.procs"))
            {
                return null; // something else is mounted over it
            }

            var names = isUnified
                ? HostSurroundings.Lines($"{own}/cgroup.controllers")
                    .SelectMany(names => names.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                : controllers.Split(',').Where(name => !name.StartsWith("name=", StringComparison.Ordinal));
            return new(mount.Target, own, [.. names], isUnified);
        }
    }
}
