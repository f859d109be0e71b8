using ContainerKit.Linux;

namespace ContainerKit.KernelTests.Cgroups;

/// <summary>What version 2 alone limits is offered where there is something to limit, in the likeness of such a group.
/// </summary>
public sealed class HostCgroupFeatureTests : IDisposable
{
    private readonly TempDirectory _group = new();

    public HostCgroupFeatureTests()
    {
        _group.Write("cgroup.procs", "");
        _group.Write("cgroup.type", "domain");
        _group.Write("cgroup.controllers", "hugetlb misc rdma");
        _group.Write("misc.current", "");
    }

    public void Dispose() => _group.Dispose();

    [Theory]
    [InlineData("misc.current")]
    [InlineData("misc.capacity")]
    public void Nothing_is_limited_by_misc_until_something_is_listed(string file)
    {
        var missing = Find("misc");
        Assert.Contains("nothing in misc.capacity or misc.current", missing.Reason, StringComparison.Ordinal);
        Assert.Contains("SEV", missing.Remedy, StringComparison.Ordinal);
        _group.Write(file, "sev 0\n");
        Assert.True(Find("misc").IsAvailable);
    }

    [Fact]
    public void Rdma_is_limited_where_there_is_a_device_of_it()
    {
        const string devices = "/sys/class/infiniband";
        var found = Find("rdma");
        Assert.Equal(
            Directory.Exists(devices) && Directory.EnumerateFileSystemEntries(devices).Any(), found.IsAvailable);
        Assert.True(found.IsAvailable || found.Reason == $"This kernel has no {devices}.", $"{found}");
    }

    [Fact]
    public void A_controller_that_is_not_enabled_above_is_named_with_what_enables_it()
    {
        Assert.True(Find("hugetlb").IsAvailable);
        _group.Write("cgroup.controllers", "cpu misc");
        var missing = Find("hugetlb");
        Assert.Equal("This process has no controller hugetlb.", missing.Reason);
        Assert.Contains(Host.IsRoot ? "cgroup.subtree_control" : "Delegate=yes", missing.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void A_controller_that_version_1_has_is_told_from_one_that_nobody_has()
    {
        Assert.Contains("Version 1 has", Find("hugetlb", Old("hugetlb")).Reason, StringComparison.Ordinal);
        Assert.Equal("There is no version 2.", Find("hugetlb", Old("memory")).Reason);
    }

    [Theory]
    [InlineData("cgroup2 cgroup2 rw,nsdelegate", null)]
    [InlineData("cgroup2 cgroup2 rw", "mounted without nsdelegate")]
    [InlineData("cgroup cgroup rw,pids", "version 2 alone")]
    public void A_group_is_delegated_in_version_2_that_keeps_its_limits(string mount, string? reason)
    {
        var hierarchy = CgroupHierarchy.Find(
            mount.EndsWith("pids", StringComparison.Ordinal) ? "1:pids:/" : "0::/",
            [MountInfo.Parse($"36 35 0:26 / /cgroups rw - {mount}")]);
        var refusal = Cgroup.WhyNotDelegated([hierarchy!]);
        Assert.Equal(reason is null, refusal is null);
        Assert.Contains(reason ?? "", refusal?.Reason ?? "", StringComparison.Ordinal);
    }

    private static OwnCgroup Old(string controller) =>
        new(new CgroupHierarchy("/no/such", "", "/", IsUnified: false, [controller]));

    private HostFinding Find(string name, params OwnCgroup[] groups)
    {
        if (groups.Length == 0)
        {
            groups = [new(new CgroupHierarchy(_group.Path, "", "/", IsUnified: true, []))];
        }

        return HostCgroupFeature.All.Single(feature => feature.Name == $"cgroup limit: {name}").Find(groups, new());
    }
}
