using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// A layer of a store that takes the changes of one container at a time, over layers that are never changed. Disposing
/// leaves one with an id of its own in the store, and discards one without, once no container is on it. What reads it
/// may do so while a container runs: of what that changes meanwhile, something in between is read. Sockets, which no
/// layer can hold, are not read; what they hide is gone for whoever reads.
/// </summary>
public sealed class WritableLayer : IAsyncDisposable
{
    private readonly LayerStore _store;
    private readonly StoreLock? _owner;
    private readonly bool _hasLaid;
    private readonly MappedIds? _readers;

    internal WritableLayer(LayerStore store, string id, WritableMeta meta, StoreLock? owner)
    {
        var layers = meta.Layers.Select(Digest.Parse).ToArray();
        (_store, Id, Layers, Origin, _owner, _hasLaid) = (store, id, layers, meta.Origin, owner, meta.HasLaid);
        SizeLimit = meta.SizeLimit is { } bytes ? new(bytes) : null;
        Form = meta.IsCopy ? WritableForm.Copy : WritableForm.Overlay;
        (IdMap, _readers) = (store.IdMap, store.Readers);
        if (meta.FirstId is { } first)
        {
            var map = ShiftedOwners.MapFrom(first);
            (IdMap, _readers) = (map, new(map, Launcher.Memory)); // root may read all, and makes no namespace for it
        }

        Root = new LayersRoot(store.Path, id, layers)
        {
            Ids = IdMap,
            IsLimited = SizeLimit is not null,
            HasLaid = _hasLaid,
            IsCopy = meta.IsCopy,
            Names = store.Names,
        };
    }

    /// <summary>Its name in the store.</summary>
    public string Id { get; }

    /// <summary>
    /// The layers below it, the base first, without those that another one hides altogether.
    /// </summary>
    public IReadOnlyList<Digest> Layers { get; }

    /// <summary>
    /// Whose its files are: that of its store, or of a copy that the kernel cannot show with other ids to root's
    /// containers: all containers on such copies have the same ids on the host. Null when any map will do.
    /// </summary>
    public IdMap? IdMap { get; }

    /// <summary>How it lies over its layers.</summary>
    public WritableForm Form { get; }

    /// <summary>How much it may hold; null when it has no limit of its own.</summary>
    public ByteSize? SizeLimit { get; }

    /// <summary>
    /// A root filesystem of all of them, whose changes go to this one. As root, files belong to the container's ids of
    /// the same numbers; the container's <see cref="ContainerOptions.IdMap"/> must map the store's user, which for root
    /// is 0. It must be <see cref="IdMap"/> where there is one. A second container at once is an
    /// <see cref="ArgumentException"/>.
    /// </summary>
    public RootFilesystem Root { get; }

    /// <summary>
    /// What a container added, changed and removed, in the order of the paths. It costs as much as there are changes,
    /// however large the layers are; of a copy all files are read.
    /// </summary>
    /// <exception cref="InvalidImageException">A name begins with <c>.wh.</c>, which layers use themselves.</exception>
    public Task<IReadOnlyList<LayerChange>> ListChangesAsync(CancellationToken cancellationToken = default) =>
        Task.Run(
            () =>
            {
                using var changes = OpenChanges();
                var list = List(changes, cancellationToken);
                changes.CheckAreThere();
                return list;
            },
            cancellationToken);

    /// <summary>
    /// Makes another writable layer over the same layers, with a copy of the changes. File systems that can share what
    /// files hold do so.
    /// </summary>
    /// <exception cref="InvalidImageException">A name begins with <c>.wh.</c>, which layers use themselves.</exception>
    public Task<WritableLayer> ForkAsync(
        WritableLayerOptions? options = null, CancellationToken cancellationToken = default) =>
        _store.CreateWritableAsync(
            Layers, (options ?? new()) with { SizeLimit = options?.SizeLimit ?? SizeLimit }, Origin,
            (directory, form, owners) => Task.Run(
                async () =>
                {
                    using var changes = OpenChanges();
                    using var members = Read(changes, cancellationToken);
                    var mode = await members.WriteToAsync(directory, form, owners, cancellationToken)
                        .ConfigureAwait(false);
                    changes.CheckAreThere();
                    return mode;
                },
                cancellationToken),
            cancellationToken);

    /// <summary>Writes the files that a container on it sees as a tar archive; the stream stays open.</summary>
    /// <exception cref="InvalidImageException">The files are longer together than may be exported.</exception>
    public async Task ExportAsync(
        Stream destination, ExportOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        using var changes = OpenChanges();
        using var tree = Form == WritableForm.Copy
            ? new TreeReader(changes.Upper, TreeForm.Plain, TreeLimits.OfReader, _readers)
            : new TreeReader([changes.Upper, .. OpenBelow()], TreeLimits.OfReader, _readers);
        await TreeArchive.WriteAsync(tree, destination, (options ?? new()).MaxSize, cancellationToken)
            .ConfigureAwait(false);
        changes.CheckAreThere();
    }

    /// <summary>How much its files take, each counted once; changes while that is read may be missed.</summary>
    public ByteSize ReadUsage()
    {
        using var changes = OpenChanges();
        var usage = TreeUsage.Of(changes.Upper, _readers);
        changes.CheckAreThere();
        return usage;
    }

    /// <summary>Removes it, and what is in it.</summary>
    /// <exception cref="LinuxException">A container is on it: EBUSY.</exception>
    public async Task DiscardAsync(CancellationToken cancellationToken = default)
    {
        await _store.DiscardWritableAsync(Id, cancellationToken).ConfigureAwait(false);
        _owner?.Dispose();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_owner is { Handle.IsClosed: false })
        {
            try
            {
                await _store.DiscardWritableAsync(Id, CancellationToken.None).ConfigureAwait(false);
            }
            catch (LinuxException)
            {
                // A container is on it, or something cannot be removed: then it is the collector's.
            }
            finally
            {
                _owner.Dispose();
            }
        }
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Root}";

    /// <summary>What it was made of, in the words of who made it; null when nothing was said.</summary>
    internal string? Origin { get; }

    /// <summary>Opens its changes to read them.</summary>
    internal ReadableChanges OpenChanges() => _store.OpenChanges(Id, Form);

    /// <summary>What was changed, as the members of a layer.</summary>
    internal TreeSource Read(ReadableChanges changes, CancellationToken cancellationToken) =>
        Form == WritableForm.Copy ? Compare(changes, cancellationToken)
        : new TreeReader(changes.Upper, TreeForm.Overlay, TreeLimits.OfReader, _readers)
        {
            IsBelow = path => IsBelow(changes, path.Span, cancellationToken),
        };

    private IReadOnlyList<LayerChange> List(ReadableChanges changes, CancellationToken cancellationToken)
    {
        if (Form == WritableForm.Copy)
        {
            using var difference = Compare(changes, cancellationToken);
            return difference.List();
        }

        using var comparison = new LayerComparison(changes.Upper, OpenBelow(), _readers);
        return comparison.Run(cancellationToken);
    }

    private TreeDifference Compare(ReadableChanges changes, CancellationToken cancellationToken) =>
        new(
            changes.Upper, _readers, _store.ReadLayers(Layers, cancellationToken, tellsLinks: false),
            cancellationToken);

    /// <summary>Whether the layers show something under a path of a change; rarely asked, so none stay open.</summary>
    private bool IsBelow(ReadableChanges changes, ReadOnlySpan<byte> path, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var access = new TreeAccess(_readers);
        var directory = new MergedDirectory([access.Open(changes.Upper), .. OpenBelow()], access);
        try
        {
            for (int end; (end = path.IndexOf((byte)'/')) >= 0; path = path[(end + 1)..])
            {
                using var outer = directory;
                directory = outer.Enter([.. path[..end], 0], place: 0);
            }

            return new MergedDirectory([.. directory.Places.Skip(1)], access).TryFind([.. path, 0], out _, out _);
        }
        catch (LinuxException gone) when (gone.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            return false; // a container runs on it
        }
        finally
        {
            directory.Dispose();
        }
    }

    /// <summary>Opens what lies below the changes, the topmost first.</summary>
    private IReadOnlyList<SafeFileHandle> OpenBelow() => _store.OpenAll(Layers.Reverse(), _hasLaid ? Id : null);
}

/// <summary>A writable layer of a store.</summary>
/// <param name="Id">Its name.</param>
/// <param name="Layers">The layers below it, the base first.</param>
/// <param name="CreatedAt">When it was made.</param>
public sealed record WritableLayerInfo(string Id, IReadOnlyList<Digest> Layers, DateTimeOffset CreatedAt)
{
    /// <summary>What it was made of, in the words of who made it.</summary>
    internal string? Origin { get; init; }
}
