using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// Directories that layers have only since something lies in them: unpacked upon each other, layers leave them as those
/// below have them, but overlayfs shows them as the topmost was made. What this reads of them is to be laid over the
/// layers, the topmost of which comes first.
/// </summary>
internal sealed class ImpliedDirectories(IReadOnlyList<ImpliedLayer> layers, TreeAccess access) : IDisposable
{
    private readonly Stack<Level> _levels = new();

    /// <summary>
    /// The directories that layers below have said something of, and those on the way to them; parents come first.
    /// </summary>
    public IEnumerable<TarEntry> Read(CancellationToken cancellationToken)
    {
        _levels.Push(new([], [.. layers.Select((layer, index) => (index, layer.Files))]) { IsRead = true }); // the root
        byte[]? skipped = null;
        foreach (var path in layers.SelectMany(layer => layer.Paths).Distinct(PathComparer.Instance)
            .Order(PathOrder.Comparer)) // so that each is entered once
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (skipped is not null && IsAtOrBelow(path.Span, skipped))
            {
                continue;
            }

            skipped = Enter(path.Span);
            foreach (var level in _levels.Reverse().Where(level => !level.IsRead && IsNeeded()))
            {
                level.IsRead = true;
                yield return Describe((level.Said ?? level.Places[0]).Directory, level.Path, access);
            }
        }
    }

    /// <summary>A directory as a member of an archive; the root has no path.</summary>
    public static TarEntry Describe(SafeFileHandle directory, byte[] path, TreeAccess access)
    {
        var status = Syscall.Status(directory);
        var (user, group) = access.OwnersOf(status);
        var entry = new TarEntry
        {
            Kind = TarEntryKind.Directory,
            Path = (byte[])[.. path.Length == 0 ? "."u8 : path, (byte)'/'],
            Mode = status.Mode & 0xFFFu,
            User = user,
            Group = group,
            ModifiedAt = (status.ModifiedSeconds, status.ModifiedNanoseconds),
        };
        access.ReadAttributes(directory, TreeForm.Overlay, path, entry.Attributes);
        return entry;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        while (_levels.TryPop(out var level))
        {
            level.Dispose();
        }
    }

    private static bool IsAtOrBelow(ReadOnlySpan<byte> path, ReadOnlySpan<byte> directory) =>
        path.SequenceEqual(directory) || PathOrder.IsBelow(path, directory);

    /// <summary>Whether the directory that was entered last is shown as no layer said, and one below has.</summary>
    private bool IsNeeded() => _levels.Peek() is { Said: { } said } level && said != level.Places[0];

    /// <summary>
    /// Goes as far as several layers have directories there; gives one below which nothing needs a look.
    /// </summary>
    private byte[]? Enter(ReadOnlySpan<byte> path)
    {
        while (!IsAtOrBelow(path, _levels.Peek().Path))
        {
            _levels.Pop().Dispose();
        }

        while (_levels.Peek() is var parent && parent.Path.Length < path.Length)
        {
            var start = parent.Path.Length == 0 ? 0 : parent.Path.Length + 1;
            var end = path[start..].IndexOf((byte)'/');
            var inner = (end < 0 ? path : path[..(start + end)]).ToArray();
            if (Enter(parent, inner, [.. inner[start..], 0]) is not { } level)
            {
                return inner;
            }

            _levels.Push(level);
            if (level.Places.Count == 1)
            {
                return inner;
            }
        }

        return null;
    }

    private Level? Enter(Level parent, byte[] path, byte[] name)
    {
        var level = new Level(path, []);
        try
        {
            foreach (var (layer, directory) in parent.Places)
            {
                if (access.TryStatus(directory, name, out var status)
                    && (!status.IsDirectory || level.Add(layer, Open(directory, name), layers[layer], access)))
                {
                    break;
                }
            }
        }
        catch
        {
            level.Dispose();
            throw;
        }

        return level.Places.Count > 0 ? level : null;
    }

    private SafeFileHandle Open(SafeFileHandle directory, byte[] name)
    {
        var error = access.Find(directory, name, out var found);
        return found ?? throw new LinuxException("openat2", error!.Value, TarEntry.Printable(name.AsSpan(..^1)));
    }

    /// <summary>A directory that layers have, the topmost of them first.</summary>
    private sealed class Level(byte[] path, List<(int Layer, SafeFileHandle Directory)> places) : IDisposable
    {
        private readonly List<SafeFileHandle> _opened = [];
        private bool _isOpaque;

        public byte[] Path => path;

        /// <summary>Those that are merged.</summary>
        public List<(int Layer, SafeFileHandle Directory)> Places => places;

        /// <summary>
        /// The topmost that its layer says something of, even if it is hidden by what that says nothing of.
        /// </summary>
        public (int Layer, SafeFileHandle Directory)? Said { get; private set; }

        public bool IsRead { get; set; }

        /// <summary>Adds that of a layer; true when those of the layers below do not matter.</summary>
        public bool Add(int index, SafeFileHandle directory, ImpliedLayer layer, TreeAccess access)
        {
            _opened.Add(directory);
            if (!_isOpaque)
            {
                places.Add((index, directory));
            }

            Said ??= layer.Paths.Contains(path) ? null : (index, directory);
            _isOpaque |= access.IsOpaque(directory);
            return _isOpaque && Said is not null;
        }

        public void Dispose() => _opened.ForEach(directory => directory.Dispose());
    }
}

/// <summary>A layer's files, and of which directories it says nothing but that something lies in them.</summary>
internal sealed record ImpliedLayer(SafeFileHandle Files, IReadOnlySet<ReadOnlyMemory<byte>> Paths) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose() => Files.Dispose();
}
