using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// A layer of a store that takes the changes of one container at a time, over layers that are never changed. Disposing
/// leaves one with an id of its own in the store, and discards one without, once no container is on it. What reads it
/// may do so while a container runs: of what that changes meanwhile, something in between is read.
/// </summary>
public sealed class WritableLayer : IAsyncDisposable
{
    private readonly LayerStore _store;
    private readonly StoreLock? _owner;
    private readonly bool _hasLaid;

    internal WritableLayer(LayerStore store, string id, WritableMeta meta, StoreLock? owner)
    {
        var layers = meta.Layers.Select(Digest.Parse).ToArray();
        (_store, Id, Layers, Origin, _owner, _hasLaid) = (store, id, layers, meta.Origin, owner, meta.HasLaid);
        SizeLimit = meta.SizeLimit is { } bytes ? new(bytes) : null;
        Root = new LayersRoot(store.Path, id, layers)
        {
            Ids = store.IdMap,
            IsLimited = SizeLimit is not null,
            HasLaid = _hasLaid,
            Names = store.Names,
        };
    }

    /// <summary>Its name in the store.</summary>
    public string Id { get; }

    /// <summary>
    /// The layers below it, the base first, without those that another one hides altogether.
    /// </summary>
    public IReadOnlyList<Digest> Layers { get; }

    /// <summary>How much it may hold; null when it has no limit of its own.</summary>
    public ByteSize? SizeLimit { get; }

    /// <summary>
    /// A root filesystem of all of them, whose changes go to this one. As root, files belong to the container's ids of
    /// the same numbers; the container's <see cref="ContainerOptions.IdMap"/> must map the store's user, which for root
    /// is 0. It must be <see cref="LayerStore.IdMap"/> where the store has one. A second container at once is an
    /// <see cref="ArgumentException"/>.
    /// </summary>
    public RootFilesystem Root { get; }

    /// <summary>
    /// What a container added, changed and removed, in the order of the paths. It costs as much as there are changes,
    /// however large the layers are.
    /// </summary>
    /// <exception cref="InvalidImageException">A name begins with <c>.wh.</c>, which layers use themselves.</exception>
    public Task<IReadOnlyList<LayerChange>> ListChangesAsync(CancellationToken cancellationToken = default) =>
        Task.Run(
            () =>
            {
                using var changes = OpenChanges();
                using var comparison = new LayerComparison(changes.Upper, OpenBelow(), _store.Readers);
                var list = comparison.Run(cancellationToken);
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
            copy => Task.Run(() => CopyToAsync(copy, cancellationToken), cancellationToken), cancellationToken);

    /// <summary>Writes the files that a container on it sees as a tar archive; the stream stays open.</summary>
    /// <exception cref="InvalidImageException">The files are longer together than may be exported.</exception>
    public async Task ExportAsync(
        Stream destination, ExportOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        using var changes = OpenChanges();
        using var tree = new TreeReader([changes.Upper, .. OpenBelow()], TreeLimits.OfReader, _store.Readers);
        await TreeArchive.WriteAsync(tree, destination, (options ?? new()).MaxSize, cancellationToken)
            .ConfigureAwait(false);
        changes.CheckAreThere();
    }

    /// <summary>How much its files take, each counted once; changes while that is read may be missed.</summary>
    public ByteSize ReadUsage()
    {
        using var changes = OpenChanges();
        var usage = TreeUsage.Of(changes.Upper, _store.Readers);
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
    internal ReadableChanges OpenChanges() => _store.OpenChanges(Id);

    private IReadOnlyList<SafeFileHandle> OpenBelow() => _store.OpenBelow(Id, _hasLaid, Layers);

    private async Task CopyToAsync(SafeFileHandle directory, CancellationToken cancellationToken)
    {
        using var changes = OpenChanges();
        using var tree = new TreeReader(changes.Upper, TreeForm.Overlay, TreeLimits.OfReader, _store.Readers);
        var owners = await _store.OwnersAsync(cancellationToken).ConfigureAwait(false);
        using var copy = new TreeWriter(directory, TreeForm.Overlay, owners, new());
        while (tree.Next() is { } entry)
        {
            cancellationToken.ThrowIfCancellationRequested();
            copy.Add(entry);
            if (entry.Size > 0)
            {
                using var content = tree.OpenContent();
                copy.CopyContent(content, tree.PiecesOf(content));
            }

            copy.EndContent();
        }

        changes.CheckAreThere();
        await copy.CompleteAsync(cancellationToken).ConfigureAwait(false);
        await owners.CompleteAsync(directory, cancellationToken).ConfigureAwait(false);
    }
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
