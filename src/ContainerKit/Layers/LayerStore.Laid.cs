using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <content>What overlayfs would show otherwise than layers that are unpacked upon each other.</content>
public sealed partial class LayerStore
{
    private const int MostImplied = 256 << 20; // all that a layer may have to remember is less

    /// <summary>
    /// Makes the directories of a writable layer. The changes' root is as the layers, the topmost first, have it,
    /// unless it is filled otherwise; and directories are laid over them that they show otherwise, if there are any.
    /// </summary>
    private async Task<WritableMeta> LayAsync(
        StoreDirectory made, WritableMeta meta, IReadOnlyList<StoredLayer> layers, FillWritable? fill,
        CancellationToken cancellationToken)
    {
        using var access = new TreeAccess(Readers);
        var said = layers.FirstOrDefault(layer => layer.Meta is not { ImpliesRoot: true }, layers[0]);
        using var files = OpenFiles(said.DiffId);
        var root = ImpliedDirectories.Describe(files, [], access);
        if (meta.IsCopy)
        {
            meta = await LayImpliedAsync(made, meta, layers, root, access, cancellationToken).ConfigureAwait(false);
            await CopyAsync(made, meta, root, fill, cancellationToken).ConfigureAwait(false);
            return meta;
        }

        using (var upper = made.Make(LayersRoot.Upper, StoreDirectory.Closed))
        {
            await (fill is null
                ? WriteAsync(upper.Handle, [root], cancellationToken)
                : FillAsync(upper.Handle, fill, cancellationToken)).ConfigureAwait(false);
        }

        made.Make(LayersRoot.Work, StoreDirectory.Closed).Dispose();
        return await LayImpliedAsync(made, meta, layers, root, access, cancellationToken).ConfigureAwait(false);
    }

    private async Task<WritableMeta> LayImpliedAsync(
        StoreDirectory made, WritableMeta meta, IReadOnlyList<StoredLayer> layers, TarEntry root, TreeAccess access,
        CancellationToken cancellationToken)
    {
        if (ReadImplied(Seen(layers), access, cancellationToken) is not { Count: > 0 } implied)
        {
            return meta;
        }

        using var laid = made.Make(LayersRoot.Laid, StoreDirectory.Closed);
        await WriteAsync(laid.Handle, [root, .. implied], cancellationToken).ConfigureAwait(false);
        if (_options.WritesThrough && !meta.IsTemporary)
        {
            await Task.Run(() => Syscall.SyncFileSystem(laid.Handle), cancellationToken).ConfigureAwait(false);
        }

        return meta with { HasLaid = true };
    }

    private async Task FillAsync(SafeFileHandle upper, FillWritable fill, CancellationToken cancellationToken)
    {
        var owners = await OwnersAsync(cancellationToken).ConfigureAwait(false);
        await fill(upper, TreeForm.Overlay, owners).ConfigureAwait(false);
        await owners.CompleteAsync(upper, cancellationToken).ConfigureAwait(false);
    }

    private List<TarEntry> ReadImplied(
        IEnumerable<StoredLayer> layers, TreeAccess access, CancellationToken cancellationToken)
    {
        var opened = new List<ImpliedLayer>();
        try
        {
            if (layers.Any(layer => layer.Meta is { HasImplied: true }))
            {
                opened.AddRange(layers.Select(layer => new ImpliedLayer(OpenFiles(layer.DiffId), ReadImplied(layer))));
            }

            using var directories = new ImpliedDirectories(opened, access);
            return [.. directories.Read(cancellationToken)];
        }
        finally
        {
            opened.ForEach(layer => layer.Dispose());
        }
    }

    private HashSet<ReadOnlyMemory<byte>> ReadImplied(StoredLayer layer)
    {
        var paths = new HashSet<ReadOnlyMemory<byte>>(PathComparer.Instance);
        if (layer.Meta is { HasImplied: true })
        {
            using var stored = _layers.Open(LayersRoot.NameOf(layer.DiffId));
            ReadOnlyMemory<byte> rest = stored.Read(LayerMeta.ImpliedFile, MostImplied) ?? throw new InvalidImageException(
                "What the store says of a layer is damaged: CheckAsync removes it.", $"{layer.DiffId}");
            for (; rest.Span.IndexOf((byte)0) is >= 0 and var end; rest = rest[(end + 1)..])
            {
                paths.Add(rest[..end]);
            }
        }

        return paths;
    }

    private async Task WriteAsync(
        SafeFileHandle directory, IReadOnlyList<TarEntry> entries, CancellationToken cancellationToken)
    {
        var owners = await OwnersAsync(cancellationToken).ConfigureAwait(false);
        using var writer = new TreeWriter(directory, TreeForm.Overlay, owners, TreeLimits.OfReader);
        foreach (var entry in entries)
        {
            writer.Add(entry);
        }

        await writer.CompleteAsync(cancellationToken).ConfigureAwait(false);
        await owners.CompleteAsync(directory, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A layer, and what was written down of it.</summary>
    private readonly record struct StoredLayer(Digest DiffId, LayerMeta? Meta);
}
