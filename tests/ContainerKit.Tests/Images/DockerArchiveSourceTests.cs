using System.Formats.Tar;
using System.Text;
using ContainerKit.Images;

namespace ContainerKit.Tests.Images;

public sealed class DockerArchiveSourceTests : IDisposable
{
    private static readonly byte[] Lower = TestImage.Layer("lower");
    private static readonly byte[] Upper = TestImage.Layer("upper");
    private static readonly byte[] Config = TestImage.Config("linux/amd64", Lower, Upper);
    private static readonly string ConfigName = $"{TestImage.DigestOf(Config).Hex}.json";
    private static readonly string Id = new('a', 64), ParentId = new('b', 64);

    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task An_archive_with_a_manifest_is_read()
    {
        var read = Assert.Single(await ReadAsync(
            Manifest("1/layer.tar", "2/layer.tar"), File(ConfigName, Config), File("1/layer.tar", Lower),
            File("2/layer.tar", Upper)));

        Assert.Equal(["docker.io/library/app:1", "ghcr.io/o/app:2"], read.References.Select(name => name.ToString()));
        Assert.Equal(Config, read.CompleteConfig([]));
        Assert.Equal([TestImage.DigestOf(Lower), TestImage.DigestOf(Upper)],
            read.Layers.Select(layer => layer.Expected.DiffId!.Value));
    }

    [Fact]
    public async Task Layers_may_be_links_to_others()
    {
        var hex = TestImage.DigestOf(Lower).Hex;
        var contents = await ContentsAsync(
            Manifest("1/layer.tar", "2/layer.tar"), File(ConfigName, TestImage.Config("linux/amd64", Lower, Lower)[..]),
            Link("1/layer.tar", $"../{hex}.tar"), HardLink("2/layer.tar", "./1/layer.tar"), File($"{hex}.tar", Lower));

        Assert.Equal([Lower, Lower], contents);
    }

    [Fact]
    public async Task Directories_may_be_links_too()
    {
        var contents = await ContentsAsync(
            Manifest("a/b/layer.tar"), File(ConfigName, TestImage.Config("linux/amd64", Lower)),
            Link("./a", "c/./d"), Link("c/d", "../e"), File("e/b/layer.tar", Lower));

        Assert.Equal([Lower], contents);
    }

    [Fact]
    public async Task An_archive_of_before_1_10_is_read()
    {
        var read = Assert.Single(await ReadAsync(
            Text("repositories", $$"""{"app":{"1":"{{Id}}"},"host.io/x/app":{"2":"{{Id}}"} }"""),
            Text($"{Id}/json", $$"""{"id":"{{Id}}","parent":"{{ParentId}}","os":"linux","architecture":"amd64","config":{"Cmd":["sh"]} }"""),
            File($"{Id}/layer.tar", Upper), Text($"{Id}/VERSION", "1.0"),
            Text($"{ParentId}/json", $$"""{"id":"{{ParentId}}","created":"2014-01-01T00:00:00Z"}"""),
            Link($"{ParentId}/layer.tar", "../shared.tar"), File("shared.tar", Lower)));

        Assert.Equal(["docker.io/library/app:1", "host.io/x/app:2"], read.References.Select(name => name.ToString()));
        Assert.Equal([$"{ParentId}/layer.tar", $"{Id}/layer.tar"], read.Layers.Select(layer => layer.Expected.Name));
        Assert.Null(read.Layers[0].Expected.DiffId);
        var config = ImageConfig.Parse(read.CompleteConfig([TestImage.DigestOf(Lower), TestImage.DigestOf(Upper)]));
        Assert.Equal(["sh"], config.Defaults!.Command);
        Assert.Equal(2, config.Layers.DiffIds.Count);
    }

    [Theory]
    [InlineData("../../etc")]
    [InlineData("")]
    [InlineData("/etc")]
    [InlineData("AAAA")]
    public async Task CVE_2014_9358_an_id_is_64_digits_before_it_becomes_a_path(string id) =>
        Assert.Equal("id", (await RefusedAsync(
        Text("repositories", $$"""{"app":{"1":"{{id}}"} }"""))).Field);

    [Fact]
    public async Task Parents_that_lead_round_in_circles_are_refused() => Assert.Equal("parent", (await RefusedAsync(
        Text("repositories", $$"""{"app":{"1":"{{Id}}"} }"""),
        Text($"{Id}/json", $$"""{"parent":"{{ParentId}}"}"""), Text($"{ParentId}/json", $$"""{"parent":"{{Id}}"}"""))).Field);

    [Fact]
    public async Task CVE_2021_21285_a_name_of_a_parent_that_others_read_is_refused() => Assert.Equal("Parent", (await RefusedAsync(
        Text("repositories", $$"""{"app":{"1":"{{Id}}"} }"""),
        Text($"{Id}/json", $$"""{"Parent":"{{ParentId}}"}"""), File($"{Id}/layer.tar", Upper))).Field);

    [Theory]
    [InlineData("../escape")]
    [InlineData("a/../../escape")]
    [InlineData("a/..")]
    [InlineData("/etc/passwd")]
    [InlineData("..")]
    public async Task CVE_2020_10696_a_member_that_leads_out_is_refused(string name) =>
        Assert.Equal("name", (await RefusedAsync(
        Manifest("1/layer.tar", "2/layer.tar"), File(ConfigName, Config), File("1/layer.tar", Lower),
        File("2/layer.tar", Upper),
        File(name, [1]))).Field);

    [Theory]
    [InlineData("../../../etc/hostname")]
    [InlineData("/etc/hostname")]
    [InlineData("a/../../x")]
    public async Task CVE_2014_9356_a_document_does_not_name_what_is_outside(string path) =>
        await RefusedAsync(Manifest(path, "2/layer.tar"), File(ConfigName, Config), File("2/layer.tar", Upper));

    [Theory]
    [InlineData("/etc/hostname")]
    [InlineData("../../etc/hostname")]
    [InlineData("../missing")]
    public async Task CVE_2014_9356_a_link_leads_to_a_member_or_nowhere(string target) => await RefusedAsync(
        Manifest("1/layer.tar", "2/layer.tar"), File(ConfigName, Config), Link("1/layer.tar", target),
        File("2/layer.tar", Upper));

    [Theory]
    [InlineData(@"layer.tar\u0000x", "path")]
    [InlineData("circle", "path")]
    [InlineData("directory", "type")]
    [InlineData("missing", null)]
    public async Task A_file_of_a_directory_is_one_by_its_whole_name(string layer, string? field)
    {
        _scratch.File("c.json", TestImage.Config("linux/amd64", Lower));
        _scratch.File("layer.tar", Lower);
        _scratch.File(
            "manifest.json", Encoding.UTF8.GetBytes($$"""[{"Config":"c.json","Layers":["{{layer}}"]}]"""));
        System.IO.File.CreateSymbolicLink(Path.Combine(_scratch.Path, "circle"), "circle");
        Directory.CreateDirectory(Path.Combine(_scratch.Path, "directory"));
        using var source = await ImageSource.OpenAsync(_scratch.Path, format: null, Cancel);

        Assert.Equal(field, (await Assert.ThrowsAsync<InvalidImageException>(
            () => source.ReadAsync(ContainerKit.Images.Platform.Parse("linux/amd64"), Cancel))).Field);
    }

    [Fact]
    public async Task Links_that_lead_round_in_circles_are_refused() => Assert.Equal("link", (await RefusedAsync(
        Manifest("1/layer.tar", "2/layer.tar"), File(ConfigName, Config),
        Link("1/layer.tar", "../2/layer.tar"), Link("2/layer.tar", "../1/layer.tar"))).Field);

    [Fact]
    public async Task A_name_that_is_there_twice_is_refused() => Assert.Equal("name", (await RefusedAsync(
        Manifest("1/layer.tar", "2/layer.tar"), File(ConfigName, Config), File("1/layer.tar", Lower),
        File("2/layer.tar", Upper),
        File("./1//layer.tar", Upper))).Field);

    [Fact]
    public async Task A_layer_is_a_regular_file() => Assert.Equal("type", (await RefusedAsync(
        Manifest("1/layer.tar", "2/layer.tar"), File(ConfigName, Config),
        new UstarTarEntry(TarEntryType.Fifo, "1/layer.tar"),
        File("2/layer.tar", Upper))).Field);

    [Fact]
    public async Task A_layer_that_is_missing_is_known_before_anything_is_unpacked() => await RefusedAsync(
        Manifest("1/layer.tar", "2/layer.tar"), File(ConfigName, Config), File("1/layer.tar", Lower));

    [Fact]
    public async Task A_configuration_is_what_its_name_says() => Assert.Equal("Config", (await RefusedAsync(
        Manifest("1/layer.tar"), File(ConfigName, TestImage.Config("linux/amd64", Upper)),
        File("1/layer.tar", Lower))).Field);

    [Theory]
    [InlineData("""[{"Config":"c.json","RepoTags":["../x"],"Layers":[]}]""")]
    [InlineData("""[{"Config":"c.json","RepoTags":["a:b:c"],"Layers":[]}]""")]
    [InlineData("""[{"Config":"c.json","Layers":["x"],"Layers":[]}]""")]
    [InlineData("""[{"Config":"c.json","layers":[]}]""")]
    [InlineData("""[{"Config":"c.json","Layers":[],"Layer\u017f":[]}]""")]
    [InlineData("""[{"Config":null}]""")]
    [InlineData("""[{"Config":"missing"}]""")]
    [InlineData("""[null]""")]
    [InlineData("""{}""")]
    [InlineData("""[{"Config":"","Layers":[]}]""")]
    public async Task CVE_2021_21285_a_malformed_manifest_is_one_kind_of_error(string manifest) => await RefusedAsync(
        Text("manifest.json", manifest), File("c.json", TestImage.Config("linux/amd64")));

    [Fact]
    public async Task CVE_2023_25153_documents_and_names_are_limited_altogether()
    {
        var large = new string(' ', 4_000_000);
        string[] ids = [.. Enumerable.Range(0, 9).Select(i => new string((char)('0' + i), 64))];
        UstarTarEntry Items(int count) => Text(
            "manifest.json", $"[{string.Join(',', Enumerable.Repeat("""{"Config":"c.json","Layers":[]}""", count))}]");
        var config = Text("c.json", Encoding.UTF8.GetString(TestImage.Config("linux/amd64")) + large);
        Assert.Equal(8, (await ReadAsync(Items(8), config)).Count);
        config.DataStream!.Position = 0;
        Assert.Equal("size of all", (await RefusedAsync(Items(9), config)).Field);

        UstarTarEntry[] layers = [.. ids.SelectMany(
            id => new[] { Link($"{id}/json", "../json"), File($"{id}/layer.tar", Lower) })];
        Assert.Equal("size of all", (await RefusedAsync(
            [Text("repositories", $$"""{"app":{{{string.Join(',', ids.Select(id => $"\"{id}\":\"{id}\""))}}} }"""),
                Text("json", $"{{}}{large}"), .. layers])).Field);
    }

    [Fact]
    public async Task Names_in_an_archive_are_limited_altogether()
    {
        var archive = new MemoryStream();
        using (var writer = new System.Formats.Tar.TarWriter(archive, TarEntryFormat.Pax, leaveOpen: true))
        {
            for (var i = 0; i < 4200; i++)
            {
                writer.WriteEntry(new PaxTarEntry(TarEntryType.SymbolicLink, $"{i}/{new string('n', 4000)}")
                {
                    LinkName = new('t', 4000),
                });
            }
        }

        Assert.Equal("size of all", (await Assert.ThrowsAsync<InvalidImageException>(() => ReadAsync(archive.ToArray()))).Field);
    }

    [Fact]
    public async Task Two_images_of_one_name_are_refused_by_their_configurations()
    {
        var wrong = await RefusedAsync(
            Text("manifest.json", """[{"Config":"a.json","RepoTags":["app","app"],"Layers":[]},{"Config":"b.json","RepoTags":["app:latest"],"Layers":[]}]"""),
            File("a.json", TestImage.Config("linux/amd64")), File("b.json", TestImage.Config("linux/amd64/v1")));

        Assert.Equal(("name", "docker.io/library/app:latest"), (wrong.Field, wrong.Value));
        Assert.Contains("a.json and b.json", wrong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_image_for_another_platform_is_refused() => Assert.Equal("platform", (await RefusedAsync(
        Text("manifest.json", """[{"Config":"c.json","Layers":[]}]"""), File("c.json", TestImage.Config("linux/arm64")))).Field);

    [Fact]
    public async Task An_archive_that_is_cut_off_or_packed_is_refused()
    {
        var whole = Archive(
            Manifest("1/layer.tar", "2/layer.tar"), File(ConfigName, Config), File("1/layer.tar", Lower),
            File("2/layer.tar", Upper));
        for (var length = 0; length < whole.Length - 1024; length += 511)
        {
            await Assert.ThrowsAsync<InvalidImageException>(() => ReadAsync(whole[..length]));
        }

        var wrong = await Assert.ThrowsAsync<InvalidImageException>(() => ReadAsync(Packed.Gzip(whole)));
        Assert.Equal("codec", wrong.Field);
    }

    [Fact]
    public async Task An_archive_of_a_root_filesystem_is_an_image_of_one_layer()
    {
        using var source = new RootTarSource(_scratch.File("root.tar.gz", Packed.Gzip(Lower)));

        var read = Assert.Single(await source.ReadAsync(ContainerKit.Images.Platform.Parse("linux/amd64"), Cancel));

        Assert.Equal(Packed.Gzip(Lower).Length, read.Layers[0].Expected.Size);
        Assert.Equal([TestImage.DigestOf(Lower)],
            ImageConfig.Parse(read.CompleteConfig([TestImage.DigestOf(Lower)])).Layers.DiffIds);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static UstarTarEntry Manifest(params string[] layers) => Text(
        "manifest.json",
        $$"""[{"Config":"{{ConfigName}}","RepoTags":["app:1","ghcr.io/o/app:2"],"Layers":["{{string.Join("\",\"", layers)}}"]}]""");

    private static UstarTarEntry Text(string name, string content) => File(name, Encoding.UTF8.GetBytes(content));

    private static UstarTarEntry File(string name, byte[] content) =>
        new(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(content) };

    private static UstarTarEntry Link(string name, string target) =>
        new(TarEntryType.SymbolicLink, name) { LinkName = target };

    private static UstarTarEntry HardLink(string name, string target) =>
        new(TarEntryType.HardLink, name) { LinkName = target };

    private static byte[] Archive(params UstarTarEntry[] entries)
    {
        var archive = new MemoryStream();
        using (var writer = new System.Formats.Tar.TarWriter(archive, TarEntryFormat.Ustar, leaveOpen: true))
        {
            foreach (var entry in entries)
            {
                writer.WriteEntry(entry);
            }
        }

        return archive.ToArray();
    }

    private Task<IReadOnlyList<SourceImage>> ReadAsync(params UstarTarEntry[] entries) => ReadAsync(Archive(entries));

    private async Task<IReadOnlyList<SourceImage>> ReadAsync(byte[] archive)
    {
        using var source = await ImageSource.OpenAsync(_scratch.File("archive.tar", archive), format: null, Cancel);
        return await source.ReadAsync(ContainerKit.Images.Platform.Parse("linux/amd64"), Cancel);
    }

    private async Task<byte[][]> ContentsAsync(
        UstarTarEntry manifest, UstarTarEntry config, params UstarTarEntry[] rest)
    {
        // The configuration's name has a digest of its own only where that is tested.
        config.Name = "config.json";
        using var reader = new StreamReader(manifest.DataStream!);
        manifest = Text("manifest.json",
            (await reader.ReadToEndAsync(Cancel)).Replace(ConfigName, "config.json", StringComparison.Ordinal));
        using var source = await ImageSource.OpenAsync(
            _scratch.File("archive.tar", Archive([manifest, config, .. rest])), format: null, Cancel);
        var contents = new List<byte[]>();
        var images = await source.ReadAsync(ContainerKit.Images.Platform.Parse("linux/amd64"), Cancel);
        foreach (var layer in images.Single().Layers)
        {
            await using var stream = layer.Open();
            var content = new MemoryStream();
            await stream.CopyToAsync(content, Cancel);
            contents.Add(content.ToArray());
        }

        return [.. contents];
    }

    private Task<InvalidImageException> RefusedAsync(params UstarTarEntry[] entries) =>
        Assert.ThrowsAsync<InvalidImageException>(() => ReadAsync(entries));
}
