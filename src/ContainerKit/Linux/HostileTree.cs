using System.Diagnostics;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Linux;

/// <summary>
/// Removes a directory with all that a container left in it: names of any bytes, at any depth, in directories closed to
/// their owner. It goes by descriptors, through no link and into nothing that is mounted there.
/// </summary>
internal sealed class HostileTree : IDisposable
{
    /// <summary>How deep it goes before it moves up what lies deeper.</summary>
    private const int MostOpen = 32;

    /// <summary>How many directories are given back at a time.</summary>
    public const int MostGivenBack = 4000;

    private readonly Stack<Level> _levels = new();
    private readonly Level _top;
    private readonly Action<SafeFileHandle, IReadOnlyList<byte[]>>? _giveBack;

    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly TimeSpan _longest;

    private HostileTree(
        SafeFileHandle parent, byte[] name, Action<SafeFileHandle, IReadOnlyList<byte[]>>? giveBack, TimeSpan longest)
    {
        (_giveBack, _longest) = (giveBack, longest);
        _levels.Push(_top = new(this, parent, name));
    }

    /// <summary>
    /// Removes a directory that another holds. What others own in it <paramref name="giveBack"/> gives to this user: a
    /// directory and names of directories in it, <see cref="MostGivenBack"/> at the most.
    /// </summary>
    /// <exception cref="LinuxException">ETIMEDOUT: some is left after <paramref name="longest"/>, which somebody may go
    /// on filling.</exception>
    public static void Remove(
        SafeFileHandle parent, byte[] name, Action<SafeFileHandle, IReadOnlyList<byte[]>>? giveBack = null,
        TimeSpan? longest = null)
    {
        using var tree = new HostileTree(parent, name, giveBack, longest ?? TimeSpan.MaxValue);
        while (tree._levels.TryPeek(out var level))
        {
            if (level.NextDirectory() is { } inner)
            {
                tree.Enter(level, inner);
            }
            else if (level.TryRemove())
            {
                tree._levels.Pop().Dispose();
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        while (_levels.TryPop(out var level))
        {
            level.Dispose();
        }
    }

    /// <summary>
    /// Goes into a directory. What lies too deep is moved to the top, and emptied at once, so that there are never many
    /// at the top: a full disk has no room for their names.
    /// </summary>
    private void Enter(Level level, byte[] name)
    {
        if (_levels.Count < MostOpen)
        {
            _levels.Push(new(this, level.Directory, name));
            return;
        }

        var newName = Encoding.ASCII.GetBytes($"{Guid.NewGuid():N}\0");
        OpenUp(level.Directory, name).Dispose(); // to move a directory takes the right to write to it
        Syscall.Rename(level.Directory, name, _top.Directory, newName);
        while (_levels.Count > 1)
        {
            _levels.Pop().Dispose();
        }

        _levels.Push(new(this, _top.Directory, newName));
    }

    /// <summary>Gives a directory back to its owner, whatever its permissions are; to name it, no more.</summary>
    private SafeFileHandle OpenUp(SafeFileHandle parent, byte[] name)
    {
        var directory = Syscall.OpenEntry(parent, name, OpenFlags.O_PATH);
        try
        {
            if (_giveBack is not null && Syscall.Status(directory).Owner != Syscall.EffectiveUser)
            {
                _giveBack(parent, [name, .. OthersIn(parent).Take(MostGivenBack - 1)]);
            }

            // 0700. fchmod(2) wants it open for more.
            Syscall.ChangeMode($"/proc/self/fd/{directory.DangerousGetHandle()}", 0x1C0);
            return directory;
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    /// <summary>The directories of others that one holds: to give them back takes longer than to find them.</summary>
    private static IEnumerable<byte[]> OthersIn(SafeFileHandle parent)
    {
        using var again = Syscall.OpenEntry(parent, ".\0"u8, OpenFlags.O_RDONLY); // with a position of its own
        var reader = new DirectoryReader(again);
        while (reader.Next().ToArray() is { Length: > 0 } name)
        {
            if (Syscall.TryStatus(parent, name, out var status) && status.IsDirectory
                && status.Owner != Syscall.EffectiveUser)
            {
                yield return name;
            }
        }
    }

    private void RequireTime()
    {
        if (Stopwatch.GetElapsedTime(_start) > _longest)
        {
            throw new LinuxException("unlinkat", Errno.ETIMEDOUT);
        }
    }

    /// <summary>A directory that is being emptied.</summary>
    private sealed class Level : IDisposable
    {
        private readonly HostileTree _tree;
        private readonly SafeFileHandle _parent;
        private readonly byte[] _name;
        private readonly DirectoryReader _reader;
        private bool _foundAny;

        public Level(HostileTree tree, SafeFileHandle parent, byte[] name)
        {
            using var directory = tree.OpenUp(parent, name);
            (_tree, _parent, _name) = (tree, parent, name);
            Directory = Syscall.OpenEntry(directory, ".\0"u8, OpenFlags.O_RDONLY);
            _reader = new(Directory);
        }

        public SafeFileHandle Directory { get; }

        /// <summary>Removes what it holds up to a directory that holds something, and gives the name of that.</summary>
        public byte[]? NextDirectory()
        {
            while (_reader.Next() is { IsEmpty: false } name)
            {
                _foundAny = true;
                _tree.RequireTime();
                if (!Syscall.TryUnlink(Directory, name) && !Syscall.TryRemoveDirectory(Directory, name))
                {
                    return name.ToArray();
                }
            }

            return null;
        }

        /// <summary>Removes it, unless names came while it was read; then it is to be read again.</summary>
        public bool TryRemove()
        {
            if (Syscall.TryRemoveDirectory(_parent, _name))
            {
                return true;
            }

            if (!_foundAny)
            {
                throw new LinuxException("unlinkat", Errno.ENOTEMPTY);
            }

            _foundAny = false;
            _reader.Rewind();
            return false;
        }

        public void Dispose() => Directory.Dispose();
    }
}
