using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using ContainerKit.Images;
using ContainerKit.Tests.Layers;
using CsCheck;

namespace ContainerKit.Tests.Images;

/// <summary>Documents made up and damaged: read as what they are, or refused by the one exception.</summary>
public class DocumentPropertyTests
{
    private const string Sha256 = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    private static readonly string[] Names =
    [
        "schemaVersion", "mediaType", "config", "layers", "manifests", "annotations", "subject", "digest", "size", "data",
        "platform", "urls", "architecture", "os", "variant", "rootfs", "type", "diff_ids", "history", "created", "User",
        "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels", "StopSignal", "Healthcheck", "fsLayers", "x",
        "Layers", "MANIFESTS", "SchemaVersion",
    ];

    private static readonly string[] Texts =
    [
        "", "layers", "amd64", "linux", "sh", "A=1", "=", "0", "root:0", "/", "/../etc", "/a//b/.", "SIGTERM", "99", Sha256,
        "sha256:../x", "sha512:00", "a+b:c", MediaTypes.ImageManifest, MediaTypes.ImageIndex, MediaTypes.ImageConfig,
        MediaTypes.GzipLayer, MediaTypes.DockerManifest, "2026-01-01T00:00:00Z", "AA==", "\0", "\ud800x", "é",
    ];

    private static readonly Gen<string> Value = Gen.OneOf(
        AnyOf(Texts).Select(Quoted), AnyOf("null", "true", "{}", "[]", "2", "-1", "0", "1.5", "1e400"),
        Gen.Long.Select(number => $"{number}"));

    private static readonly Gen<string> Json = Gen.Recursive<string>((depth, inner) => depth >= 4
        ? Value
        : Gen.Frequency(
            (2, Value),
            (3, Gen.Select(AnyOf(Names), inner).Array[0, 8]
                .Select(members => $"{{{string.Join(',', members.Select(member => $"{Quoted(member.Item1)}:{member.Item2}"))}}}")),
            (1, inner.Array[0, 4].Select(items => $"[{string.Join(',', items)}]"))));

    private static readonly TimeSpan Effort =
        TarDamageTests.IsSoak ? TimeSpan.FromHours(1) : TimeSpan.FromSeconds(3);

    /// <summary>A document of each kind that says all it can.</summary>
    private static readonly byte[][] Whole =
    [
        Encoding.UTF8.GetBytes($$$"""
            {"schemaVersion":2,"mediaType":"{{{MediaTypes.ImageManifest}}}","config":{"mediaType":"{{{MediaTypes.ImageConfig}}}",
             "digest":"{{{Sha256}}}","size":0,"data":""},"layers":[{"mediaType":"{{{MediaTypes.GzipLayer}}}","digest":"{{{Sha256}}}",
             "size":0,"urls":["u"],"annotations":{"a":"b"}}],"annotations":{"a":"b"},"artifactType":"t","x":[1,{"y":null}]}
            """),
        Encoding.UTF8.GetBytes($$$"""
            {"schemaVersion":2,"mediaType":"{{{MediaTypes.ImageIndex}}}","manifests":[{"mediaType":"{{{MediaTypes.ImageManifest}}}",
             "digest":"{{{Sha256}}}","size":0,"platform":{"architecture":"arm64","os":"linux","variant":"v8"}}]}
            """),
        Encoding.UTF8.GetBytes($$$$"""
            {"created":"2026-01-01T00:00:00Z","architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["{{{{Sha256}}}}"]},
             "history":[{"created_by":"c","empty_layer":true}],"config":{"User":"u:g","Env":["A=1"],"Entrypoint":["e"],"Cmd":["c"],
             "Volumes":{"/v":{}},"ExposedPorts":{"1/tcp":{}},"WorkingDir":"/w","Labels":{"l":"m"},"StopSignal":"SIGRTMIN+3",
             "Healthcheck":{"Test":["NONE"],"Interval":1,"Retries":2}}}
            """),
    ];

    [Fact]
    public void Each_whole_document_is_read_by_one_reader() =>
        Assert.All(Whole, document => Assert.Equal(1, DocumentPromises.Check(document)));

    [Fact]
    public void Whatever_is_made_up_is_read_by_one_reader_or_none() =>
        Json.Sample(text => Assert.InRange(DocumentPromises.Check(Encoding.UTF8.GetBytes(text)), 0, 1), iter: 5000);

    [Fact]
    public void A_value_put_in_the_place_of_another_breaks_no_promise()
    {
        var clock = Stopwatch.StartNew();
        var random = new Random(20260202);
        var taken = 0;
        for (var tries = 0; clock.Elapsed < Effort || (taken <= 100 && tries < 20_000); tries++)
        {
            taken += DocumentPromises.Check(Exchange(random));
        }

        Assert.True(taken > 100, $"Only {taken} documents were read: what is behind the first field is not tried.");
    }

    [Fact]
    public void A_document_that_is_cut_or_has_a_flipped_bit_breaks_no_promise()
    {
        foreach (var document in Whole)
        {
            for (var i = 0; i < document.Length; i++)
            {
                Assert.Equal(0, DocumentPromises.Check(document[..i]));
                var flipped = document.ToArray();
                flipped[i] ^= (byte)(1 << (i % 8));
                DocumentPromises.Check(flipped);
            }
        }
    }

    [Theory]
    [InlineData("""{"schemaVersion":2,"schemaVersion":2,"manifests":[]}""")]
    [InlineData("""{"schemaVersion":2,"manifests":[],"manifests":[]}""")]
    [InlineData("""{"schemaVersion":2,"manifests":[],"\u006danifests":[]}""")]
    [InlineData("""{"schemaVersion":2,"manifests":[]} {}""")]
    [InlineData("""{"schemaVersion":2,"manifests":[],}""")]
    [InlineData("""{"schemaVersion":2,/**/"manifests":[]}""")]
    [InlineData("\ufeff{\"schemaVersion\":2,\"manifests\":[]}")]
    public void CVE_2021_21285_What_others_read_differently_is_read_by_nobody(string text) =>
        Assert.Equal(0, DocumentPromises.Check(Encoding.UTF8.GetBytes(text)));

    /// <summary>A whole document in which some values were exchanged for others, or given a second name.</summary>
    private static byte[] Exchange(Random random)
    {
        var root = JsonNode.Parse(Whole[random.Next(Whole.Length)])!;
        for (var count = random.Next(1, 4); count > 0; count--)
        {
            var places = Places(root).ToList();
            var (parent, name) = places[random.Next(places.Count)];
            var value = JsonNode.Parse(random.Next(4) switch
            {
                0 => Quoted(Texts[random.Next(Texts.Length - 2)]), // no half of a surrogate pair
                1 => "null",
                2 => $"{random.NextInt64(-1, 4)}",
                _ => Places(root).ElementAt(random.Next(places.Count)) is var (other, from) ? other[from]?.ToJsonString() ?? "{}" : "",
            });
            parent[random.Next(5) == 0 ? Names[random.Next(Names.Length)] : name] = value;
        }

        return Encoding.UTF8.GetBytes(root.ToJsonString());
    }

    private static IEnumerable<(JsonObject Parent, string Name)> Places(JsonNode? node) => node switch
    {
        JsonObject parent => parent.Select(member => (parent, member.Key))
            .Concat(parent.SelectMany(member => Places(member.Value))),
        JsonArray items => items.SelectMany(Places),
        _ => [],
    };

    private static Gen<string> AnyOf(params string[] texts) => Gen.Int[0, texts.Length - 1].Select(i => texts[i]);

    private static string Quoted(string text) =>
        $"\"{string.Concat(text.Select(letter => letter is < ' ' or > '~' or '"' or '\\' ? $"\\u{(int)letter:x4}" : $"{letter}"))}\"";
}
