using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <content>The writable layers.</content>
public sealed partial class LayerStore
{
    private const string WritablePrefix = "writable-";

    /// <summary>
    /// Makes a writable layer over layers of the store, the base first. These stay while it is there.
    /// </summary>
    /// <exception cref="ArgumentException">There are no layers, or over 499, or the id is none.</exception>
    /// <exception cref="LinuxException">A layer is missing: ENOENT; the id is taken: EEXIST.</exception>
    /// <exception cref="LimitNotSupportedException">It cannot be limited here.</exception>
    public Task<WritableLayer> CreateWritableAsync(
        IReadOnlyList<Digest> layers, WritableLayerOptions? options = null,
        CancellationToken cancellationToken = default) =>
        CreateWritableAsync(layers, options, origin: null, fill: null, cancellationToken);

    /// <summary>The same with changes that are there from the start, such as a copy of another's.</summary>
    internal async Task<WritableLayer> CreateWritableAsync(
        IReadOnlyList<Digest> layers, WritableLayerOptions? options, string? origin, FillWritable? fill,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(layers);
        options ??= new();
        options.Validate();
        var id = options.Id ?? $"{Guid.NewGuid():N}";
        if (layers.Count is 0 or > LayersRoot.Most)
        {
            throw new ArgumentException($"A writable layer lies over 1 to {LayersRoot.Most} layers.", nameof(layers));
        }

        // Not as those that take long: a collector that waits for these keeps out no container.
        using var entered = await StoreLock.TakeAsync(_root, Lock, together: true, cancellationToken)
            .ConfigureAwait(false);
        CheckContains(layers);
        var (form, firstId) = await FormAsync(options).ConfigureAwait(false);
        var stored = ReadMetas(layers);
        var meta = new WritableMeta
        {
            IsCopy = form == WritableForm.Copy,
            FirstId = firstId,
            Layers = [.. Seen(stored).Reverse().Select(layer => $"{layer.DiffId}")],
            Origin = origin,
            IsTemporary = options.Id is null,
            SizeLimit = options.SizeLimit?.Bytes,
            CreatedAt = DateTimeOffset.UtcNow,
        };
        var owner = meta.IsTemporary
            ? await StoreLock.TakeAsync(_locks, WritablePrefix + id, together: false, cancellationToken)
                .ConfigureAwait(false)
            : null;
        try
        {
            meta = await MakeAsync(id, meta, stored, fill, cancellationToken).ConfigureAwait(false);
            return new(this, id, meta, owner);
        }
        catch
        {
            owner?.Dispose();
            throw;
        }
    }

    /// <summary>Opens a writable layer that is there.</summary>
    /// <exception cref="LinuxException">There is none: ENOENT.</exception>
    /// <exception cref="InvalidImageException">What was written down of it is damaged.</exception>
    public WritableLayer OpenWritable(string id)
    {
        Validate(id);
        using var writable = _writable.TryOpen(id)
            ?? throw new LinuxException("open", Errno.ENOENT, id, "The store has no such writable layer.");
        return new(this, id, ReadMeta(writable) ?? throw Damaged(id), owner: null);
    }

    /// <summary>The writable layers there are, in the order of their ids.</summary>
    public IReadOnlyList<WritableLayerInfo> ListWritable()
    {
        var list = new List<WritableLayerInfo>();
        foreach (var id in WritableIds())
        {
            using var writable = _writable.TryOpen(id);
            if (writable is not null && ReadMeta(writable) is { } meta)
            {
                list.Add(new(id, [.. meta.Layers.Select(Digest.Parse)], meta.CreatedAt)
                { Origin = meta.Origin });
            }
        }

        return list;
    }

    /// <summary>Opens the changes of a writable layer, or the copy that it is, to read them.</summary>
    internal ReadableChanges OpenChanges(string id, WritableForm form)
    {
        var writable = _writable.Open(id);
        try
        {
            var root = OpenOf(writable, form == WritableForm.Copy ? LayersRoot.Tree : LayersRoot.Upper);
            return new(id, writable, root, () => IsStillThere(writable, id));
        }
        catch
        {
            writable.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Opens the files of layers, in their order, after what is laid over those of a writable one, if one is named.
    /// </summary>
    internal IReadOnlyList<SafeFileHandle> OpenAll(IEnumerable<Digest> layers, string? laidOf = null)
    {
        using var access = new TreeAccess(Readers);
        var opened = new List<SafeFileHandle>();
        try
        {
            if (laidOf is not null)
            {
                using var writable = _writable.Open(laidOf);
                opened.Add(OpenOf(writable, LayersRoot.Laid));
            }

            foreach (var layer in layers)
            {
                using var files = OpenFiles(layer);
                opened.Add(access.Open(files));
            }

            return opened;
        }
        catch
        {
            opened.ForEach(files => files.Dispose());
            throw;
        }
    }

    /// <summary>Opens a directory of a writable layer, wherever that keeps them.</summary>
    private SafeFileHandle OpenOf(StoreDirectory writable, string name)
    {
        using var disk = writable.Has(LimitedDisk.File) ? LimitedDisk.Mount(writable.Handle, readOnly: true) : null;
        using var found = Syscall.OpenEntry(disk ?? writable.Handle, StoreDirectory.Bytes(name), OpenFlags.O_PATH);
        using var access = new TreeAccess(Readers);
        return access.Open(found);
    }

    /// <summary>Whether a writable layer was made over these layers, the base first.</summary>
    internal bool IsOver(WritableLayer writable, IReadOnlyList<Digest> layers) =>
        Seen(ReadMetas(layers)).Select(layer => layer.DiffId).Reverse().SequenceEqual(writable.Layers);

    /// <summary>Layers, the topmost first; one that comes twice shows nothing where it is lower.</summary>
    private List<StoredLayer> ReadMetas(IReadOnlyList<Digest> layers) =>
        [.. layers.Reverse().Distinct().Select(layer => new StoredLayer(layer, ReadMeta(layer)))];

    /// <summary>Those of them that can be seen: none below an opaque one, which overlayfs could not be told.</summary>
    private static IEnumerable<StoredLayer> Seen(IReadOnlyList<StoredLayer> layers)
    {
        foreach (var layer in layers)
        {
            yield return layer;
            if (layer.Meta is { IsOpaque: true })
            {
                yield break;
            }
        }
    }

    private void CheckContains(IReadOnlyList<Digest> layers)
    {
        if (layers.FirstOrDefault(layer => !Contains(layer)) is { } missing && missing != default)
        {
            throw new LinuxException(
                "open", Errno.ENOENT, $"{missing}", "The store has no such layer: load its image.");
        }
    }

    private static void Validate(string id) => new WritableLayerOptions { Id = id }.Validate();

    /// <summary>Makes the directory of one, and gives what is written down of it.</summary>
    private async Task<WritableMeta> MakeAsync(
        string id, WritableMeta meta, IReadOnlyList<StoredLayer> layers, FillWritable? fill,
        CancellationToken cancellationToken)
    {
        var name = $"{WritablePrefix}{Guid.NewGuid():N}";
        try
        {
            using (var made = _staging.Make(name, StoreDirectory.Closed))
            {
                using var disk = MakeDisk(made, meta);
                if (meta.IsCopy)
                {
                    await CopyAsync(made, meta.FirstId, layers, fill, cancellationToken).ConfigureAwait(false);
                }
                else
                {
                    meta = await LayAsync(disk ?? made, meta, layers, fill, cancellationToken).ConfigureAwait(false);
                }

                if (_options.WritesThrough && !meta.IsTemporary && (meta.IsCopy || meta.HasLaid))
                {
                    var written = (disk ?? made).Handle;
                    await Task.Run(() => Syscall.SyncFileSystem(written), cancellationToken).ConfigureAwait(false);
                }

                LockedFile.TryTake(made.Handle, LayersRoot.Lock)?.Dispose(); // later a disk may be too full for it
                made.Write(WritableMeta.File, meta.ToJson());
                made.Sync();
            }

            Syscall.Rename(
                _staging.Handle, StoreDirectory.Bytes(name), _writable.Handle, StoreDirectory.Bytes(id));
            _writable.Sync();
            return meta;
        }
        catch (Exception failure)
        {
            await UnmakeAsync(_staging, name).ConfigureAwait(false);
            if (failure is LinuxException { Call: "renameat", Errno: Errno.EEXIST or Errno.ENOTEMPTY })
            {
                throw new LinuxException(
                    "rename", Errno.EEXIST, id, "There is such a writable layer: choose another id.");
            }

            throw;
        }
    }

    /// <summary>Makes the file system of one with a limit, and opens that; null without.</summary>
    private static StoreDirectory? MakeDisk(StoreDirectory made, WritableMeta meta)
    {
        if (meta.SizeLimit is not { } limit)
        {
            return null;
        }

        LimitedDisk.Make(made.Handle, new(limit), isKept: !meta.IsTemporary);
        return new(LimitedDisk.Mount(made.Handle, readOnly: false));
    }

    /// <summary>The directory of a layer's files, which may be closed to this user: to be looked at.</summary>
    private SafeFileHandle OpenFiles(Digest diffId) => Syscall.OpenEntry(
        _layers.Handle, StoreDirectory.Bytes($"{LayersRoot.NameOf(diffId)}/{LayersRoot.Files}"), OpenFlags.O_PATH);

    private List<string> WritableIds() =>
        [.. _writable.Names().Where(WritableLayerOptions.IsId).Order(StringComparer.Ordinal)];

    private static WritableMeta? ReadMeta(StoreDirectory writable) =>
        writable.Read(WritableMeta.File) is { } json ? WritableMeta.Parse(json) : null;

    private InvalidImageException Damaged(string id) => new(
        $"What '{Path}' says of a writable layer is damaged: DiscardWritableAsync removes it.",
        entry: $"{LayersRoot.Writable}/{id}");
}
