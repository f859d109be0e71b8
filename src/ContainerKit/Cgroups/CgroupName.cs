using System.Text;

namespace ContainerKit;

/// <summary>What a cgroup may be called, which a hostile name is not.</summary>
internal static class CgroupName
{
    private const int Longest = 254;

    private static readonly string[] Files = ["tasks", "notify_on_release", "release_agent"];

    /// <summary>The prefixes of files that a group has, up to the dot.</summary>
    private static readonly HashSet<string> Prefixes =
    [
        "cgroup", "cpu", "cpuacct", "cpuset", "memory", "io", "blkio", "pids", "devices", "freezer", "hugetlb", "misc",
        "rdma", "dmem", "irq", "net_cls", "net_prio", "perf_event", "debug",
    ];

    /// <summary>Complains about a name that is none.</summary>
    public static void Validate(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (Encoding.UTF8.GetByteCount(name) > Longest)
        {
            throw Wrong(name, $"has more than {Longest} bytes");
        }

        if (name.StartsWith('.'))
        {
            throw Wrong(name, "starts with a dot");
        }

        if (name.Any(character => character is '/' or '\0' || char.IsControl(character)))
        {
            throw Wrong(name, "has a slash or a control character in it");
        }

        if (Files.Contains(name) || (name.IndexOf('.', StringComparison.Ordinal) is > 0 and var dot
            && Prefixes.Contains(name[..dot])))
        {
            throw Wrong(name, "is, or could be, a file of the group above");
        }
    }

    /// <summary>Complains about a path of such names; a leading slash is the hierarchy's root.</summary>
    public static void ValidatePath(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (path is "/")
        {
            return;
        }

        foreach (var name in (path[0] is '/' ? path[1..] : path).Split('/'))
        {
            Validate(name);
        }
    }

    private static ArgumentException Wrong(string name, string why) => new($"The cgroup name '{name}' {why}.");
}
