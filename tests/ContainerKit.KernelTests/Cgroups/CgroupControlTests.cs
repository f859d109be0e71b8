namespace ContainerKit.KernelTests.Cgroups;

/// <summary>Processes are stopped, go on, and are killed, all of them.</summary>
public class CgroupControlTests
{
    private const string ForkBomb = "bomb() { bomb & bomb & wait; }; bomb 2>/dev/null";

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    /// <summary>The same as on a host with version 1 alone.</summary>
    private static Cgroup OpenOld(Cgroup group) => Cgroup.OpenDirectories(
        [.. group.Directories.Where(path => !File.Exists($"{path}/cgroup.type"))])!;

    [CgroupFact]
    public async Task Five_hundred_processes_are_stopped_when_freezing_returns()
    {
        await using var group = TestCgroups.Create();
        using var process = TestCgroups.Rest(
            group, "i=0; while [ $i -lt 490 ]; do i=$((i+1)); sleep 1000 & done; "
                + "for i in 1 2 3 4 5; do (while :; do (:); done) & done; echo up; wait");
        Assert.Equal("up", await process.Output.ReadLineAsync(Cancelled));
        for (var i = 0; i < TimeFactor.Times(10, soak: 100); i++)
        {
            await group.FreezeAsync(Cancelled);
            Assert.True(group.IsFrozen);
            var before = group.ReadProcesses(); // which five of them change all the time
            await Task.Delay(3, Cancelled);
            Assert.Equal(before, group.ReadProcesses());
            await group.ThawAsync(Cancelled);
            Assert.False(group.IsFrozen);
        }
    }

    [CgroupFact(WithStuckProcess = true)]
    public async Task Killing_waits_for_who_ends_late_until_it_is_cancelled()
    {
        await using var group = TestCgroups.Create();
        await using var stuck = new StuckProcess();
        stuck.Enter(group);
        using var stop = new CancellationTokenSource();
        var cancelled = group.KillAsync(stop.Token);
        var killing = group.KillAsync(Cancelled);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Eventually.Ends(cancelled));
        Assert.False(killing.IsCompleted);
        Assert.True(group.IsPopulated);
        await stuck.DisposeAsync();
        await Eventually.Ends(killing);
        Assert.False(group.IsPopulated);
    }

    [CgroupFact]
    public async Task A_fork_bomb_is_killed_to_the_last_process()
    {
        for (var i = 0; i < TimeFactor.Times(10, soak: 100); i++)
        {
            await using var group = TestCgroups.Create(new() { Pids = 200 });
            using var process = TestCgroups.Rest(group, ForkBomb);
            await Eventually.Holds(() => group.ReadStatistics().Pids!.Peak > 50, "It should grow.");
            await group.KillAsync(Cancelled);
            Assert.Empty(group.ReadProcesses());
            Assert.False(group.IsPopulated);
            await process.EndAsync();
        }
    }

    [CgroupFact]
    public async Task What_is_frozen_is_killed_and_so_are_frozen_groups_below()
    {
        await using var group = TestCgroups.Create();
        await using var child = group.CreateChild("child");
        using var process = TestCgroups.Rest(group);
        using var other = TestCgroups.Rest(child);
        await child.FreezeAsync(Cancelled);
        await group.FreezeAsync(Cancelled);
        await group.KillAsync(Cancelled);
        Assert.Equal(137, await process.EndAsync());
        Assert.Equal(137, await other.EndAsync());
    }

    [CgroupFact(WithStuckProcess = true)]
    public async Task Freezing_who_does_not_stop_is_given_up_and_nobody_stays_stopped()
    {
        await using var group = TestCgroups.Create();
        await using var stuck = new StuckProcess();
        using var other = TestCgroups.Rest(group, "while read line; do echo $line; done");
        stuck.Enter(group); // what one freezer holds, the other cannot stop
        var refusal = await Assert.ThrowsAsync<LinuxException>(() => Eventually.Ends(group.FreezeAsync(Cancelled)));
        Assert.Equal(Errno.ETIMEDOUT, refusal.Errno);
        Assert.Contains(group.Directories[0], refusal.Message, StringComparison.Ordinal);
        Assert.False(group.IsFrozen);
        other.Tell("on");
        Assert.Equal("on", await other.Output.ReadLineAsync(Cancelled));
        var killing = group.KillAsync(Cancelled);
        await stuck.DisposeAsync();
        await Eventually.Ends(killing);
    }

    [CgroupFact]
    public async Task A_frozen_group_is_disposed_of()
    {
        var group = TestCgroups.Create();
        using var process = TestCgroups.Rest(group);
        await group.FreezeAsync(Cancelled);
        await Eventually.Ends(group.DisposeAsync().AsTask());
        Assert.Equal(137, await process.EndAsync());
    }

    [CgroupFact]
    public async Task A_group_that_another_fills_is_disposed_of()
    {
        var many = TimeFactor.Times(200, soak: 200); // disposing gives up when it is filled for ten seconds
        var group = TestCgroups.Create(new() { Pids = 200 });
        await using var outside = TestCgroups.Create();
        using var process = TestCgroups.Rest(outside, $"for i in $(seq {many}); do sleep 1000 & echo $!; done");
        using var stop = new CancellationTokenSource();
        var filling = Task.Run(
            async () =>
            {
                while (!stop.IsCancellationRequested
                    && await process.Output.ReadLineAsync(CancellationToken.None) is { } id)
                {
                    try
                    {
                        group.Move(int.Parse(id, null));
                    }
                    catch (Exception gone) when (gone is LinuxException or ObjectDisposedException)
                    {
                    }
                }
            }, Cancelled);
        await Eventually.Holds(() => group.ReadProcesses().Count > 5, "It should fill.");
        await Eventually.Ends(group.DisposeAsync().AsTask());
        Assert.All(group.Directories, directory => Assert.False(Directory.Exists(directory)));
        await stop.CancelAsync();
        await outside.KillAsync(Cancelled);
        await Eventually.Ends(filling);
    }

    [CgroupFact(OfVersion2 = true)]
    public async Task A_process_is_killed_whole_for_a_thread_in_a_group_for_threads()
    {
        await using var parent = TestCgroups.Create();
        var unified = parent.Directories[0];
        var threaded = Directory.CreateDirectory($"{unified}/threaded").FullName;
        await File.WriteAllTextAsync($"{threaded}/cgroup.type", "threaded", Cancelled);
        await using var host = HostProcess.Start("allocate", "-", "0"); // waits
        await host.ReadLineAsync();
        parent.Move(host.Process.Id);
        var thread = Directory.GetDirectories($"/proc/{host.Process.Id}/task").Select(Path.GetFileName)
            .First(id => id != $"{host.Process.Id}");
        await File.WriteAllTextAsync($"{threaded}/cgroup.threads", thread, Cancelled);
        await using var group = parent.OpenChild("threaded");
        Assert.True(group.IsPopulated);
        await Eventually.Ends(group.KillAsync(Cancelled));
        Assert.False(group.IsPopulated);
        await Eventually.Gone(host.Process.Id);
    }

    [CgroupFact(OfVersion1 = true)]
    public async Task A_process_is_killed_whole_for_a_thread_in_a_group_of_version_1()
    {
        await using var made = TestCgroups.Create();
        var group = OpenOld(made);
        await using var host = HostProcess.Start("allocate", "-", "0"); // waits
        await host.ReadLineAsync();
        group.MoveThread(Directory.GetDirectories($"/proc/{host.Process.Id}/task")
            .Select(path => int.Parse(Path.GetFileName(path), null)).First(id => id != host.Process.Id));
        Assert.True(group.IsPopulated);
        await Eventually.Ends(group.KillAsync(Cancelled));
        Assert.False(group.IsPopulated);
        await Eventually.Gone(host.Process.Id);
        group.Close();
    }

    [CgroupFact(OfPureVersion1 = true)]
    public async Task What_cannot_be_stopped_any_more_is_killed()
    {
        await using var group = TestCgroups.Create();
        using var process = TestCgroups.Rest(group, "sleep 1000 & sleep 1000 & echo; wait");
        await process.Output.ReadLineAsync(Cancelled);
        var freezer = group.Directories.First(directory => File.Exists($"{directory}/freezer.state"));
        foreach (var id in group.ReadProcesses())
        {
            await File.WriteAllTextAsync($"{freezer}/../cgroup.procs", $"{id}", Cancelled);
        }

        Directory.Delete(freezer); // as another does who removes the group at the same time
        await group.KillAsync(Cancelled);
        Assert.False(group.IsPopulated);
        Assert.Equal(137, await process.EndAsync());
    }

    [CgroupFact(OfVersion1 = true)]
    public async Task What_nothing_stops_is_not_stopped_and_can_be_killed()
    {
        await using var made = TestCgroups.Create();
        using var process = TestCgroups.Rest(made);
        var group = Cgroup.OpenDirectories([.. made.Directories.Where(
            path => !File.Exists($"{path}/cgroup.type") && !File.Exists($"{path}/freezer.state"))])!;
        Assert.Throws<LimitNotSupportedException>(() => group.IsFrozen);
        Assert.False(group.IsToBeFrozen);
        await group.KillAsync(Cancelled);
        Assert.Equal(137, await process.EndAsync());
        group.Close();
    }

    [CgroupFact(OfVersion1 = true)]
    public async Task This_process_is_not_killed_for_its_threads_in_a_group_of_version_1()
    {
        await using var made = TestCgroups.Create();
        var group = OpenOld(made);
        using (new CgroupTaskScheduler(group))
        {
            var refusal = await Assert.ThrowsAsync<LinuxException>(() => group.KillAsync(Cancelled));
            Assert.Equal(("kill", Errno.ENOTSUP), (refusal.Call, refusal.Errno));
        }

        await Eventually.Ends(group.KillAsync(Cancelled));
        group.Close();
    }

    [CgroupFact]
    public async Task A_thread_is_moved_by_itself()
    {
        await using var parent = TestCgroups.Create();
        using var process = TestCgroups.Rest(parent);
        await using var threads = parent.CreateThreadedChild("threads", new() { Cpu = CpuMax.Cpus(0.5) });
        threads.MoveThread(process.Id);
        Assert.Contains("/threads", File.ReadAllText($"/proc/{process.Id}/cgroup"), StringComparison.Ordinal);
        Assert.Equal(CpuMax.Cpus(0.5), threads.ReadLimits().Cpu);
    }
}
