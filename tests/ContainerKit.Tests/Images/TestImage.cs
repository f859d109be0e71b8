using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text;
using ContainerKit.Images;

namespace ContainerKit.Tests.Images;

/// <summary>
/// The files of images, made in code: a layout or an archive of Docker, to be damaged before it is written.
/// </summary>
internal sealed class TestImage
{
    public Dictionary<string, byte[]> Files { get; } = [];

    /// <summary>A layout with one image of one layer for each platform, listed in an index of their own.</summary>
    public static TestImage Layout(string? name, params string[] platforms)
    {
        var image = new TestImage();
        var manifests = platforms.Select(platform => image.AddImage(platform, Layer(platform)));
        var index = new ImageIndex { SchemaVersion = 2, MediaType = MediaTypes.ImageIndex, Manifests = [.. manifests] };
        image.SetIndex(image.AddBlob(MediaTypes.ImageIndex, index.ToJson()) with { Annotations = NamedAs(name) });
        return image;
    }

    public static Dictionary<string, string>? NamedAs(string? name) =>
        name is null ? null : new() { ["org.opencontainers.image.ref.name"] = name };

    /// <summary>The archive of a layer that holds a file of this content.</summary>
    public static byte[] Layer(string content) => Tar(("file", Encoding.UTF8.GetBytes(content)));

    public static byte[] Config(string platform, params byte[][] layers)
    {
        var parsed = ContainerKit.Images.Platform.Parse(platform);
        return new ImageConfig
        {
            Architecture = parsed.Architecture,
            OperatingSystem = parsed.OperatingSystem,
            Variant = parsed.Variant,
            Defaults = new() { Command = ["sh"] },
            Layers = new() { Type = "layers", DiffIds = [.. layers.Select(DigestOf)] },
        }.ToJson();
    }

    public static Digest DigestOf(byte[] bytes) => Digest.FromHash(SHA256.HashData(bytes));

    public static byte[] Tar(params (string Name, byte[] Content)[] files)
    {
        var archive = new MemoryStream();
        using (var writer = new System.Formats.Tar.TarWriter(archive, TarEntryFormat.Ustar, leaveOpen: true))
        {
            foreach (var (name, content) in files)
            {
                writer.WriteEntry(
                    new UstarTarEntry(TarEntryType.RegularFile, name)
                    {
                        DataStream = new MemoryStream(content),
                        ModificationTime = DateTimeOffset.UnixEpoch,
                    });
            }
        }

        return archive.ToArray();
    }

    public BlobDescriptor AddBlob(string mediaType, byte[] content)
    {
        Files[ImageFiles.PathOf(DigestOf(content))] = content;
        return new() { MediaType = mediaType, Digest = DigestOf(content), Size = content.Length };
    }

    public BlobDescriptor AddImage(string platform, params byte[][] layers) => AddManifest(
        platform, AddBlob(MediaTypes.ImageConfig, Config(platform, layers)),
        [.. layers.Select(layer => AddLayer(Codec.Gzip, layer))]);

    public BlobDescriptor AddLayer(Codec codec, byte[] archive) =>
        AddBlob(MediaTypes.Of(codec), Packed.As(codec, archive));

    public BlobDescriptor AddManifest(string platform, BlobDescriptor config, params BlobDescriptor[] layers)
    {
        var manifest = new ImageManifest
        {
            SchemaVersion = 2,
            MediaType = MediaTypes.ImageManifest,
            Config = config,
            Layers = layers
        };
        return AddBlob(MediaTypes.ImageManifest,
            manifest.ToJson()) with
        { Platform = ContainerKit.Images.Platform.Parse(platform) };
    }

    public void SetIndex(params BlobDescriptor[] manifests)
    {
        Files["oci-layout"] = """{"imageLayoutVersion":"1.0.0"}"""u8.ToArray();
        Files["index.json"] = new ImageIndex { SchemaVersion = 2, Manifests = manifests }.ToJson();
    }

    public void WriteTo(string directory)
    {
        foreach (var (path, content) in Files)
        {
            var file = Path.Combine(directory, path);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllBytes(file, content);
        }
    }

    public byte[] ToArchive() => Tar([.. Files.Select(file => (file.Key, file.Value))]);
}
