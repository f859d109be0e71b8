namespace ContainerKit.KernelTests.Cgroups;

/// <summary>It is told when processes wait for too long.</summary>
public class CgroupEventsPressureTests
{
    private const string Busy = "(while :; do :; done) & (while :; do :; done) & (while :; do :; done) & wait";

    private static readonly TimeSpan Stall = TimeSpan.FromMilliseconds(100), Window = TimeSpan.FromSeconds(2);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [CgroupFact]
    public async Task A_stall_is_told_each_time_and_not_without_one()
    {
        await using var group = TestCgroups.Create(new() { Cpu = CpuMax.Cpus(0.2) });
        if (IsRefused(group))
        {
            return;
        }

        await using var stalls = Watch(group).GetAsyncEnumerator(Cancelled);
        var waiting = stalls.MoveNextAsync().AsTask();
        var idle = await Task.WhenAny(waiting, Task.Delay(50, Cancelled));
        Assert.NotEqual(waiting, idle);
        using var process = TestCgroups.Rest(group, Busy);
        Assert.True(await Eventually.Ends(waiting));
        var first = stalls.Current.Some.Total;
        Assert.True(first >= Stall, $"{first}");
        Assert.True(await Eventually.Ends(stalls.MoveNextAsync().AsTask()));
        Assert.True(stalls.Current.Some.Total >= first + Stall, $"{stalls.Current.Some.Total} after {first}");
    }

    [CgroupFact]
    public async Task Removal_disposal_and_cancelling_end_it_and_nothing_stays_open()
    {
        var before = await Leftovers.Before();
        await using (var removed = TestCgroups.Create())
        {
            if (IsRefused(removed))
            {
                return;
            }

            await using var disposed = TestCgroups.Create();
            await using var cancelled = TestCgroups.Create();
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
            var ends = new[] { removed, disposed, cancelled }.Select(group => CountAsync(group, stop.Token)).ToList();
            foreach (var directory in removed.Directories)
            {
                Directory.Delete(directory);
            }

            Assert.Equal(0, await Eventually.Ends(ends[0]));
            await disposed.DisposeAsync();
            Assert.Equal(0, await Eventually.Ends(ends[1]));
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Eventually.Ends(ends[2]));
        }

        await before.AssertNone();

        static async Task<int> CountAsync(Cgroup group, CancellationToken cancellationToken)
        {
            var count = 0;
            await foreach (var _ in Watch(group, cancellationToken))
            {
                count++;
            }

            return count;
        }
    }

    [CgroupFact]
    public async Task A_window_that_this_user_may_not_have_is_refused_with_advice()
    {
        await using var group = TestCgroups.Create();
        if (IsRefused(group))
        {
            return;
        }

        const int CAP_SYS_RESOURCE = 24;
        var may = (ProcessTree.Find(Environment.ProcessId)!.Value.Mask("CapEff") >> CAP_SYS_RESOURCE & 1) != 0;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        await using var stalls = group
            .WatchPressureAsync(PressureResource.Memory, PressureKind.Full, Stall, Window / 2, stop.Token)
            .GetAsyncEnumerator(Cancelled);
        var step = stalls.MoveNextAsync().AsTask();
        if (may)
        {
            Assert.False(step.IsCompleted);
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => step);
        }
        else
        {
            var refusal = await Assert.ThrowsAsync<LimitNotSupportedException>(() => step);
            Assert.Contains("multiple of two seconds", refusal.Message, StringComparison.Ordinal);
        }
    }

    [CgroupFact]
    public async Task Times_and_kinds_that_cannot_be_meant_are_refused_at_once()
    {
        await using var group = TestCgroups.Create();
        TimeSpan second = TimeSpan.FromSeconds(1), tick = TimeSpan.FromTicks(1);
        Refused(stall: TimeSpan.Zero);
        Refused(stall: -second);
        Refused(stall: Window + tick);
        Refused(window: TimeSpan.FromMilliseconds(500) - tick);
        Refused(window: TimeSpan.FromSeconds(10) + tick);
        Refused(resource: (PressureResource)9);
        Refused(kind: (PressureKind)9);

        void Refused(
            PressureResource resource = default, PressureKind kind = default, TimeSpan? stall = null,
            TimeSpan? window = null) =>
            Assert.ThrowsAny<ArgumentException>(
                () => group.WatchPressureAsync(resource, kind, stall ?? Stall, window ?? Window, Cancelled));
    }

    private static IAsyncEnumerable<PressureStatistics> Watch(
        Cgroup group, CancellationToken? cancellationToken = null) => group.WatchPressureAsync(
            PressureResource.Cpu, PressureKind.Some, Stall, Window, cancellationToken ?? Cancelled);

    /// <summary>Whether this kernel counts no pressure, and says so.</summary>
    private static bool IsRefused(Cgroup group)
    {
        if (group.ReadStatistics().CpuPressure is not null)
        {
            return false;
        }

        Assert.Throws<LimitNotSupportedException>(() => Watch(group));
        return true;
    }
}
