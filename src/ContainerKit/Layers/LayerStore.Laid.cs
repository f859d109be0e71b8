using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <content>What overlayfs would show otherwise than layers that are unpacked upon each other.</content>
public sealed partial class LayerStore
{
    private const int MostImplied = 256 << 20; // all that a layer may have to remember is less

    /// <summary>
    /// Opens what layers, the base first, show where they are unpacked upon each other, to be read.
    /// </summary>
    /// <exception cref="LinuxException">A layer is missing: ENOENT.</exception>
    internal TreeReader ReadLayers(
        IReadOnlyList<Digest> layers, CancellationToken cancellationToken, bool tellsLinks = true)
    {
        CheckContains(layers);
        return ReadLayers(ReadMetas(layers), cancellationToken, tellsLinks);
    }

    private TreeReader ReadLayers(
        IReadOnlyList<StoredLayer> layers, CancellationToken cancellationToken, bool tellsLinks = true)
    {
        var laid = ReadLaid(layers, cancellationToken);
        return new(OpenAll(Seen(layers).Select(layer => layer.DiffId)), TreeLimits.OfReader, Readers)
        {
            TellsLinks = tellsLinks,
            Laid = laid.ToDictionary(entry => entry.Path, PathComparer.Instance),
        };
    }

    /// <summary>
    /// Makes the directories of a writable layer. The changes' root is as the layers, the topmost first, have it,
    /// unless it is filled otherwise; and directories are laid over them that they show otherwise, if there are any.
    /// </summary>
    private async Task<WritableMeta> LayAsync(
        StoreDirectory made, WritableMeta meta, IReadOnlyList<StoredLayer> layers, FillWritable? fill,
        CancellationToken cancellationToken)
    {
        var laid = ReadLaid(layers, cancellationToken);
        using (var upper = made.Make(LayersRoot.Upper, StoreDirectory.Closed))
        {
            await WriteAsync(upper.Handle, fill ?? Fill(laid[..1], cancellationToken), cancellationToken)
                .ConfigureAwait(false);
        }

        made.Make(LayersRoot.Work, StoreDirectory.Closed).Dispose();
        if (laid.Count == 1)
        {
            return meta;
        }

        using var over = made.Make(LayersRoot.Laid, StoreDirectory.Closed);
        await WriteAsync(over.Handle, Fill(laid, cancellationToken), cancellationToken).ConfigureAwait(false);
        return meta with { HasLaid = true };
    }

    /// <summary>
    /// The root as the topmost layer has it that says something of it, and the directories that layers show otherwise
    /// than they say; of no layers nothing.
    /// </summary>
    private List<TarEntry> ReadLaid(IReadOnlyList<StoredLayer> layers, CancellationToken cancellationToken)
    {
        if (layers.Count == 0)
        {
            return [];
        }

        using var access = new TreeAccess(Readers);
        var said = layers.FirstOrDefault(layer => layer.Meta is not { ImpliesRoot: true }, layers[0]);
        using var files = OpenFiles(said.DiffId);
        return
        [
            ImpliedDirectories.Describe(files, [], access), .. ReadImplied(Seen(layers), access, cancellationToken),
        ];
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
            ReadOnlyMemory<byte> rest = stored.Read(LayerMeta.ImpliedFile, MostImplied)
                ?? throw new InvalidImageException(
                "What the store says of a layer is damaged: CheckAsync removes it.", $"{layer.DiffId}");
            for (; rest.Span.IndexOf((byte)0) is >= 0 and var end; rest = rest[(end + 1)..])
            {
                paths.Add(rest[..end]);
            }
        }

        return paths;
    }

    private async Task WriteAsync(SafeFileHandle directory, FillWritable fill, CancellationToken cancellationToken)
    {
        var owners = await OwnersAsync(cancellationToken).ConfigureAwait(false);
        await fill(directory, TreeForm.Overlay, owners).ConfigureAwait(false);
        await owners.CompleteAsync(directory, cancellationToken).ConfigureAwait(false);
    }

    private static FillWritable Fill(IReadOnlyList<TarEntry> entries, CancellationToken cancellationToken) =>
        async (directory, form, owners) =>
        {
            using var writer = new TreeWriter(directory, form, owners, TreeLimits.OfReader);
            foreach (var entry in entries)
            {
                writer.Add(entry);
            }

            await writer.CompleteAsync(cancellationToken).ConfigureAwait(false);
            return writer.RootMode;
        };

    /// <summary>A layer, and what was written down of it.</summary>
    private readonly record struct StoredLayer(Digest DiffId, LayerMeta? Meta);
}
