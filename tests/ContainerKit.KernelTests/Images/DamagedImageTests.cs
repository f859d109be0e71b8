using ContainerKit.Images;
using ContainerKit.Tests.Images;

namespace ContainerKit.KernelTests;

/// <summary>Images whose bytes are not those that their documents promise: nothing of them is kept.</summary>
public sealed class DamagedImageTests : IAsyncDisposable
{
    private static readonly byte[] Base = LayerArchive.OfFiles(3, "base");
    private static readonly byte[] Archive = LayerArchive.Of(
        Member.Directory("d/"), Member.File("d/large", Text(200_000)), Member.File("d/small", "x"), Member.Link("l", "d"));

    private readonly ImageFixture _fixture = new();

    public static TheoryData<string> Codecs { get; } = ["None", "Gzip", "Zstd", "Bzip2"];

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [Theory]
    [MemberData(nameof(Codecs))]
    public async Task CVE_2021_20291_A_layer_that_is_cut_off_anywhere_is_refused(string form)
    {
        var codec = Enum.Parse<Codec>(form);
        var packed = Packed.As(codec, Archive);
        foreach (var length in new[] { 0, 1, 5, 20, packed.Length / 3, packed.Length / 2, packed.Length - 100, packed.Length - 1 })
        {
            // What cannot have that digest, and what was made to have it.
            var refusal = await _fixture.RefusesAsync(WriteDamaged(codec, packed, packed[..length]));
            AssertNames(refusal, TestImage.DigestOf(packed));
            refusal = await _fixture.RefusesAsync(WriteLayer(codec, packed[..length]));
            AssertNames(refusal, TestImage.DigestOf(packed[..length]));
        }
    }

    [Theory]
    [MemberData(nameof(Codecs))]
    public async Task CVE_2021_20291_Flipped_bits_never_go_unnoticed(string form)
    {
        var codec = Enum.Parse<Codec>(form);
        var (packed, random) = (Packed.As(codec, Archive), new Random(1));
        for (var i = 0; i < TimeFactor.Times(12, 500); i++)
        {
            var flipped = packed.ToArray();
            flipped[random.Next(packed.Length)] ^= (byte)(1 << random.Next(8));
            var refusal = await _fixture.RefusesAsync(WriteDamaged(codec, packed, flipped));
            AssertNames(refusal, TestImage.DigestOf(packed));
            refusal = await _fixture.RefusesAsync(WriteLayer(codec, flipped));
            AssertNames(refusal, TestImage.DigestOf(flipped));
        }
    }

    [Fact]
    public async Task What_follows_a_layers_end_is_refused()
    {
        foreach (var codec in new[] { Codec.None, Codec.Gzip, Codec.Zstd })
        {
            AssertNames(await _fixture.RefusesAsync(WriteLayer(codec, [.. Packed.As(codec, Archive), 1])), null);
        }
    }

    [Fact]
    public async Task A_layer_of_another_size_is_refused()
    {
        foreach (var difference in new[] { -1, 1 })
        {
            var refusal = await _fixture.RefusesAsync(Write(
                layer => layer with { Size = layer.Size + difference }, [TestImage.DigestOf(Archive)]));
            Assert.Equal("size", refusal.Field);
            AssertNames(refusal, TestImage.DigestOf(Packed.Gzip(Archive)));
        }
    }

    [Fact]
    public async Task A_layer_of_another_DiffID_is_refused()
    {
        var said = TestImage.DigestOf(Base);
        var refusal = await _fixture.RefusesAsync(Write(layer => layer, [said]));

        Assert.Equal(("DiffID", $"{TestImage.DigestOf(Archive)}"), (refusal.Field, refusal.Value));
        Assert.Contains($"{said}", refusal.Message, StringComparison.Ordinal);
        Assert.False(_fixture.Store.Layers.Contains(said));
    }

    [Fact]
    public async Task Another_number_of_DiffIDs_than_of_layers_is_refused()
    {
        foreach (var diffIds in new Digest[][] { [], [TestImage.DigestOf(Archive), TestImage.DigestOf(Archive)] })
        {
            var refusal = await _fixture.RefusesAsync(Write(layer => layer, diffIds));
            Assert.Equal(("diff_ids", $"{diffIds.Length}"), (refusal.Field, refusal.Value));
        }
    }

    [Fact]
    public async Task A_layer_that_is_missing_is_refused()
    {
        var image = ImageFixture.Image(Codec.Gzip, Base, Archive);
        image.Files.Remove(ImageFiles.PathOf(TestImage.DigestOf(Packed.Gzip(Archive))));
        var refusal = await _fixture.RefusesAsync(_fixture.Write(image));
        Assert.Contains(TestImage.DigestOf(Packed.Gzip(Archive)).Hex, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_layer_of_another_form_than_its_media_type_says_is_refused()
    {
        foreach (var (said, has) in new[]
            { (Codec.Gzip, Codec.Zstd), (Codec.Zstd, Codec.Gzip), (Codec.None, Codec.Gzip), (Codec.Gzip, Codec.None) })
        {
            var refusal = await _fixture.RefusesAsync(WriteLayer(said, Packed.As(has, Archive)));
            Assert.Equal(("mediaType", MediaTypes.Of(said)), (refusal.Field, refusal.Value));
        }
    }

    [Fact]
    public async Task A_blob_that_the_store_has_is_not_believed_to_hold_another_layer_that_it_has()
    {
        foreach (var archive in new[] { Base, Archive })
        {
            await _fixture.Store.LoadAsync(
                _fixture.Write(Codec.Gzip, archive), null, null, TestContext.Current.CancellationToken);
        }

        var image = new TestImage();
        var config = image.AddBlob(MediaTypes.ImageConfig, TestImage.Config($"{Platform.Host}", [Archive]));
        var refusal = await _fixture.RefusesToLoadAsync(
            _fixture.Write(ImageFixture.Listed(image, config, image.AddLayer(Codec.Gzip, Base))));
        Assert.Equal("DiffID", refusal.Field);
    }

    [Fact]
    public async Task What_was_whole_stays_of_an_image_whose_smallest_layer_is_damaged_and_the_image_does_not_come()
    {
        var image = ImageFixture.Image(Codec.Gzip, Archive, Base);
        var path = ImageFiles.PathOf(TestImage.DigestOf(Packed.Gzip(Base)));
        var whole = image.Files[path];
        image.Files[path] = whole[..^1];
        var options = new UnpackOptions { Parallelism = 1 };
        await _fixture.RefusesAsync(_fixture.Write(image), options);
        Assert.Equal(TestImage.DigestOf(Archive), Assert.Single(_fixture.Store.Layers.ListLayers()).DiffId);

        image.Files[path] = whole;
        var told = new Told();
        await _fixture.Store.LoadAsync(_fixture.Write(image), options, told, TestContext.Current.CancellationToken);
        Assert.Equal(0, told.All.Where(progress => progress.Layer == 0).Max(progress => progress.Bytes));
    }

    [Fact]
    public async Task Another_architecture_is_refused_with_those_there_are()
    {
        var image = TestImage.Layout(ImageFixture.Name, "linux/s390x", "linux/ppc64le");
        var refusal = await _fixture.RefusesAsync(_fixture.Write(image));
        Assert.Equal(("index.json", "platform", "linux/s390x, linux/ppc64le"), (refusal.Entry, refusal.Field, refusal.Value));
        await ImageUnpacker.UnpackToDirectoryAsync(
            _fixture.Write(image), _fixture.Target, new() { Platform = Platform.Parse("linux/s390x") }, null,
            TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task CVE_2021_41190_A_document_that_is_an_index_too_is_refused()
    {
        var refusal = await RefusesManifestAsync(json => json[..^1] + ",\"manifests\":[]}");
        Assert.Equal("manifests", refusal.Field);
    }

    [Fact]
    public async Task Names_that_come_twice_are_refused() =>
        await RefusesManifestAsync(json => json[..^1] + ",\"layers\":[]}");

    [Fact]
    public async Task Negative_sizes_are_refused() =>
        Assert.Equal(("size", "-1"), await Field(RefusesManifestAsync(json => json.Replace("\"size\":", "\"size\":-1,\"x\":", StringComparison.Ordinal))));

    [Fact]
    public async Task CVE_2024_3727_A_digest_that_is_a_path_is_refused_before_it_is_used() =>
        Assert.Equal("digest", (await Field(RefusesManifestAsync(
            json => json.Replace("sha256:", "sha256:../../outside/secret", StringComparison.Ordinal)))).Field);

    [Fact]
    public async Task What_is_no_image_is_refused()
    {
        Directory.CreateDirectory(_fixture["empty"]);
        foreach (var source in new[] { _fixture["empty"], _fixture.WriteFile(Archive), _fixture.WriteFile([]), _fixture.WriteFile(Text(5000).Select(letter => (byte)letter).ToArray()) })
        {
            await _fixture.RefusesAsync(source);
        }
    }

    [Fact]
    public async Task An_archive_of_an_image_that_is_cut_off_anywhere_is_refused()
    {
        var archive = ImageFixture.Image(Codec.Gzip, Base, Archive).ToArchive();
        for (var length = 0; length < archive.Length - 1024; length += archive.Length / TimeFactor.Times(40, 1000))
        {
            await _fixture.RefusesAsync(_fixture.WriteFile(archive[..length]));
        }
    }

    [Fact]
    public async Task An_archive_of_a_root_filesystem_that_is_damaged_is_refused()
    {
        var options = new UnpackOptions { Format = ImageFormat.RootArchive };
        foreach (var codec in new[] { Codec.None, Codec.Gzip, Codec.Zstd, Codec.Bzip2 })
        {
            var packed = Packed.As(codec, Archive);
            await _fixture.RefusesAsync(_fixture.WriteFile(packed[..(packed.Length / 2)]), options);
            packed[packed.Length / 2] ^= 4;
            if (codec != Codec.None)
            {
                await _fixture.RefusesAsync(_fixture.WriteFile(packed), options);
            }
        }
    }

    private static async Task<(string? Field, string? Value)> Field(Task<InvalidImageException> refusal) =>
        ((await refusal).Field, (await refusal).Value);

    private static string Text(int length) => System.Text.Encoding.Latin1.GetString(Packed.Content(length));

    private static void AssertNames(InvalidImageException refusal, Digest? digest)
    {
        Assert.NotNull(refusal.Digest);
        Assert.NotNull(refusal.Entry);
        Assert.Contains(refusal.Digest, refusal.Message, StringComparison.Ordinal);
        if (digest is not null)
        {
            Assert.Equal($"{digest}", refusal.Digest);
        }
    }

    private Task<InvalidImageException> RefusesManifestAsync(Func<string, string> change)
    {
        var image = ImageFixture.Image(Codec.Gzip, Archive);
        var index = ImageIndex.Parse(image.Files["index.json"]).Manifests[0];
        var json = System.Text.Encoding.UTF8.GetString(image.Files[ImageFiles.PathOf(index.Digest)]);
        var changed = image.AddBlob(MediaTypes.ImageManifest, System.Text.Encoding.UTF8.GetBytes(change(json)));
        image.SetIndex(changed);
        return _fixture.RefusesAsync(_fixture.Write(image));
    }

    /// <summary>An image over whose last layer somebody wrote something else.</summary>
    private string WriteDamaged(Codec codec, byte[] packed, byte[] damaged)
    {
        var image = Over(codec, packed);
        image.Files[ImageFiles.PathOf(TestImage.DigestOf(packed))] = damaged;
        return _fixture.Write(image);
    }

    private string WriteLayer(Codec codec, byte[] packed) => _fixture.Write(Over(codec, packed));

    /// <summary>An image of two layers, whose last is this; no specification has a media type of bzip2.</summary>
    private static TestImage Over(Codec codec, byte[] packed)
    {
        var image = new TestImage();
        var config = image.AddBlob(MediaTypes.ImageConfig, TestImage.Config($"{Platform.Host}", Base, Archive));
        var type = codec is Codec.Bzip2 ? MediaTypes.GzipLayer : MediaTypes.Of(codec);
        return ImageFixture.Listed(image, config, image.AddLayer(Codec.Gzip, Base), image.AddBlob(type, packed));
    }

    private string Write(Func<BlobDescriptor, BlobDescriptor> change, IReadOnlyList<Digest> diffIds)
    {
        var image = new TestImage();
        var config = ImageConfig.Parse(TestImage.Config($"{Platform.Host}"));
        config = config with { Layers = config.Layers with { DiffIds = diffIds } };
        return _fixture.Write(ImageFixture.Listed(
            image, image.AddBlob(MediaTypes.ImageConfig, config.ToJson()), change(image.AddLayer(Codec.Gzip, Archive))));
    }
}
