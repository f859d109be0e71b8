using ContainerKit.KernelTests.Cgroups;
using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

public class HostReportTests
{
    [Fact(Skip = "needs user namespaces", SkipUnless = nameof(Host.HasUserNamespaces), SkipType = typeof(Host))]
    public async Task A_host_where_containers_run_is_reported_as_one()
    {
        var report = await HostReport.ProbeAsync(cancellationToken: TestContext.Current.CancellationToken);
        Assert.True(report.CanRunContainers, $"{report}");
        Assert.All(
            ["launcher from memory", "user namespace", "mount namespace", "pid namespace", "network namespace",
                "fresh /proc", "overlay"],
            name => Assert.True(report.Findings.Single(finding => finding.Name == name).IsAvailable, $"{report}"));
    }

    [Fact]
    public async Task A_yes_has_no_reason_and_a_no_has_one_with_a_remedy()
    {
        var report = await HostReport.ProbeAsync(cancellationToken: TestContext.Current.CancellationToken);
        Assert.All(report.Findings, finding =>
        {
            Assert.Equal(finding.IsAvailable, finding.Reason is null);
            Assert.Equal(finding.IsAvailable, finding.Remedy is null);
            Assert.Contains(finding.Detail ?? finding.Reason ?? "", $"{report}", StringComparison.Ordinal);
        });
        Assert.Equal(report.Findings.Count, report.Findings.DistinctBy(finding => finding.Name).Count());
    }

    [Fact]
    public async Task The_kind_of_cgroups_is_the_one_that_is_mounted()
    {
        var types = File.ReadLines("/proc/self/mounts").Select(line => line.Split(' ')[2])
            .Where(type => type is "cgroup" or "cgroup2").ToHashSet();
        var found = await Report.OfAsync([]);
        Assert.StartsWith(
            types.Count == 2 ? "hybrid"
                : types.Contains("cgroup2") ? "v2 at "
                : types.Contains("cgroup") ? "v1"
                : "No cgroup",
            found["cgroups"].Text, StringComparison.Ordinal);
    }

    [CgroupFact]
    public async Task What_is_said_of_cgroups_is_so()
    {
        Report found;
        await using (var group = TestCgroups.Create(new()))
        {
            found = await Report.OfAsync([]); // in version 2 a root has no file of a controller until it is enabled
            var told = group.ReadEventKinds();
            Assert.Equal(told.Contains(CgroupEventKind.Empty), found["cgroup events: empty, frozen"].IsAvailable);
            Assert.Equal(told.Contains(CgroupEventKind.OomKilled), found["cgroup events: OOM"].IsAvailable);
            Assert.Equal(
                told.Contains(CgroupEventKind.MemoryHigh), found["cgroup events: memory high, max"].IsAvailable);
            Assert.Equal(told.Contains(CgroupEventKind.PidsMax), found["cgroup events: pids.max"].IsAvailable);
            var counted = group.ReadStatistics();
            Assert.Equal(counted.Cpu is not null, found["cgroup statistics: CPU time"].IsAvailable);
            Assert.Equal(counted.Memory is not null, found["cgroup statistics: memory"].IsAvailable);
            Assert.Equal(counted.Pids is not null, found["cgroup statistics: processes"].IsAvailable);
        }

        foreach (var (name, limits) in (IEnumerable<(string, CgroupLimits)>)
        [
            ("CPU time", new() { Cpu = CpuMax.Cpus(0.5) }),
            ("CPU burst", new() { Cpu = CpuMax.Cpus(0.5), CpuBurst = TimeSpan.FromMilliseconds(10) }),
            ("CPU weight", new() { CpuWeight = 50 }),
            ("CPU idle", new() { CpuIdle = true }),
            ("CPUs and memory nodes", new() { Cpus = [0] }),
            ("memory", new() { Memory = ByteSize.MiB(64) }),
            ("memory high, low, min, OOM group", new() { MemoryHigh = ByteSize.MiB(64) }),
            ("swap", new() { Memory = ByteSize.MiB(64), Swap = ByteSize.MiB(64) }),
            ("processes", new() { Pids = 5 }),
            ("weight of block devices", new() { IoWeight = 50 }),
            ("devices", new() { Devices = DeviceRule.Defaults }),
        ])
        {
            Assert.True(await CanLimitAsync(limits) == found[$"cgroup limit: {name}"].IsAvailable, name);
        }
    }

    [RootFact]
    public async Task Root_can_mount_overlays_and_map_ids_where_the_file_system_can()
    {
        var found = await Report.OfAsync([]);
        Assert.True(found["overlay as root"].IsAvailable, found["overlay as root"].Text);
        Assert.True(found["subordinate ids"].IsAvailable);
        Assert.True(found["limits of layers"].IsAvailable, found["limits of layers"].Text);
        // and others, from some version on
        if (new DriveInfo("/usr").DriveFormat is "ext4" or "ext3" or "xfs" or "btrfs")
        {
            Assert.True(found["id-mapped mounts"].IsAvailable, found["id-mapped mounts"].Text);
        }
        else if (!found["id-mapped mounts"].IsAvailable)
        {
            found.AssertNo("id-mapped mounts", "cannot be mounted with other ids.", "ext4");
        }
    }

    [Fact]
    public async Task A_probe_leaves_nothing_behind()
    {
        // loads its assemblies for good
        await HostReport.ProbeAsync(cancellationToken: TestContext.Current.CancellationToken);
        var leftovers = await Leftovers.Before();
        await HostReport.ProbeAsync(cancellationToken: TestContext.Current.CancellationToken);
        await leftovers.AssertNone();
    }

    [Fact]
    public async Task A_cancelled_probe_throws_and_leaves_nothing_behind()
    {
        var leftovers = await Leftovers.Before();
        using var cancellation = new CancellationTokenSource();
        var probe = HostReport.ProbeAsync(cancellationToken: cancellation.Token);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => probe);
        await leftovers.AssertNone();
    }

    [Fact]
    public async Task A_launcher_that_is_none_is_a_wrong_argument()
    {
        using var directory = new TempDirectory();
        var options = new ContainerHostOptions { Launcher = Launcher.File(directory.Write("launcher", "#!/bin/sh")) };
        await Assert.ThrowsAsync<ArgumentException>(() =>
            HostReport.ProbeAsync(options, TestContext.Current.CancellationToken));
    }

    [CgroupFact(OfPureVersion2 = true)]
    public async Task Huge_pages_are_limited_where_it_is_said()
    {
        var found = await Report.OfAsync([]);
        Assert.Equal(
            found["cgroup limit: hugetlb"].IsAvailable,
            await CanLimitAsync(new() { Unified = [new("hugetlb.2MB.max", "0")] }));
    }

    [CgroupFact]
    public async Task Groups_are_delegated_to_containers_where_it_is_said()
    {
        var found = await Report.OfAsync([]);
        await using var group = TestCgroups.Create();
        var finding = found["cgroup delegated to containers"];
        if (finding.IsAvailable)
        {
            group.DelegateTo(Syscall.EffectiveUser);
        }
        else
        {
            var refusal = Assert.Throws<LimitNotSupportedException>(() => group.DelegateTo(Syscall.EffectiveUser));
            Assert.Equal($"{finding.Text} {finding.Remedy}", refusal.Message);
        }
    }

    private static async Task<bool> CanLimitAsync(CgroupLimits limits)
    {
        try
        {
            await using var group = TestCgroups.Create(limits);
            return true;
        }
        catch (LimitNotSupportedException)
        {
            return false;
        }
    }
}
