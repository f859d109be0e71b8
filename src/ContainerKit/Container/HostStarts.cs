using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>
/// What is known only after a real start: the launcher, each kind of namespace, and file systems in them.
/// </summary>
internal sealed class HostStarts(
    ContainerHostOptions options, HostSurroundings around, CancellationToken cancellationToken)
{
    private const string
        FromMemory = "launcher from memory", FromFile = "launcher from a file", UserNamespace = "user namespace",
        MountNamespace = "mount namespace", PidNamespace = "pid namespace", NetworkNamespace = "network namespace",
        FreshProc = "fresh /proc", FreshSys = "fresh /sys";

    private const CloneFlags User = CloneFlags.CLONE_NEWUSER, Mount = User | CloneFlags.CLONE_NEWNS;

    private static readonly string[] Namespaces =
        [MountNamespace, PidNamespace, NetworkNamespace, "ipc namespace", "uts namespace", "cgroup namespace"];

    /// <summary>What a default container has, beside a launcher.</summary>
    private static readonly string[] OfContainer = [UserNamespace, .. Namespaces, FreshProc, FreshSys];

    private readonly HostTry _try = new(options.Launcher, cancellationToken);
    private readonly List<HostFinding> _findings = [];
    private readonly HashSet<string> _proven = [];

    /// <summary>
    /// Tries one after another: nothing that cannot succeed, and nothing that is proven by a container's start.
    /// </summary>
    public async Task<IReadOnlyList<HostFinding>> RunAsync()
    {
        var container = await _try.StartContainerAsync().ConfigureAwait(false);
        if (container is null)
        {
            _proven.UnionWith(
                [.. OfContainer, ReferenceEquals(options.Launcher, Launcher.Memory) ? FromMemory : FromFile]);
        }

        var launcher = await LauncherAsync().ConfigureAwait(false);

        // With a step that needs a capability in it: AppArmor gives some users namespaces without any.
        await AddAsync(UserNamespace, [launcher], User, plan => plan.Root.DropFromBoundingSet(0, 0),
            HostRefusals.UserNamespace).ConfigureAwait(false);
        await NamespacesAsync().ConfigureAwait(false);
        await FileSystemsAsync().ConfigureAwait(false);
        await AddAsync(HostProbe.DefaultContainer, OfContainer, () => Task.FromResult(container), HostRefusals.Step)
            .ConfigureAwait(false);
        return _findings;
    }

    /// <summary>Tries the launcher, and gives the name of the finding that all others need.</summary>
    private async Task<string> LauncherAsync()
    {
        var memory = new HostTry(Launcher.Memory, cancellationToken);
        await AddAsync(FromMemory, [], () => memory.StartAsync(default), HostRefusals.Memory).ConfigureAwait(false);
        if (ReferenceEquals(options.Launcher, Launcher.Memory))
        {
            return FromMemory;
        }

        await AddAsync(FromFile, [], default, null, HostRefusals.Step).ConfigureAwait(false);
        return FromFile;
    }

    private async Task NamespacesAsync()
    {
        (string Kind, CloneFlags Flag, Action<LaunchPlan>? Add)[] kinds =
        [
            ("mnt", CloneFlags.CLONE_NEWNS, plan => plan.Root.MakeFileSystem("tmpfs", default)),
            ("pid", CloneFlags.CLONE_NEWPID, null),
            ("net", CloneFlags.CLONE_NEWNET, plan => plan.Inside.LoopbackUp()),
            ("ipc", CloneFlags.CLONE_NEWIPC, null),
            ("uts", CloneFlags.CLONE_NEWUTS, plan => plan.Inside.SetHostName("probe")),
            ("cgroup", CloneFlags.CLONE_NEWCGROUP, null),
            ("time", default, plan => plan.Root.Unshare(CloneFlags.CLONE_NEWTIME)), // no process can be born into one
        ];
        foreach (var (name, (kind, flag, add)) in Namespaces.Append("time namespace").Zip(kinds))
        {
            await AddAsync(name, [UserNamespace], User | flag, add,
                (failure, around) => HostRefusals.Namespace(kind, failure, around))
                .ConfigureAwait(false);
        }
    }

    private async Task FileSystemsAsync()
    {
        await AddAsync(
            FreshProc, [UserNamespace, MountNamespace, PidNamespace], Mount | CloneFlags.CLONE_NEWPID,
            HostFileSystems.Proc, HostFileSystems.ExplainProc).ConfigureAwait(false);
        await AddAsync(
            FreshSys, [UserNamespace, MountNamespace, NetworkNamespace], Mount | CloneFlags.CLONE_NEWNET,
            HostFileSystems.Sys, HostFileSystems.ExplainSys).ConfigureAwait(false);
        await AddAsync(
            "overlay", [UserNamespace, MountNamespace], Mount, HostFileSystems.Overlay, HostFileSystems.ExplainOverlay)
                .ConfigureAwait(false);
        _findings.Add(HostFileSystems.TmpfsAttributes());
        _findings.Add(HostFileSystems.LimitedLayers());
        const string asRoot = "overlay as root", idMapped = "id-mapped mounts";
        if (!around.IsHostRoot)
        {
            _findings.Add(HostFinding.No(asRoot, HostRefusals.OnlyRoot("overlay")));
            _findings.Add(HostFinding.No(idMapped, HostRefusals.OnlyRoot(HostProbe.DefaultContainer)));
            return;
        }

        await AddAsync(
            asRoot, [MountNamespace], CloneFlags.CLONE_NEWNS, HostFileSystems.OverlayOfRoot,
            HostFileSystems.ExplainOverlay).ConfigureAwait(false);
        await AddAsync(
            idMapped, [UserNamespace, MountNamespace], Mount, HostFileSystems.IdMapped, HostFileSystems.ExplainIdMapped)
                .ConfigureAwait(false);
    }

    private Task AddAsync(
        string name, string[] needs, CloneFlags namespaces,
        Action<LaunchPlan>? add, Func<LinuxException, HostSurroundings, HostRefusal> explain) =>
        AddAsync(name, needs, () => _try.StartAsync(namespaces, add), explain);

    private async Task AddAsync(
        string name, string[] needs,
        Func<Task<LinuxException?>> start, Func<LinuxException, HostSurroundings, HostRefusal> explain)
    {
        var missing = _findings.Find(finding => !finding.IsAvailable && needs.Contains(finding.Name));
        var failure = missing is null && !_proven.Contains(name) ? await start().ConfigureAwait(false) : null;
        _findings.Add(HostFinding.Of(
            name, missing is not null ? HostRefusals.Needs(missing.Name)
                : failure is not null ? explain(failure, around)
                : null));
    }
}
