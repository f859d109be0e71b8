using System.Text;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// Removes a directory with all that a container left in it: names of any bytes, at any depth, in directories closed to
/// their owner. It goes by descriptors, through no link and into nothing that is mounted there.
/// </summary>
internal sealed class HostileTree : IDisposable
{
    /// <summary>How deep it goes before it moves up what lies deeper.</summary>
    private const int MostOpen = 32;

    private readonly Stack<Level> _levels = new();
    private readonly Level _top;

    private HostileTree(SafeFileHandle parent, byte[] name) => _levels.Push(_top = new(parent, name));

    /// <summary>Removes a directory that another holds.</summary>
    public static void Remove(SafeFileHandle parent, byte[] name)
    {
        using var tree = new HostileTree(parent, name);
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
            _levels.Push(new(level.Directory, name));
            return;
        }

        var newName = Encoding.ASCII.GetBytes($"{Guid.NewGuid():N}\0");
        OpenUp(level.Directory, name).Dispose(); // to move a directory takes the right to write to it
        Syscall.Rename(level.Directory, name, _top.Directory, newName);
        while (_levels.Count > 1)
        {
            _levels.Pop().Dispose();
        }

        _levels.Push(new(_top.Directory, newName));
    }

    /// <summary>Gives a directory back to its owner, whatever its permissions are; to name it, no more.</summary>
    private static SafeFileHandle OpenUp(SafeFileHandle parent, ReadOnlySpan<byte> name)
    {
        var directory = Syscall.OpenEntry(parent, name, OpenFlags.O_PATH);
        try
        {
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

    /// <summary>A directory that is being emptied.</summary>
    private sealed class Level : IDisposable
    {
        private readonly SafeFileHandle _parent;
        private readonly byte[] _name;
        private readonly DirectoryReader _reader;
        private bool _foundAny;

        public Level(SafeFileHandle parent, byte[] name)
        {
            using var directory = OpenUp(parent, name);
            (_parent, _name) = (parent, name);
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
