namespace ContainerKit.KernelTests;

/// <summary>The same of writable layers that are copies of their layers.</summary>
public sealed class CopiedLayerTests() : WritableLayerTests(WritableForm.Copy);

/// <inheritdoc cref="CopiedLayerTests"/>
public sealed class CopiedForkTests() : ForkTests(WritableForm.Copy);

/// <inheritdoc cref="CopiedLayerTests"/>
public sealed class CopiedChangesTests() : LayerChangesTests(WritableForm.Copy);

/// <inheritdoc cref="CopiedLayerTests"/>
public sealed class CopiedCommitTests() : CommitTests(WritableForm.Copy);

/// <inheritdoc cref="CopiedLayerTests"/>
public sealed class CopiedExportTests() : ExportTests(WritableForm.Copy);

/// <inheritdoc cref="CopiedLayerTests"/>
public sealed class CopiedDirectoriesTests() : ImpliedDirectoriesTests(WritableForm.Copy);

/// <summary>What only copies have.</summary>
public sealed class CopyTests : IAsyncDisposable
{
    private readonly ShippedImages _fixture = new(WritableForm.Copy);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [Fact]
    public async Task A_change_that_neither_time_nor_size_tells_is_committed()
    {
        Member[] members =
        [
            .. ShippedImages.Base, Member.Directory("new/"), Member.File("new/version", "2"), Member.Directory("app/"),
            Member.File("app/version", "1"),
        ];
        var image = await _fixture.AddAsync("copy.test/it", members);
        await using var writable = await _fixture.Store.CreateWritableAsync(image, null, Cancelled);
        await ShippedImages.RunAsync(writable, """
            set -e
            rm -r /app; mv /new /app
            touch -r /data/kept /time; printf KEPT >/data/kept; touch -r /time /data/kept; rm /time
            """);
        var committed = await _fixture.Store.CommitAsync(writable, new(), Cancelled);
        await using var again = await _fixture.Store.CreateWritableAsync(committed, null, Cancelled);

        Assert.Equal("2KEPT", await ShippedImages.RunAsync(again, "cat /app/version /data/kept; test ! -e /new"));
        var changes = (await writable.ListChangesAsync(Cancelled)).Select(change => $"{change.Kind} {change.Path}");
        Assert.Superset(
            new HashSet<string> { "Changed /app/version", "Changed /data/kept", "Removed /new" }, changes.ToHashSet());
    }

    [Fact]
    public async Task A_further_name_of_a_file_is_committed_as_one()
    {
        var image = await _fixture.AddAsync("copy.test/it", ShippedImages.Base);
        await using var writable = await _fixture.Store.CreateWritableAsync(image, null, Cancelled);
        await ShippedImages.RunAsync(writable, "ln /data/kept /data/further");
        var committed = await _fixture.Store.CommitAsync(writable, new(), Cancelled);
        await using var again = await _fixture.Store.CreateWritableAsync(committed, null, Cancelled);

        Assert.Equal("2 2", await ShippedImages.RunAsync(again, "cd /data; echo $(stat -c %h kept further)"));
    }

    [Fact]
    public async Task A_fork_has_the_root_that_its_original_was_given()
    {
        var image = await _fixture.AddAsync("copy.test/it", ShippedImages.Base);
        await using var writable = await _fixture.Store.CreateWritableAsync(image, null, Cancelled);
        await ShippedImages.RunAsync(writable, "chmod 1711 /");
        await using var fork = await writable.ForkAsync(null, Cancelled);

        Assert.Equal("1711", await ShippedImages.RunAsync(fork, "stat -c %a /"));
    }

    [Fact]
    public async Task To_compare_a_copy_with_its_layers_is_cancelled()
    {
        var image = await _fixture.AddAsync("copy.test/it", ShippedImages.Base);
        await using var writable = await _fixture.Store.CreateWritableAsync(image, null, Cancelled);
        using var stop = new CancellationTokenSource();
        using var changes = writable.OpenChanges();
        using var members = writable.Read(changes, stop.Token);
        await stop.CancelAsync();

        Assert.Throws<OperationCanceledException>(() => members.Next());
    }

    [RootFact]
    public async Task A_copy_that_is_kept_is_on_the_disk_before_it_is_there()
    {
        await using var store = ImageStore.Open(_fixture["through"], new() { Form = WritableForm.Copy });
        var layout = await _fixture.WriteLayoutAsync(
            "it", [.. ShippedImages.Base, Member.File("data/large", new string('x', 1 << 20))]);
        var image = Assert.Single(await store.LoadAsync(layout, null, null, Cancelled));
        await using var kept = await store.CreateWritableAsync(image, new() { Id = "kept" }, Cancelled);

        // Until then ext4 and xfs have no blocks for it.
        Assert.DoesNotContain(
            "delalloc", Tools.Run("filefrag", "-v", _fixture["through/writable/kept/tree/data/large"]),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Copies_of_one_store_and_overlays_of_another_process_go_together()
    {
        var image = await _fixture.AddAsync("copy.test/it", ShippedImages.Base);
        await using var copy = await _fixture.Store.CreateWritableAsync(image, new() { Id = "copy" }, Cancelled);
        await ShippedImages.RunAsync(copy, "echo 1 >/made; rm -r /data");
        await using var other = ImageStore.Open(_fixture["store"], new() { Form = WritableForm.Overlay });
        await using var opened = other.Layers.OpenWritable("copy");
        await using var fork = await opened.ForkAsync(null, Cancelled);

        Assert.Equal((WritableForm.Copy, WritableForm.Overlay), (opened.Form, fork.Form));
        Assert.Equal("1", await ShippedImages.RunAsync(fork, "cat /made; test ! -e /data"));
        await Assert.ThrowsAsync<LimitNotSupportedException>(() => _fixture.Store.CreateWritableAsync(
            image, new() { SizeLimit = ByteSize.MiB(64) }, Cancelled));
        Assert.True((await other.Layers.CheckAsync(repair: false, Cancelled)).IsWhole);
    }

    [Fact]
    public async Task The_kernel_shows_layers_where_it_can()
    {
        await using var store = _fixture.Open("other", form: null);
        var layout = await _fixture.WriteLayoutAsync("it", ShippedImages.Base);
        var image = Assert.Single(await store.LoadAsync(layout, null, null, Cancelled));
        await using var writable = await store.CreateWritableAsync(image, null, Cancelled);

        Assert.Equal(WritableForm.Overlay, writable.Form);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_fixture["other/staging"]));
    }

    [RootFact]
    public async Task Where_the_kernel_lays_nothing_over_the_store_it_is_copied_and_its_ids_with_it()
    {
        // An overlay takes no changes of another, and no overlay is mounted with other ids.
        using var temp = new TempDirectory();
        File.SetUnixFileMode(temp.Path, (UnixFileMode)0x1ED); // 0755: the store itself is closed
        const string script = """
            cd "$1"; mkdir lower upper work over; shift
            mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work over && exec "$@"
            """;
        await using var host = HostProcess.StartThrough(
            ["unshare", "--mount", "sh", "-c", script, "sh", temp.Path], "nested", temp["over/store"]);

        Assert.Equal("Copy", await host.ReadLineAsync());
        Assert.Equal("exited with code 0 0 33:33", await host.ReadLineAsync());
        Assert.Equal("exited with code 0 0", await host.ReadLineAsync());
        Assert.Equal(
            "LayerChange { Path = /gone, Kind = Removed } LayerChange { Path = /made, Kind = Added }",
            await host.ReadLineAsync());
        Assert.Equal("exited with code 0 0", await host.ReadLineAsync());
        Assert.Equal("exited with code 0 none of that, none of both", await host.ReadLineAsync());
        Assert.Equal("in,in/kept", await host.ReadLineAsync());
        Assert.Equal("whole", await host.ReadLineAsync());
    }
}
