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
    public async Task A_writable_layer_without_an_id_stays_while_a_container_is_on_it()
    {
        var layers = await _fixture.AddRootAsync(1);
        var writable = await Store.CreateWritableAsync(layers, null, Cancelled);
        await using (await Container.StartAsync(StoreFixture.Shell(writable, "sleep 1000"), Cancelled))
        {
            await writable.DisposeAsync();
            Assert.Empty((await Store.CollectGarbageAsync([], Cancelled)).Layers);
            Assert.Single(Store.ListWritable());
        }

        Assert.Equal(layers, (await Store.CollectGarbageAsync([], Cancelled)).Layers);
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

        Assert.Equal([".lock"], Directory.EnumerateFileSystemEntries(_fixture["removed"]).Select(Path.GetFileName));
    }
}
