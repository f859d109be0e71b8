using System.Globalization;
using ContainerKit.KernelTests.Cgroups;

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
        await using var parent = Cgroup.Open(CgroupFactAttribute.Parent!);
        var first = ContainerGroup.Make(parent, new());
        var name = Path.GetFileName(first.Directories[0]);
        var last = name.LastIndexOf('-') + 1;
        var next = $"{name[..last]}{int.Parse(name[last..], CultureInfo.InvariantCulture) + 1}";
        var left = parent.CreateChild(next);
        Assert.True(left.TryLock()); // as one whose containers live
        try
        {
            Assert.True((await _host.RunAsync(new() { Command = ["true"] }, Cancelled)).ExitStatus.IsSuccess);
            Assert.All(left.Directories, directory => Assert.True(Directory.Exists(directory)));
        }
        finally
        {
            await left.DisposeAsync();
            await first.RemoveAsync();
        }
    }

    [CgroupFact]
    public async Task Groups_of_a_killed_host_are_removed_by_the_next_and_no_others()
    {
        await using var parent = TestCgroups.Create();
        await using var host = new ContainerHost(new() { CgroupParent = parent.Path });
        await using var container = await host.StartAsync(Sleeper, Cancelled);
        var left = parent.CreateChild("containerkit-1-0123456789abcdef-1"); // as of a host that is gone: not locked
        var other = parent.CreateChild("another");
        await using var next = new ContainerHost(new() { CgroupParent = parent.Path });
        Assert.True((await next.RunAsync(new() { Command = ["true"] }, Cancelled)).ExitStatus.IsSuccess);
        await Eventually.Holds(() => !Directory.Exists(left.Directories[0]), "It should be removed.");
        Assert.True(Directory.Exists(other.Directories[0]));
        Assert.True(container.Pid > 0 && ProcessTree.IsAlive(container.Pid));
        left.Close();
        await other.DisposeAsync();
    }

    [CgroupFact]
    public async Task A_group_that_is_gone_is_a_container_that_is()
    {
        await using var parent = Cgroup.Open(CgroupFactAttribute.Parent!);
        var group = ContainerGroup.Make(parent, new());
        await parent.OpenChild(Path.GetFileName(group.Directories[0]), isOwner: true).DisposeAsync();
        group.Thaw();
        await group.ThawAsync(Cancelled);
        Assert.False(group.IsPaused);
        Assert.Equal(Errno.ESRCH, Assert.Throws<LaunchException>(group.OpenEntrances).Errno);
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
