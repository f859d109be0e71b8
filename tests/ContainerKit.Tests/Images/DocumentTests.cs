using System.Text;
using ContainerKit.Images;

namespace ContainerKit.Tests.Images;

public class DocumentTests
{
    private const string Sha256 = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    private const string Config = $$"""{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{{Sha256}}","size":0}""";
    private const string Layer = $$"""{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"{{Sha256}}","size":0}""";

    [Fact]
    public void A_manifest_is_read_and_written_the_same()
    {
        var text = $$"""{"schemaVersion":2,"mediaType":"{{MediaTypes.ImageManifest}}","config":{{Config}},"layers":[{{Layer}}],"annotations":{"a":"b"},"x":[1,{"y":null}]}""";

        var manifest = ImageManifest.Parse(Bytes(text));

        Assert.Equal(Digest.Parse(Sha256), manifest.Layers[0].Digest);
        Assert.Equal(MediaTypes.GzipLayer, manifest.Layers[0].MediaType);
        Assert.Equal("b", manifest.Annotations!["a"]);
        Assert.Equal(
            System.Text.Json.Nodes.JsonNode.Parse(text)!.ToJsonString().Length,
            System.Text.Json.Nodes.JsonNode.Parse(manifest.ToJson())!.ToJsonString().Length);
        Assert.Equal(manifest.ToJson(), ImageManifest.Parse(manifest.ToJson()).ToJson());
        Assert.Contains("\"x\":[1,{\"y\":null}]", Encoding.UTF8.GetString(manifest.ToJson()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData($$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"manifests":[]}""", "manifests")]
    [InlineData($$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"Manifests":[]}""", "Manifests")]
    [InlineData($$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"fsLayers":[]}""", "fsLayers")]
    [InlineData($$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"Layers":[{{Layer}}]}""", "Layers")]
    [InlineData($$"""{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","config":{{Config}},"layers":[]}""", "mediaType")]
    [InlineData($$"""{"schemaVersion":2,"mediaType":"text/html","config":{{Config}},"layers":[]}""", "mediaType")]
    [InlineData($$"""{"schemaVersion":1,"config":{{Config}},"layers":[]}""", "schemaVersion")]
    public void CVE_2021_41190_a_manifest_that_could_be_an_index_is_refused(string text, string field) =>
        Assert.Equal(field, Assert.Throws<InvalidImageException>(() => ImageManifest.Parse(Bytes(text))).Field);

    [Theory]
    [InlineData($$"""{"schemaVersion":2,"manifests":[],"layers":[{{Layer}}]}""", "layers")]
    [InlineData($$"""{"schemaVersion":2,"manifests":[],"config":{{Config}}}""", "config")]
    [InlineData("""{"schemaVersion":2,"manifests":[],"LAYERS":null}""", "LAYERS")]
    [InlineData("""{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","manifests":[]}""", "mediaType")]
    public void CVE_2021_41190_an_index_that_could_be_a_manifest_is_refused(string text, string field) =>
        Assert.Equal(field, Assert.Throws<InvalidImageException>(() => ImageIndex.Parse(Bytes(text))).Field);

    [Fact]
    public void CVE_2021_41190_a_document_is_of_the_media_type_it_was_named_by()
    {
        var oci = Bytes($$"""{"schemaVersion":2,"mediaType":"{{MediaTypes.ImageManifest}}","config":{{Config}},"layers":[]}""");
        var unnamed = Bytes($$"""{"schemaVersion":2,"config":{{Config}},"layers":[]}""");

        Assert.Throws<InvalidImageException>(() => ImageManifest.Read(oci, MediaTypes.DockerManifest, "m"));
        Assert.Throws<InvalidImageException>(() => ImageManifest.Read(unnamed, MediaTypes.DockerManifest, "m"));
        Assert.Null(ImageManifest.Read(unnamed, MediaTypes.ImageManifest, "m").MediaType);
    }

    [Theory]
    [InlineData("sha256:../../../../etc/passwd")]
    [InlineData("sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855")]
    [InlineData("sha256:e3b0c44298fc1c149afbf4c8996fb924")]
    [InlineData("sha256:")]
    [InlineData("sha256")]
    [InlineData("")]
    [InlineData(":abc")]
    [InlineData("md5:../x")]
    [InlineData("MD5:abc")]
    [InlineData("a++b:abc")]
    [InlineData("http://169.254.169.254/:abc")]
    [InlineData("sha512:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    public void CVE_2024_3727_a_digest_is_one_before_it_is_used(string digest)
    {
        var layer = Layer.Replace(Sha256, digest, StringComparison.Ordinal);

        var wrong = Assert.Throws<InvalidImageException>(
            () => ImageManifest.Parse(Bytes($$"""{"schemaVersion":2,"config":{{Config}},"layers":[{{layer}}]}""")));

        Assert.Equal(("manifest, layers[0]", "digest"), (wrong.Entry, wrong.Field));
    }

    [Fact]
    public void A_digest_of_an_unknown_algorithm_is_tolerated_until_it_is_needed()
    {
        var layer = Layer.Replace(Sha256, "blake3:abc=", StringComparison.Ordinal);
        var manifest = ImageManifest.Parse(Bytes($$"""{"schemaVersion":2,"config":{{Config}},"layers":[{{layer}}]}"""));

        Assert.Throws<InvalidImageException>(() => manifest.Layers[0].Digest);
        Assert.Contains("blake3:abc=", Encoding.UTF8.GetString(manifest.ToJson()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-1")]
    [InlineData("-9223372036854775808")]
    [InlineData("9223372036854775808")]
    [InlineData("1.5")]
    [InlineData("1e400")]
    [InlineData("\"1\"")]
    [InlineData("null")]
    public void A_size_is_a_number_that_is_not_negative(string size) => Refused(
        $$"""{"schemaVersion":2,"config":{{Config}},"layers":[{"mediaType":"a/b","digest":"{{Sha256}}","size":{{size}}}]}""");

    [Theory]
    [InlineData($$"""{"schemaVersion":2,"schemaVersion":2,"config":{{Config}},"layers":[]}""")]
    [InlineData($$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"layers":[{{Layer}}]}""")]
    [InlineData($$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"l\u0061yers":[]}""")]
    [InlineData($$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"annotations":{"a":"1","a":"2"} }""")]
    [InlineData($$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"unknown":{"a":[{"b":1,"b":2}]} }""")]
    public void A_name_that_is_there_twice_is_refused(string text) => Refused(text);

    [Theory]
    [InlineData("""{"SchemaVersion":2}""", "manifest", "SchemaVersion")]
    [InlineData("""{"layer\u017f":[]}""", "manifest", @"layer\xc5\xbf")]
    [InlineData("""{"config":{"Size":0}}""", "manifest, config", "Size")]
    [InlineData("""{"layers":[{},{"dige\u017ft":""}]}""", "manifest, layers[1]", @"dige\xc5\xbft")]
    [InlineData("""{"layers":[{"platform":{"O\u017f":"linux"}}]}""", "manifest, layers[0], platform", @"O\xc5\xbf")]
    [InlineData("""{"subject":{"platform":{"OS.version":"1"}}}""", "manifest, subject, platform", "OS.version")]
    [InlineData("""{"annotations":{"a":"1","A":"2"}}""", null, null)]
    public void A_name_that_others_take_for_a_known_one_is_refused_wherever_it_is(string text, string? entry, string? field)
        => Alike(entry, field, () => ImageManifest.Parse(Bytes(text)));

    [Theory]
    [InlineData("""{"History":[]}""", "config", "History")]
    [InlineData("""{"history":[{"created":null},{"Created_by":"x"}]}""", "config, history[1]", "Created_by")]
    [InlineData("""{"rootfs":{"diff_id\u017f":[]}}""", "config, rootfs", @"diff_id\xc5\xbf")]
    [InlineData("""{"config":{"Healthchec\u212a":{}}}""", "config, config", @"Healthchec\xe2\x84\xaa")]
    [InlineData("""{"config":{"Healthcheck":{"test":["CMD"]}}}""", "config, config, Healthcheck", "test")]
    [InlineData("""{"config":{"Labels":{"env":"1","Env":"2"},"Volumes":{"/a":{},"/A":{}}}}""", null, null)]
    public void A_name_in_a_configuration_that_others_take_for_a_known_one_is_refused(
        string text, string? entry, string? field) => Alike(entry, field, () => ImageConfig.Parse(Bytes(text)));

    [Fact]
    public void CVE_2021_21285_whatever_a_document_holds_the_error_is_of_one_kind()
    {
        string[] texts =
        [
            "", " ", "null", "[]", "1", "\"\"", "{", "{}", "{}}", "\u0000", "{\"schemaVersion\":2}",
            "{\"schemaVersion\":{}}",
            $$"""{"schemaVersion":2,"config":null,"layers":[]}""", $$"""{"schemaVersion":2,"config":{{Config}},"layers":[null]}""",
            $$"""{"schemaVersion":2,"config":{{Config}},"layers":{} }""", $$"""{"schemaVersion":2,"config":{{Config}},"layers":[1]}""",
            $$"""{"schemaVersion":2,"config":[],"layers":[]}""", """{"schemaVersion":99999999999999999999}""",
            $$"""{"schemaVersion":2,"config":{{Config}},"layers":[],}""", $$"""{"schemaVersion":2,"config":{{Config}},"layers":[]}x""",
            $$"""{"schemaVersion":2,"config":{{Config}},"layers":[] /* no */}""", new string('[', 100_000), "\ud83d\ude00",
            $$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"annotations":{"a":null} }""",
            $$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"annotations":{"a":"\ud800"} }""",
            $$"""{"schemaVersion":2,"config":{{Config}},"layers":[{"mediaType":"","digest":"{{Sha256}}","size":0}]}""",
        ];

        Assert.All(texts, Refused);
        Refused([0xEF, 0xBB, 0xBF, .. "{}"u8]);
        Refused([.. "{\""u8, 0xC3, 0x28, .. "\":1}"u8]);
        Refused([.. "{\"schemaVersion\":2,\"annotations\":{\"a\":\""u8, 0xFF, .. "\"}}"u8]);
        Refused([.. "{\"annotations\":{\""u8, 0xFF, .. "\":\"\"}}"u8]);
    }

    [Fact]
    public void CVE_2021_21285_a_damaged_document_ends_in_one_kind_of_error()
    {
        var random = new Random(5);
        var manifest = Bytes($$"""{"schemaVersion":2,"mediaType":"{{MediaTypes.ImageManifest}}","config":{{Config}},"layers":[{{Layer}}],"annotations":{"a":"b"} }""");
        var config = Bytes($$"""{"architecture":"amd64","os":"linux","created":"2024-01-01T00:00:00.123456789Z","config":{"Env":["A=b"],"Cmd":["sh"],"Volumes":{"/v":{} } },"rootfs":{"type":"layers","diff_ids":["{{Sha256}}"]},"history":[{"empty_layer":true}]}""");
        for (var i = 0; i < 20_000; i++)
        {
            var damaged = (i % 2 == 0 ? manifest : config).ToArray();
            for (var n = random.Next(1, 4); n > 0; n--)
            {
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            }

            var cut = damaged.AsMemory(0, random.Next(4) == 0 ? random.Next(damaged.Length) : damaged.Length);
            try
            {
                _ = i % 2 == 0 ? (object)ImageManifest.Parse(cut) : ImageConfig.Parse(cut);
            }
            catch (InvalidImageException)
            {
            }
        }
    }

    [Fact]
    public void CVE_2023_25153_a_document_has_a_limited_size_and_depth()
    {
        Refused(new byte[ImageDocument.MaxSize + 1]);
        Refused($$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"x":{{new string('[', 40)}}{{new string(']', 40)}}}""");
        var layers = string.Join(',', Enumerable.Repeat(Layer, 501));
        Refused($$"""{"schemaVersion":2,"config":{{Config}},"layers":[{{layers}}]}""");
    }

    [Fact]
    public void Data_that_is_given_along_is_what_the_descriptor_says()
    {
        var data = """{"mediaType":"a/b","digest":"sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824","size":5,"data":"aGVsbG8="}""";
        string With(string descriptor) => $$"""{"schemaVersion":2,"manifests":[{{descriptor}}]}""";

        Assert.Equal("hello"u8, ImageIndex.Parse(Bytes(With(data))).Manifests[0].Data!.Value.Span);
        foreach (var wrong in new[] { data.Replace("aGVsbG8=", "aGVsbG4=", StringComparison.Ordinal),
            data.Replace(":5,", ":4,", StringComparison.Ordinal),
            data.Replace("aGVsbG8=", "no base64", StringComparison.Ordinal) })
        {
            Assert.Throws<InvalidImageException>(() => ImageIndex.Parse(Bytes(With(wrong))));
        }
    }

    [Fact]
    public void An_index_may_list_nothing()
    {
        Assert.Empty(ImageIndex.Parse("""{"schemaVersion":2,"manifests":[]}"""u8.ToArray()).Manifests);
        Assert.Empty(ImageIndex.Parse("""{"schemaVersion":2,"manifests":null}"""u8.ToArray()).Manifests);
        Assert.Throws<InvalidImageException>(() => ImageIndex.Parse("""{"schemaVersion":2}"""u8.ToArray()));
    }

    [Fact]
    public void A_configuration_that_is_made_is_read_again()
    {
        var config = new ImageConfig
        {
            Architecture = "amd64",
            OperatingSystem = "linux",
            Defaults = new()
            {
                Environment = ["A=b"],
                Command = ["sh"],
                Volumes = ["/b", "/a"],
                ExposedPorts = ["80/tcp"],
            },
            Layers = new() { Type = "layers", DiffIds = [Digest.Parse(Sha256)] },
            History = [new() { CreatedBy = "test", EmptyLayer = true }],
        };

        var read = ImageConfig.Parse(config.ToJson());

        Assert.Equal(config.ToJson(), read.ToJson());
        Assert.Equal(["/a", "/b"], read.Defaults!.Volumes);
        Assert.Equal(["80/tcp"], read.Defaults.ExposedPorts);
        Assert.Equal(config.Layers.DiffIds, read.Layers.DiffIds);
        Assert.Contains(
            "\"Volumes\":{\"/a\":{},\"/b\":{}}", Encoding.UTF8.GetString(config.ToJson()), StringComparison.Ordinal);
    }

    [Fact]
    public void A_configuration_as_Docker_writes_it_is_read()
    {
        var config = ImageConfig.Parse(Bytes($$"""
            {"architecture":"arm64","variant":"v8","config":{"Hostname":"","Domainname":"","User":"app:app","AttachStdin":false,
            "Env":["PATH=/bin"],"Cmd":null,"Healthcheck":{"Test":["CMD","true"],"Interval":1000000000},"ArgsEscaped":true,
            "Image":"sha256:x","Volumes":null,"WorkingDir":"/","Entrypoint":["/app"],"OnBuild":null,"Labels":null},
            "container":"0","container_config":{"Cmd":["x"]},"created":"0001-01-01T00:00:00Z","docker_version":"20","history":null,
            "os":"linux","rootfs":{"type":"layers","diff_ids":null} }
            """));

        Assert.Equal("linux/arm64/v8", config.Platform.ToString());
        Assert.Equal("app:app", config.Defaults!.User);
        Assert.Null(config.Defaults.Command);
        Assert.Equal(1_000_000_000, config.Defaults.HealthCheck!.Interval);
        Assert.Empty(config.Layers.DiffIds);
        Assert.Contains(
            "\"docker_version\":\"20\"", Encoding.UTF8.GetString(config.ToJson()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"architecture":"amd64","os":"linux","rootfs":{"type":"layer","diff_ids":[]}}""")]
    [InlineData("""{"architecture":"amd64","os":"linux","rootfs":{"diff_ids":[]}}""")]
    [InlineData("""{"architecture":"amd64","os":"linux"}""")]
    [InlineData("""{"architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}""")]
    [InlineData("""{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:x"]}}""")]
    [InlineData("""{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"Rootfs":{}}""")]
    [InlineData("""{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"config":{"env":[]}}""")]
    [InlineData("""{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"config":{"Env":["A=\u0000"]}}""")]
    [InlineData("""{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"config":{"Cmd":[null]}}""")]
    [InlineData("""{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"config":{"Cmd":"sh"}}""")]
    public void A_configuration_that_is_not_one_is_refused(string text) =>
        Assert.Throws<InvalidImageException>(() => ImageConfig.Parse(Bytes(text)));

    [Theory]
    [InlineData("linux/amd64", "linux/amd64", 0)]
    [InlineData("linux/amd64", "linux/x86_64", 0)]
    [InlineData("linux/amd64", "linux/amd64/v1", 0)]
    [InlineData("linux/amd64", "linux/amd64/v2", null)]
    [InlineData("linux/amd64/v3", "linux/amd64", 20)]
    [InlineData("linux/amd64/v3", "linux/amd64/v2", 10)]
    [InlineData("linux/arm64", "linux/arm64/v8", 0)]
    [InlineData("linux/arm64/v9", "linux/aarch64", 10)]
    [InlineData("linux/arm64/v8.2", "linux/arm64/8", 2)]
    [InlineData("linux/arm64", "linux/arm/v7", null)]
    [InlineData("linux/amd64", "windows/amd64", null)]
    [InlineData("linux/amd64", "unknown/unknown", null)]
    [InlineData("linux/amd64", "linux/amd64/v99999999999999", null)]
    [InlineData("linux/riscv64/odd", "linux/riscv64/odd", 0)]
    [InlineData("linux/riscv64", "linux/riscv64/odd", null)]
    public void A_platform_runs_what_was_made_for_it_or_its_forerunners(string mine, string other, int? distance) =>
        Assert.Equal(
            distance, ContainerKit.Images.Platform.Parse(mine).DistanceTo(ContainerKit.Images.Platform.Parse(other)));

    private static void Alike(string? entry, string? field, Action read)
    {
        var wrong = Assert.Throws<InvalidImageException>(read); // if for nothing else, for what is missing
        Assert.Equal(entry is not null, wrong.Message.Contains("Some readers", StringComparison.Ordinal));
        Assert.Equal((entry, field), (entry is null ? null : wrong.Entry, entry is null ? null : wrong.Field));
    }

    private static void Refused(string text) => Refused(Bytes(text));

    private static void Refused(byte[] json)
    {
        Assert.Throws<InvalidImageException>(() => ImageManifest.Parse(json));
        Assert.Throws<InvalidImageException>(() => ImageIndex.Parse(json));
        Assert.Throws<InvalidImageException>(() => ImageConfig.Parse(json));
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
