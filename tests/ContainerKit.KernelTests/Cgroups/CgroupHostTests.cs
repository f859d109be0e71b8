using ContainerKit.Linux;

namespace ContainerKit.KernelTests.Cgroups;

/// <summary>Only mounts that can be used count.</summary>
public class CgroupHostTests
{
    [Fact]
    public void A_mount_whose_path_leads_to_another_or_nowhere_is_not_in_sight()
    {
        var mounts = MountInfo.ReadAll().Where(mount => mount.Type is "cgroup" or "cgroup2").ToList();
        Assert.Equal(mounts, CgroupHost.InSight(MountInfo.ReadAll()));
        Assert.Empty(CgroupHost.InSight(mounts.Select(mount => mount with { Id = mount.Id + 100_000 })));
        Assert.Empty(CgroupHost.InSight(mounts.Select(mount => mount with { Target = "/no/such" })));
    }
}
