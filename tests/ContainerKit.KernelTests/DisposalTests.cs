namespace ContainerKit.KernelTests;

/// <summary>What is disposed by many threads at once, while others use it.</summary>
public sealed class DisposalTests : IDisposable
{
    private readonly TempDirectory _temp = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private static ContainerOptions Sleeper => new() { Command = ["sleep", "1000"] };

    private static ContainerOptions Piped => Script.Shell("cat; sleep 1000") with
    {
        StandardInput = StandardStream.Pipe,
        StandardOutput = StandardStream.Pipe,
        StandardError = StandardStream.Capture(ByteSize.KiB(1)),
    };

    public void Dispose() => _temp.Dispose();

    [Fact]
    public async Task A_container_is_gone_once_and_whoever_uses_it_is_told()
    {
        var before = await Leftovers.Before();
        for (var i = 0; i < TimeFactor.Times(20, soak: 500); i++)
        {
            var container = await Container.StartAsync(i % 2 == 0 ? Piped : Typist.At(Sleeper), Cancelled);
            var reading = Tolerated(() => (container.StandardOutput ?? container.Terminal!).ReadAsync(
                new byte[1], Cancelled).AsTask());
            await AtOnceAsync(
                [.. Enumerable.Repeat<Func<Task>>(() => container.DisposeAsync().AsTask(), 4),
                    () => Tolerated(() => ExecuteAsync(container.ExecAsync)),
                    () => Tolerated(async () => await (await container.OpenReadAsync("/proc/1/cmdline", Cancelled))
                        .DisposeAsync()),
                    () => Tolerated(() => container.MountAsync(new TmpfsMount("/tmp/made"), Cancelled)),
                    () => Tolerated(() => Open(container.OpenNamespaces)),
                    () => Tolerated(() => Task.Run(() => container.SendSignal(Signal.SIGUSR2))),
                    () => Tolerated(() => container.StopAsync(Cancelled))]);
            await Eventually.Ends(reading);

            var signal = (await Eventually.Ends(container.WaitAsync(Cancelled))).Signal;
            Assert.Contains(signal, (Signal?[])[Signal.SIGKILL, Signal.SIGTERM, Signal.SIGUSR2]);
            Assert.False(ProcessTree.IsAlive(container.Pid));
        }

        await before.AssertNone();
    }

    [Fact]
    public async Task A_further_program_is_gone_once_and_its_container_lives()
    {
        await using var container = await Container.StartAsync(Sleeper, Cancelled);
        var before = await Leftovers.Before();
        for (var i = 0; i < TimeFactor.Times(20, soak: 500); i++)
        {
            ExecOptions options = new()
            {
                Command = ["sleep", "1000"],
                StandardInput = i % 2 == 0 ? StandardStream.Pipe : StandardStream.Terminal,
                StandardOutput = i % 2 == 0 ? StandardStream.Pipe : StandardStream.Terminal,
            };
            var process = await container.ExecAsync(options, Cancelled);
            await AtOnceAsync(
                [.. Enumerable.Repeat<Func<Task>>(() => process.DisposeAsync().AsTask(), 6),
                    () => Tolerated(() => process.StopAsync(Cancelled)),
                    () => Tolerated(() => Task.Run(() => process.Terminal?.Resize(new(5, 5))))]);

            Assert.NotNull((await Eventually.Ends(process.WaitAsync(Cancelled))).Signal);
            Assert.False(ProcessTree.IsAlive(process.Pid));
        }

        Assert.True(ProcessTree.IsAlive(container.Pid));
        await before.AssertNone();
    }

    [Fact]
    public async Task A_detached_container_is_left_alone_once_and_lives()
    {
        await using var host = new ContainerHost(new() { StateDirectory = _temp["state"] });
        await (await host.StartDetachedAsync("left", Sleeper, Cancelled)).DisposeAsync();
        var before = await Leftovers.Before();
        for (var i = 0; i < TimeFactor.Times(20, soak: 500); i++)
        {
            var container = await host.AttachAsync("left", Cancelled);
            var waiting = Tolerated(() => container.WaitAsync(Cancelled));
            await AtOnceAsync(
                [.. Enumerable.Repeat<Func<Task>>(() => container.DisposeAsync().AsTask(), 4),
                    () => Tolerated(() => ExecuteAsync(container.ExecAsync)),
                    () => Tolerated(() => Open(container.OpenNamespaces)),
                    () => Tolerated(() => Task.Run(() => container.SendSignal(Signal.SIGWINCH)))]);
            await Eventually.Ends(waiting);
            Assert.True(ProcessTree.IsAlive(container.Pid));
        }

        await before.AssertNone();
        await host.RemoveAsync("left", Cancelled);
    }

    [Fact]
    public async Task A_host_ends_its_containers_once_and_starts_no_more()
    {
        var map = TestIds.Exist ? TestIds.Map : IdMap.SingleId; // for which it makes a namespace, and keeps it
        var before = await Leftovers.Before();
        for (var i = 0; i < TimeFactor.Times(20, soak: 500); i++)
        {
            var host = new ContainerHost(new() { Spares = i % 3, StateDirectory = _temp["state"] });
            var live = await host.StartAsync(Sleeper with { IdMap = i % 2 == 0 ? IdMap.SingleId : map }, Cancelled);
            var told = host.WatchAsync(Cancelled).ToListAsync(Cancelled).AsTask();
            await AtOnceAsync(
                [.. Enumerable.Repeat<Func<Task>>(() => host.DisposeAsync().AsTask(), 4),
                    () => Tolerated(async () => await (await host.StartAsync(Sleeper, Cancelled)).WaitAsync(Cancelled)),
                    () => Tolerated(() => host.RunAsync(Sleeper with { IdMap = map }, Cancelled)),
                    () => Tolerated(async () => await (await host.KeepIdsAsync(TestIds.Map, Cancelled)).DisposeAsync()),
                    () => Tolerated(() => live.StopAsync(Cancelled)),
                    () => host.ListAsync(Cancelled)]);

            Assert.NotNull((await Eventually.Ends(live.WaitAsync(Cancelled))).Signal);
            await Eventually.Ends(told);
            await Assert.ThrowsAsync<ObjectDisposedException>(() => host.RunAsync(Sleeper, Cancelled));
            await live.DisposeAsync();
        }

        Directory.Delete(_temp["state"], recursive: true);
        await before.AssertNone();
    }

    [Fact]
    public async Task A_namespace_is_given_up_once_and_whoever_joins_it_is_told()
    {
        NamespaceOptions ids = new() { IdMap = Host.IsRoot ? IdMap.SingleIdAs(100_000, 100_000) : IdMap.SingleId };
        var before = await Leftovers.Before();
        for (var i = 0; i < TimeFactor.Times(20, soak: 500); i++)
        {
            var made = await Namespace.CreateAsync(NamespaceKinds.User | NamespaceKinds.Network, ids, Cancelled);
            await AtOnceAsync(
                [.. made.SelectMany(one => Enumerable.Repeat<Func<Task>>(() => Task.Run(one.Dispose), 3)),
                    () => Tolerated(() => Container.RunAsync(new() { Command = ["true"], Join = made }, Cancelled)),
                    () => Tolerated(() => made.RunAsync(["true"], Cancelled)),
                    () => Tolerated(() => Task.Run(() => made[1].OpenOwner().Dispose()))]);
            Assert.All(made, one => Assert.Throws<ObjectDisposedException>(one.OpenOwner));
        }

        await before.AssertNone();
    }

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task Kept_ids_are_given_up_once_and_whoever_starts_with_them_is_told()
    {
        await using var host = new ContainerHost(new() { StateDirectory = _temp["state"] });
        await (await host.KeepIdsAsync(IdMap.Automatic(), Cancelled)).DisposeAsync();
        var before = await Leftovers.Before();
        for (var i = 0; i < TimeFactor.Times(20, soak: 500); i++)
        {
            var kept = await host.KeepIdsAsync(IdMap.Automatic(), Cancelled); // which are free each time
            await AtOnceAsync(
                [.. Enumerable.Repeat<Func<Task>>(() => kept.DisposeAsync().AsTask(), 6),
                    () => Tolerated(() => host.RunAsync(
                        new() { Command = ["true"], IdMap = kept.IdMap }, Cancelled))]);
            await Assert.ThrowsAsync<ObjectDisposedException>(
                () => host.RunAsync(Sleeper with { IdMap = kept.IdMap }, Cancelled));
        }

        await before.AssertNone();
    }

    /// <summary>Does all of it from threads that begin at one moment, and waits for all.</summary>
    private static async Task AtOnceAsync(params Func<Task>[] all)
    {
        using var gate = new Barrier(all.Length);
        await Eventually.Ends(Task.WhenAll(all.Select(one => Task.Factory.StartNew(
            () =>
            {
                gate.SignalAndWait(Cancelled);
                return one();
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap())));
    }

    /// <summary>Uses what may be gone: that works, or says so by an exception of a promised type.</summary>
    private static async Task Tolerated(Func<Task> use)
    {
        try
        {
            await use();
        }
        catch (Exception gone) when (gone is LinuxException or ObjectDisposedException or OperationCanceledException)
        {
        }
    }

    private static async Task ExecuteAsync(Func<ExecOptions, CancellationToken, Task<ContainerProcess>> execAsync)
    {
        await using var process = await execAsync(new() { Command = ["true"] }, Cancelled);
        await process.WaitAsync(Cancelled);
    }

    private static Task Open(Func<NamespaceKinds, IReadOnlyList<Namespace>> open)
    {
        foreach (var opened in open(NamespaceKinds.Network | NamespaceKinds.Uts))
        {
            opened.Dispose();
        }

        return Task.CompletedTask;
    }
}
