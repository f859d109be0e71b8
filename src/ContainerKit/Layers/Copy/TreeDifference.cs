using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// What a tree has otherwise than the layers that it was copied from, as the members of a layer. Both are read whole,
/// side by side, what files hold too: nothing else tells surely what a program changed and gave its old time, or moved.
/// </summary>
internal sealed class TreeDifference(
    SafeFileHandle tree, MappedIds? ids, TreeReader layers, CancellationToken cancellationToken) : TreeSource
{
    private readonly ByteStore _store = new(TreeLimits.OfReader.MaxRemembered);
    private readonly List<(ReadOnlyMemory<byte> Path, LayerChangeKind Kind)> _changes = [];
    private readonly HashSet<ReadOnlyMemory<byte>> _wanted = new(PathComparer.Instance);
    private readonly TarEntry _whiteout = new();
    private TreeReader? _members;
    private Queue<ReadOnlyMemory<byte>>? _removed;

    /// <summary>What differs, in the order of the paths' bytes.</summary>
    public IReadOnlyList<LayerChange> List()
    {
        Compare();
        return LayerChange.ListOf(_changes);
    }

    /// <inheritdoc/>
    public override TarEntry? Next()
    {
        if (_members is null)
        {
            Compare();
            AddLinked();
            _members = Read();
        }

        while (_removed is null)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (_members.Next() is not { } entry)
            {
                _removed = new(_changes.Where(change => change.Kind == LayerChangeKind.Removed)
                    .Select(change => change.Path));
            }
            else if (_wanted.Contains(PathOf(entry)))
            {
                return entry;
            }
        }

        return _removed.TryDequeue(out var path) ? Whiteout(path.Span) : null;
    }

    /// <inheritdoc/>
    public override SafeFileHandle OpenContent() => _members!.OpenContent();

    /// <inheritdoc/>
    public override IEnumerable<TarExtent> PiecesOf(SafeFileHandle content) => _members!.PiecesOf(content);

    /// <inheritdoc/>
    public override void Dispose()
    {
        _members?.Dispose();
        layers.Dispose();
    }

    private static ReadOnlyMemory<byte> PathOf(TarEntry entry) => entry.Path.TrimEnd((byte)'/');

    private TreeReader Read(bool tellsLinks = true) =>
        new(tree, TreeForm.Plain, TreeLimits.OfReader, ids) { TellsLinks = tellsLinks };

    private void Compare()
    {
        using var copy = Read(tellsLinks: false);
        Want(PathOf(copy.Next()!).Span); // the root, which is there in any case
        layers.Next();
        ReadOnlyMemory<byte>? hidden = null; // with all that is below it in the layers
        var (one, other) = (copy.Next(), layers.Next());
        while (one is not null || other is not null)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var order = other is null ? -1 : one is null ? 1 : PathOrder.Compare(PathOf(one).Span, PathOf(other).Span);
            if (order > 0)
            {
                hidden = SkipOrRemove(PathOf(other!).Span, hidden);
            }
            else if (order < 0)
            {
                Add(PathOf(one!).Span, LayerChangeKind.Added);
            }
            else if (!IsSame(copy, one!, other!))
            {
                var changed = Add(PathOf(one!).Span, LayerChangeKind.Changed);
                hidden = one!.Kind == TarEntryKind.Directory ? hidden : changed;
            }

            (one, other) = (order > 0 ? one : copy.Next(), order < 0 ? other : layers.Next());
        }
    }

    private ReadOnlyMemory<byte>? SkipOrRemove(ReadOnlySpan<byte> path, ReadOnlyMemory<byte>? hidden) =>
        hidden is { } gone && PathOrder.IsBelow(path, gone.Span) ? hidden : Add(path, LayerChangeKind.Removed);

    private ReadOnlyMemory<byte> Add(ReadOnlySpan<byte> path, LayerChangeKind kind)
    {
        var kept = _store.Keep(path);
        _changes.Add((kept, kind));
        Want(kind == LayerChangeKind.Removed ? Parent(path) : path);
        return kept;
    }

    /// <summary>Wants something, with the directories on the way.</summary>
    private void Want(ReadOnlySpan<byte> path)
    {
        var wanted = _wanted.GetAlternateLookup<ReadOnlySpan<byte>>();
        for (; !path.IsEmpty && !wanted.Contains(path); path = Parent(path))
        {
            _wanted.Add(_store.Keep(path));
        }
    }

    private static ReadOnlySpan<byte> Parent(ReadOnlySpan<byte> path) =>
        path[..Math.Max(0, path.LastIndexOf((byte)'/'))];

    /// <summary>Wants all names of a file of which one is wanted.</summary>
    private void AddLinked()
    {
        using var copy = Read();
        var links = new List<(ReadOnlyMemory<byte> First, ReadOnlyMemory<byte> Further)>();
        while (copy.Next() is { } entry)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (entry.Kind == TarEntryKind.HardLink)
            {
                links.Add((_store.Keep(entry.LinkTarget.Span), _store.Keep(PathOf(entry).Span)));
            }
        }

        links.Where(link => _wanted.Contains(link.Further)).ToList().ForEach(link => Want(link.First.Span));
        links.Where(link => _wanted.Contains(link.First)).ToList().ForEach(link => Want(link.Further.Span));
    }

    private TarEntry Whiteout(ReadOnlySpan<byte> path)
    {
        var name = path[(path.LastIndexOf((byte)'/') + 1)..];
        _whiteout.Clear();
        _whiteout.Path = (byte[])[.. path[..^name.Length], .. ContainerKit.Whiteout.Prefix, .. name];
        return _whiteout;
    }

    private bool IsSame(TreeReader copy, TarEntry one, TarEntry other) =>
        (one.Kind, one.Mode, one.User, one.Group, one.Size, one.Device)
            == (other.Kind, other.Mode, other.User, other.Group, other.Size, other.Device)
        && (one.Kind == TarEntryKind.Directory || one.ModifiedAt == other.ModifiedAt)
        && one.LinkTarget.Span.SequenceEqual(other.LinkTarget.Span)
        && TarAttribute.AreSame(one.Attributes, other.Attributes)
        && (one.Kind != TarEntryKind.RegularFile || one.Size == 0 || HoldSame(copy, one.Size));

    private bool HoldSame(TreeReader copy, long size)
    {
        using var one = copy.OpenContent();
        using var other = layers.OpenContent();
        Span<byte> bytes = new byte[Math.Min(size, 128 << 10)], others = new byte[bytes.Length];
        for (var offset = 0L; offset < size;)
        {
            cancellationToken.ThrowIfCancellationRequested();
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
