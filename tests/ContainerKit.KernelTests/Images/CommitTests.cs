using ContainerKit.Images;

namespace ContainerKit.KernelTests;

/// <summary>Images that are made of what containers changed.</summary>
public class CommitTests : IAsyncDisposable
{
    private static readonly CommitOptions Fixed = new() { CreatedAt = DateTimeOffset.UnixEpoch };

    private readonly ShippedImages _fixture;

    public CommitTests()
        : this(WritableForm.Overlay)
    {
    }

    protected CommitTests(WritableForm form) => _fixture = new(form);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private ImageStore Store => _fixture.Store;

    public async ValueTask DisposeAsync()
    {
        await _fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task An_image_of_changes_shows_them_and_says_how_it_came_to_be()
    {
        var image = await _fixture.AddAsync("commit.test/base", ShippedImages.Base, [Member.File("data/second", "2")]);
        await using var writable = await Store.CreateWritableAsync(image, null, Cancelled);
        await ShippedImages.RunAsync(writable, "rm /data/kept; echo new >/data/old; mkdir /made; chmod 1777 /made");
        var committed = await Store.CommitAsync(writable, new()
        {
            Reference = ImageReference.Parse("commit.test/made:1"),
            Author = "me",
            Comment = "noted",
            CreatedBy = "sh",
            Defaults = image.Config.Defaults! with { Command = ["/usr/bin/env"] },
        }, Cancelled);

        Assert.Equal([.. image.Layers, committed.Layers[^1]], committed.Layers);
        Assert.Equal(["PATH=/usr/bin"], committed.Config.Defaults!.Environment);
        Assert.Equal(["/usr/bin/env"], committed.Config.Defaults.Command);
        var step = committed.Config.History![^1];
        Assert.Equal(("me", "noted", "sh"), (step.Author, step.Comment, step.CreatedBy));
        Assert.Equal(3, committed.Config.History.Count);
        Assert.Equal(committed.Digest, Store.Find("commit.test/made:1")!.Digest);
        await using var over = await Store.CreateWritableAsync(committed, null, Cancelled);
        Assert.Equal("new\nold same second\n0 1777", await ShippedImages.RunAsync(
            over, "cd /data; cat old; echo $(ls); stat -c '%u %a' /made"));
        Assert.Empty(await over.ListChangesAsync(Cancelled));
    }

    [Fact]
    public async Task A_layer_goes_on_being_usable_and_is_committed_again_from_its_own_image()
    {
        var image = await _fixture.AddAsync("commit.test/base", ShippedImages.Base);
        await using var writable = await Store.CreateWritableAsync(image, new() { Id = "kept" }, Cancelled);
        await ShippedImages.RunAsync(writable, "echo 1 >/one");
        var first = await Store.CommitAsync(writable, Fixed, Cancelled);
        var same = await Store.CommitAsync(writable, Fixed, Cancelled);
        await ShippedImages.RunAsync(writable, "echo 2 >/two");
        await using var again = Store.Layers.OpenWritable("kept");
        var second = await Store.CommitAsync(again, Fixed, Cancelled);

        Assert.Equal(first.Digest, same.Digest);
        Assert.NotEqual(first.Digest, second.Digest);
        Assert.Equal(2, second.Layers.Count);
        await using var over = await Store.CreateWritableAsync(second, null, Cancelled);
        Assert.Equal("1\n2", await ShippedImages.RunAsync(over, "cat /one /two"));
    }

    [Fact]
    public async Task A_commit_reads_nothing_but_what_was_changed_while_the_container_runs()
    {
        Member[] many = [.. Enumerable.Range(0, 3000).Select(number => Member.File($"data/file{number}", "x"))];
        var image = await _fixture.AddAsync("commit.test/base", ShippedImages.Base, many);
        await using var writable = await Store.CreateWritableAsync(image, null, Cancelled);
        await using var container = await Container.StartAsync(
            StoreFixture.Shell(writable, "for i in 1 2 3; do echo y >/data/file$i; done; echo; exec sleep 1000") with
            { StandardOutput = StandardStream.Pipe }, Cancelled);
        Assert.Equal(1, await container.StandardOutput!.ReadAsync(new byte[1], Cancelled));
        var committed = await Store.CommitAsync(writable, null, Cancelled);

        var entries = Store.Layers.ListLayers().Single(layer => layer.DiffId == committed.Layers[^1]).Entries;
        Assert.InRange(entries, 5, 20); // the files, their directories, and mount points
        Assert.False(container.WaitAsync(Cancelled).IsCompleted);
    }

    [Fact]
    public async Task The_image_of_a_writable_layer_can_be_removed_and_is_collected_after_it()
    {
        var image = await _fixture.AddAsync("commit.test/base", ShippedImages.Base);
        var writable = await Store.CreateWritableAsync(image, null, Cancelled);
        await ShippedImages.RunAsync(writable, "echo 1 >/one");
        await Store.RemoveAsync(image, Cancelled);
        await Store.CollectGarbageAsync(Cancelled);
        var committed = await Store.CommitAsync(writable, Fixed, Cancelled);
        await Store.RemoveAsync(committed, Cancelled);
        await writable.DisposeAsync();
        await Store.CollectGarbageAsync(Cancelled);

        Assert.Empty(Store.Layers.ListLayers());
        Assert.Empty(Directory.GetFiles(_fixture["store/images/blobs"], "*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Layers_of_no_image_are_refused_until_one_is_given()
    {
        var image = await _fixture.AddAsync("commit.test/base", ShippedImages.Base);
        await using var writable = await Store.Layers.CreateWritableAsync(image.Layers, null, Cancelled);
        await ShippedImages.RunAsync(writable, "echo 1 >/one");
        var refusal = await Assert.ThrowsAsync<ArgumentException>(() => Store.CommitAsync(writable, null, Cancelled));

        Assert.Contains("CommitOptions.Base", refusal.Message, StringComparison.Ordinal);
        var committed = await Store.CommitAsync(writable, Fixed with { Base = image }, Cancelled);
        Assert.Equal(image.Layers[0], committed.Layers[0]);
    }

    [Fact]
    public async Task A_base_that_does_not_lie_below_or_is_not_in_the_store_is_refused()
    {
        var image = await _fixture.AddAsync("commit.test/base", ShippedImages.Base);
        var higher = await _fixture.AddAsync("commit.test/higher", ShippedImages.Base, [Member.File("data/second", "2")]);
        await using var writable = await Store.Layers.CreateWritableAsync(image.Layers, null, Cancelled);
        var refusal = await Assert.ThrowsAsync<ArgumentException>(
            () => Store.CommitAsync(writable, new() { Base = higher }, Cancelled));
        Assert.Contains("other layers", refusal.Message, StringComparison.Ordinal);

        await Store.RemoveAsync(image, Cancelled);
        await Store.CollectGarbageAsync(Cancelled);
        refusal = await Assert.ThrowsAsync<ArgumentException>(
            () => Store.CommitAsync(writable, new() { Base = image }, Cancelled));
        Assert.Contains("not in this store", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(higher.Digest, Assert.Single(Store.ListImages()).Digest);
    }

    [Fact]
    public async Task An_image_whose_blobs_are_missing_is_no_base_until_it_is_loaded_again()
    {
        var layout = await _fixture.WriteLayoutAsync("commit.test/base", ShippedImages.Base);
        var image = Assert.Single(await Store.LoadAsync(layout, null, null, Cancelled));
        await using var writable = await Store.CreateWritableAsync(image, null, Cancelled);
        var blob = image.Blobs[0].Digest;
        File.Delete(_fixture[$"store/images/blobs/sha256/{blob.Hex}"]);
        var refusal = await Assert.ThrowsAsync<LinuxException>(() => Store.CommitAsync(writable, null, Cancelled));

        Assert.Equal((Errno.ENOENT, $"{blob}"), (refusal.Errno, refusal.Path));
        await Store.LoadAsync(layout, null, null, Cancelled);
        await Store.CommitAsync(writable, null, Cancelled);
    }

    [Fact]
    public async Task A_file_of_holes_that_is_longer_than_a_layer_may_be_is_refused_by_its_name_and_length()
    {
        var image = await _fixture.AddAsync("commit.test/base", ShippedImages.Base);
        await using var writable = await Store.CreateWritableAsync(image, null, Cancelled);
        await ShippedImages.RunAsync(writable, "echo a >/data/a; truncate -s 4T /data/huge");
        var refusal = await Assert.ThrowsAsync<InvalidImageException>(
            () => Store.CommitAsync(writable, null, Cancelled));
        var other = await Assert.ThrowsAsync<InvalidImageException>(
            () => writable.ExportAsync(Stream.Null, new() { MaxSize = ByteSize.MiB(1) }, Cancelled));

        Assert.Equal(("data/huge", "size", $"{4L << 40}"), (refusal.Entry, refusal.Field, refusal.Value));
        Assert.Equal(refusal.Entry, other.Entry);
        Assert.Single(Store.Layers.ListLayers());
        Assert.Empty(Directory.GetFiles(_fixture["store/images/blobs"], ".new-*"));
        await ShippedImages.RunAsync(writable, "truncate -s 3M /data/huge");
        await Assert.ThrowsAsync<InvalidImageException>(
            () => Store.CommitAsync(writable, new() { MaxLayerSize = ByteSize.MiB(3) }, Cancelled));
        await Store.CommitAsync(writable, new() { MaxLayerSize = new((3 << 20) + 2) }, Cancelled);
    }

    [Fact]
    public async Task Holes_are_zeros_in_an_image_and_stay_holes_in_a_fork()
    {
        var image = await _fixture.AddAsync("commit.test/base", ShippedImages.Base);
        await using var writable = await Store.CreateWritableAsync(image, null, Cancelled);
        const string sum = "cat /data/sparse /data/hole | sha256sum";
        var seen = await ShippedImages.RunAsync(writable, $"""
            cd /data; truncate -s 8M sparse hole
            echo x | dd of=sparse bs=1M seek=2 conv=notrunc; echo y | dd of=sparse bs=1M seek=5 conv=notrunc; {sum}
            """);
        var committed = await Store.CommitAsync(writable, null, Cancelled);
        await using var over = await Store.CreateWritableAsync(committed, null, Cancelled);
        await using var fork = await writable.ForkAsync(null, Cancelled);

        Assert.Equal(seen, await ShippedImages.RunAsync(over, sum));
        Assert.Equal(seen, await ShippedImages.RunAsync(fork, sum));
        Assert.InRange(fork.ReadUsage().Bytes, 0, 1 << 20);
    }

    [Fact(Skip = "needs python3", SkipUnless = nameof(Host.HasPython), SkipType = typeof(Host))]
    public async Task A_socket_is_in_nothing_made_of_a_layer_and_what_it_hides_does_not_come_back()
    {
        Member[] more = [Member.Directory("anew/"), Member.File("anew/lost"), Member.File("anew/socket")];
        var image = await _fixture.AddAsync("commit.test/base", ShippedImages.Base, more);
        await using var writable = await Store.CreateWritableAsync(image, null, Cancelled);
        await ShippedImages.RunAsync(writable, """
            set -e; rm /data/kept; rm -r /anew; mkdir /anew /made
            python3 -c 'import socket, sys; [socket.socket(socket.AF_UNIX).bind(path) for path in sys.argv[1:]]' \
                /data/kept /data/new /anew/socket /made/socket
            test -S /data/kept
            """);
        var committed = await Store.CommitAsync(writable, null, Cancelled);
        await using var over = await Store.CreateWritableAsync(committed, null, Cancelled);
        await using var fork = await writable.ForkAsync(null, Cancelled);
        var archive = new MemoryStream();
        await writable.ExportAsync(archive, null, Cancelled);
        File.WriteAllBytes(_fixture["export.tar"], archive.ToArray());

        const string seen = "cd /; echo data/* anew/* made/*";
        Assert.Equal("data/old data/same anew/* made/*", await ShippedImages.RunAsync(over, seen));
        Assert.Equal("data/old data/same anew/* made/*", await ShippedImages.RunAsync(fork, seen));
        Assert.DoesNotMatch("kept|socket|data/new", Tools.Run("tar", "-tf", _fixture["export.tar"]));
        Assert.Equal(["/anew/lost", "/anew/socket", "/data/kept"], (await writable.ListChangesAsync(Cancelled))
            .Where(change => change.Kind == LayerChangeKind.Removed).Select(change => change.Path));
    }

    [Fact]
    public async Task A_file_that_a_layer_cannot_say_is_refused_and_leaves_the_store_as_it_was()
    {
        var image = await _fixture.AddAsync("commit.test/base", ShippedImages.Base);
        await using var writable = await Store.CreateWritableAsync(image, null, Cancelled);
        await ShippedImages.RunAsync(writable, "echo >/data/.wh.kept");
        var refusal = await Assert.ThrowsAsync<InvalidImageException>(
            () => Store.CommitAsync(writable, null, Cancelled));

        Assert.Equal("data/.wh.kept", refusal.Entry);
        Assert.Equal(image.Digest, Assert.Single(Store.ListImages()).Digest);
        Assert.Single(Store.Layers.ListLayers());
        Assert.True((await Store.CheckAsync(false, Cancelled)).IsWhole);
    }
}
