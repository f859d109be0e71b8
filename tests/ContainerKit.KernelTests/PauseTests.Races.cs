using System.Globalization;

namespace ContainerKit.KernelTests;

/// <content>What others left, and what is paused and ended at once.</content>
public sealed partial class PauseTests
{
    [CgroupFact]
    public async Task A_group_that_a_killed_host_of_the_same_number_left_is_in_nobodys_way()
    {
        using var first = FreezerGroup.Make(CgroupFactAttribute.Parent!);
        var last = first.Path.LastIndexOf('-') + 1;
        var left = $"{first.Path[..last]}{int.Parse(first.Path[last..], CultureInfo.InvariantCulture) + 1}";
        Directory.CreateDirectory(left);
        try
        {
            Assert.True((await _host.RunAsync(new() { Command = ["true"] }, Cancelled)).ExitStatus.IsSuccess);
            Assert.True(Directory.Exists(left));
        }
        finally
        {
            Directory.Delete(left);
        }
    }

    [CgroupFact]
    public async Task A_group_that_is_gone_is_a_container_that_is()
    {
        var group = FreezerGroup.Make(CgroupFactAttribute.Parent!);
        group.Dispose();
        group.Thaw();
        await group.ThawAsync(Cancelled);
        Assert.False(group.IsFrozen);
        Assert.Equal(Errno.ESRCH, Assert.Throws<LaunchException>(group.OpenMembers).Errno);
        var refusal = await Assert.ThrowsAsync<LaunchException>(() => group.FreezeAsync(Cancelled));
        Assert.Equal(Errno.ESRCH, refusal.Errno);
    }
}
