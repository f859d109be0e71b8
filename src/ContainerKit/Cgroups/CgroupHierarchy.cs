using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>
/// A mounted tree of cgroups, of version 2, or of version 1 with its controllers; the group of it that is mounted, and
/// the one that a process is in. cgroups(7).
/// </summary>
internal sealed record CgroupHierarchy(string Mount, string Root, string Own, bool IsUnified, string[] Controllers)
{
    /// <summary>Whether the root of a cgroup namespace keeps its limits from what is in there.</summary>
    public bool IsNsDelegate { get; private init; }

    /// <summary>Those that a process is in and that are in sight; version 2 first.</summary>
    public static List<CgroupHierarchy> ReadAll(string process, IReadOnlyList<MountInfo> mounts)
    {
        var found = new List<CgroupHierarchy>();
        foreach (var line in Syscall.ReadText($"/proc/{process}/cgroup").Split('\n'))
        {
            if (Find(line, mounts) is not { } hierarchy)
            {
                continue;
            }

            found.Insert(hierarchy.IsUnified ? 0 : found.Count, hierarchy);
        }

        return found;
    }

    /// <summary>
    /// Reads a line of /proc/PID/cgroup: <c>4:memory:/group</c>, <c>0::/group</c>. Of several mounts it takes the one
    /// that shows most of what the group is in.
    /// </summary>
    public static CgroupHierarchy? Find(string line, IReadOnlyList<MountInfo> mounts)
    {
        if (line.Split(':', 3) is not [_, var controllers, var own])
        {
            return null;
        }

        var isUnified = controllers.Length == 0;
        var names = isUnified ? [] : controllers.Split(',');
        var found = mounts
            .Where(mount => isUnified
                ? mount.Type == "cgroup2"
                : mount.Type == "cgroup" && names.All(mount.SuperOptions.Split(',').Contains))
            .Select(mount => new CgroupHierarchy(mount.Target, mount.Root.TrimEnd('/'), own, isUnified, names)
            {
                IsNsDelegate = isUnified && mount.SuperOptions.Split(',').Contains("nsdelegate"),
            })
            .ToList();
        return found.FindAll(hierarchy => hierarchy.Shows(own)) is { Count: > 0 } showing
            ? showing.MinBy(hierarchy => hierarchy.Root.Length)
            : found.MinBy(hierarchy => hierarchy.Root.Length);
    }

    /// <summary>
    /// The directory of a group: by its path from the hierarchy's root, or from the process's own group; null when it
    /// lies above the mount.
    /// </summary>
    public string? DirectoryOf(string path)
    {
        if (!path.StartsWith('/'))
        {
            path = path.Length == 0 ? Own : $"{Own.TrimEnd('/')}/{path}";
        }

        return Shows(path) ? (Mount + path[Root.Length..]).TrimEnd('/') : null;
    }

    private bool Shows(string path) => path == Root || path.StartsWith(Root + "/", StringComparison.Ordinal);
}
