using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;

namespace Versus;

/// <summary>An image in the form of an OCI layout, made of archives; those stay beside it, unpacked.</summary>
internal sealed class ImageLayout
{
    /// <summary>The name that the image bears in the layout.</summary>
    public const string Tag = "latest";

    private const string ManifestType = "application/vnd.oci.image.manifest.v1+json";
    private readonly ImageCodec _codec;
    private readonly List<object> _descriptors = [];
    private readonly List<string> _diffIds = [];

    /// <summary>Begins a layout in a directory that is made.</summary>
    public ImageLayout(string path, ImageCodec codec)
    {
        (Path, _codec) = (path, codec);
        Directory.CreateDirectory(Blobs);
        File.WriteAllText(System.IO.Path.Combine(path, "oci-layout"), """{"imageLayoutVersion":"1.0.0"}""");
    }

    /// <summary>The directory.</summary>
    public string Path { get; }

    /// <summary>The digests of the layers' archives, the base first.</summary>
    public IReadOnlyList<string> DiffIds => _diffIds;

    /// <summary>The layers, the base first.</summary>
    public List<ImageLayer> Layers { get; } = [];

    private string Blobs => System.IO.Path.Combine(Path, "blobs/sha256");

    /// <summary>Adds an archive as a layer.</summary>
    public void Add(string archive)
    {
        var packed = System.IO.Path.Combine(Path, "packed");
        using (var input = File.OpenRead(archive))
        using (var output = _codec.Pack(File.Create(packed)))
        {
            input.CopyTo(output, 1 << 20);
        }

        using (var unpacked = File.OpenRead(archive))
        {
            _diffIds.Add($"sha256:{Convert.ToHexStringLower(SHA256.HashData(unpacked))}");
        }

        var digest = Keep(packed);
        var size = new FileInfo(Blob(digest)).Length;
        _descriptors.Add(Describe(_codec.MediaType, digest, size));
        Layers.Add(new(archive, Blob(digest), _codec));
    }

    /// <summary>Writes what names the layers.</summary>
    public void Complete()
    {
        var architecture = RuntimeInformation.OSArchitecture == Architecture.Arm64 ? "arm64" : "amd64";
        var rootfs = new { type = "layers", diff_ids = _diffIds };
        var config = Write(new { architecture, os = "linux", config = new { }, rootfs });
        var manifest = Write(new
        {
            schemaVersion = 2,
            mediaType = ManifestType,
            config = Describe("application/vnd.oci.image.config.v1+json", config.Digest, config.Size),
            layers = _descriptors,
        });
        var named = new Dictionary<string, string> { ["org.opencontainers.image.ref.name"] = Tag };
        var listed = new
        {
            mediaType = ManifestType,
            digest = $"sha256:{manifest.Digest}",
            size = manifest.Size,
            annotations = named,
        };
        File.WriteAllBytes(System.IO.Path.Combine(Path, "index.json"),
            JsonSerializer.SerializeToUtf8Bytes(new { schemaVersion = 2, manifests = (object[])[listed] }));
    }

    /// <summary>What it is, in words.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Layers.Sum(layer => new FileInfo(layer.Archive).Length) >> 20} MiB in {Layers.Count} layers, ")
        + string.Create(CultureInfo.InvariantCulture,
            $"{Layers.Sum(layer => new FileInfo(layer.Packed).Length) >> 20} MiB packed");

    private static object Describe(string mediaType, string digest, long size) =>
        new { mediaType, digest = $"sha256:{digest}", size };

    private (string Digest, long Size) Write(object document)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(document);
        var path = System.IO.Path.Combine(Path, "document");
        File.WriteAllBytes(path, bytes);
        return (Keep(path), bytes.Length);
    }

    private string Keep(string path)
    {
        using var content = File.OpenRead(path);
        var digest = Convert.ToHexStringLower(SHA256.HashData(content));
        File.Move(path, Blob(digest), overwrite: true);
        return digest;
    }

    private string Blob(string digest) => System.IO.Path.Combine(Blobs, digest);
}

/// <summary>A layer as an archive, and as the layout has it.</summary>
internal sealed record ImageLayer(string Archive, string Packed, ImageCodec Codec);
