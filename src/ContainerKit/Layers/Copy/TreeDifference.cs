using System.Text;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// What a tree has otherwise than the layers that it was copied from, as the members of a layer. Both are read whole,
/// side by side, what files hold too: nothing else tells surely what a program changed and gave its old time, or moved.
/// </summary>
internal sealed class TreeDifference(
    SafeFileHandle directory, MappedIds? treeIds, Func<IReadOnlyList<SafeFileHandle>> openLayers,
    MappedIds? layerIds) : TreeSource
{
    private readonly ByteStore _store = new(TreeLimits.OfReader.MaxRemembered);
    private readonly List<(ReadOnlyMemory<byte> Path, LayerChangeKind Kind)> _changes = [];
    private readonly HashSet<ReadOnlyMemory<byte>> _wanted = new(PathComparer.Instance);
    private readonly TarEntry _whiteout = new();
    private TreeReader? _tree;
    private Queue<ReadOnlyMemory<byte>>? _removed;

    /// <summary>What differs, in the order of the paths' bytes.</summary>
    public IReadOnlyList<LayerChange> List(CancellationToken cancellationToken)
    {
        Compare(cancellationToken);
        _changes.Sort(static (one, other) => one.Path.Span.SequenceCompareTo(other.Path.Span));
        return [.. _changes.Select(
            change => new LayerChange($"/{Encoding.UTF8.GetString(change.Path.Span)}", change.Kind))];
    }

    /// <inheritdoc/>
    public override TarEntry? Next()
    {
        if (_tree is null)
        {
            Compare(CancellationToken.None);
            AddLinked();
            _tree = Read();
        }

        while (_removed is null)
        {
            if (_tree.Next() is not { } entry)
            {
                _removed = new(_changes.Where(change => change.Kind == LayerChangeKind.Removed)
                    .Select(change => change.Path));
            }
            else if (_wanted.GetAlternateLookup<ReadOnlySpan<byte>>().Contains(PathOf(entry)))
            {
                return entry;
            }
        }

        return _removed.TryDequeue(out var path) ? Whiteout(path.Span) : null;
    }

    /// <inheritdoc/>
    public override SafeFileHandle OpenContent() => _tree!.OpenContent();

    /// <inheritdoc/>
    public override IEnumerable<TarExtent> PiecesOf(SafeFileHandle content) => _tree!.PiecesOf(content);

    /// <inheritdoc/>
    public override void Dispose() => _tree?.Dispose();

    private static ReadOnlySpan<byte> PathOf(TarEntry entry) => entry.Path.Span.TrimEnd((byte)'/');

    private TreeReader Read(bool tellsLinks = true) =>
        new(directory, TreeForm.Plain, TreeLimits.OfReader, treeIds) { TellsLinks = tellsLinks };

    private void Compare(CancellationToken cancellationToken)
    {
        using var tree = Read(tellsLinks: false);
        using var layers = new TreeReader(openLayers(), TreeLimits.OfReader, layerIds) { TellsLinks = false };
        _wanted.Add(PathOf(tree.Next()!).ToArray()); // the root, which is there in any case
        layers.Next();
        var hidden = (byte[]?)null; // with all that is below it in the layers
        var (one, other) = (tree.Next(), layers.Next());
        while (one is not null || other is not null)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var order = other is null ? -1 : one is null ? 1 : PathOrder.Compare(PathOf(one), PathOf(other));
            if (order > 0)
            {
                hidden = SkipOrRemove(PathOf(other!), hidden);
            }
            else if (order < 0)
            {
                Add(PathOf(one!), LayerChangeKind.Added);
            }
            else if (!IsSame(tree, one!, layers, other!))
            {
                Add(PathOf(one!), LayerChangeKind.Changed);
                hidden = one!.Kind == TarEntryKind.Directory ? hidden : PathOf(other!).ToArray();
            }

            (one, other) = (order > 0 ? one : tree.Next(), order < 0 ? other : layers.Next());
        }
    }

    private byte[] SkipOrRemove(ReadOnlySpan<byte> path, byte[]? hidden)
    {
        if (hidden is not null && PathOrder.IsBelow(path, hidden))
        {
            return hidden;
        }

        Add(path, LayerChangeKind.Removed);
        return path.ToArray();
    }

    private void Add(ReadOnlySpan<byte> path, LayerChangeKind kind)
    {
        _changes.Add((_store.Keep(path), kind));
        Want(kind == LayerChangeKind.Removed ? Parent(path) : path);
    }

    /// <summary>Wants something, with the directories on the way.</summary>
    private void Want(ReadOnlySpan<byte> path)
    {
        for (var wanted = _wanted.GetAlternateLookup<ReadOnlySpan<byte>>(); !path.IsEmpty && !wanted.Contains(path);)
        {
            _wanted.Add(_store.Keep(path));
            path = Parent(path);
        }
    }

    private static ReadOnlySpan<byte> Parent(ReadOnlySpan<byte> path) =>
        path[..Math.Max(0, path.LastIndexOf((byte)'/'))];

    /// <summary>Wants all names of a file of which one is wanted.</summary>
    private void AddLinked()
    {
        using var tree = Read();
        var links = new List<(ReadOnlyMemory<byte> First, ReadOnlyMemory<byte> Further)>();
        while (tree.Next() is { } entry)
        {
            if (entry.Kind == TarEntryKind.HardLink)
            {
                links.Add((_store.Keep(entry.LinkTarget.Span), _store.Keep(PathOf(entry))));
            }
        }

        links.Where(link => _wanted.Contains(link.Further)).ToList().ForEach(link => Want(link.First.Span));
        links.Where(link => _wanted.Contains(link.First)).ToList().ForEach(link => Want(link.Further.Span));
    }

    private TarEntry Whiteout(ReadOnlySpan<byte> path)
    {
        var parent = Parent(path);
        var name = path[(parent.IsEmpty ? 0 : parent.Length + 1)..];
        _whiteout.Clear();
        _whiteout.Path = (byte[])
            [.. path[..^name.Length], .. ContainerKit.Whiteout.Prefix, .. name];
        return _whiteout;
    }

    private static bool IsSame(TreeReader tree, TarEntry one, TreeReader layers, TarEntry other) =>
        (one.Kind, one.Mode, one.User, one.Group, one.Size, one.Device)
            == (other.Kind, other.Mode, other.User, other.Group, other.Size, other.Device)
        && (one.Kind == TarEntryKind.Directory || one.ModifiedAt == other.ModifiedAt)
        && one.LinkTarget.Span.SequenceEqual(other.LinkTarget.Span)
        && one.Attributes.Count == other.Attributes.Count
        && one.Attributes.Zip(other.Attributes).All(pair => IsSame(pair.First, pair.Second))
        && (one.Kind != TarEntryKind.RegularFile || one.Size == 0 || HoldSame(tree, layers, one.Size));

    private static bool IsSame(TarAttribute one, TarAttribute other) =>
        one.Name.Span.SequenceEqual(other.Name.Span) && one.Value.Span.SequenceEqual(other.Value.Span);

    private static bool HoldSame(TreeReader tree, TreeReader layers, long size)
    {
        using var one = tree.OpenContent();
        using var other = layers.OpenContent();
        Span<byte> bytes = new byte[Math.Min(size, 128 << 10)], others = new byte[bytes.Length];
        for (var offset = 0L; offset < size;)
        {
            var count = Syscall.ReadAt(one, bytes, offset);
            if (count == 0 || Syscall.ReadAt(other, others, offset) != count
                || !bytes[..count].SequenceEqual(others[..count]))
            {
                return false;
            }

            offset += count;
        }

        return true;
    }
}
