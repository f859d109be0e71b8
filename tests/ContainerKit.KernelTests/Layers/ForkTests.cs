namespace ContainerKit.KernelTests;

/// <summary>Copies of writable layers.</summary>
public class ForkTests : IAsyncDisposable
{
    private readonly ShippedImages _fixture;

    public ForkTests()
        : this(WritableForm.Overlay)
    {
    }

    protected ForkTests(WritableForm form) => _fixture = new(form);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await _fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task A_fork_starts_with_all_changes_and_goes_its_own_way()
    {
        var image = await _fixture.AddAsync("fork.test/it", ShippedImages.Base);
        await using var first = await _fixture.Store.CreateWritableAsync(image, null, Cancelled);
        await ShippedImages.RunAsync(first, """
            set -e
            cd /data; rm kept; echo mine >made; ln made linked; touch -d @1000000000 made; chmod 4711 made
            truncate -s 8M holes; echo end >>holes; rm -r /etc; mkdir /etc; echo x >/etc/x
            """);
        await using var fork = await first.ForkAsync(new() { Id = "fork" }, Cancelled);
        await ShippedImages.RunAsync(first, "echo changed >/data/made; echo 1 >/first");

        Assert.Equal("""
            mine
            1000000000 4711 2
            8388612 end
            holes linked made old same
            x
            """, await ShippedImages.RunAsync(fork, """
            cd /data; cat linked; stat -c '%Y %a %h' made; echo $(stat -c %s holes) $(tail -c 4 holes); echo *; ls /etc
            """));
        Assert.True(fork.ReadUsage().Bytes < 1 << 20, $"{fork.ReadUsage()}");
        await ShippedImages.RunAsync(fork, "test ! -e /first; echo 2 >/second");
        Assert.Equal("changed", await ShippedImages.RunAsync(first, "test ! -e /second; cat /data/made"));
    }

    [Fact]
    public async Task A_container_runs_on_while_its_layer_is_forked_and_another_one_starts()
    {
        var image = await _fixture.AddAsync("fork.test/it", ShippedImages.Base);
        await using var first = await _fixture.Store.CreateWritableAsync(image, null, Cancelled);
        await using var container = await Container.StartAsync(
            StoreFixture.Shell(first, "echo one >/one; echo; exec sleep 1000") with
            { StandardOutput = StandardStream.Pipe }, Cancelled);
        Assert.Equal(1, await container.StandardOutput!.ReadAsync(new byte[1], Cancelled));
        await using var fork = await first.ForkAsync(null, Cancelled);

        Assert.Equal("one", await ShippedImages.RunAsync(fork, "cat /one"));
        Assert.False(container.WaitAsync(Cancelled).IsCompleted);
    }

    [Fact]
    public async Task What_a_layer_takes_away_where_nothing_lies_below_is_not_listed()
    {
        Member[] above =
        [
            Member.Directory("anew/"), Member.File("anew/.wh..wh..opq"), Member.File("anew/.wh.gone"),
            Member.File("anew/kept"), Member.Directory("fresh/"), Member.File("fresh/.wh.gone"),
            Member.File("fresh/kept"),
        ];
        var image = await _fixture.AddAsync("fork.test/it", ShippedImages.Base, [Member.File("anew/gone")], above);
        await using var writable = await _fixture.Store.CreateWritableAsync(image, null, Cancelled);

        Assert.Equal("anew/kept\nfresh/kept", await ShippedImages.RunAsync(
            writable, "cd /; for name in anew/* fresh/*; do echo $name; done"));
        Assert.Equal("gone", await ShippedImages.RunAsync(
            writable, "cd /; rm fresh/kept; rmdir fresh; rm anew/kept; : >anew/gone; ls anew"));
        await using var fork = await writable.ForkAsync(null, Cancelled);
        Assert.Equal("gone", await ShippedImages.RunAsync(fork, "cd /; test ! -e fresh; ls anew"));
    }

    [Fact]
    public async Task A_layer_that_hides_all_below_leaves_nothing_of_it()
    {
        Member[] opaque = [.. ShippedImages.Base[..8], Member.File(".wh..wh..opq"), Member.File("new", "n")];
        var image = await _fixture.AddAsync("fork.test/opaque", ShippedImages.Base, [Member.File("below", "")], opaque);
        await using var writable = await _fixture.Store.CreateWritableAsync(image, null, Cancelled);

        Assert.Equal("/data\n/new", await ShippedImages.RunAsync(
            writable, "for name in data below new; do test ! -e /$name || echo /$name; done; ls /data"));
        Assert.Equal([image.Layers[^1]], writable.Layers);
        await using var again = _fixture.Store.Layers.OpenWritable(writable.Id);
        Assert.Equal([image.Layers[^1]], again.Layers);
    }
}
