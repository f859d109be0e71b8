using ContainerKit.KernelTests.Cgroups;

namespace ContainerKit.KernelTests;

/// <summary>Further programs in a container that is stopped, paused or ending.</summary>
public sealed class ExecStateTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private static ExecOptions True => new() { Command = ["true"] };

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task They_run_while_all_else_is_stopped_and_the_container_ends_when_it_is_to(bool init)
    {
        var before = await Leftovers.Before();
        var options = new ContainerOptions
        {
            Command = ["sleep", "1000"],
            Init = init,
            StopTimeout = TimeSpan.FromMilliseconds(50),
        };
        await using (var container = await Container.StartAsync(options, Cancelled))
        {
            await StopAllAsync(container, init);
            await using var executed = await container.ExecAsync(True, Cancelled);
            Assert.True((await Eventually.Ends(executed.WaitAsync(Cancelled))).IsSuccess);
            using var file = await Eventually.Ends(container.OpenReadAsync("/proc/1/comm", Cancelled));
            await Eventually.Ends(container.MountAsync(new TmpfsMount("/tmp/made"), Cancelled));
            Assert.Equal(Signal.SIGKILL, (await Eventually.Ends(container.StopAsync(Cancelled))).Signal);
        }

        await before.AssertNone();
    }

    [CgroupFact]
    public async Task A_pause_that_comes_meanwhile_holds_them_up_until_it_is_over()
    {
        var before = await Leftovers.Before();
        await using (var host = new ContainerHost(new() { CgroupParent = CgroupFactAttribute.Parent }))
        {
            await using var container = await host.StartAsync(new() { Command = ["sleep", "1000"] }, Cancelled);
            for (var i = 0; i < TimeFactor.Times(30, soak: 1000); i++)
            {
                var executing = Task.Run(() => container.ExecAsync(True, Cancelled), Cancelled);
                await Task.Delay(TimeSpan.FromMilliseconds(i * 0.2), Cancelled);
                await container.PauseAsync(Cancelled);
                await container.ResumeAsync(Cancelled);
                try
                {
                    await using var executed = await Eventually.Ends(executing);
                    Assert.True((await Eventually.Ends(executed.WaitAsync(Cancelled))).IsSuccess);
                }
                catch (LaunchException refusal)
                {
                    Assert.Equal(Errno.EBUSY, refusal.Errno);
                }
            }
        }

        await before.AssertNone();
    }

    [CgroupFact]
    public async Task One_that_is_disposed_while_it_is_paused_is_gone_once_that_is_over()
    {
        var before = await Leftovers.Before();
        await using (var host = new ContainerHost(new() { CgroupParent = CgroupFactAttribute.Parent }))
        {
            await using var container = await host.StartAsync(new() { Command = ["sleep", "1000"] }, Cancelled);
            var process = await container.ExecAsync(new() { Command = ["sleep", "1000"] }, Cancelled);
            await container.PauseAsync(Cancelled);
            var disposing = process.DisposeAsync().AsTask();
            await Assert.ThrowsAsync<LaunchException>(() => container.ExecAsync(True, Cancelled));
            await container.ResumeAsync(Cancelled);
            await Eventually.Ends(disposing);
            Assert.False(ProcessTree.IsAlive(process.Pid));
            Assert.True(ProcessTree.IsAlive(container.Pid));
        }

        await before.AssertNone();
    }

    [CgroupFact(WithStuckProcess = true)]
    public async Task They_are_refused_while_one_that_was_killed_in_a_pause_is_not_gone()
    {
        await using var parent = TestCgroups.Create();
        await using var host = new ContainerHost(new() { CgroupParent = parent.Path });
        await using var stuck = new StuckProcess();
        var container = await host.StartAsync(new() { Command = ["sleep", "1000"] }, Cancelled);
        await using var group = parent.OpenChild(Assert.Single(parent.ReadChildren()));
        await container.PauseAsync(Cancelled);
        stuck.Enter(group);
        await Eventually.Holds(() => !group.IsFrozen, "It should not be stopped by its own group.");
        var refusal = await Assert.ThrowsAsync<LaunchException>(
            () => Eventually.Ends(container.ExecAsync(True, Cancelled)));
        Assert.Equal(Errno.EBUSY, refusal.Errno);
        var disposing = container.DisposeAsync().AsTask();
        await stuck.DisposeAsync();
        await Eventually.Ends(disposing);
    }

    [CgroupFact]
    public async Task What_needs_no_process_of_the_container_goes_on_while_it_is_paused()
    {
        await using var host = new ContainerHost(new() { CgroupParent = CgroupFactAttribute.Parent });
        await using var container = await host.StartAsync(
            new() { Command = ["sleep", "1000"] }, Cancelled);
        await container.PauseAsync(Cancelled);
        await Eventually.Ends(container.MountAsync(new TmpfsMount("/tmp/made"), Cancelled));
        await using (await Eventually.Ends(container.OpenReadAsync("/etc/passwd", Cancelled)))
        {
        }

        using var listener = await Eventually.Ends(
            container.ListenAsync(new(System.Net.IPAddress.Loopback, 80), Cancelled));
        container.SendSignal(Signal.SIGTERM); // which it gets once it goes on
        Assert.True(ProcessTree.IsAlive(container.Pid));
        await container.ResumeAsync(Cancelled);
        Assert.Equal(Signal.SIGTERM, (await Eventually.Ends(container.WaitAsync(Cancelled))).Signal);
    }

    private static async Task StopAllAsync(Container container, bool init)
    {
        int[] inside = init ? [ProcessTree.Find(container.Pid)!.Value.Parent, container.Pid] : [container.Pid];
        foreach (var process in inside)
        {
            Native.Kill(process, Signal.SIGSTOP);
            await Eventually.Holds(() => ProcessTree.Find(process)?.State == 'T', "It should stop.");
        }
    }
}
