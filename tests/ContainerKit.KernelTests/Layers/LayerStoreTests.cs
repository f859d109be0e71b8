namespace ContainerKit.KernelTests;

/// <summary>How layers come into a store that several processes share, one of which may be killed.</summary>
public sealed class LayerStoreTests : IAsyncDisposable
{
    private static readonly Digest One = StoreFixture.DiffId(1);

    private readonly StoreFixture _fixture = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private LayerStore Store => _fixture.Store;

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [Fact]
    public async Task A_published_layer_is_there_for_everybody()
    {
        var diffId = await _fixture.AddAsync(1);
        await using var other = LayerStore.Open(_fixture.Path);

        Assert.True(other.Contains(diffId));
        Assert.False(other.Contains(StoreFixture.DiffId(2)));
        var layer = Assert.Single(other.ListLayers());
        Assert.Equal((diffId, 1), (layer.DiffId, layer.Entries));
        Assert.InRange(layer.StoredAt, DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow);
        Assert.Equal("1", await File.ReadAllTextAsync(_fixture[$"layers/sha256/{diffId.Hex}/fs/file1"], Cancelled));
    }

    [Fact]
    public async Task A_layer_that_is_not_published_is_in_nobodys_sight_and_gone_when_it_is_disposed()
    {
        await using (var staged = await Store.StageAsync(One, Cancelled))
        {
            Directory.CreateDirectory(StoreFixture.PathIn(staged, "directory/in/directory"));
            Assert.False(staged.IsPublished);
            Assert.False(Store.Contains(One));
            Assert.Empty(Store.ListLayers());
        }

        Assert.Empty(Directory.EnumerateFileSystemEntries(_fixture["staging"]));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_fixture["removed"]));
    }

    [Fact]
    public async Task Sixteen_at_once_make_a_layer_once_and_the_others_find_it()
    {
        var made = 0;
        await Task.WhenAll(Enumerable.Range(0, 16).Select(async _ =>
        {
            await using var store = LayerStore.Open(_fixture.Path);
            await using var staged = await store.StageAsync(One, Cancelled);
            if (!staged.IsPublished)
            {
                Interlocked.Increment(ref made);
                await File.WriteAllTextAsync(StoreFixture.PathIn(staged, "file"), "content", Cancelled);
                await staged.PublishAsync(new() { Size = 7, Entries = 1 }, Cancelled);
            }

            Assert.True(store.Contains(One));
        }));

        Assert.Equal(1, made);
    }

    [Fact]
    public async Task Another_process_is_waited_for_and_its_layer_found()
    {
        await using var host = HostProcess.Start("store", _fixture.Path, $"{One}", "hold");
        Assert.Equal("made", await host.ReadLineAsync());
        var waiting = Store.StageAsync(One, Cancelled);
        await using (await Store.StageAsync(StoreFixture.DiffId(2), Cancelled)) // another is nothing to wait for
        {
            Assert.False(waiting.IsCompleted);
        }

        await host.WriteLineAsync("publish");
        await using var found = await Eventually.Ends(waiting);
        Assert.True(found.IsPublished);
    }

    [Fact]
    public async Task What_a_killed_process_began_is_begun_anew_by_who_waited()
    {
        await using var host = HostProcess.Start("store", _fixture.Path, $"{One}", "hold");
        Assert.Equal("made", await host.ReadLineAsync());
        var waiting = Store.StageAsync(One, Cancelled);
        await host.KillAsync();

        await using var staged = await Eventually.Ends(waiting);
        Assert.False(staged.IsPublished);
        Assert.Empty(Directory.EnumerateFileSystemEntries(StoreFixture.PathIn(staged, "")));
        await staged.PublishAsync(new() { Size = 0, Entries = 0 }, Cancelled);
        Assert.True(Store.Contains(One));
    }

    [Fact]
    public async Task To_stop_waiting_for_a_layer_leaves_it_to_who_makes_it()
    {
        await using var staged = await Store.StageAsync(One, Cancelled);
        using var stopped = new CancellationTokenSource();
        var waiting = Store.StageAsync(One, stopped.Token);
        await stopped.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        await staged.PublishAsync(new() { Size = 0, Entries = 0 }, Cancelled);
        Assert.True(Store.Contains(One));
    }

    [Theory]
    [InlineData("0")]
    [InlineData("0777")]
    public async Task CVE_2021_41103_41091_2024_25621_a_store_is_closed_to_others_whatever_the_umask_is(string umask)
    {
        var path = $"{_fixture.Path}-{umask}";
        await using var host = HostProcess.StartThrough(
            ["sh", "-c", $"umask {umask}; exec \"$0\" \"$@\""], "store", path, $"{One}");
        var (exitCode, output) = await host.EndAsync();

        Assert.True(exitCode == 0, host.Errors);
        Assert.Equal("made\npublished\n", output);
        Assert.Equal(0x1C0, (int)File.GetUnixFileMode(path)); // 0700
        foreach (var name in new[] { "locks", "staging", "removed" })
        {
            Assert.Equal(0x1C0, (int)File.GetUnixFileMode(Path.Combine(path, name)));
        }

        foreach (var name in new[] { "layers", "layers/sha256", $"layers/sha256/{One.Hex}" })
        {
            Assert.Equal(0x1C9, (int)File.GetUnixFileMode(Path.Combine(path, name))); // 0711
        }
    }
}
