using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>What stands in for namespaces where a program is started without any.</summary>
internal sealed record Restriction(
    LandlockRules Landlock, SeccompProfile Seccomp, string Directory, IsolationProperties Properties)
{
    private const LandlockAccess OfDevices = LandlockAccess.ReadFile | LandlockAccess.WriteFile;

    private static readonly string[]
        Devices = ["/dev/full", "/dev/null", "/dev/random", "/dev/urandom", "/dev/zero"],
        Information =
        [
            "/proc", "/sys/devices/system", "/sys/fs/cgroup", "/sys/kernel/mm/transparent_hugepage", "/etc/group",
            "/etc/passwd",
        ],
        OfNetwork = ["/etc/gai.conf", "/etc/hosts", "/etc/resolv.conf"];

    private static LandlockPath[]? _ofHost, _ofNetwork; // as they were when first asked for

    /// <summary>The restriction of a program with a directory of its own.</summary>
    public static Restriction Of(ContainerOptions options, string directory, IsolationProperties properties)
    {
        var hasNetwork = !options.Namespaces.HasFlag(NamespaceKinds.Network);
        return new(
            new()
            {
                Paths =
                [
                    .. LazyInitializer.EnsureInitialized(ref _ofHost, FindOfHost),
                    .. hasNetwork ? LazyInitializer.EnsureInitialized(ref _ofNetwork, FindOfNetwork) : [],
                    .. options.Mounts.OfType<BindMount>().Select(Of),
                    LandlockPath.OfDirectory(directory, LandlockAccess.ReadWrite | LandlockAccess.Execute),
                ],
                Scopes = LandlockScopes.AbstractSockets | LandlockScopes.Signals,
                BestEffort = true, // what a version lacks the filter denies, or a property says
            },
            SeccompProfile.WithoutNamespaces(
                hasNetwork,
                LandlockFeature.AccessOf(LandlockFeature.VersionOfKernel).HasFlag(LandlockAccess.Truncate)),
            directory,
            properties);
    }

    /// <summary>What is allowed of what is shown.</summary>
    public static LandlockPath Of(BindMount mount) => new(
        mount.Source,
        (mount.ReadOnly ? LandlockAccess.ReadOnly : LandlockAccess.ReadWrite)
            | (mount.NoExec ? LandlockAccess.None : LandlockAccess.Execute));

    /// <summary>A path without links, which rules take none of.</summary>
    public static string WithoutLinks(string path)
    {
        using var opened = Syscall.Open(path, OpenFlags.O_PATH);
        return new FileInfo($"/proc/self/fd/{opened.DangerousGetHandle()}").LinkTarget!;
    }

    /// <summary>What links lead to has rules of its own.</summary>
    private static LandlockPath[] FindOfHost() =>
    [
        .. LandlockPath.Existing(HostSystemRoot.Directories, LandlockAccess.ReadExecute),
        .. LandlockPath.Existing(HostSystemRoot.Settings.Concat(Information), LandlockAccess.ReadOnly),
        .. LandlockPath.Existing(Devices, OfDevices),
    ];

    private static LandlockPath[] FindOfNetwork() =>
        [.. LandlockPath.Existing(OfNetwork.Where(File.Exists).Select(WithoutLinks), LandlockAccess.ReadOnly)];
}
