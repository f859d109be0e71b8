using ContainerKit.Images;
using ContainerKit.Linux;
using ContainerKit.Tests.Images;

namespace ContainerKit.KernelTests;

/// <summary>What unpacking leaves of a directory, and what it tells meanwhile.</summary>
public sealed class UnpackedDirectoryTests : IAsyncDisposable
{
    private readonly ImageFixture _fixture = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [Fact]
    public async Task A_new_directory_can_be_entered_unless_the_image_says_otherwise()
    {
        await UnpackAsync(_fixture.Write(Codec.Gzip, LayerArchive.OfFile("file", "x")));
        Assert.Equal(0x1ED, Mode()); // 0755
    }

    [Fact]
    public async Task A_directory_that_is_there_keeps_its_mode_unless_the_image_says_otherwise()
    {
        Directory.CreateDirectory(_fixture.Target, (UnixFileMode)0x1E9); // 0751
        await UnpackAsync(_fixture.Write(Codec.Gzip, LayerArchive.OfFile("file", "x")));
        Assert.Equal(0x1E9, Mode());
    }

    [Fact]
    public async Task The_root_has_the_mode_that_the_last_layer_to_say_one_says()
    {
        await UnpackAsync(_fixture.Write(
            Codec.Gzip, LayerArchive.Of(Member.Directory("./", 0x1C9)), LayerArchive.Of(Member.Directory("./", 0x3ED)),
            LayerArchive.OfFile("file", "x")));
        Assert.Equal(0x3ED, Mode()); // 01755
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task CVE_2021_41103_41091_2024_25621_Until_all_is_verified_nobody_else_can_enter(bool isThere)
    {
        if (isThere)
        {
            Directory.CreateDirectory(_fixture.Target, (UnixFileMode)0x1ED); // 0755
        }

        var source = _fixture.Write(
            Codec.Gzip, LayerArchive.Of(Member.Directory("./", 0x1FF), Member.File("setuid", "x", 0x9ED)),
            LayerArchive.OfFile("file", "x"));
        var modes = new List<int>();
        await UnpackAsync(source, new Told(_ => modes.Add(Mode())));

        Assert.Equal([0x1C0, 0x1C0], modes); // when the first layer has said that anyone may
        Assert.Equal(0x1FF, Mode());
    }

    [Fact]
    public async Task A_directory_keeps_its_time_when_a_later_layer_only_adds_to_it_or_takes_from_it()
    {
        await UnpackAsync(_fixture.Write(
            Codec.Gzip,
            LayerArchive.Of(
                Member.Directory("./"), Member.Directory("a/", 0x16D), Member.Directory("a/b/"), Member.File("a/b/old"),
                Member.Directory("c/")),
            LayerArchive.Of(Member.File("a/b/new"), Member.File("a/b/.wh.old"), Member.File("top")),
            LayerArchive.Of(Member.File("c/inside"))));

        foreach (var name in new[] { "", "a", "a/b", "c" })
        {
            Assert.Equal(
                "1600000000.123456789", Tools.Run("stat", "--format=%.9Y", Path.Combine(_fixture.Target, name)).Trim());
        }

        Assert.Equal(0x16D, (int)File.GetUnixFileMode(Path.Combine(_fixture.Target, "a"))); // 0555
    }

    [Fact]
    public async Task A_directory_that_is_not_empty_is_left_alone()
    {
        Directory.CreateDirectory(_fixture.Target);
        await File.WriteAllTextAsync(Path.Combine(_fixture.Target, "letter"), "dear", Cancelled);
        var refusal = await Assert.ThrowsAsync<LinuxException>(
            () => UnpackAsync(_fixture.Write(Codec.Gzip, LayerArchive.OfFile("file", "x"))));

        Assert.Equal((Errno.ENOTEMPTY, _fixture.Target), (refusal.Errno, refusal.Path));
        Assert.Equal("letter", Path.GetFileName(Assert.Single(Directory.EnumerateFileSystemEntries(_fixture.Target))));
    }

    [Fact]
    public async Task What_is_no_directory_is_left_alone()
    {
        await File.WriteAllTextAsync(_fixture.Target, "dear", Cancelled);
        var refusal = await Assert.ThrowsAsync<LinuxException>(
            () => UnpackAsync(_fixture.Write(Codec.Gzip, LayerArchive.OfFile("file", "x"))));

        Assert.Equal(Errno.ENOTDIR, refusal.Errno);
        Assert.Equal("dear", await File.ReadAllTextAsync(_fixture.Target, Cancelled));
    }

    [Fact]
    public async Task A_pipe_in_the_place_of_a_directory_is_left_alone_and_nobody_waits_for_it()
    {
        Syscall.MakeFifo(_fixture.Target, 0x180); // 0600
        var source = _fixture.Write(Codec.Gzip, LayerArchive.OfFile("file", "x"));
        var refusal = await Assert.ThrowsAsync<LinuxException>(
            () => Task.Run(() => UnpackAsync(source), Cancelled).WaitAsync(TimeFactor.Seconds(30), Cancelled));

        Assert.Equal((Errno.ENOTDIR, _fixture.Target), (refusal.Errno, refusal.Path));
    }

    [Fact]
    public async Task To_cancel_leaves_the_directory_as_it_was()
    {
        var source = _fixture.Write(
            Codec.Gzip, LayerArchive.OfFiles(50), LayerArchive.OfFile("file", "x"), LayerArchive.OfFiles(50));
        foreach (var isThere in new[] { false, true })
        {
            if (isThere)
            {
                Directory.CreateDirectory(_fixture.Target, (UnixFileMode)0x1E9); // 0751
            }

            using var stop = new CancellationTokenSource();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ImageUnpacker.UnpackToDirectoryAsync(
                source, _fixture.Target, null, new Told(progress => stop.Cancel()), stop.Token));
            Assert.Equal(isThere, Directory.Exists(_fixture.Target));
        }

        Assert.Equal(0x1E9, Mode());
        Assert.Empty(Directory.EnumerateFileSystemEntries(_fixture.Target));
    }

    [Fact]
    public async Task Each_layer_is_told_of_to_its_end_in_a_directory_and_in_a_store()
    {
        var large = LayerArchive.Of(Member.File("large", System.Text.Encoding.Latin1.GetString(Packed.Content(5 << 20))));
        var image = ImageFixture.Image(Codec.Gzip, large, LayerArchive.OfFile("file", "x"));
        var (source, told) = (_fixture.Write(image), new Told());
        await UnpackAsync(source, told);
        AssertComplete(told, image);
        Assert.True(told.All.Count(progress => progress is { Layer: 0, IsDone: false }) >= 2);

        told = new();
        await _fixture.Store.LoadAsync(source, null, told, Cancelled);
        AssertComplete(told, image);
    }

    [Fact]
    public async Task An_image_that_is_there_is_loaded_without_reading_any_layer()
    {
        var image = ImageFixture.Image(Codec.Gzip, LayerArchive.OfFiles(200), LayerArchive.OfFile("file", "x"));
        var source = _fixture.Write(image);
        var first = Assert.Single(await _fixture.Store.LoadAsync(source, null, null, Cancelled));
        var stored = _fixture.Store.Layers.ListLayers();
        foreach (var blob in first.Blobs)
        {
            File.Delete(Path.Combine(source, ImageFiles.PathOf(blob.Digest)));
        }

        var told = new Told();
        var second = Assert.Single(await _fixture.Store.LoadAsync(source, null, told, Cancelled));
        Assert.Equal((first.Digest, first.Id), (second.Digest, second.Id));
        Assert.Equal(stored, _fixture.Store.Layers.ListLayers());
        Assert.Equal([(0, true), (1, true)], told.All.Select(progress => (progress.Layer, progress.IsDone)).Order());
        Assert.Single(_fixture.Store.ListImages());
    }

    [Fact]
    public async Task A_layer_of_which_nothing_is_known_is_read_once_and_known_again_by_its_archive()
    {
        var archive = _fixture.WriteFile(Packed.Gzip(LayerArchive.OfFiles(50)));
        var (opened, options) = (0, new UnpackOptions { Format = ImageFormat.RootArchive });
        using var images = _fixture.Store.Layers.MakeDirectory("images");
        using var blobs = new BlobStore(images);
        using var source = await ImageSource.OpenAsync(archive, options.Format, Cancelled);
        var image = await source.ReadOneAsync(options, Cancelled);
        var layer = image.Layers[0] with { Open = () => { opened++; return image.Layers[0].Open(); } };
        await using (var load = new ImageLoad(_fixture.Store.Layers, blobs, image with { Layers = [layer] }, options, null))
        {
            await load.RunAsync(Cancelled);
        }

        Assert.Equal(1, opened);
        var stored = Assert.Single(_fixture.Store.Layers.ListLayers());
        Assert.Equal(TestImage.DigestOf(LayerArchive.OfFiles(50)), stored.DiffId);
        await ImageFixture.AssertIsWholeAsync(_fixture.Store, _fixture.StorePath);
        Assert.Equal($"sha256-{stored.DiffId.Hex}", Path.GetFileName(Assert.Single(Directory.GetFiles(_fixture["store/locks"]))));

        var told = new Told();
        await _fixture.Store.LoadAsync(archive, options, told, Cancelled);
        Assert.Equal([(0L, true)], told.All.Select(progress => (progress.Bytes, progress.IsDone)));
        Assert.Equal([stored], _fixture.Store.Layers.ListLayers());
    }

    [Fact]
    public async Task Layers_of_which_nothing_is_known_and_that_are_the_same_are_one()
    {
        var one = LayerArchive.OfFiles(50);
        var archives = new[] { Packed.Gzip(one), Packed.Zstd(one), one }.Select(_fixture.WriteFile).ToArray();
        var options = new UnpackOptions { Format = ImageFormat.RootArchive };
        var images = await Task.WhenAll(archives.Select(
            archive => _fixture.Store.LoadAsync(archive, options, null, Cancelled)));

        Assert.Single(images.Select(image => image[0].Id).Distinct());
        Assert.Equal(3, images.Select(image => image[0].Digest).Distinct().Count());
        Assert.Single(_fixture.Store.Layers.ListLayers());
        Assert.Empty((await _fixture.Store.CheckAsync(false, Cancelled)).Faults);
    }

    private static void AssertComplete(Told told, TestImage image)
    {
        for (var layer = 0; layer < 2; layer++)
        {
            var ofLayer = told.All.Where(progress => progress.Layer == layer).ToList();
            Assert.Single(ofLayer, progress => progress.IsDone);
            var last = ofLayer[^1];
            Assert.True(last.IsDone);
            Assert.Equal((last.TotalBytes, 2), (last.Bytes, last.Layers));
            Assert.Contains(image.Files.Values, file => file.Length == last.TotalBytes);
            Assert.Equal(ofLayer.Select(progress => progress.Bytes).Order(), ofLayer.Select(progress => progress.Bytes));
        }
    }

    private int Mode() => (int)File.GetUnixFileMode(_fixture.Target);

    private Task<ImageConfig> UnpackAsync(string source, IProgress<UnpackProgress>? progress = null) =>
        ImageUnpacker.UnpackToDirectoryAsync(source, _fixture.Target, null, progress, Cancelled);
}
