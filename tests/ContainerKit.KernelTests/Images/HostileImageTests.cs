using ContainerKit.Images;
using ContainerKit.Tests.Images;
using ContainerKit.Tests.Layers;

namespace ContainerKit.KernelTests;

/// <summary>Images that are what they say, and whose layers attack who unpacks them.</summary>
public sealed class HostileImageTests : IAsyncDisposable
{
    private readonly ImageFixture _fixture = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData(".")]
    [InlineData("/.")]
    [InlineData("./.")]
    public async Task CVE_2021_29136_The_root_is_made_no_link(string name)
    {
        foreach (var type in "012346")
        {
            await RefusesAsync(name, null, new TarForge().Header("x")
                .Header(name, type, change: header => TarForge.Put(header, 157, type is '1' ? "x" : _fixture.Outside)).End());
        }
    }

    [Theory]
    [InlineData("link/secret")]
    [InlineData("link/new")]
    [InlineData("link/.wh.secret")]
    [InlineData("link/.wh..wh..opq")]
    public async Task CVE_2026_17106_A_directory_that_became_a_link_is_not_written_through(string name) =>
        await RefusesAsync(
            name, "path", LayerArchive.Of(Member.Directory("link/"), Member.File("link/first")),
            LayerArchive.Of(Member.Link("link", _fixture.Outside), Member.File(name, "x")));

    [Fact]
    public async Task CVE_2026_17106_A_link_of_a_lower_layer_is_not_written_through()
    {
        var source = _fixture.Write(
            Codec.Gzip, LayerArchive.Of(Member.Link("link", _fixture.Outside)), LayerArchive.OfFile("link/secret", "mine"));
        await ImageUnpacker.UnpackToDirectoryAsync(source, _fixture.Target, null, null, Cancelled);
        var image = Assert.Single(await _fixture.Store.LoadAsync(source, null, null, Cancelled));

        _fixture.AssertNothingOutsideChanged();
        Assert.Equal("mine", await File.ReadAllTextAsync(Path.Combine(_fixture.Target, "link/secret"), Cancelled));
        Assert.Contains("'link/secret'", TreePicture.OfLayers(_fixture.StorePath, image.Layers, ""), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../outside/secret")]
    [InlineData("/etc/passwd")]
    [InlineData("x/../../outside/secret")]
    public async Task CVE_2020_10696_Members_of_Dockers_archives_lead_to_nothing_outside(string name)
    {
        var config = TestImage.Config($"{Platform.Host}", LayerArchive.OfFile("x", "x"));
        const string manifest = """[{"Config":"config.json","RepoTags":["app:1"],"Layers":["layer.tar"]}]""";
        TarForge Forge() => new TarForge().Member("manifest.json", manifest)
            .Member("config.json", System.Text.Encoding.UTF8.GetString(config));

        await _fixture.RefusesAsync(_fixture.WriteFile(Forge().Member(name, "x").Member("layer.tar", "").End()));
        foreach (var type in "12")
        {
            await _fixture.RefusesAsync(_fixture.WriteFile(
                Forge().Header("layer.tar", type, change: header => TarForge.Put(header, 157, name)).End()));
        }

        await _fixture.RefusesAsync(_fixture.WriteFile(new TarForge().Member(
            "manifest.json", manifest.Replace("layer.tar", name, StringComparison.Ordinal))
            .Member("config.json", System.Text.Encoding.UTF8.GetString(config)).End()));
    }

    [Fact]
    public async Task CVE_2026_41567_What_other_programs_would_have_to_unpack_is_refused()
    {
        byte[] xz = [0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0, .. new byte[100]];
        var image = new TestImage();
        var config = image.AddBlob(MediaTypes.ImageConfig, TestImage.Config($"{Platform.Host}", xz));
        var refusal = await _fixture.RefusesAsync(_fixture.Write(
            ImageFixture.Listed(image, config, image.AddBlob(MediaTypes.Layer, xz))));
        Assert.Equal(("codec", "xz"), (refusal.Field, refusal.Value));
    }

    [Fact]
    public async Task CVE_2023_25153_Documents_without_end_are_refused_before_they_are_read()
    {
        var source = _fixture.Write(Codec.Gzip, LayerArchive.OfFile("x", "x"));
        using (var index = File.OpenWrite(Path.Combine(source, "index.json")))
        {
            index.SetLength(1L << 40);
        }

        Assert.Equal(("index.json", "size"), await PlaceAsync(_fixture.RefusesAsync(source)));
    }

    [Fact]
    public async Task CVE_2025_62518_What_hides_in_content_is_no_member()
    {
        // For a reader that takes the first header's size, a member lies in what is content to one that takes the record's.
        var hidden = System.Text.Encoding.Latin1.GetString(new TarForge().Member("hidden", "x").NoEnd());
        await RefusesAsync(
            "seen", "size",
            new TarForge().Pax(("size", $"{hidden.Length}")).Header("seen", size: 0).Content(hidden).End());
    }

    [Fact]
    public async Task CVE_2014_6407_CVE_2014_9356_Links_lead_to_nothing_outside()
    {
        await RefusesAsync("stolen", "linkpath", LayerArchive.Of(Member.HardLink("stolen", $"{_fixture.Outside}/secret")));
        await RefusesAsync("stolen", "linkpath", LayerArchive.Of(Member.HardLink("stolen", "../outside/secret")));
        await RefusesAsync(
            "stolen", "linkpath",
            LayerArchive.Of(Member.Link("link", _fixture.Outside), Member.HardLink("stolen", "link/secret")));
    }

    [Fact]
    public async Task CVE_2014_9356_Names_that_lead_up_are_refused_and_absolute_ones_stay_inside()
    {
        foreach (var name in new[] { "..", "../outside/secret", "a/../../outside/secret", "/../x" })
        {
            await RefusesAsync(name, "path", LayerArchive.OfFile(name, "x"));
        }

        await ImageUnpacker.UnpackToDirectoryAsync(
            _fixture.Write(Codec.Gzip, LayerArchive.OfFile($"{_fixture.Outside}/secret", "mine")), _fixture.Target, null, null,
            Cancelled);
        _fixture.AssertNothingOutsideChanged();
        Assert.True(File.Exists(_fixture.Target + _fixture.Outside + "/secret"));
    }

    [Fact]
    public async Task Devices_that_overlayfs_takes_for_whiteouts_are_refused() =>
        await RefusesAsync("kept", "device", LayerArchive.OfFile("kept", "x"), LayerArchive.Of(Member.Device("kept", 0, 0)));

    [Theory]
    [InlineData("user.overlay.opaque", "y")]
    [InlineData("trusted.overlay.opaque", "y")]
    [InlineData("user.overlay.redirect", "/other")]
    [InlineData("trusted.overlay.redirect", "/other")]
    [InlineData("user.overlay.metacopy", "")]
    [InlineData("trusted.overlay.whiteout", "y")]
    public async Task Attributes_of_overlayfs_hide_and_show_nothing(string name, string value)
    {
        Member[] hostile = [
            Member.Directory("kept/").With(name, Member.Bytes(value)), Member.File("kept/new", "x").With(name, Member.Bytes(value))];
        var source = _fixture.Write(
            Codec.Gzip,
            LayerArchive.Of(
                Member.Directory("other/"), Member.File("other/file"), Member.Directory("kept/"), Member.File("kept/file")),
            LayerArchive.Of(hostile));

        var refusal = await _fixture.RefusesToUnpackAsync(source);
        Assert.Equal(("kept/", "xattr", name), (refusal.Entry, refusal.Field, refusal.Value));
        var image = Assert.Single(await _fixture.Store.LoadAsync(source, null, null, Cancelled));
        var seen = TreePicture.OfLayers(_fixture.StorePath, image.Layers, "");
        Assert.Equal(
            ["''", "'kept'", "'kept/file'", "'kept/new'", "'other'", "'other/file'"],
            seen.TrimEnd('\n').Split('\n').Select(line => line[1..line.IndexOf(' ', StringComparison.Ordinal)]));
    }

    [Fact]
    public async Task CVE_2024_40635_A_number_that_means_nobody_is_refused()
    {
        await RefusesAsync("x", "uid", LayerArchive.Of(Member.File("x").Of(uint.MaxValue, 0)));
        await RefusesAsync("x", "gid", LayerArchive.Of(Member.File("x").Of(0, uint.MaxValue)));
    }

    [Fact]
    public async Task Ten_thousand_directories_in_each_other_are_refused()
    {
        var deep = string.Concat(Enumerable.Repeat("d/", 10_000));
        await RefusesAsync(null, null, new TarForge().Pax(("path", deep)).Header("x", '5').End());
        await RefusesAsync(null, "path", new TarForge().Pax(("path", deep[..1000])).Header("x", '5').End());
    }

    [Fact]
    public async Task Names_without_end_are_refused()
    {
        await RefusesAsync(null, null, new TarForge().Pax(("path", new string('n', 5000))).Header("x").End());
        await RefusesAsync(null, "path", new TarForge().Pax(("path", new string('n', 256))).Header("x").End());
        await RefusesAsync(null, null, new TarForge().Pax(("SCHILY.xattr.user.x", new string('n', 100_000))).Header("x").End());
    }

    [Fact]
    public async Task PAX_records_of_a_gigabyte_are_refused() =>
        await RefusesAsync(null, "size", new TarForge().Header("PaxHeader", 'x', 1 << 30).NoEnd());

    [Fact]
    public async Task CVE_2025_58183_Maps_of_sparse_files_are_no_bombs()
    {
        (string, string)[] sparse = [
            ("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "f"), ("GNU.sparse.realsize", "1")];
        await RefusesAsync(null, null, new TarForge().Pax(sparse).Member("f", "1000000000\n").End());
    }

    [Fact]
    public async Task Files_of_holes_are_limited_by_their_size_and_take_no_room()
    {
        await RefusesAsync("f", null, Hole(1L << 50));
        var source = _fixture.Write(Codec.Gzip, Hole(60L << 30));
        await ImageUnpacker.UnpackToDirectoryAsync(source, _fixture.Target, null, null, Cancelled);
        Assert.Equal(60L << 30, new FileInfo(Path.Combine(_fixture.Target, "f")).Length);
        Assert.True(int.Parse(
            Tools.Run("stat", "--format=%b", Path.Combine(_fixture.Target, "f")), System.Globalization.CultureInfo.InvariantCulture) < 100);
    }

    [Fact]
    public async Task More_entries_than_allowed_are_refused()
    {
        var source = _fixture.Write(Codec.Gzip, LayerArchive.OfFiles(11));
        var refusal = await _fixture.RefusesAsync(source, new() { MaxEntries = 10 });
        Assert.Equal(("entries", "11"), (refusal.Field, refusal.Value));
        await _fixture.Store.LoadAsync(source, new() { MaxEntries = 11 }, null, Cancelled);
    }

    [Theory]
    [InlineData("None")]
    [InlineData("Gzip")]
    [InlineData("Zstd")]
    public async Task CVE_2017_14992_What_is_larger_than_allowed_is_refused(string form)
    {
        var source = _fixture.Write(Enum.Parse<Codec>(form), LayerArchive.OfFile("large", new('x', 3 << 20)));
        var refusal = await _fixture.RefusesAsync(source, new() { MaxLayerSize = ByteSize.MiB(2) });
        Assert.Contains("2 MiB", refusal.Message, StringComparison.Ordinal);
        await _fixture.Store.LoadAsync(source, new() { MaxLayerSize = ByteSize.MiB(4) }, null, Cancelled);
    }

    [Theory]
    [InlineData("Gzip")]
    [InlineData("Zstd")]
    public async Task CVE_2017_14992_Bombs_are_refused(string form)
    {
        var codec = Enum.Parse<Codec>(form);
        var zeros = codec == Codec.Gzip ? Tightly(new byte[4 << 20]) : Packed.As(codec, new byte[4 << 20]);
        byte[] end = [.. Enumerable.Range(0, 100).SelectMany(_ => zeros)];
        var padding = await RefusesPackedAsync(codec, [.. Packed.As(codec, LayerArchive.OfFile("x", "x")), .. end]);
        Assert.Equal(("end", "byte 2560"), (padding.Field, padding.Value));

        var header = Packed.As(codec, new TarForge().Header("large", size: 400 << 20).NoEnd());
        var bomb = await RefusesPackedAsync(codec, [.. header, .. end, .. Packed.As(codec, new byte[1024])]);
        Assert.Equal("unpacked size", bomb.Field);
    }

    [Fact]
    public async Task Windows_of_zstd_are_limited_unless_allowed()
    {
        var archive = LayerArchive.OfFile("x", new('x', 1000));
        var image = new TestImage();
        var config = image.AddBlob(MediaTypes.ImageConfig, TestImage.Config($"{Platform.Host}", archive));
        var source = _fixture.Write(ImageFixture.Listed(
            image, config, image.AddBlob(MediaTypes.ZstdLayer, Frame(25, archive))));

        Assert.Equal("zstd window", (await _fixture.RefusesAsync(source)).Field);
        await _fixture.Store.LoadAsync(source, new() { MaxZstdWindow = ByteSize.MiB(32) }, null, Cancelled);
    }

    [Fact]
    public async Task Names_that_differ_only_in_case_or_in_form_are_those_of_different_files()
    {
        string[] names = ["a", "A", "\u00C3\u00A9", "e\u00CC\u0081", "\u00E9"];
        var source = _fixture.Write(
            Codec.Gzip, LayerArchive.Of([.. names.Select(name => Member.File(name, name)), Member.File(".hidden")]),
            LayerArchive.Of(Member.File(".wh.A")));
        await ImageUnpacker.UnpackToDirectoryAsync(source, _fixture.Target, null, null, Cancelled);
        Assert.Equal(5, Directory.EnumerateFileSystemEntries(_fixture.Target).Count());
        Assert.True(File.Exists(Path.Combine(_fixture.Target, "a")));
    }

    [Fact]
    public async Task A_store_of_a_newer_version_is_refused_by_its_version()
    {
        await ImageStore.Open(_fixture["newer"]).DisposeAsync();
        await File.WriteAllTextAsync(_fixture["newer/version"], "2\n", Cancelled);
        var refusal = Assert.Throws<InvalidImageException>(() => ImageStore.Open(_fixture["newer"]));
        Assert.Equal(("version", "2"), (refusal.Field, refusal.Value));
    }

    [Fact]
    public async Task A_place_that_is_no_place_is_refused()
    {
        await Assert.ThrowsAsync<ArgumentException>(() => _fixture.Store.LoadAsync("", null, null, Cancelled));
        var refusal = await Assert.ThrowsAsync<LinuxException>(
            () => _fixture.Store.LoadAsync(_fixture["missing"], null, null, Cancelled));
        Assert.Equal((Errno.ENOENT, _fixture["missing"]), (refusal.Errno, refusal.Path));
    }

    [Fact]
    public async Task A_pipe_in_the_place_of_a_file_is_refused_and_not_even_opened()
    {
        var layout = _fixture.Write(Codec.Gzip, LayerArchive.OfFile("x", "x"));
        string[] pipes = [_fixture["fifo"], Path.Combine(layout, "index.json")];
        const Linux.InotifyEvents opened = (Linux.InotifyEvents)0x20; // IN_OPEN
        using var watch = Linux.Syscall.InotifyCreate();
        foreach (var pipe in pipes)
        {
            File.Delete(pipe);
            Linux.Syscall.MakeFifo(pipe, 0x180); // 0600
            Linux.Syscall.InotifyAdd(watch, pipe, opened);
        }

        await _fixture.RefusesAsync(_fixture["fifo"]);
        await _fixture.RefusesAsync(_fixture["fifo"], new() { Format = ImageFormat.RootArchive });
        await _fixture.RefusesAsync(layout);
        Assert.Null(Linux.Syscall.Read(watch, new byte[100]));
    }

    /// <summary>A file that is a hole, but for a byte.</summary>
    private static byte[] Hole(long size) => new TarForge().Pax(
        ("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "f"), ("GNU.sparse.realsize", $"{size}"))
        .Member("f", $"2\n{size / 2}\n1\n{size}\n0\n".PadRight(512, '\0') + "x").End();

    private static async Task<(string? Entry, string? Field)> PlaceAsync(Task<InvalidImageException> refusal) =>
        ((await refusal).Entry, (await refusal).Field);

    private static byte[] Tightly(byte[] content)
    {
        var packed = new MemoryStream();
        using (var gzip = new System.IO.Compression.GZipStream(packed, System.IO.Compression.CompressionLevel.SmallestSize))
        {
            gzip.Write(content);
        }

        return packed.ToArray();
    }

    /// <summary>A frame of zstd that says how far it may look back, of one block that is not packed; RFC 8878.</summary>
    private static byte[] Frame(int windowLog, byte[] content)
    {
        var block = (content.Length << 3) | 1;
        return [0x28, 0xB5, 0x2F, 0xFD, 0, (byte)((windowLog - 10) << 3), (byte)block, (byte)(block >> 8), (byte)(block >> 16),
            .. content];
    }

    private async Task RefusesAsync(string? entry, string? field, params byte[][] archives)
    {
        var refusal = await _fixture.RefusesAsync(_fixture.Write(Codec.Gzip, archives));
        Assert.Equal($"{TestImage.DigestOf(Packed.Gzip(archives[^1]))}", refusal.Digest);
        Assert.Equal(entry ?? refusal.Entry, refusal.Entry);
        Assert.Equal(field ?? refusal.Field, refusal.Field);
        Assert.NotNull(refusal.Field);
        Assert.NotNull(refusal.Value);
    }

    private Task<InvalidImageException> RefusesPackedAsync(Codec codec, byte[] packed)
    {
        var image = new TestImage();
        var config = image.AddBlob(MediaTypes.ImageConfig, TestImage.Config($"{Platform.Host}", [1]));
        return _fixture.RefusesToLoadAsync(_fixture.Write(
            ImageFixture.Listed(image, config, image.AddBlob(MediaTypes.Of(codec), packed))));
    }
}
