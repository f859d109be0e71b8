using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// The members that an archive of a tree has: parents first, names in the order of their bytes, so that one tree gives
/// one archive. It goes by descriptors, through no link. Sockets are left out, as no archive has them, but not that
/// they hide what lies below. Several layers are read as the one tree that they show.
/// </summary>
internal sealed partial class TreeReader : TreeSource
{
    private readonly TreeForm _form;
    private readonly TreeLimits _limits;
    private readonly ByteStore _store;
    private readonly TreeAccess _access;
    private readonly MergedDirectory _roots;
    private readonly bool _isMerged;
    private readonly TarEntry _entry = new();
    private readonly Stack<Level> _levels = new();
    private readonly Dictionary<(ulong FileSystem, ulong Inode), ReadOnlyMemory<byte>> _linked = [];
    private byte[] _path = new byte[256];
    private int _length;
    private SafeFileHandle? _file;
    private bool _began, _isOpaque, _hasHoles;

    /// <summary>Begins at a directory, whose descriptor stays the caller's.</summary>
    public TreeReader(SafeFileHandle root, TreeForm form, TreeLimits limits, MappedIds? ids = null)
        : this(form, limits, new TreeAccess(ids), isMerged: false) => _roots = new([_access.Open(root)], _access);

    /// <summary>Begins at what layers show, the topmost first, whose descriptors it closes.</summary>
    public TreeReader(IReadOnlyList<SafeFileHandle> layers, TreeLimits limits, MappedIds? ids)
        : this(TreeForm.Overlay, limits, new TreeAccess(ids), isMerged: true) => _roots = new(layers, _access);

    private TreeReader(TreeForm form, TreeLimits limits, TreeAccess access, bool isMerged)
    {
        (_form, _limits, _store, _access) = (form, limits, new(limits.MaxRemembered), access);
        (_roots, _isMerged) = (new([], access), isMerged);
    }

    /// <summary>Whether a further name of a file is told as a link to the first, and not as a file again.</summary>
    public bool TellsLinks { get; init; } = true;

    /// <summary>Directories, by their paths, that are to be told otherwise than they are.</summary>
    public IReadOnlyDictionary<ReadOnlyMemory<byte>, TarEntry>? Laid { get; init; }

    /// <summary>
    /// Whether something lies below a path, which is gone although no member can be in its place; never, where it is
    /// null.
    /// </summary>
    public Predicate<ReadOnlyMemory<byte>>? IsBelow { get; init; }

    /// <summary>How it reads what is closed to this user.</summary>
    public TreeAccess Access => _access;

    /// <inheritdoc/>
    public override TarEntry? Next()
    {
        Forget();
        if (!_began)
        {
            _began = true;
            return _roots.Places.Count > 0 ? Begin() : null;
        }

        if (_isOpaque)
        {
            _isOpaque = false;
            return DescribeWhiteout(Whiteout.Opaque);
        }

        while (_levels.TryPeek(out var level))
        {
            if (!level.TryNext(out var name, out var place))
            {
                _levels.Pop().Dispose();
                continue;
            }

            _length = level.PathLength;
            if (Describe(level, name, place) is { } entry)
            {
                return entry;
            }
        }

        return null;
    }

    /// <inheritdoc/>
    public override SafeFileHandle OpenContent() => _access.Open(_file!);

    /// <inheritdoc/>
    public override IEnumerable<TarExtent> PiecesOf(SafeFileHandle content) =>
        _hasHoles ? FindPieces(content, _entry.Size) : [new(0, _entry.Size)];

    /// <inheritdoc/>
    public override void Dispose()
    {
        Forget();
        while (_levels.TryPop(out var level))
        {
            level.Dispose();
        }

        _roots.Dispose();
        _access.Dispose();
    }

    private void Forget()
    {
        _file?.Dispose();
        _file = null;
        _entry.Attributes.Clear();
        (_entry.LinkTarget, _entry.Size, _entry.Device) = (default, 0, default);
    }

    private TarEntry Begin()
    {
        Append("./"u8);
        if (_access.Find(_roots.Places[0], ".\0"u8, out _file) is { } refused)
        {
            throw new LinuxException("openat2", refused, ".");
        }

        return DescribeDirectory(Syscall.Status(_file!), pathLength: 0, _roots, ".\0"u8, place: 0);
    }

    private TarEntry? Describe(Level level, ReadOnlySpan<byte> name, int place)
    {
        Append(name[..^1]);
        if (Whiteout.IsWhiteout(name))
        {
            throw Invalid("A name is one that layers use for what is gone.", "path", TarEntry.Printable(name[..^1]));
        }

        var error = _access.Find(level.Directory.Places[place], name, out _file);
        if (error is Errno.ENOENT)
        {
            return null; // removed since the directory was read
        }

        var status = Syscall.Status(
            _file ?? throw new LinuxException("openat2", error!.Value, TarEntry.Printable(_path.AsSpan(0, _length))));
        if (status.IsDirectory)
        {
            Append("/"u8);
            return DescribeDirectory(status, _length, level.Directory, name, place);
        }

        return DescribeFile(status, name);
    }

    private TarEntry? DescribeFile(FileStatus status, ReadOnlySpan<byte> name)
    {
        var isSocket = status.IsA(FileType.S_IFSOCK);
        if (isSocket || (_form == TreeForm.Overlay && _access.IsWhiteout(_file!, status)))
        {
            var isTold = isSocket ? IsBelow?.Invoke(_path.AsMemory(0, _length)) is true : !_isMerged;
            _length -= name.Length - 1;
            Append(Whiteout.Prefix);
            return isTold ? DescribeWhiteout(name[..^1]) : null;
        }

        Describe(status, _length);
        if (TellsLinks && status.Links > 1 && !_entry.IsDevice && !IsFirstOfLinks(status))
        {
            _entry.Attributes.Clear();
            return _entry;
        }

        switch (_entry.Kind)
        {
            case TarEntryKind.RegularFile:
                _entry.Size = (long)status.Size;
                _hasHoles = status.Blocks * 512 < status.Size;
                break;
            case TarEntryKind.SymbolicLink:
                _entry.LinkTarget = Syscall.ReadLink(_file!);
                break;
        }

        return _entry;
    }

    private TarEntry DescribeDirectory(
        FileStatus status, int pathLength, MergedDirectory parent, ReadOnlySpan<byte> name, int place)
    {
        if (_levels.Count > _limits.MaxDepth)
        {
            throw Invalid($"A path has more than {_limits.MaxDepth} parts.", "path", _entry.Name);
        }

        Describe(status, _length);
        if (Laid is not null && Laid.TryGetValue(_entry.Path, out var laid))
        {
            (_entry.Mode, _entry.User, _entry.Group, _entry.ModifiedAt) =
                (laid.Mode, laid.User, laid.Group, laid.ModifiedAt);
            _entry.Attributes.Clear();
            _entry.Attributes.AddRange(laid.Attributes);
        }

        var directory = _access.Open(_file!);
        var below = _isOpaque || !_isMerged ? [] : parent.OpenBelow(name, place);
        _levels.Push(new(new([directory, .. below], _access), pathLength, _store));
        _isOpaque &= !_isMerged;
        return _entry;
    }

    private TarEntry DescribeWhiteout(ReadOnlySpan<byte> name)
    {
        if (name.SequenceEqual(Whiteout.Opaque))
        {
            _length = _levels.Peek().PathLength;
        }

        Append(name);
        _entry.Attributes.Clear();
        (_entry.Kind, _entry.Path) = (TarEntryKind.RegularFile, _path.AsMemory(0, _length));
        (_entry.Mode, _entry.User, _entry.Group, _entry.ModifiedAt) = (0, 0, 0, default);
        return _entry;
    }

    private bool IsFirstOfLinks(FileStatus status)
    {
        var key = (((ulong)status.FileSystemMajor << 32) | status.FileSystemMinor, status.Inode);
        if (_linked.TryGetValue(key, out var first))
        {
            (_entry.Kind, _entry.LinkTarget) = (TarEntryKind.HardLink, first);
            return false;
        }

        _linked[key] = _store.Keep(_path.AsSpan(0, _length));
        return true;
    }

    private void Append(ReadOnlySpan<byte> text)
    {
        if (_path.Length < _length + text.Length)
        {
            Array.Resize(ref _path, 2 * (_length + text.Length));
        }

        text.CopyTo(_path.AsSpan(_length));
        _length += text.Length;
    }

    private InvalidImageException Invalid(string message, string field, string value) =>
        new(message, null, TarEntry.Printable(_path.AsSpan(0, _length)), field, value);
}
