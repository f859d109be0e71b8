using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <content>Many at once, at any instant.</content>
public sealed partial class DetachedTests
{
    [Fact]
    public async Task What_a_host_started_that_was_killed_at_any_instant_is_whole_or_not_there()
    {
        var random = new Random(1);
        for (var i = 0; i < TimeFactor.Times(50, soak: 1000); i++)
        {
            await using var starter = HostProcess.Start("detach", _temp["state"], $"c{i}", "sleep 1000");
            await starter.ReadLineAsync();
            await starter.WriteLineAsync("");
            await Task.Delay(TimeSpan.FromMilliseconds(random.NextDouble() * 60), Cancelled);
            await starter.KillAsync();

            // What it was about to do the launcher may still do.
            ContainerInfo? found = null;
            await Eventually.Holds(
                () => (found = ListNow().SingleOrDefault()) is not { State: ContainerState.Starting },
                () => $"{found}");
            if (found is null)
            {
                continue;
            }

            Assert.Equal(ContainerState.Running, found.State);
            await using var container = await _host.AttachAsync(found.Id, Cancelled);
            Assert.Equal("sleep", ProcessTree.Find(container.Pid)!.Value.Name);
            await container.RemoveAsync(Cancelled);
            Assert.Equal(Signal.SIGKILL, (await container.WaitAsync(Cancelled)).Signal);
            await Eventually.Gone(container.Pid);
        }

        Assert.Empty(Directory.EnumerateDirectories(_temp["state/containers"]));
    }

    [Fact]
    public async Task Cancelling_a_start_at_any_instant_leaves_it_whole_or_not_there()
    {
        var before = await Leftovers.Before();
        for (var i = 0; i < TimeFactor.Times(40, soak: 1000); i++)
        {
            using var source = new CancellationTokenSource(TimeSpan.FromMilliseconds(i * 0.15));
            try
            {
                await using var container = await _host.StartDetachedAsync("maybe", Sleeper, source.Token);
                await container.RemoveAsync(Cancelled);
            }
            catch (OperationCanceledException)
            {
                await _host.RemoveAsync("maybe", Cancelled); // it may have started before the attaching was cancelled
            }
        }

        Assert.Empty(await _host.ListAsync(Cancelled));
        await before.AssertNone();
    }

    [Fact]
    public async Task Many_attach_wait_and_remove_at_once()
    {
        await using var container = await _host.StartDetachedAsync("many", Sleeper, Cancelled);
        var attached = await Task.WhenAll(
            Enumerable.Range(0, 20).Select(_ => _host.AttachAsync("many", Cancelled)));
        var waiting = attached.Select(one => one.WaitAsync(Cancelled)).ToList();
        await Task.WhenAll(attached.Select(one => Task.Run(() => one.RemoveAsync(Cancelled))));
        Assert.All(await Eventually.Ends(Task.WhenAll(waiting)), status => Assert.Equal(Signal.SIGKILL, status.Signal));
        await Task.WhenAll(attached.SelectMany(one => Enumerable.Repeat(one, 3))
            .Select(one => Task.Run(async () => await one.DisposeAsync())));
    }

    [Fact]
    public async Task Removing_one_again_spares_a_later_one_of_its_id()
    {
        await using var first = await _host.StartDetachedAsync("again", Sleeper, Cancelled);
        await first.RemoveAsync(Cancelled);
        await using var second = await _host.StartDetachedAsync("again", Sleeper, Cancelled);
        await first.RemoveAsync(Cancelled);

        Assert.True(ProcessTree.IsAlive(second.Pid));
        Assert.Equal(second.Pid, (await _host.ListAsync(Cancelled)).Single().Pid);
    }

    [Fact]
    public async Task Starts_lists_and_removals_at_once_leave_nothing_and_disturb_each_other_in_nothing()
    {
        var before = await Leftovers.Before();
        using var source = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        var listing = Task.Run(async () =>
        {
            while (!source.IsCancellationRequested)
            {
                Assert.DoesNotContain(
                    await _host.ListAsync(Cancelled),
                    info => info.State is ContainerState.Unreadable or ContainerState.Lost);
            }
        }, Cancelled);
        for (var i = 0; i < TimeFactor.Times(30, soak: 500); i++)
        {
            var starting = _host.StartDetachedAsync("busy", Sleeper, Cancelled);
            await Task.WhenAll(
                Enumerable.Range(0, 3).Select(_ => Task.Run(() => _host.RemoveAsync("busy", Cancelled), Cancelled)));
            await using (var started = await starting.ContinueWith(
                start => start.IsCompletedSuccessfully ? start.Result : null, Cancelled,
                TaskContinuationOptions.None, TaskScheduler.Default))
            {
                await _host.RemoveAsync("busy", Cancelled);
                if (started is not null)
                {
                    await Eventually.Ends(started.WaitAsync(Cancelled));
                    await Eventually.Gone(started.Pid);
                }
            }
        }

        await source.CancelAsync();
        await listing;
        await before.AssertNone();
    }

    [Fact]
    public async Task A_removal_that_finds_one_before_it_has_its_lock_waits_for_it()
    {
        Assert.Empty(await _host.ListAsync(Cancelled));
        using var parent = Syscall.Open(_temp["state/containers"], OpenFlags.O_PATH);
        Task removal;
        LockedFile locked;
        using (LockedFile.TryTake(parent, ".lock")) // by which its host makes it
        {
            using var directory = Syscall.Open(
                Directory.CreateDirectory(_temp["state/containers/new"]).FullName, OpenFlags.O_PATH);
            removal = _host.RemoveAsync("new", Cancelled); // which has looked at it, and waits for its turn
            locked = LockedFile.TryTake(directory, "lock")!;
        }

        using (locked)
        {
            await Assert.ThrowsAsync<TimeoutException>(
                () => removal.WaitAsync(TimeSpan.FromMilliseconds(500), Cancelled));
            Assert.True(Directory.Exists(_temp["state/containers/new"]));
        }

        await Eventually.Ends(removal);
        Assert.False(Directory.Exists(_temp["state/containers/new"]));
    }

    [Fact]
    public async Task One_that_fills_its_log_is_removed()
    {
        for (var i = 0; i < 10; i++)
        {
            await using var container = await _host.StartDetachedAsync(
                "full", new() { Command = ["yes"], StandardOutput = StandardStream.Log(ByteSize.KiB(4)) }, Cancelled);
            await Task.Delay(5, Cancelled);
            await container.RemoveAsync(Cancelled);
        }

        Assert.Empty(Directory.EnumerateDirectories(_temp["state/containers"]));
    }

    private List<ContainerInfo> ListNow() => [.. _host.ListAsync(Cancelled).GetAwaiter().GetResult()];
}
