namespace ContainerKit.KernelTests;

/// <summary>Damage that others did to a store: it is named, and what can be loaded again is removed.</summary>
public sealed class StoreCheckTests : IAsyncDisposable
{
    private readonly StoreFixture _fixture = new();
    private readonly TempDirectory _canary = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        Assert.Single(Directory.EnumerateFileSystemEntries(_canary.Path));
        _canary.Dispose();
        await _fixture.DisposeAsync();
    }

    public StoreCheckTests() => _canary.Write("file", "content");

    [Theory]
    [InlineData("no record")]
    [InlineData("empty record")]
    [InlineData("record of zeros")]
    [InlineData("no files")]
    [InlineData("files are a link")]
    [InlineData("layer is a link")]
    [InlineData("layer is a file")]
    public async Task A_damaged_layer_is_named_and_repair_lets_it_be_loaded_again(string damage)
    {
        var diffId = await _fixture.AddAsync(1);
        await _fixture.AddAsync(2);
        Damage(_fixture[$"layers/sha256/{diffId.Hex}"], damage);

        var fault = Assert.Single((await _fixture.Store.CheckAsync(repair: false, Cancelled)).Faults);
        Assert.Equal(($"layers/sha256/{diffId.Hex}", false), (fault.Name, fault.IsRepaired));
        var repaired = await _fixture.Store.CheckAsync(repair: true, Cancelled);
        Assert.True(repaired.IsWhole);
        Assert.Empty((await _fixture.Store.CheckAsync(repair: false, Cancelled)).Faults);
        await _fixture.AddAsync(1);
        Assert.Equal(2, _fixture.Store.ListLayers().Count);
    }

    [Theory]
    [InlineData("no record")]
    [InlineData("record of zeros")]
    [InlineData("no files")]
    [InlineData("layer is a file")]
    public async Task A_damaged_layer_is_made_anew_by_who_needs_it_next(string damage)
    {
        var diffId = await _fixture.AddAsync(1);
        Damage(_fixture[$"layers/sha256/{diffId.Hex}"], damage);
        await _fixture.AddAsync(1);

        Assert.Empty((await _fixture.Store.CheckAsync(repair: false, Cancelled)).Faults);
        Assert.True(File.Exists(_fixture[$"layers/sha256/{diffId.Hex}/fs/file1"]));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_fixture["removed"]));
    }

    [Fact]
    public async Task A_damaged_layer_is_not_taken_from_below_a_container()
    {
        var layers = await _fixture.AddRootAsync(1);
        var writable = await _fixture.Store.CreateWritableAsync(layers, new() { Id = "kept" }, Cancelled);
        await using (await Container.StartAsync(StoreFixture.Shell(writable, "exec sleep 1000"), Cancelled))
        {
            Damage(_fixture[$"layers/sha256/{layers[0].Hex}"], "no record");
            var faults = (await _fixture.Store.CheckAsync(repair: true, Cancelled)).Faults;
            var fault = faults.Single(fault => fault.Name.StartsWith("layers/", StringComparison.Ordinal));
            Assert.False(fault.IsRepaired);
            Assert.Contains("stop its containers", fault.Problem, StringComparison.Ordinal);
            var busy = await Assert.ThrowsAsync<LinuxException>(() => _fixture.AddRootAsync(1));
            Assert.Equal(Errno.EBUSY, busy.Errno);
            Assert.True(File.Exists(_fixture[$"layers/sha256/{layers[0].Hex}/fs/top"]));
        }

        Assert.Contains((await _fixture.Store.CheckAsync(repair: true, Cancelled)).Faults, fault => fault.IsRepaired);
        await _fixture.AddRootAsync(1);
        Assert.Equal("0", await Script.OutputAsync(StoreFixture.Shell(writable, "cat /top")));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_damaged_layer_is_not_taken_from_below_a_container_that_is_just_being_started(bool saysWhich)
    {
        var layers = await _fixture.AddRootAsync(2);
        var writable = await _fixture.Store.CreateWritableAsync(layers, new() { Id = "kept" }, Cancelled);
        await using var other = LayerStore.Open(_fixture.Path);
        Damage(_fixture[$"layers/sha256/{layers[0].Hex}"], "no record");
        if (!saysWhich)
        {
            File.WriteAllText(_fixture["writable/kept/writable.json"], "{"); // it may be this layer
        }

        using (writable.Root.Open().Held) // nothing is mounted yet, and nobody supervises
        {
            var faults = (await other.CheckAsync(repair: true, Cancelled)).Faults;
            Assert.DoesNotContain(faults, fault => fault.IsRepaired);
            Assert.Contains(faults, fault => fault.Problem.Contains("stop its containers", StringComparison.Ordinal));
            Assert.True(File.Exists(_fixture[$"layers/sha256/{layers[0].Hex}/fs/top"]));
        }

        Assert.Contains((await other.CheckAsync(repair: true, Cancelled)).Faults, fault => fault.IsRepaired);
        Assert.False(Directory.Exists(_fixture[$"layers/sha256/{layers[0].Hex}"]));
    }

    [Fact]
    public async Task Containers_start_while_the_store_is_repaired_and_another_layer_is_taken_away()
    {
        var layers = await _fixture.AddRootAsync(2);
        await using var writable = await _fixture.Store.CreateWritableAsync(layers, null, Cancelled);
        await using var other = LayerStore.Open(_fixture.Path);
        var repaired = 0;
        using var stop = new CancellationTokenSource();
        var repairing = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                var unused = await _fixture.AddAsync(1);
                Damage(_fixture[$"layers/sha256/{unused.Hex}"], "no record");
                var faults = (await other.CheckAsync(repair: true, Cancelled)).Faults;
                Assert.Equal($"layers/sha256/{unused.Hex}", Assert.Single(faults).Name);
                repaired++;
            }
        }, Cancelled);
        for (var i = 0; i < 10 || (repaired == 0 && !repairing.IsCompleted); i++)
        {
            Assert.Equal("1", await Script.OutputAsync(StoreFixture.Shell(writable, "cat /top")));
        }

        await stop.CancelAsync();
        await repairing;
        Assert.NotEqual(0, repaired);
    }

    [Fact]
    public async Task A_layer_that_a_writable_one_misses_is_named_and_that_is_left_alone()
    {
        var diffId = await _fixture.AddAsync(1);
        await _fixture.Store.CreateWritableAsync([diffId], new() { Id = "kept" }, Cancelled);
        Directory.Delete(_fixture[$"layers/sha256/{diffId.Hex}"], recursive: true);

        var fault = Assert.Single((await _fixture.Store.CheckAsync(repair: true, Cancelled)).Faults);
        Assert.Equal(("writable/kept", false), (fault.Name, fault.IsRepaired));
        Assert.Contains($"{diffId}", fault.Problem, StringComparison.Ordinal);
        Assert.Single(_fixture.Store.ListWritable());
    }

    [Fact]
    public async Task Nothing_is_collected_while_a_writable_layer_does_not_say_what_it_needs()
    {
        var diffId = await _fixture.AddAsync(1);
        await _fixture.Store.CreateWritableAsync([diffId], new() { Id = "kept" }, Cancelled);
        await File.WriteAllTextAsync(_fixture["writable/kept/writable.json"], "{", Cancelled);

        var refusal = await Assert.ThrowsAsync<InvalidImageException>(
            () => _fixture.Store.CollectGarbageAsync([], Cancelled));
        Assert.Equal("writable/kept", refusal.Entry);
        Assert.True(_fixture.Store.Contains(diffId));
        Assert.False((await _fixture.Store.CheckAsync(repair: true, Cancelled)).IsWhole);
    }

    private void Damage(string layer, string damage)
    {
        switch (damage)
        {
            case "no record":
                File.Delete($"{layer}/layer.json");
                break;
            case "empty record":
                File.WriteAllText($"{layer}/layer.json", "");
                break;
            case "record of zeros":
                File.WriteAllBytes($"{layer}/layer.json", new byte[100]);
                break;
            case "no files":
                Directory.Delete($"{layer}/fs", recursive: true);
                break;
            case "files are a link":
                Directory.Delete($"{layer}/fs", recursive: true);
                File.CreateSymbolicLink($"{layer}/fs", _canary.Path);
                break;
            case "layer is a link":
                Directory.Delete(layer, recursive: true);
                File.CreateSymbolicLink(layer, _canary.Path);
                break;
            default:
                Directory.Delete(layer, recursive: true);
                File.WriteAllText(layer, "");
                break;
        }
    }
}
