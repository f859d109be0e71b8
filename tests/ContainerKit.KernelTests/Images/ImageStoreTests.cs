namespace ContainerKit.KernelTests;

/// <summary>What a store says of its images, and what of them goes.</summary>
public sealed class ImageStoreTests : IAsyncDisposable
{
    private static readonly Member[] Two = [Member.Directory("./"), Member.File("two", "2")];

    private readonly ShippedImages _images = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_image_whose_name_another_takes_stays_without_a_name()
    {
        var first = await _images.AddAsync("example.org/a:1", ShippedImages.Base);
        var second = await _images.AddAsync("example.org/a:1", ShippedImages.Base, Two);
        Assert.Equal(second.Digest, _images.Store.Find("example.org/a:1")!.Digest);
        Assert.Empty(_images.Store.Find($"{first.Digest}")!.References);
        Assert.Equal(2, _images.Store.ListImages().Count);

        await _images.Store.TagAsync(first, ImageReference.Parse("example.org/b:2"), Cancelled);
        Assert.Equal(first.Id, _images.Store.Find("example.org/b:2")!.Id);
        await _images.Store.UntagAsync(ImageReference.Parse("example.org/b:2"), Cancelled);
        Assert.Null(_images.Store.Find("example.org/b:2"));
        Assert.Equal(2, _images.Store.ListImages().Count);
    }

    [Fact]
    public async Task An_image_is_found_by_the_beginning_of_its_digests_unless_others_have_it()
    {
        var image = await _images.AddAsync("example.org/a:1", ShippedImages.Base);
        Assert.Equal(image.Digest, _images.Store.Find(image.Id.Hex[..12])!.Digest);
        Assert.Equal(image.Digest, _images.Store.Find($"{image.Id}")!.Digest);
        Assert.Equal(image.Digest, _images.Store.Find(image.Digest.Hex[..12])!.Digest);
        Assert.Null(_images.Store.Find(image.Id.Hex[..3]));
        Assert.Null(_images.Store.Find("example.org/nothing"));
    }

    [Fact]
    public async Task An_image_is_found_by_a_name_with_its_digest_and_none_has_that_of_another()
    {
        var one = await _images.AddAsync("example.org/a:1", ShippedImages.Base);
        var two = await _images.AddAsync("example.org/b:1", ShippedImages.Base, Two);
        Assert.Equal(one.Digest, _images.Store.Find($"example.org/a@{one.Digest}")!.Digest);
        Assert.Equal(one.Digest, _images.Store.Find($"example.org/a:1@{one.Digest}")!.Digest);
        Assert.Null(_images.Store.Find($"example.org/a@{two.Digest}"));
        Assert.Null(_images.Store.Find($"example.org/a:2@{one.Digest}"));

        var foreign = ImageReference.Parse($"example.org/a@{two.Digest}");
        await Assert.ThrowsAsync<ArgumentException>(() => _images.Store.TagAsync(one, foreign, Cancelled));
        await _images.Store.TagAsync(two, foreign, Cancelled);
        Assert.Equal(two.Digest, _images.Store.Find($"{foreign}")!.Digest);
        await using var writable = await _images.Store.CreateWritableAsync(one, null, Cancelled);
        await Assert.ThrowsAsync<ArgumentException>(
            () => _images.Store.CommitAsync(writable, new() { Reference = foreign }, Cancelled));
    }

    [Fact]
    public async Task What_images_share_is_told_from_what_goes_with_one()
    {
        var first = await _images.AddAsync("example.org/a:1", [.. ShippedImages.Base, Member.File("10", new('x', 10))]);
        var second = await _images.AddAsync(
            "example.org/b:1", [.. ShippedImages.Base, Member.File("10", new('x', 10))], [Member.File("7", "seven77")]);
        await using var writable = await _images.Store.CreateWritableAsync(second, new() { Id = "over" }, Cancelled);
        const int @base = 10 + 7; // what Base holds besides
        var usage = _images.Store.ListImageUsage();

        Assert.Equal(
            [(first.Digest, 0, @base), (second.Digest, 7, @base)],
            usage.Select(image => (image.Image.Digest, (int)image.Unique.Bytes, (int)image.Shared.Bytes)));
        Assert.Equal(7 + @base, usage[1].Total.Bytes);
        Assert.All(_images.Store.ListUsage(), layer => Assert.Equal(["over"], layer.WritableLayers));
        await _images.Store.RemoveAsync(first, Cancelled);
        Assert.Equal(7 + @base, Assert.Single(_images.Store.ListImageUsage()).Unique.Bytes);
    }

    [Fact]
    public async Task What_no_image_needs_any_more_is_collected_and_the_rest_is_not()
    {
        var first = await _images.AddAsync("example.org/a:1", ShippedImages.Base);
        var second = await _images.AddAsync("example.org/b:1", ShippedImages.Base, Two);
        Assert.Equal([2, 1], [.. second.Layers.Select(
            layer => _images.Store.ListUsage().Single(usage => usage.DiffId == layer).Images.Count)]);

        await _images.Store.RemoveAsync(second, Cancelled);
        var collected = await _images.Store.CollectGarbageAsync(Cancelled);
        Assert.Equal([second.Layers[1]], collected.Layers);
        Assert.Empty((await _images.Store.CheckAsync(cancellationToken: Cancelled)).Faults);
        Assert.Equal(3, Blobs.Length); // a layer, a configuration, a manifest
        Assert.Equal(first.Digest, Assert.Single(_images.Store.ListImages()).Digest);
    }

    [Fact]
    public async Task Images_are_listed_while_one_is_removed_and_collected()
    {
        var layout = await _images.WriteLayoutAsync("it", Two);
        using var stop = new CancellationTokenSource();
        var listing = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                Assert.InRange(_images.Store.ListImages().Count, 0, 1);
            }
        }, Cancelled);
        for (var i = 0; i < 100; i++)
        {
            var image = Assert.Single(await _images.Store.LoadAsync(layout, null, null, Cancelled));
            await _images.Store.RemoveAsync(image, Cancelled);
            await _images.Store.CollectGarbageAsync(Cancelled);
        }

        await stop.CancelAsync();
        await listing;
    }

    [RootFact]
    public async Task What_an_image_came_in_is_on_the_disk_before_the_image_is_there()
    {
        await using var store = ImageStore.Open(_images["through"]);
        await store.LoadAsync(await _images.WriteLayoutAsync("it", Two), null, null, Cancelled);
        var blobs = Directory.EnumerateFiles(_images["through/images/blobs/sha256"]).ToList();

        // Until then ext4 and xfs have no blocks for it.
        Assert.Equal(3, blobs.Count);
        Assert.DoesNotContain("delalloc", Tools.Run("filefrag", ["-v", .. blobs]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task To_collect_layers_leaves_those_of_images()
    {
        var image = await _images.AddAsync("example.org/a:1", ShippedImages.Base);
        var removed = await _images.AddAsync("example.org/a:1", ShippedImages.Base, Two);
        await _images.Store.RemoveAsync(removed, Cancelled);

        Assert.Equal([removed.Layers[1]], (await _images.Store.Layers.CollectGarbageAsync([], Cancelled)).Layers);
        Assert.Equal(image.Digest, Assert.Single(_images.Store.ListImages()).Digest);
        Assert.Equal(3, Blobs.Length);
        Assert.Empty((await _images.Store.CheckAsync(cancellationToken: Cancelled)).Faults);
    }

    [Fact]
    public async Task A_blob_that_somebody_removed_is_found_and_its_image_repaired_by_loading_it_again()
    {
        var layout = await _images.WriteLayoutAsync("example.org/a:1", ShippedImages.Base);
        var image = Assert.Single(await _images.Store.LoadAsync(layout, cancellationToken: Cancelled));
        var largest = Blobs.MaxBy(blob => new FileInfo(blob).Length)!;
        File.Delete(largest);
        Assert.False((await _images.Store.CheckAsync(cancellationToken: Cancelled)).IsWhole);
        Assert.True((await _images.Store.CheckAsync(repair: true, Cancelled)).IsWhole);
        Assert.Empty(_images.Store.ListImages());

        Assert.Equal(image.Digest, Assert.Single(
            await _images.Store.LoadAsync(layout, cancellationToken: Cancelled)).Digest);
        Assert.Empty((await _images.Store.CheckAsync(cancellationToken: Cancelled)).Faults);
    }

    [Fact]
    public async Task An_archive_of_Docker_gives_the_same_image_each_time_and_can_be_saved_as_a_layout()
    {
        var image = await _images.AddAsync("example.org/a:1", ShippedImages.Base);
        await _images.Store.SaveAsync([image], _images["docker.tar"], ImageFormat.DockerArchive, Cancelled);
        var other = _images.Open("other");
        var first = Assert.Single(await other.LoadAsync(_images["docker.tar"], cancellationToken: Cancelled));
        var again = Assert.Single(await other.LoadAsync(_images["docker.tar"], cancellationToken: Cancelled));
        Assert.Equal(first.Digest, again.Digest);

        await other.SaveAsync([again], _images["layout.tar"], ImageFormat.OciLayout, Cancelled);
        Assert.Equal(image.Id, Assert.Single(
            await _images.Open("third").LoadAsync(_images["layout.tar"], cancellationToken: Cancelled)).Id);
    }

    [Fact]
    public async Task Of_several_images_none_comes_when_one_is_damaged()
    {
        var images = new[]
        {
            await _images.AddAsync("example.org/a:1", ShippedImages.Base),
            await _images.AddAsync("example.org/b:1", Two),
        };
        Directory.CreateDirectory(_images["layout"]);
        await _images.Store.SaveAsync(images, _images["layout"], ImageFormat.OciLayout, Cancelled);
        var last = images[1].Blobs[0].Digest;
        File.WriteAllText(_images[$"layout/blobs/{last.Algorithm}/{last.Hex}"], "damage");

        var other = _images.Open("other");
        await Assert.ThrowsAsync<InvalidImageException>(
            () => other.LoadAsync(_images["layout"], cancellationToken: Cancelled));
        Assert.Empty(other.ListImages());
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _images.DisposeAsync();

    private string[] Blobs => Directory.GetFiles(_images["store/images/blobs"], "*", SearchOption.AllDirectories);
}
