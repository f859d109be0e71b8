namespace ContainerKit.KernelTests;

/// <summary>Damage to what a store has of images is found, and mended by loading them again.</summary>
public sealed class ImageCheckTests : IAsyncDisposable
{
    private readonly ShippedImages _images = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private ImageStore Store => _images.Store;

    public ValueTask DisposeAsync() => _images.DisposeAsync();

    [Theory]
    [InlineData("manifest")]
    [InlineData("config")]
    [InlineData("layer")]
    public async Task A_blob_whose_content_was_changed_is_found_and_comes_again_with_its_image(string which)
    {
        var (layout, image) = await LoadAsync();
        var digest = which == "manifest" ? image.Digest : which == "config" ? image.Id : image.Blobs[0].Digest;
        var content = await File.ReadAllBytesAsync(BlobPath(digest), Cancelled);
        content[content.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(BlobPath(digest), content, Cancelled);

        var faults = (await Store.CheckAsync(false, Cancelled)).Faults;
        Assert.Equal([$"images/blobs/sha256/{digest.Hex}", $"images/{image.Digest}"], faults.Select(fault => fault.Name));
        await AssertMendedAsync(layout, image);
    }

    [Theory]
    [InlineData("fifo")]
    [InlineData("directory")]
    [InlineData("link")]
    public async Task What_lies_in_the_place_of_a_blob_is_found_and_not_waited_for(string kind)
    {
        var (layout, image) = await LoadAsync();
        Exchange(BlobPath(image.Blobs[0].Digest), kind);

        Assert.Equal(2, (await Store.CheckAsync(false, Cancelled)).Faults.Count);
        await AssertMendedAsync(layout, image);
    }

    [Theory]
    [InlineData("text")]
    [InlineData("fifo")]
    [InlineData("directory")]
    [InlineData("link")]
    public async Task A_list_that_is_damaged_is_named_with_what_to_do_and_begun_anew(string kind)
    {
        var (layout, image) = await LoadAsync();
        Exchange(_images["store/images/index.json"], kind);

        var refusal = Assert.Throws<InvalidImageException>(() => Store.ListImages());
        Assert.Equal("images/index.json", refusal.Entry);
        Assert.Contains("CheckAsync", refusal.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<InvalidImageException>(() => Store.CollectGarbageAsync(Cancelled));
        Assert.Equal(2, Store.Layers.ListLayers().Count);
        Assert.Equal("images/index.json", Assert.Single((await Store.CheckAsync(false, Cancelled)).Faults).Name);
        await AssertMendedAsync(layout, image);
        Exchange(_images["store/images/index.json"], kind == "directory" ? "text" : "directory");
        await AssertMendedAsync(layout, image); // another time, when the last one lies aside
    }

    [Fact]
    public async Task What_is_no_blob_is_found_and_removed_with_the_garbage()
    {
        var (_, image) = await LoadAsync();
        await File.WriteAllTextAsync(_images["store/images/blobs/md5"], "x", Cancelled);
        await File.WriteAllTextAsync(_images["store/images/blobs/sha256/00"], "x", Cancelled);

        Assert.Equal(
            ["images/blobs/md5", "images/blobs/sha256/00"],
            (await Store.CheckAsync(false, Cancelled)).Faults.Select(fault => fault.Name).Order(StringComparer.Ordinal));
        await Store.CollectGarbageAsync(Cancelled);
        Assert.Empty((await Store.CheckAsync(false, Cancelled)).Faults);
        Assert.Equal(image.Digest, Assert.Single(Store.ListImages()).Digest);
    }

    private async Task<(string Layout, Image Image)> LoadAsync()
    {
        var layout = await _images.WriteLayoutAsync(
            "example.org/a:1", ShippedImages.Base, [Member.Directory("./"), Member.File("two", "2")]);
        return (layout, Assert.Single(await Store.LoadAsync(layout, null, null, Cancelled)));
    }

    private async Task AssertMendedAsync(string layout, Image image)
    {
        var repaired = await Store.CheckAsync(repair: true, Cancelled);
        Assert.True(repaired.Faults.Count > 0 && repaired.IsWhole);
        Assert.Empty(Store.ListImages());
        Assert.Equal(image.Digest, Assert.Single(await Store.LoadAsync(layout, null, null, Cancelled)).Digest);
        Assert.Equal(image.Digest, Assert.Single(Store.ListImages()).Digest);
        Assert.Empty((await Store.CheckAsync(false, Cancelled)).Faults);
    }

    private string BlobPath(Digest digest) => _images[$"store/images/blobs/{digest.Algorithm}/{digest.Hex}"];

    private static void Exchange(string path, string kind)
    {
        File.Delete(path);
        switch (kind)
        {
            case "fifo":
                Linux.Syscall.MakeFifo(path, 0x180); // 0600
                break;
            case "directory":
                File.WriteAllText(Path.Combine(Directory.CreateDirectory(path).FullName, "file"), "x");
                break;
            case "link":
                File.CreateSymbolicLink(path, "/etc/hostname");
                break;
            default:
                File.WriteAllText(path, "damage");
                break;
        }
    }
}
