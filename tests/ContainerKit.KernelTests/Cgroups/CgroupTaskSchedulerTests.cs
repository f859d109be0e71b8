using System.Diagnostics;

namespace ContainerKit.KernelTests.Cgroups;

/// <summary>Some threads of this process live in a group, and nothing else of it does.</summary>
public class CgroupTaskSchedulerTests
{
    [CgroupFact]
    public async Task Work_runs_in_the_group_and_so_does_what_comes_after_an_await()
    {
        await using var group = await TestCgroups.CreateForThreadsAsync();
        using var scheduler = new CgroupTaskScheduler(group, threads: 2);
        Assert.Equal(2, scheduler.MaximumConcurrencyLevel);
        await RunAsync(scheduler, async () =>
        {
            Assert.True(IsIn(group, "thread-self"));
            await Task.Yield();
            await Task.Delay(1, TestContext.Current.CancellationToken);
            Assert.True(IsIn(group, "thread-self"));
            Assert.StartsWith("cgroup ", Thread.CurrentThread.Name, StringComparison.Ordinal);
        });
        Assert.False(IsIn(group, "thread-self"));
    }

    [CgroupFact]
    public async Task Processes_and_threads_that_are_started_there_stay_there()
    {
        await using var group = await TestCgroups.CreateForThreadsAsync();
        using var scheduler = new CgroupTaskScheduler(group);
        using var process = await RunAsync(scheduler, () => Task.FromResult(Resting.Start("exec sleep 1000")));
        Assert.True(IsIn(group, $"{process.Id}"));
        await RunAsync(scheduler, () =>
        {
            var isIn = false;
            var thread = new Thread(() => isIn = IsIn(group, "thread-self"));
            thread.Start();
            thread.Join();
            Assert.True(isIn);
            return Task.FromResult(0);
        });
    }

    [CgroupFact]
    public async Task The_rest_of_the_host_is_not_moved()
    {
        await using var group = await TestCgroups.CreateForThreadsAsync();
        using var scheduler = new CgroupTaskScheduler(group, threads: 2);
        await RunAsync(scheduler, async () =>
        {
            var many = Environment.ProcessorCount + 2; // more at once than the pool has threads, which so starts others
            using var gate = new Barrier(many);
            await Task.WhenAll(Enumerable.Range(0, many).Select(_ => Task.Run(
                () => gate.SignalAndWait(TestContext.Current.CancellationToken))));
            using var process = Process.Start("true");
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        });
        await Eventually.Holds(
            () => ThreadsIn(group).Length == 2, () => $"Others are in it: {string.Join(' ', ThreadsIn(group))}");
        Assert.False(IsIn(group, "self"));
    }

    [CgroupFact]
    public async Task A_cpu_limit_holds_for_the_threads_alone()
    {
        await using var group = await TestCgroups.CreateForThreadsAsync(new() { Cpu = CpuMax.Cpus(0.1) });
        using var scheduler = new CgroupTaskScheduler(group, threads: 2);
        using var stop = new CancellationTokenSource(TimeFactor.Seconds(30));
        var start = Stopwatch.GetTimestamp();
        var work = Enumerable.Range(0, 2)
            .Select(_ => Task.Factory.StartNew(Burn, CancellationToken.None, TaskCreationOptions.None, scheduler))
            .ToArray();
        await Eventually.Holds(
            () => group.ReadStatistics().Cpu is { ThrottledPeriods: > 4 }, () => $"{group.ReadStatistics().Cpu}");
        var used = group.ReadStatistics().Cpu!.Usage;
        var elapsed = Stopwatch.GetElapsedTime(start);
        await stop.CancelAsync();
        await Eventually.Ends(Task.WhenAll(work));
        Assert.InRange(used, TimeSpan.FromMilliseconds(1), 0.5 * elapsed);

        void Burn()
        {
            while (!stop.IsCancellationRequested)
            {
            }
        }
    }

    [CgroupFact]
    public async Task Exceptions_come_back()
    {
        await using var group = await TestCgroups.CreateForThreadsAsync();
        using var scheduler = new CgroupTaskScheduler(group);
        await Assert.ThrowsAsync<InvalidTimeZoneException>(
            () => RunAsync<int>(scheduler, () => throw new InvalidTimeZoneException()));
        Assert.Equal(3, await RunAsync(scheduler, () => Task.FromResult(3)));
    }

    [CgroupFact]
    public async Task A_foreign_thread_does_not_run_its_work_and_an_own_one_does()
    {
        await using var group = await TestCgroups.CreateForThreadsAsync();
        using var scheduler = new CgroupTaskScheduler(group);
        var task = new Task<bool>(() => IsIn(group, "thread-self"));
        task.RunSynchronously(scheduler);
        Assert.True(await task);
        Assert.True(await RunAsync(scheduler, () =>
        {
            var inner = new Task<bool>(() => IsIn(group, "thread-self"));
            inner.RunSynchronously(scheduler);
            return inner;
        }));
    }

    [CgroupFact]
    public async Task Disposing_waits_for_what_is_queued_refuses_what_comes_and_again_is_harmless()
    {
        await using var group = await TestCgroups.CreateForThreadsAsync();
        var scheduler = new CgroupTaskScheduler(group, threads: 2);
        var done = 0;
        var work = Enumerable.Range(0, 100)
            .Select(_ => RunAsync(scheduler, () => Task.FromResult(Interlocked.Increment(ref done)))).ToArray();
        scheduler.Dispose();
        Assert.Equal(100, done);
        await Eventually.Ends(Task.WhenAll(work));
        Assert.Empty(ThreadsIn(group));
        var refusal = await Assert.ThrowsAsync<TaskSchedulerException>(
            () => RunAsync(scheduler, () => Task.FromResult(0)));
        Assert.IsType<ObjectDisposedException>(refusal.InnerException);
        scheduler.Dispose();
    }

    [CgroupFact]
    public async Task It_may_be_disposed_by_its_own_work()
    {
        await using var group = await TestCgroups.CreateForThreadsAsync();
        using var scheduler = new CgroupTaskScheduler(group);
        await Eventually.Ends(Task.Factory.StartNew(
            scheduler.Dispose, CancellationToken.None, TaskCreationOptions.None, scheduler));
    }

    [CgroupFact]
    public async Task A_group_that_is_gone_is_typed_and_leaves_no_thread()
    {
        var group = await TestCgroups.CreateForThreadsAsync();
        group.Remove();
        var failure = Assert.Throws<LinuxException>(() => new CgroupTaskScheduler(group, threads: 3));
        Assert.Contains(failure.Errno, (Errno[])[Errno.ENOENT, Errno.ENODEV]);
        await Eventually.Holds(
            () => !ThreadsOfThisProcess().Any(thread => NameOf(thread).StartsWith("cgroup ", StringComparison.Ordinal)),
            "Its thread should have ended.");
        await group.DisposeAsync();
        Assert.Throws<ObjectDisposedException>(() => new CgroupTaskScheduler(group));
        Assert.Throws<ArgumentOutOfRangeException>(() => new CgroupTaskScheduler(group, threads: 0));
    }

    [CgroupFact]
    public async Task Version_2_asks_for_a_group_that_is_for_threads()
    {
        await using var group = TestCgroups.Create();
        if (TestCgroups.IsPureVersion2)
        {
            Assert.Contains("CreateThreadedChild", Assert.Throws<LimitNotSupportedException>(
                () => new CgroupTaskScheduler(group)).Message, StringComparison.Ordinal);
        }
        else
        {
            using var scheduler = new CgroupTaskScheduler(group);
        }
    }

    [CgroupFact]
    public async Task This_process_is_not_killed_for_its_threads()
    {
        await using var group = await TestCgroups.CreateForThreadsAsync();
        using var scheduler = new CgroupTaskScheduler(group);
        if (TestCgroups.IsPureVersion2)
        {
            var refusal = await Assert.ThrowsAsync<LinuxException>(
                () => group.KillAsync(TestContext.Current.CancellationToken));
            Assert.Equal(("kill", Errno.ENOTSUP), (refusal.Call, refusal.Errno));
        }

        Assert.Equal(3, await RunAsync(scheduler, () => Task.FromResult(3)));
    }

    private static Task<T> RunAsync<T>(CgroupTaskScheduler scheduler, Func<Task<T>> work) => Eventually.Ends(
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.None, scheduler).Unwrap());

    private static Task RunAsync(CgroupTaskScheduler scheduler, Func<Task> work) => Eventually.Ends(
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.None, scheduler).Unwrap());

    private static bool IsIn(Cgroup group, string process)
    {
        try
        {
            var name = Path.GetFileName(group.Path);
            return File.ReadLines($"/proc/{process}/cgroup")
                .Any(line => line.EndsWith($"/{name}", StringComparison.Ordinal));
        }
        catch (IOException)
        {
            return false; // it ended
        }
    }

    private static string[] ThreadsIn(Cgroup group) =>
        [.. ThreadsOfThisProcess().Where(thread => IsIn(group, $"self/task/{thread}"))];

    private static string NameOf(string thread)
    {
        try
        {
            return File.ReadAllText($"/proc/self/task/{thread}/comm");
        }
        catch (IOException)
        {
            return ""; // it ended
        }
    }

    private static IEnumerable<string> ThreadsOfThisProcess() =>
        Directory.GetDirectories("/proc/self/task").Select(path => Path.GetFileName(path)!);
}
