namespace Versus;

/// <summary>The other ways to do the same work.</summary>
internal static class Peers
{
    public const string True = "true alone";
    public const string Limit = "limit, init off";
    public const string LimitInit = "limit, init on";
    public const string Bubblewrap = "bwrap --unshare-all";
    public const string Crun = "crun run";
    public const string Runc = "runc run";

    /// <summary>Those that work on this host; those that do not are named, with their complaint.</summary>
    public static IReadOnlyList<Contender> Find(Workshop workshop)
    {
        var found = new List<Contender>();
        foreach (var (name, command) in Commands(workshop))
        {
            if (workshop.Complaint(command) is { } complaint)
            {
                Console.Error.WriteLine($"left out: {name}: {complaint}");
                continue;
            }

            found.Add(Contender.Process(name, command));
        }

        return found;
    }

    private static IEnumerable<(string Name, string[] Command)> Commands(Workshop workshop)
    {
        var bundle = OciBundle.Create(workshop);
        string[] crun = ["crun", "--root", Path.Combine(workshop.Path, "crun"), "--cgroup-manager"];
        string[] bubblewrap =
        [
            "bwrap", "--unshare-all", "--clearenv", "--new-session", "--die-with-parent", "--cap-drop", "ALL",
            "--hostname", "versus",
            "--ro-bind", workshop.Root, "/", "--proc", "/proc", "--dev", "/dev", "--mqueue", "/dev/mqueue",
            "--tmpfs", "/tmp", "--tmpfs", "/run",
        ];

        yield return (True, [workshop.True]);
        yield return (Limit, [workshop.Limit, workshop.Root]);
        yield return (LimitInit, [workshop.Limit, workshop.Root, "init"]);
        yield return (Bubblewrap, [.. bubblewrap, "/true"]);
        yield return ("bwrap --as-pid-1", [.. bubblewrap, "--as-pid-1", "/true"]);
        yield return (Crun, [.. crun, "cgroupfs", "run", "--bundle", bundle, "versus"]);
        yield return ("crun run, no cgroups", [.. crun, "disabled", "run", "--bundle", bundle, "versus"]);
        yield return (
            Runc, ["runc", "--root", Path.Combine(workshop.Path, "runc"), "run", "--bundle", bundle, "versus"]);
        yield return ("unshare",
        [
            "unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--net", "--ipc",
            "--uts",
            "--cgroup", "--mount-proc", "--root", workshop.Root, "/true",
        ]);
    }
}
