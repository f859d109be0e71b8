using System.Globalization;
using System.IO.Pipelines;
using System.Security.Cryptography;
using System.Text;

namespace ContainerKit.KernelTests;

/// <summary>A store in a directory of its own, and layers for it. Disposing removes it.</summary>
internal sealed class StoreFixture : IAsyncDisposable
{
    private readonly TempDirectory _temp = new();

    public StoreFixture(IdMap? map = null, WritableForm? form = null)
    {
        File.SetUnixFileMode(_temp.Path, (UnixFileMode)0x1ED); // 0755: the store itself is closed
        Images = ImageStore.Open(Path, new() { IdMap = map, Form = form });
    }

    /// <summary>The images of the store.</summary>
    public ImageStore Images { get; }

    /// <summary>The store.</summary>
    public LayerStore Store => Images.Layers;

    /// <summary>Where it is.</summary>
    public string Path => _temp["store"];

    /// <summary>The path of something in it.</summary>
    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary>The digest that stands for a layer of this number.</summary>
    public static Digest DiffId(int number) =>
        Digest.FromHash(SHA256.HashData(Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture))));

    /// <summary>A path in what a layer's archive fills.</summary>
    public static string PathIn(StagedLayer staged, string name) =>
        $"/proc/{Environment.ProcessId}/fd/{staged.Directory.DangerousGetHandle()}/{name}";

    /// <summary>Puts a layer there that holds these files.</summary>
    public async Task<Digest> AddAsync(int number, Action<Func<string, string>> fill)
    {
        await using var staged = await Store.StageAsync(DiffId(number), TestContext.Current.CancellationToken);
        fill(name => PathIn(staged, name));
        await staged.PublishAsync(new() { Size = 0, Entries = 1 }, TestContext.Current.CancellationToken);
        return staged.DiffId;
    }

    /// <summary>Puts a layer there with a file of its number.</summary>
    public Task<Digest> AddAsync(int number) =>
        AddAsync(number, path => File.WriteAllText(path($"file{number}"), $"{number}"));

    /// <summary>Puts layers there that a container can start from, the base first; each has a file "top".</summary>
    public async Task<IReadOnlyList<Digest>> AddRootAsync(int count)
    {
        var layers = new List<Digest>
        {
            await AddAsync(1000, path =>
            {
                foreach (var name in new[] { "usr", "etc" })
                {
                    Directory.CreateDirectory(path(name));
                }

                foreach (var name in new[] { "bin", "sbin", "lib", "lib64" })
                {
                    File.CreateSymbolicLink(path(name), $"usr/{name}");
                }

                File.WriteAllText(path("top"), "0");
                File.WriteAllText(path("file0"), "");
            }),
        };
        for (var number = 1; number < count; number++)
        {
            var text = number.ToString(CultureInfo.InvariantCulture);
            layers.Add(await AddAsync(1000 + number, path =>
            {
                File.WriteAllText(path("top"), text);
                File.WriteAllText(path($"file{text}"), "");
            }));
        }

        return layers;
    }

    /// <summary>Loads an image of one layer that has these members.</summary>
    public async Task<Image> LoadAsync(params Member[] members)
    {
        var path = _temp["image.tar"];
        await WriteArchiveAsync(path, members);
        var images = await Images.LoadAsync(
            path, new() { Format = ImageFormat.RootArchive }, null, TestContext.Current.CancellationToken);
        return Assert.Single(images);
    }

    /// <summary>Writes an archive of these members.</summary>
    public static async Task WriteArchiveAsync(string path, params Member[] members)
    {
        await using var file = File.Create(path);
        var pipe = PipeWriter.Create(file);
        var writer = new TarWriter(pipe);
        foreach (var member in members)
        {
            await writer.WriteAsync(member.Entry, TestContext.Current.CancellationToken);
            await writer.WriteContentAsync(member.Content, TestContext.Current.CancellationToken);
        }

        await writer.CompleteAsync(TestContext.Current.CancellationToken);
        await pipe.CompleteAsync();
    }

    /// <summary>A container on a writable layer that runs a script.</summary>
    public static ContainerOptions Shell(WritableLayer writable, string script) =>
        Script.Shell(script) with { Root = writable.Root, Mounts = [new BindMount("/usr", "/usr")] };

    /// <summary>Removes what belongs to ids that this user alone may not remove.</summary>
    private async Task RemoveOthersAsync()
    {
        foreach (var writable in Store.ListWritable())
        {
            await Store.OpenWritable(writable.Id).DiscardAsync();
        }

        foreach (var image in Images.ListImages())
        {
            await Images.RemoveAsync(image);
        }

        await Store.CollectGarbageAsync([]);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Store.IdMap is not null)
        {
            await RemoveOthersAsync();
        }

        await Images.DisposeAsync();
        Tools.Run("chmod", "-R", "u+rwX", _temp.Path); // overlayfs leaves a directory that nobody may enter
        _temp.Dispose();
    }
}
