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

    [RootFact]
    public async Task Root_can_mount_overlays_and_map_ids_where_the_file_system_can()
    {
        var found = await Report.OfAsync([]);
        Assert.True(found["overlay as root"].IsAvailable, found["overlay as root"].Text);
        Assert.True(found["subordinate ids"].IsAvailable);
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
}
