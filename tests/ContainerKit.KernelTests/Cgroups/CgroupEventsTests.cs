namespace ContainerKit.KernelTests.Cgroups;

/// <summary>What happens in a group is told, and what this host cannot tell is refused.</summary>
public class CgroupEventsTests
{
    /// <summary>
    /// One process alone wants memory: what a killed one had is counted for a while after the kernel looks for another
    /// to kill, and whoever wants some in that while has it killed.
    /// </summary>
    private const string TooMuch = "tail /dev/zero";

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private static CgroupLimits LittleMemory => new()
    {
        Memory = ByteSize.MiB(16),
        Swap = TestCgroups.IsPureVersion2 ? 0 : null,
    };

    [CgroupFact(OfVersion2 = true)]
    public async Task What_it_is_is_told_first_and_then_each_change()
    {
        await using var group = TestCgroups.Create();
        await using var events = group.WatchAsync(Cancelled).GetAsyncEnumerator(Cancelled);
        Assert.Equal(CgroupEventKind.Empty, (await NextAsync(events)).Kind);
        using var process = TestCgroups.Rest(group);
        var populated = await NextAsync(events);
        Assert.Equal((CgroupEventKind.Populated, 1), (populated.Kind, populated.Count));
        await group.FreezeAsync(Cancelled);
        Assert.Equal(CgroupEventKind.Frozen, (await NextAsync(events)).Kind);
        await group.ThawAsync(Cancelled);
        Assert.Equal(CgroupEventKind.Thawed, (await NextAsync(events)).Kind);
        await group.FreezeAsync(Cancelled);
        Assert.Equal(CgroupEventKind.Frozen, (await NextAsync(events)).Kind);

        await using var late = group.WatchAsync(Cancelled).GetAsyncEnumerator(Cancelled);
        Assert.Equal(CgroupEventKind.Populated, (await NextAsync(late)).Kind);
        Assert.Equal(CgroupEventKind.Frozen, (await NextAsync(late)).Kind);
        await group.KillAsync(Cancelled);
        await NextOfAsync(late, CgroupEventKind.Empty);
    }

    [CgroupFact]
    public async Task No_kill_by_want_of_memory_is_lost_while_others_go_on()
    {
        await using var group = TestCgroups.Create(LittleMemory);
        using var bystander = TestCgroups.Rest(group);
        await using var events = group
            .WatchAsync([CgroupEventKind.OutOfMemory, CgroupEventKind.OomKilled], Cancelled)
            .GetAsyncEnumerator(Cancelled);
        var (ooms, kills) = (0L, 0L);
        for (var i = 1; i <= 5; i++)
        {
            using var process = TestCgroups.Rest(group, TooMuch);
            while (kills < i)
            {
                var found = await NextAsync(events);
                ooms += found.Kind is CgroupEventKind.OutOfMemory ? found.Count : 0;
                kills += found.Kind is CgroupEventKind.OomKilled ? found.Count : 0;
            }

            Assert.Equal(137, await process.EndAsync());
        }

        Assert.True(ooms >= 5, $"{ooms}");
        Assert.Equal((5, 5), (kills, group.ReadStatistics().Memory!.OomKills));
        Assert.False(bystander.HasExited);
    }

    [CgroupFact]
    public async Task What_happened_between_the_call_and_the_enumeration_is_counted_for_each()
    {
        await using var group = TestCgroups.Create(LittleMemory);
        var events = group.WatchAsync([CgroupEventKind.OomKilled], Cancelled);
        for (var i = 0; i < 2; i++)
        {
            using var process = TestCgroups.Rest(group, TooMuch);
            Assert.Equal(137, await process.EndAsync());
        }

        await Eventually.Holds(() => group.ReadStatistics().Memory!.OomKills == 2, "Both are counted.");
        for (var i = 0; i < 2; i++)
        {
            await using var enumerator = events.GetAsyncEnumerator(Cancelled);
            Assert.Equal(2, (await NextAsync(enumerator)).Count);
        }

        if (group.ReadEventKinds().Contains(CgroupEventKind.Empty))
        {
            var later = group.WatchAsync(Cancelled);
            await using var first = later.GetAsyncEnumerator(Cancelled);
            Assert.Equal(CgroupEventKind.Empty, (await NextAsync(first)).Kind);
        }
    }

    [CgroupFact]
    public Task A_process_too_many_is_told_where_the_host_tells_it() => IsToldOrRefusedAsync(
        CgroupEventKind.PidsMax, new() { Pids = 3 }, "sleep 100 & sleep 100 & sleep 100 & sleep 100 & wait");

    [CgroupFact]
    public Task Memory_over_what_is_wanted_is_told_where_the_host_tells_it() => IsToldOrRefusedAsync(
        CgroupEventKind.MemoryHigh, TestCgroups.IsPureVersion2 ? new() { MemoryHigh = ByteSize.MiB(8) } : null,
        "head -c 12M /dev/zero | tail -c 12M >/dev/null");

    [CgroupFact]
    public Task Memory_at_its_limit_is_told_where_the_host_tells_it() =>
        IsToldOrRefusedAsync(CgroupEventKind.MemoryMax, LittleMemory, TooMuch);

    [CgroupFact(OfVersion2 = true)]
    public async Task The_end_of_what_ran_is_told_when_the_group_is_disposed_and_nothing_after_it()
    {
        var group = TestCgroups.Create();
        using var process = TestCgroups.Rest(group);
        await using var events = group.WatchAsync(Cancelled).GetAsyncEnumerator(Cancelled);
        Assert.Equal(CgroupEventKind.Populated, (await NextAsync(events)).Kind);
        await group.DisposeAsync();
        Assert.Equal(CgroupEventKind.Empty, (await NextAsync(events)).Kind);
        Assert.False(await StepAsync(events));
        Assert.Throws<ObjectDisposedException>(() => group.WatchAsync(Cancelled));
    }

    [CgroupFact]
    public async Task Whoever_removes_the_group_ends_the_watching()
    {
        await using var group = TestCgroups.Create();
        var call = group.WatchAsync(Cancelled);
        await using var events = call.GetAsyncEnumerator(Cancelled);
        await AssertIsEmpty(events);
        var waiting = events.MoveNextAsync().AsTask();
        foreach (var directory in group.Directories)
        {
            Assert.False(waiting.IsCompleted && directory == group.Directories[0]);
            Directory.Delete(directory);
        }

        Assert.False(await Eventually.Ends(waiting));
        await using var late = call.GetAsyncEnumerator(Cancelled);
        Assert.False(await StepAsync(late));
        Assert.Equal(Errno.ENOENT, Assert.Throws<LinuxException>(() => group.WatchAsync(Cancelled)).Errno);
    }

    [CgroupFact]
    public async Task Cancelling_ends_the_watching_with_an_exception()
    {
        await using var group = TestCgroups.Create();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        await using var events = group.WatchAsync(stop.Token).GetAsyncEnumerator(Cancelled);
        await AssertIsEmpty(events);
        var waiting = events.MoveNextAsync().AsTask();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Eventually.Ends(waiting));
        await using var late = group.WatchAsync(stop.Token).GetAsyncEnumerator(Cancelled);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => late.MoveNextAsync().AsTask());
    }

    [CgroupFact]
    public async Task Two_hundred_watches_are_fewer_than_too_many_and_leave_nothing_open()
    {
        var before = await Leftovers.Before();
        await using (var group = TestCgroups.Create(LittleMemory))
        {
            var watches = Enumerable.Range(0, 200)
                .Select(_ => group.WatchAsync(Cancelled).GetAsyncEnumerator(Cancelled))
                .ToList();
            foreach (var watch in watches)
            {
                await AssertIsEmpty(watch);
            }

            var kills = watches.ConvertAll(watch => NextOfAsync(watch, CgroupEventKind.OomKilled));
            using (var process = TestCgroups.Rest(group, $"{TooMuch}; exec sleep 1000"))
            {
                await Task.WhenAll(kills);
                await group.KillAsync(Cancelled);
            }

            foreach (var watch in watches)
            {
                await (CgroupFactAttribute.HasVersion2 ? NextOfAsync(watch, CgroupEventKind.Empty)
                    : Task.CompletedTask);
                await watch.DisposeAsync();
            }
        }

        await before.AssertNone();
    }

    [CgroupFact]
    public async Task What_cannot_be_told_is_said_beforehand()
    {
        CgroupEventKind[] state =
        [
            CgroupEventKind.Populated, CgroupEventKind.Empty, CgroupEventKind.Frozen, CgroupEventKind.Thawed,
        ];
        await using var group = TestCgroups.Create();
        var told = group.ReadEventKinds();
        Assert.Superset(
            new HashSet<CgroupEventKind> { CgroupEventKind.OutOfMemory, CgroupEventKind.OomKilled }, told.ToHashSet());
        Assert.Equal(CgroupFactAttribute.HasVersion2 ? state : [], told.Intersect(state).Order());
        Assert.Equal(
            TestCgroups.IsPureVersion2, told.SetEquals(Enum.GetValues<CgroupEventKind>()));
        Assert.Throws<ArgumentException>(() => group.WatchAsync([], Cancelled));
        Assert.Throws<ArgumentNullException>(() => group.WatchAsync(null!, Cancelled));
        Assert.Throws<ArgumentOutOfRangeException>(() => group.WatchAsync([(CgroupEventKind)99], Cancelled));
    }

    private static async Task IsToldOrRefusedAsync(CgroupEventKind kind, CgroupLimits? limits, string script)
    {
        await using var group = TestCgroups.Create(limits);
        if (!group.ReadEventKinds().Contains(kind))
        {
            Assert.False(TestCgroups.IsPureVersion2);
            var refusal = Assert.Throws<LimitNotSupportedException>(() => group.WatchAsync([kind], Cancelled));
            Assert.Contains($"{kind}", refusal.Message, StringComparison.Ordinal);
            return;
        }

        await using var events = group.WatchAsync([kind], Cancelled).GetAsyncEnumerator(Cancelled);
        var waiting = events.MoveNextAsync().AsTask();
        using var process = TestCgroups.Rest(group, script);
        Assert.True(await Eventually.Ends(waiting));
        Assert.Equal((kind, true), (events.Current.Kind, events.Current.Count > 0));
    }

    private static async Task<CgroupEvent> NextAsync(IAsyncEnumerator<CgroupEvent> events)
    {
        Assert.True(await StepAsync(events));
        return events.Current;
    }

    /// <summary>Fails unless the first that version 2 tells is that nothing runs; version 1 tells nothing.</summary>
    private static async Task AssertIsEmpty(IAsyncEnumerator<CgroupEvent> events)
    {
        if (CgroupFactAttribute.HasVersion2)
        {
            Assert.Equal(CgroupEventKind.Empty, (await NextAsync(events)).Kind);
        }
    }

    private static async Task NextOfAsync(IAsyncEnumerator<CgroupEvent> events, CgroupEventKind kind)
    {
        while ((await NextAsync(events)).Kind != kind)
        {
            // What was meanwhile may be told or not.
        }
    }

    private static Task<bool> StepAsync(IAsyncEnumerator<CgroupEvent> events) =>
        Eventually.Ends(events.MoveNextAsync().AsTask());
}
