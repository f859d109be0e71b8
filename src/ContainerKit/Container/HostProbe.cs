using System.Globalization;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>All that is looked for, in the order of the report.</summary>
internal static class HostProbe
{
    public const string DefaultContainer = "default container";

    /// <summary>Finds out everything that this platform can be asked.</summary>
    public static async Task<IReadOnlyList<HostFinding>> RunAsync(
        ContainerHostOptions options, CancellationToken cancellationToken)
    {
        var platform = HostKernel.ProbePlatform();
        if (!OperatingSystem.IsLinux() || !HostKernel.IsArchitectureKnown)
        {
            return platform;
        }

        var around = new HostSurroundings();
        var starts = await new HostStarts(options, around, cancellationToken).RunAsync().ConfigureAwait(false);
        return
        [
            .. platform,
            .. HostKernel.ProbeCalls(around),
            Proc(around),
            .. starts,
            .. IsolationChoice.Probe(starts.Single(finding => finding.Name == DefaultContainer)),
            .. HostIds.Probe(around),
            .. HostCgroups.Probe(around),
            OpenFiles(),
            Cores(),
        ];
    }

    private static HostFinding Proc(HostSurroundings around) =>
        HostFinding.Of("/proc", around.Mounts.Any(mount => mount is { Target: "/proc", Type: "proc" })
            ? null
            : new("procfs is not mounted on /proc, where the launcher and the id maps are found.",
                "mount -t proc proc /proc"));

    private static HostFinding OpenFiles()
    {
        const ulong few = 1024;
        var (soft, hard) = Syscall.GetLimit(Resource.RLIMIT_NOFILE);
        var limits = string.Create(CultureInfo.InvariantCulture, $"RLIMIT_NOFILE is {soft}, at most {hard}");
        return HostFinding.Of("open files", soft >= few ? null : new(
                $"{limits}: a container takes up to ten descriptors of its host's.",
                "Raise it: ulimit -n, LimitNOFILE= in systemd, --ulimit nofile= in Docker."),
            limits);
    }

    private static HostFinding Cores()
    {
        var pattern = HostSurroundings.Setting("kernel.core_pattern") ?? "core";
        return HostFinding.Of("cores stay inside", pattern is not ['|', ..] ? null : new(
                $"kernel.core_pattern pipes the cores of all processes to {pattern[1..].Split(' ')[0]}, which runs as "
                    + "root outside of containers.",
                "sysctl -w kernel.core_pattern=core, or trust that program with what hostile ones put into a core."),
            $"kernel.core_pattern is {pattern}");
    }
}
