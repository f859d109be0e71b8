using System.Globalization;

namespace ContainerKit.KernelTests;

/// <content>What is paused and ended at once, and what others left.</content>
public sealed partial class PauseTests
{
    private static ContainerOptions Sleeper => new() { Command = ["sleep", "1000"] };

    [CgroupFact]
    public async Task What_is_killed_while_it_is_being_paused_ends()
    {
        for (var i = 0; i < TimeFactor.Times(100, soak: 2000); i++)
        {
            await using var container = await _host.StartAsync(Sleeper, Cancelled);
            await EndsAsync(container.PauseAsync, async () => await container.DisposeAsync(), 50 * i);
        }
    }

    [CgroupFact]
    public async Task A_detached_one_that_is_killed_while_it_is_being_paused_ends()
    {
        for (var i = 0; i < TimeFactor.Times(100, soak: 2000); i++)
        {
            await using var container = await _host.StartDetachedAsync("raced", Sleeper, Cancelled);
            await EndsAsync(
                container.PauseAsync,
                () =>
                {
                    container.SendSignal(Signal.SIGKILL);
                    return container.WaitAsync(Cancelled);
                },
                50 * i);
            await _host.RemoveAsync("raced", Cancelled);
        }
    }

    [CgroupFact]
    public async Task A_detached_one_that_another_pauses_while_it_is_removed_is_removed()
    {
        for (var i = 0; i < TimeFactor.Times(50, soak: 1000); i++)
        {
            await using var container = await _host.StartDetachedAsync("raced", Sleeper, Cancelled);
            await using var other = await _host.AttachAsync("raced", Cancelled);
            await EndsAsync(other.PauseAsync, () => _host.RemoveAsync("raced", Cancelled), 500 * i);
            await other.ResumeAsync(Cancelled);
        }
    }

    [CgroupFact]
    public async Task Leaving_a_detached_one_that_is_paused_waits_for_nothing_in_it()
    {
        var before = await Leftovers.Before();
        await using (var container = await _host.StartDetachedAsync("left", Sleeper, Cancelled))
        {
            var executed = await container.ExecAsync(new() { Command = ["sleep", "1000"] }, Cancelled);
            await container.PauseAsync(Cancelled);
            await Eventually.Ends(container.DisposeAsync().AsTask());
            await _host.RemoveAsync("left", Cancelled);
            await executed.DisposeAsync();
        }

        await before.AssertNone();
    }

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

    /// <summary>Ends what is being paused since a moment ago; pausing may come too late.</summary>
    private static async Task EndsAsync(Func<CancellationToken, Task> pause, Func<Task> end, int moment)
    {
        var pausing = Task.Run(() => pause(Cancelled), Cancelled);
        Thread.SpinWait(moment);
        await Eventually.Ends(Task.Run(end, Cancelled), 10);
        try
        {
            await pausing;
        }
        catch (LaunchException gone) when (gone.Errno is Errno.ESRCH)
        {
        }
    }
}
