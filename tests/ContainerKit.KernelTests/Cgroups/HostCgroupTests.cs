namespace ContainerKit.KernelTests.Cgroups;

/// <summary>A host's groups have a parent that others may remove, and in which others may have left some.</summary>
public sealed class HostCgroupTests
{
    private const string Left = "containerkit-1-0123456789abcdef-1"; // as of a host that is gone: not locked

    private static readonly ContainerOptions Nothing = new() { Command = ["true"] };

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [CgroupFact]
    public async Task A_parent_that_somebody_makes_again_is_used_again()
    {
        var before = await Leftovers.Before();
        var parent = TestCgroups.Create();
        await using (var host = new ContainerHost(new() { CgroupParent = parent.Path }))
        {
            await RunAsync(host);
            await parent.DisposeAsync();
            var failure = await Assert.ThrowsAsync<LaunchException>(() => host.RunAsync(Nothing, Cancelled));
            Assert.Equal(Errno.ENOENT, failure.Errno);
            Assert.Contains("make it first", failure.Hint, StringComparison.Ordinal);

            for (var i = 0; i < 3; i++)
            {
                parent = Cgroup.Create(parent.Path);
                await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => RunAsync(host), Cancelled)));
                Assert.Empty(parent.ReadChildren());
                await parent.DisposeAsync();
            }
        }

        await before.AssertNone();
    }

    [CgroupFact]
    public async Task A_parent_of_which_one_hierarchy_was_made_again_is_used_again()
    {
        await using var parent = TestCgroups.Create();
        await using var host = new ContainerHost(new() { CgroupParent = parent.Path });
        await RunAsync(host);
        Directory.Delete(parent.Directories[^1]);
        Directory.CreateDirectory(parent.Directories[^1]);
        await RunAsync(host);
        Assert.All(parent.Directories, directory => Assert.Empty(Directory.GetDirectories(directory)));
        await host.DisposeAsync();
        Directory.Delete(parent.Directories[^1]);
    }

    [CgroupFact]
    public async Task A_host_that_is_disposed_of_has_removed_what_dead_ones_left()
    {
        await using var parent = TestCgroups.Create();
        var left = parent.CreateChild(Left);
        using var process = TestCgroups.Rest(left, "sleep 1000 & sleep 1000 & wait");
        await using var host = new ContainerHost(new() { CgroupParent = parent.Path });
        await RunAsync(host);
        await host.DisposeAsync();
        Assert.All(left.Directories, directory => Assert.False(Directory.Exists(directory)));
        left.Close();
    }

    [CgroupFact]
    public async Task Hosts_with_the_same_parent_are_not_in_each_others_way()
    {
        await using var parent = TestCgroups.Create();
        var left = Enumerable.Range(0, 5).Select(number => parent.CreateChild($"{Left}{number}")).ToList();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(
            async () =>
            {
                await using var host = new ContainerHost(new() { CgroupParent = parent.Path });
                await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => RunAsync(host)));
            },
            Cancelled)));
        Assert.Empty(parent.ReadChildren());
        left.ForEach(group => group.Close());
    }

    [CgroupFact(WithStuckProcess = true)]
    public async Task A_host_that_could_not_remove_what_dead_ones_left_says_so_at_its_disposal()
    {
        await using var stuck = new StuckProcess();
        await using var parent = TestCgroups.Create();
        var left = parent.CreateChild(Left);
        var next = parent.CreateChild(Left + "1");
        stuck.Enter(left);
        var host = new ContainerHost(new() { CgroupParent = parent.Path });
        await RunAsync(host);
        var failure = await Assert.ThrowsAsync<LinuxException>(() => host.DisposeAsync().AsTask());
        Assert.Contains(failure.Errno, (Errno[])[Errno.ETIMEDOUT, Errno.EBUSY]);
        Assert.True(Directory.Exists(left.Directories[0]));
        Assert.False(Directory.Exists(next.Directories[0]));
        await stuck.DisposeAsync();
        await left.DisposeAsync();
        next.Close();
    }

    [CgroupFact(WithStuckProcess = true)]
    public async Task A_container_whose_group_is_left_says_so_at_its_disposal_and_its_host_too()
    {
        await using var stuck = new StuckProcess();
        await using var parent = TestCgroups.Create();
        var host = new ContainerHost(new() { CgroupParent = parent.Path });
        var container = await host.StartAsync(new() { Command = ["sleep", "1000"] }, Cancelled);
        await using var group = parent.OpenChild(Assert.Single(parent.ReadChildren()));
        stuck.Enter(group);
        var failure = await Assert.ThrowsAsync<LinuxException>(() => container.DisposeAsync().AsTask());
        Assert.Contains(failure.Errno, (Errno[])[Errno.ETIMEDOUT, Errno.EBUSY]);
        Assert.False(ProcessTree.IsAlive(container.Pid));
        Assert.Equal(Signal.SIGKILL, (await container.WaitAsync(Cancelled)).Signal);
        await Assert.ThrowsAsync<LinuxException>(() => host.DisposeAsync().AsTask());

        await stuck.DisposeAsync();
        await using var next = new ContainerHost(new() { CgroupParent = parent.Path });
        await RunAsync(next);
        await next.DisposeAsync();
        Assert.Empty(parent.ReadChildren());
    }

    private static async Task RunAsync(ContainerHost host) =>
        Assert.True((await host.RunAsync(Nothing, Cancelled)).ExitStatus.IsSuccess);
}
