using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>What is collected, what never is, and what a killed process leaves.</summary>
public sealed class StoreGarbageTests : IAsyncDisposable
{
    private static readonly Digest One = StoreFixture.DiffId(1);

    private readonly StoreFixture _fixture = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private LayerStore Store => _fixture.Store;

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [Fact]
    public async Task Layers_that_are_named_or_below_a_writable_one_stay_and_others_go()
    {
        var named = await _fixture.AddAsync(1);
        var (below, unused) = (await _fixture.AddAsync(2), await _fixture.AddAsync(3));
        var writable = await Store.CreateWritableAsync([below], new() { Id = "kept" }, Cancelled);

        Assert.Equal([unused], (await Store.CollectGarbageAsync([named], Cancelled)).Layers);
        Assert.False(Store.Contains(unused));
        await writable.DiscardAsync(Cancelled);
        Assert.Equal([below], (await Store.CollectGarbageAsync([named], Cancelled)).Layers);
        Assert.Equal(named, Assert.Single(Store.ListLayers()).DiffId);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_fixture["locks"]));
    }

    [Fact]
    public async Task A_layer_that_another_process_makes_or_holds_stays()
    {
        await using var host = HostProcess.Start("store", _fixture.Path, $"{One}", "hold");
        Assert.Equal("made", await host.ReadLineAsync());
        Assert.Empty((await Store.CollectGarbageAsync([], Cancelled)).Layers);
        await host.WriteLineAsync("publish");
        Assert.Equal("published", await host.ReadLineAsync());

        Assert.Empty((await Store.CollectGarbageAsync([], Cancelled)).Layers);
        Assert.True(Store.Contains(One));
        await host.KillAsync();
        Assert.Equal([One], (await Store.CollectGarbageAsync([], Cancelled)).Layers);
    }

    [Fact]
    public async Task What_a_killed_process_began_is_swept()
    {
        await using var host = HostProcess.Start("store", _fixture.Path, $"{One}", "hold");
        Assert.Equal("made", await host.ReadLineAsync());
        Assert.Single(Directory.EnumerateFileSystemEntries(_fixture["staging"]));
        await host.KillAsync();
        await Store.CollectGarbageAsync([], Cancelled);

        Assert.Empty(Directory.EnumerateFileSystemEntries(_fixture["staging"]));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_fixture["locks"]));
    }

    [Fact]
    public async Task A_writable_layer_without_an_id_goes_with_its_process_and_one_with_an_id_stays()
    {
        await _fixture.AddAsync(1);
        await Store.CreateWritableAsync([One], new() { Id = "kept" }, Cancelled);
        await using var host = HostProcess.Start("store", _fixture.Path, $"{One}", "writable");
        var id = await host.ReadLineAsync();
        await Store.CollectGarbageAsync([], Cancelled);
        Assert.Contains(id, Store.ListWritable().Select(writable => writable.Id));

        await host.KillAsync();
        await Store.CollectGarbageAsync([], Cancelled);
        Assert.Equal(["kept"], Store.ListWritable().Select(writable => writable.Id));
    }

    [Fact]
    public async Task A_writable_layer_without_an_id_goes_with_all_it_holds_when_the_store_is_opened_after_its_process()
    {
        await _fixture.AddAsync(1);
        await using var host = HostProcess.Start("store", _fixture.Path, $"{One}", "writable");
        var id = await host.ReadLineAsync();
        await LayerStore.Open(_fixture.Path).DisposeAsync();
        Assert.Equal(id, Assert.Single(Store.ListWritable()).Id);

        await host.KillAsync();
        await using var other = LayerStore.Open(_fixture.Path);
        Assert.Empty(Store.ListWritable());
        AssertHasNoLockOfWritable();
        await Eventually.Holds(() => !Directory.EnumerateFileSystemEntries(_fixture["removed"]).Any(), () => "It stays.");
    }

    [Fact]
    public async Task A_writable_layer_that_is_disposed_leaves_no_lock()
    {
        await _fixture.AddAsync(1);
        await (await Store.CreateWritableAsync([One], null, Cancelled)).DisposeAsync();

        AssertHasNoLockOfWritable();
    }

    [Fact]
    public async Task A_writable_layer_without_an_id_stays_while_a_container_is_on_it()
    {
        var layers = await _fixture.AddRootAsync(1);
        var writable = await Store.CreateWritableAsync(layers, null, Cancelled);
        await using (await Container.StartAsync(StoreFixture.Shell(writable, "sleep 1000"), Cancelled))
        {
            await writable.DisposeAsync();
            Assert.Empty((await Store.CollectGarbageAsync([], Cancelled)).Layers);
            await LayerStore.Open(_fixture.Path).DisposeAsync();
            Assert.Single(Store.ListWritable());
        }

        Assert.Equal(layers, (await Store.CollectGarbageAsync([], Cancelled)).Layers);
    }

    [Fact]
    public async Task What_another_process_removes_is_left_to_it()
    {
        Directory.CreateDirectory(_fixture["removed/theirs/in"]);
        Directory.CreateDirectory(_fixture["removed/nobodys/in"]);
        using (var theirs = Syscall.Open(_fixture["removed/theirs"], OpenFlags.O_RDONLY))
        {
            Assert.True(Syscall.TryLockWhole(theirs));
            await Store.CollectGarbageAsync([], Cancelled);
            Assert.Equal([_fixture["removed/theirs"]], Directory.EnumerateFileSystemEntries(_fixture["removed"]));
        }

        await Store.CollectGarbageAsync([], Cancelled);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_fixture["removed"]));
    }

    [Fact]
    public async Task What_cannot_be_removed_keeps_nothing_else_and_is_said()
    {
        const string mounted = """
            mkdir -p "$2/removed/0/in" "$2/removed/a/in" "$2/removed/b/in"
            mount -t tmpfs none "$2/removed/a/in" && exec "$0" "$@"
            """;
        await using var host = HostProcess.StartThrough(
            ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mounted],
            "store", _fixture.Path, $"{One}", "collect");
        var (_, output) = await host.EndAsync();

        Assert.Equal("EBUSY a\n", output);
    }

    [Fact]
    public async Task A_collector_waits_for_who_is_there_and_lets_nobody_in_before_it_but_containers()
    {
        await _fixture.AddAsync(1);
        Task<CollectedGarbage> collecting;
        Task<StoreLock> next;
        using (await Store.EnterAsync(Cancelled))
        {
            collecting = Store.CollectGarbageAsync([], Cancelled);
            using var root = new StoreDirectory(Syscall.Open(_fixture.Path, OpenFlags.O_RDONLY));
            await Eventually.Holds(
                () =>
                {
                    using var gate = StoreLock.TryTake(root, "gate", together: true);
                    return gate is null;
                },
                () => "It does not wait.");
            next = Store.EnterAsync(Cancelled);
            await (await Store.CreateWritableAsync([One], null, Cancelled)).DisposeAsync();
            Assert.False(collecting.IsCompleted || next.IsCompleted);
        }

        Assert.Equal([One], (await Eventually.Ends(collecting)).Layers);
        (await Eventually.Ends(next)).Dispose();
    }

    [Fact]
    public async Task Writable_layers_come_and_go_beside_a_collector()
    {
        await _fixture.AddAsync(1);
        using var held = Store.TryUse(One);
        await using var other = LayerStore.Open(_fixture.Path);
        var coming = Task.Run(async () =>
        {
            for (var i = 0; i < 50; i++)
            {
                await Store.CreateWritableAsync([One], new() { Id = "it" }, Cancelled);
                await Store.DiscardWritableAsync("it", Cancelled);
            }
        }, Cancelled);
        while (!coming.IsCompleted)
        {
            Assert.Empty((await other.CollectGarbageAsync([], Cancelled)).Layers);
        }

        await coming;
    }

    [Fact]
    public async Task Twenty_kills_at_any_instant_leave_a_whole_store()
    {
        var random = new Random(4711);
        for (var kill = 0; kill < (Environment.GetEnvironmentVariable("CONTAINERKIT_SOAK") == "1" ? 500 : 20); kill++)
        {
            await using var host = HostProcess.Start("store", _fixture.Path, $"{One}", "storm");
            for (var lines = random.Next(1, 40); lines > 0; lines--)
            {
                await host.ReadLineAsync();
            }

            await host.KillAsync();
            Assert.Empty((await Store.CheckAsync(repair: false, Cancelled)).Faults);
        }

        foreach (var writable in Store.ListWritable())
        {
            await Store.OpenWritable(writable.Id).DiscardAsync(Cancelled); // kept by its id, whoever made it
        }

        await Store.CollectGarbageAsync([], Cancelled);
        foreach (var name in new[] { "layers/sha256", "locks", "staging", "writable" })
        {
            Assert.Empty(Directory.EnumerateFileSystemEntries(_fixture[name]));
        }

        Assert.Empty(Directory.EnumerateFileSystemEntries(_fixture["removed"]));
    }

    private void AssertHasNoLockOfWritable() => Assert.DoesNotContain(
        Directory.EnumerateFileSystemEntries(_fixture["locks"]),
        path => path.Contains("writable", StringComparison.Ordinal));
}
