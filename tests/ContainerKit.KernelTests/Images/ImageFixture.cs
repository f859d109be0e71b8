using ContainerKit.Images;
using ContainerKit.Linux;
using ContainerKit.Tests.Images;

namespace ContainerKit.KernelTests;

/// <summary>
/// A store that has an image already, a directory that others are unpacked to, and a canary beside them that none may
/// change. Disposing removes all of it.
/// </summary>
internal sealed class ImageFixture : IAsyncDisposable
{
    /// <summary>The name all images bear here.</summary>
    public const string Name = "example.org/test:1";

    /// <summary>And by itself, as in a layout.</summary>
    public const string Tag = "1";

    private readonly TempDirectory _temp = new();
    private readonly string _outside;
    private int _sources;

    public ImageFixture()
    {
        File.SetUnixFileMode(_temp.Path, (UnixFileMode)0x1ED); // 0755: the store itself is closed
        _temp.Write("outside/secret", "canary");
        _outside = DescribeOutside();
        Store = ImageStore.Open(StorePath, StoreOptions);
    }

    /// <summary>Tests kill processes, not machines.</summary>
    public static LayerStoreOptions StoreOptions { get; } = new() { WritesThrough = false };

    public ImageStore Store { get; }

    public string StorePath => _temp["store"];

    /// <summary>Where images are unpacked to; it is not there yet.</summary>
    public string Target => _temp["root"];

    /// <summary>Where nothing may change.</summary>
    public string Outside => _temp["outside"];

    /// <summary>The path of something beside them.</summary>
    public string this[string name] => _temp[name];

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    /// <summary>An image of these archives, each packed.</summary>
    public static TestImage Image(Codec codec, params byte[][] archives)
    {
        var image = new TestImage();
        var config = image.AddBlob(MediaTypes.ImageConfig, TestImage.Config($"{Platform.Host}", archives));
        return Listed(image, config, [.. archives.Select(archive => image.AddLayer(codec, archive))]);
    }

    /// <summary>The image, with its index.</summary>
    public static TestImage Listed(TestImage image, BlobDescriptor config, params BlobDescriptor[] layers)
    {
        var manifest = image.AddManifest($"{Platform.Host}", config, layers);
        image.SetIndex(manifest with
        {
            Annotations = new Dictionary<string, string>
            {
                ["io.containerd.image.name"] = Name,
                ["org.opencontainers.image.ref.name"] = Tag,
            },
        });
        return image;
    }

    /// <summary>Writes a layout.</summary>
    public string Write(TestImage image)
    {
        var path = this[$"source{_sources++}"];
        image.WriteTo(path);
        return path;
    }

    /// <summary>Writes a layout of one image.</summary>
    public string Write(Codec codec, params byte[][] archives) => Write(Image(codec, archives));

    /// <summary>Writes a file.</summary>
    public string WriteFile(byte[] content)
    {
        var path = this[$"source{_sources++}"];
        File.WriteAllBytes(path, content);
        return path;
    }

    /// <summary>
    /// Asserts that an image can neither be unpacked nor loaded, and that nothing comes of either; says why not.
    /// </summary>
    public async Task<InvalidImageException> RefusesAsync(string source, UnpackOptions? options = null)
    {
        var refusal = await RefusesToUnpackAsync(source, options);
        var other = await RefusesToLoadAsync(source, options);
        Assert.Equal((refusal.Entry, refusal.Field), (other.Entry, other.Field));
        Assert.Equal(refusal.Digest, other.Digest);
        return refusal;
    }

    /// <summary>The same of unpacking it, to a directory that is there or not.</summary>
    public async Task<InvalidImageException> RefusesToUnpackAsync(string source, UnpackOptions? options = null)
    {
        await Assert.ThrowsAsync<InvalidImageException>(
            () => ImageUnpacker.UnpackToDirectoryAsync(source, Target, options, null, Cancelled));
        Assert.False(Directory.Exists(Target));
        Directory.CreateDirectory(Target, (UnixFileMode)0x1E9); // 0751
        var refusal = await Assert.ThrowsAsync<InvalidImageException>(
            () => ImageUnpacker.UnpackToDirectoryAsync(source, Target, options, null, Cancelled));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Target));
        Assert.Equal(0x1E9, (int)File.GetUnixFileMode(Target));
        Directory.Delete(Target);
        AssertNothingOutsideChanged();
        return refusal;
    }

    /// <summary>The same of loading it.</summary>
    public async Task<InvalidImageException> RefusesToLoadAsync(string source, UnpackOptions? options = null)
    {
        var before = Images();
        var refusal = await Assert.ThrowsAsync<InvalidImageException>(
            () => Store.LoadAsync(source, options, null, Cancelled));
        Assert.Equal(before, Images());
        await AssertIsWholeAsync(Store, StorePath);
        AssertNothingOutsideChanged();
        AssertNothingIsOpen();
        return refusal;
    }

    /// <summary>Asserts that nothing is damaged in a store, and nothing left half done by this process.</summary>
    public static async Task AssertIsWholeAsync(ImageStore store, string path)
    {
        Assert.Empty((await store.CheckAsync(cancellationToken: Cancelled)).Faults);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(path, "staging")));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(path, "removed")));
        Assert.DoesNotContain(
            Directory.EnumerateFileSystemEntries(Path.Combine(path, "images/blobs")), name => name.Contains("/.new-", StringComparison.Ordinal));
    }

    /// <summary>Asserts that this process has nothing open but what an open store has.</summary>
    public void AssertNothingIsOpen()
    {
        string[] kept = ["", "/layers", "/writable", "/locks", "/staging", "/removed", "/images", "/images/blobs"];
        Assert.Empty(Open().Except(kept.Select(name => StorePath + name)));
    }

    /// <summary>The paths below this that this process has open, each as often as it has.</summary>
    public IEnumerable<string> Open() => ProcessTree.Find(Environment.ProcessId)!.Value.Descriptors().Values
        .Where(path => path.StartsWith($"{_temp.Path}/", StringComparison.Ordinal));

    public void AssertNothingOutsideChanged() => Assert.Equal(_outside, DescribeOutside());

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Store.DisposeAsync();
        using var parent = Syscall.Open(Path.GetDirectoryName(_temp.Path)!, OpenFlags.O_RDONLY);
        HostileTree.Remove(parent, Member.Bytes(Path.GetFileName(_temp.Path) + "\0"));
    }

    private string[] Images() => [.. Store.ListImages().Select(image => $"{image.Digest} {image}")];

    private string DescribeOutside() => string.Join('\n', Directory
        .EnumerateFileSystemEntries(Outside, "*", SearchOption.AllDirectories).Prepend(Outside).Order(StringComparer.Ordinal)
        .Select(path =>
        {
            using var entry = Syscall.Open(path, OpenFlags.O_PATH);
            var status = Syscall.Status(entry);
            return $"{path} {status.Mode} {status.Owner} {status.Links} {status.Size} {status.ModifiedSeconds}"
                + $".{status.ModifiedNanoseconds} {(File.Exists(path) ? File.ReadAllText(path) : "")}";
        }));
}
