using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// Compares a writable layer with what is below it, directory by directory. It costs as much as the changes do: of what
/// is below, only that is looked at.
/// </summary>
internal sealed class LayerComparison : IDisposable
{
    private readonly TreeReader _upper;
    private readonly ByteStore _store = new(TreeLimits.OfReader.MaxRemembered);
    private readonly Stack<Level> _levels = new();
    private readonly List<(ReadOnlyMemory<byte> Path, LayerChangeKind Kind)> _changes = [];

    /// <summary>Compares with the layers below, the topmost first, whose descriptors it closes.</summary>
    public LayerComparison(SafeFileHandle upper, IReadOnlyList<SafeFileHandle> lower, MappedIds? ids)
    {
        _upper = new(upper, TreeForm.Overlay, TreeLimits.OfReader, ids) { IsBelow = _ => true }; // seen to here
        _levels.Push(new([], new MergedDirectory(lower, _upper.Access)));
    }

    /// <summary>What differs, in the order of the paths' bytes.</summary>
    public IReadOnlyList<LayerChange> Run(CancellationToken cancellationToken)
    {
        _upper.Next(); // the root, which is there in any case
        while (_upper.Next() is { } entry)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Compare(entry);
        }

        while (_levels.Count > 0)
        {
            Leave();
        }

        return LayerChange.ListOf(_changes);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _upper.Dispose();
        while (_levels.TryPop(out var level))
        {
            level.Dispose();
        }
    }

    private void Compare(TarEntry entry)
    {
        var path = entry.Path.Span.TrimEnd((byte)'/');
        var nameStart = path.LastIndexOf((byte)'/') + 1;
        while (!path[..nameStart].SequenceEqual(_levels.Peek().Path))
        {
            Leave();
        }

        var level = _levels.Peek();
        var name = path[nameStart..];
        if (name.SequenceEqual(Whiteout.Opaque))
        {
            level.HideAll(_store);
        }
        else if (Whiteout.IsWhiteout(name))
        {
            AddRemoved(level, name[Whiteout.Prefix.Length..]);
            level.Hidden?.Remove((byte[])[.. name[Whiteout.Prefix.Length..], 0]);
        }
        else
        {
            Compare(entry, level, path, [.. name, 0]);
        }
    }

    private void Compare(TarEntry entry, Level level, ReadOnlySpan<byte> path, byte[] name)
    {
        level.Hidden?.Remove(name);
        var (status, place) = (default(FileStatus), 0);
        var isThere = level.Lower?.TryFind(name, out status, out place) is true;
        if (!isThere || !IsSame(entry, level.Lower!.Places[place], name, status))
        {
            _changes.Add((_store.Keep(path), isThere ? LayerChangeKind.Changed : LayerChangeKind.Added));
        }

        if (entry.Kind == TarEntryKind.Directory)
        {
            var lower = isThere && status.IsDirectory ? level.Lower!.Enter(name, place) : null;
            var inner = new Level([.. path, (byte)'/'], lower);
            _levels.Push(inner);
            if (level.Hidden is not null)
            {
                inner.HideAll(_store);
            }
        }
    }

    private void AddRemoved(Level level, ReadOnlySpan<byte> name)
    {
        if (level.Lower?.TryFind([.. name, 0], out _, out _) is true)
        {
            _changes.Add((_store.Keep([.. level.Path, .. name]), LayerChangeKind.Removed));
        }
    }

    private void Leave()
    {
        using var level = _levels.Pop();
        foreach (var name in level.Hidden ?? [])
        {
            AddRemoved(level, name.Span[..^1]);
        }
    }

    /// <summary>Whether it was only copied up, as what is opened for writing, and the way to what is changed.</summary>
    private bool IsSame(TarEntry entry, SafeFileHandle directory, byte[] name, FileStatus status)
    {
        var isDirectory = entry.Kind == TarEntryKind.Directory;
        if (entry.Kind != TreeReader.KindOf(status)
            || entry.Mode != (status.Mode & 0xFFFu)
            || (entry.User, entry.Group) != _upper.Access.OwnersOf(status)
            || (!isDirectory && entry.ModifiedAt != (status.ModifiedSeconds, status.ModifiedNanoseconds))
            || (entry.Kind == TarEntryKind.RegularFile && entry.Size != (long)status.Size)
            || _upper.Access.Find(directory, name, out var file) is not null)
        {
            return false;
        }

        using (file)
        {
            var attributes = new List<TarAttribute>();
            _upper.Access.ReadAttributes(file!, TreeForm.Overlay, entry.Path.Span, attributes);
            return TarAttribute.AreSame(attributes, entry.Attributes)
                && (entry.Kind != TarEntryKind.SymbolicLink
                    || entry.LinkTarget.Span.SequenceEqual(Syscall.ReadLink(file!)));
        }
    }

    /// <summary>A directory of the writable layer, and that below it, if there is one.</summary>
    private sealed class Level(byte[] path, MergedDirectory? lower) : IDisposable
    {
        /// <summary>Its path, with a slash at its end unless it is the root.</summary>
        public byte[] Path => path;

        public MergedDirectory? Lower => lower;

        /// <summary>What was below and has not been found, where all below is hidden.</summary>
        public HashSet<ReadOnlyMemory<byte>>? Hidden { get; private set; }

        public void HideAll(ByteStore store)
        {
            Hidden = new(PathComparer.Instance);
            Hidden.UnionWith((lower?.List(store, out _) ?? []).Select(found => (ReadOnlyMemory<byte>)found.Name));
        }

        public void Dispose() => lower?.Dispose();
    }
}
