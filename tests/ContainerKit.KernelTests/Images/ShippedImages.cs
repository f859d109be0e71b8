using System.IO.Compression;
using System.IO.Pipelines;
using System.Security.Cryptography;
using System.Text;
using ContainerKit.Images;

namespace ContainerKit.KernelTests;

/// <summary>Stores in a directory of their own, and images for them. Disposing removes it.</summary>
internal sealed class ShippedImages : IAsyncDisposable
{
    private readonly TempDirectory _temp = new();
    private readonly List<ImageStore> _stores = [];
    private readonly WritableForm? _form;

    public ShippedImages(WritableForm? form = null)
    {
        _form = form;
        File.SetUnixFileMode(_temp.Path, (UnixFileMode)0x1ED); // 0755: the stores themselves are closed
        Store = Open("store");
    }

    /// <summary>The first store.</summary>
    public ImageStore Store { get; }

    /// <summary>The path of something beside the stores.</summary>
    public string this[string name] => _temp[name];

    /// <summary>What a root filesystem has at least; programs come from the host's /usr.</summary>
    public static Member[] Base =>
    [
        Member.Directory("./"), Member.Directory("usr/"), Member.Directory("etc/"), Member.Link("bin", "usr/bin"),
        Member.Link("sbin", "usr/sbin"), Member.Link("lib", "usr/lib"), Member.Link("lib64", "usr/lib64"),
        Member.Directory("data/"), Member.File("data/kept", "kept"), Member.File("data/old", "old"),
        Member.HardLink("data/same", "data/old"),
    ];

    /// <summary>Opens another store, as another host would.</summary>
    public ImageStore Open(string name) => Open(name, _form);

    /// <summary>The same, whose writable layers have another form.</summary>
    public ImageStore Open(string name, WritableForm? form)
    {
        _stores.Add(ImageStore.Open(_temp[name], new() { WritesThrough = false, Form = form }));
        return _stores[^1];
    }

    /// <summary>Loads an image of these layers into the first store.</summary>
    public async Task<Image> AddAsync(string name, params Member[][] layers)
    {
        var layout = await WriteLayoutAsync(name, layers);
        return Assert.Single(await Store.LoadAsync(layout, null, null, TestContext.Current.CancellationToken));
    }

    /// <summary>Writes an image of these layers to a directory.</summary>
    public async Task<string> WriteLayoutAsync(string name, params Member[][] layers)
    {
        var layout = _temp[$"layout-{Guid.NewGuid():N}"];
        var (diffIds, blobs) = (new List<Digest>(), new List<BlobDescriptor>());
        foreach (var layer in layers)
        {
            var archive = await ArchiveAsync(layer);
            var packed = new MemoryStream();
            await using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
            {
                await gzip.WriteAsync(archive);
            }

            diffIds.Add(Digest.FromHash(SHA256.HashData(archive)));
            blobs.Add(Write(layout, MediaTypes.GzipLayer, packed.ToArray()));
        }

        var config = new ImageConfig
        {
            Architecture = Platform.Host.Architecture,
            OperatingSystem = "linux",
            Defaults = new() { Command = ["/bin/sh"], Environment = ["PATH=/usr/bin"], WorkingDirectory = "/" },
            Layers = new() { Type = "layers", DiffIds = diffIds },
        };
        var manifest = new ImageManifest
        {
            SchemaVersion = 2,
            MediaType = MediaTypes.ImageManifest,
            Config = Write(layout, MediaTypes.ImageConfig, config.ToJson()),
            Layers = blobs,
        };
        var named = Write(layout, MediaTypes.ImageManifest, manifest.ToJson()) with
        {
            Annotations = new Dictionary<string, string> { ["org.opencontainers.image.ref.name"] = name },
        };
        File.WriteAllText($"{layout}/oci-layout", """{"imageLayoutVersion":"1.0.0"}""");
        File.WriteAllBytes($"{layout}/index.json", new ImageIndex { SchemaVersion = 2, Manifests = [named] }.ToJson());
        return layout;
    }

    /// <summary>A container on a writable layer that runs a script.</summary>
    public static Task<string> RunAsync(WritableLayer writable, string script) =>
        Script.OutputAsync(StoreFixture.Shell(writable, script));

    /// <summary>All of a tree: names, kinds, modes, owners, sizes, links, and what files hold.</summary>
    public static string Describe(string directory)
    {
        var text = new StringBuilder(Tools.Run(
            "sh", "-c", $"cd '{directory}' && find . -mindepth 1 -printf '%p %y %m %U %G %l %n\\n' | LC_ALL=C sort"));
        text.Append(Tools.Run("sh", "-c", $"cd '{directory}' && find . -type f -exec sha256sum {{}} + | LC_ALL=C sort -k2"));
        return text.ToString();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var store in _stores)
        {
            await store.DisposeAsync();
        }

        Tools.Run("chmod", "-R", "u+rwX", _temp.Path); // overlayfs leaves a directory that nobody may enter
        _temp.Dispose();
    }

    private static BlobDescriptor Write(string layout, string mediaType, byte[] content)
    {
        var digest = Digest.FromHash(SHA256.HashData(content));
        Directory.CreateDirectory($"{layout}/blobs/sha256");
        File.WriteAllBytes($"{layout}/{ImageFiles.PathOf(digest)}", content);
        return new() { MediaType = mediaType, Digest = digest, Size = content.Length };
    }

    private static async Task<byte[]> ArchiveAsync(Member[] members)
    {
        var archive = new MemoryStream();
        var pipe = PipeWriter.Create(archive, new(leaveOpen: true));
        var writer = new TarWriter(pipe);
        foreach (var member in members)
        {
            await writer.WriteAsync(member.Entry);
            await writer.WriteContentAsync(member.Content);
        }

        await writer.CompleteAsync();
        await pipe.CompleteAsync();
        return archive.ToArray();
    }
}
