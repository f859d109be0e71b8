using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>
/// A directory of layers, each extracted once, whichever images it is of, and of writable layers over them. Processes
/// of one user share it without a daemon; what one that was killed left behind is swept by who opens it, or collects
/// garbage. Thread-safe. Disposing it removes nothing.
/// </summary>
public sealed partial class LayerStore : IAsyncDisposable
{
    /// <summary>
    /// The lock of those who keep something in the store, and one that whoever waits for it takes before.
    /// </summary>
    private const string Lock = "lock", Gate = "gate";

    private readonly StoreDirectory _root, _layers, _writable, _locks, _staging, _removed;
    private readonly LayerStoreOptions _options;

    private LayerStore(string path, StoreDirectory root, LayerStoreOptions options)
    {
        (Path, _root, _options, Names) = (path, root, options, new(path));
        try
        {
            _layers = root.Make(LayersRoot.Lower, StoreDirectory.Passable);
            _writable = root.Make(LayersRoot.Writable, StoreDirectory.Passable);
            _locks = root.Make("locks", StoreDirectory.Closed);
            _staging = root.Make("staging", StoreDirectory.Closed);
            _removed = root.Make("removed", StoreDirectory.Closed);
            StoreLock.TryTake(root, Gate, together: true)?.Dispose(); // a full disk may have no room for it later
            StoreLock.TryTake(root, Lock, together: true)?.Dispose(); // fails on a read-only file system
            Ids = MappedIds.Of(
                StoreIdMap.Settle(root, path, StoreForm.IsNew(root), options.IdMap), options.Launcher);
            Readers = Ids ?? MappedIds.OfThisUser(options.Launcher);
            StoreForm.Mark(root);
        }
        catch
        {
            Close();
            throw;
        }
    }

    /// <summary>Where it lies: an absolute path.</summary>
    public string Path { get; }

    /// <summary>
    /// Whose its files are: the map that containers on its layers must have as <see cref="ContainerOptions.IdMap"/>.
    /// Null for root, whose containers may have any, and where all files are this user's.
    /// </summary>
    public IdMap? IdMap => Ids?.Map;

    /// <summary>
    /// Says which layers somebody needs beside writable ones; asked when layers are collected, once nothing can be
    /// entered that needs more.
    /// </summary>
    internal Func<IEnumerable<Digest>>? KeptBesides { get; set; }

    /// <summary>What is known of the layers' names.</summary>
    internal LayerNames Names { get; }

    /// <summary>The ids of that map, for what takes their capabilities.</summary>
    internal MappedIds? Ids { get; }

    /// <summary>
    /// The ids by whose root all files can be read, whatever their permissions are; without a map that is this user,
    /// and null for root.
    /// </summary>
    internal MappedIds? Readers { get; }

    /// <summary>
    /// Opens the store in a directory, and makes both where they are missing. The directory must be this user's, closed
    /// to others, and empty unless it is a store. What processes left there that were killed is removed meanwhile.
    /// </summary>
    /// <exception cref="ArgumentException">It has another map of ids, or no files can have such a one.</exception>
    /// <exception cref="LinuxException">It is another user's, open to others, read-only, or something else.</exception>
    /// <exception cref="InvalidImageException">It was made by a newer version of ContainerKit.</exception>
    public static LayerStore Open(string directory, LayerStoreOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        options ??= new();
        MappedIds.Of(options.IdMap, options.Launcher)?.Dispose(); // what is wrong is said before anything is made
        var path = System.IO.Path.GetFullPath(directory);
        try
        {
            var root = StoreForm.Open(path);
            root.WritesThrough = options.WritesThrough;
            var store = new LayerStore(path, root, options);
            store.BeginSweep();
            return store;
        }
        catch (LinuxException refused) when (refused.Errno is Errno.EROFS)
        {
            throw new LinuxException(
                refused.Call, Errno.EROFS, path, "A store must be on a file system that can be written to.");
        }
    }

    /// <summary>Whether a layer is there.</summary>
    public bool Contains(Digest diffId) => Syscall.TryStatus(
        _layers.Handle, StoreDirectory.Bytes($"{LayersRoot.NameOf(diffId)}/{LayerMeta.File}"), out var status)
        && status is { IsRegularFile: true, Size: > 0 };

    /// <summary>The layers there are, in the order of their digests.</summary>
    public IReadOnlyList<LayerInfo> ListLayers()
    {
        var list = new List<LayerInfo>();
        foreach (var diffId in DiffIds())
        {
            if (ReadMeta(diffId) is { } meta)
            {
                list.Add(new(diffId, new(meta.Size), meta.Entries, meta.StoredAt));
            }
        }

        list.Sort(static (one, other) => string.CompareOrdinal($"{one.DiffId}", $"{other.DiffId}"));
        return list;
    }

    /// <summary>
    /// The packed archive that a layer was unpacked from; null when it is not there, or that is unknown.
    /// </summary>
    internal PackedLayer? PackedOf(Digest diffId) => ReadMeta(diffId)?.Packed;

    /// <summary>The layers that came in a packed archive of this size.</summary>
    internal IEnumerable<(Digest DiffId, PackedLayer Packed)> PackedIn(long size) =>
        from diffId in DiffIds()
        let packed = PackedOf(diffId)
        where packed?.Size == size
        select (diffId, packed);

    /// <summary>Makes a directory of the store for what is kept beside the layers.</summary>
    internal StoreDirectory MakeDirectory(string name) => _root.Make(name, StoreDirectory.Closed);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await EndSweepAsync().ConfigureAwait(false);
        Close();
    }

    /// <inheritdoc/>
    public override string ToString() => $"LayerStore {{ {Path} }}";

    private void Close()
    {
        foreach (var directory in new StoreDirectory?[] { _layers, _writable, _locks, _staging, _removed, _root })
        {
            directory?.Dispose();
        }

        Ids?.Dispose();
        Readers?.Dispose();
    }

    /// <summary>The name of a layer in directories that hold those of all algorithms.</summary>
    private static string FlatNameOf(Digest diffId) => $"{diffId.Algorithm}-{diffId.Hex}";

    private IEnumerable<Digest> DiffIds()
    {
        foreach (var algorithm in _layers.Names())
        {
            using var layers = _layers.Open(algorithm);
            foreach (var hex in layers.Names())
            {
                if (Digest.TryParse($"{algorithm}:{hex}", out var diffId))
                {
                    yield return diffId;
                }
            }
        }
    }

    /// <summary>What was written down of a layer; null when it is not there, or that cannot be read.</summary>
    private LayerMeta? ReadMeta(Digest diffId)
    {
        using var layer = _layers.TryOpen(LayersRoot.NameOf(diffId));
        return layer?.Read(LayerMeta.File) is { } json ? LayerMeta.Parse(json) : null;
    }
}
