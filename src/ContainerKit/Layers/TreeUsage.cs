using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// What the files of a directory take on the disk. It goes as deep as a container makes directories, and keeps those
/// open that are the first and the last on the way.
/// </summary>
internal sealed class TreeUsage : IDisposable
{
    private const int MostFirst = 64, MostLast = 64, BlockSize = 512;

    private readonly TreeAccess _access;
    private readonly ByteStore _store = new(TreeLimits.OfReader.MaxRemembered);
    private readonly List<Level> _levels = [];
    private readonly HashSet<ulong> _seen = [];
    private ulong _blocks;

    private TreeUsage(MappedIds? ids) => _access = new(ids);

    /// <summary>Adds it up, through no link; a file of several names counts once.</summary>
    /// <exception cref="InvalidImageException">There are more directories than may be remembered.</exception>
    public static ByteSize Of(SafeFileHandle root, MappedIds? ids)
    {
        using var usage = new TreeUsage(ids);
        usage.Enter(root, ".\0"u8.ToArray());
        while (usage._levels.Count > 0)
        {
            var level = usage._levels[^1];
            if (level.Inner.TryPop(out var name))
            {
                usage.Enter(level.Directory!, name);
            }
            else
            {
                usage.Leave();
            }
        }

        return new((long)usage._blocks * BlockSize);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _levels.ForEach(level => level.Directory?.Dispose());
        _access.Dispose();
    }

    private void Enter(SafeFileHandle parent, byte[] name)
    {
        if (TryOpen(parent, name) is not { } directory)
        {
            return;
        }

        var level = new Level(name, Syscall.Status(directory).Inode) { Directory = directory };
        _levels.Add(level);
        CloseBefore(_levels.Count - MostLast);
        var reader = new DirectoryReader(directory);
        while (reader.Next() is { IsEmpty: false } found)
        {
            if (_access.TryStatus(directory, found, out var status))
            {
                _blocks += status.Links < 2 || status.IsDirectory || _seen.Add(status.Inode) ? status.Blocks : 0;
                if (status.IsDirectory)
                {
                    level.Remembered += _store.Take(found.Length);
                    level.Inner.Push(found.ToArray());
                }
            }
        }
    }

    private SafeFileHandle? TryOpen(SafeFileHandle parent, byte[] name)
    {
        try
        {
            var error = _access.Find(parent, name, out var found);
            using (found)
            {
                return _access.Open(found ?? throw new LinuxException("openat2", error!.Value));
            }
        }
        catch (LinuxException gone) when (gone.Errno is Errno.ENOENT or Errno.EACCES or Errno.ELOOP or Errno.ENOTDIR)
        {
            return null; // a container changed it meanwhile, or it belongs to an id that only the container has
        }
    }

    private void Leave()
    {
        var left = _levels[^1];
        left.Directory?.Dispose();
        _store.GiveBack(left.Remembered);
        _levels.RemoveAt(_levels.Count - 1);
        if (_levels.Count > 0 && _levels[^1] is { Directory: null, Inner.Count: > 0 })
        {
            OpenAgain();
        }
    }

    /// <summary>
    /// Opens the way to the last directory again, unless that was changed: then it is no way any more.
    /// </summary>
    private void OpenAgain()
    {
        for (var i = _levels.FindLastIndex(level => level.Directory is not null) + 1; i < _levels.Count; i++)
        {
            var (level, directory) = (_levels[i], TryOpen(_levels[i - 1].Directory!, _levels[i].Name));
            level.Directory = directory;
            if (directory is null || Syscall.Status(directory).Inode != level.Inode)
            {
                _levels[i..].ForEach(lost => lost.Inner.Clear());
                return;
            }

            CloseBefore(i + 1 - MostLast);
        }
    }

    /// <summary>Closes the directory before those that stay open, of which there is one more each time.</summary>
    private void CloseBefore(int count)
    {
        if (count > MostFirst)
        {
            _levels[count - 1].Directory?.Dispose();
            _levels[count - 1].Directory = null;
        }
    }

    /// <summary>A directory whose files have been counted, and the directories in it that have not.</summary>
    private sealed class Level(byte[] name, ulong inode)
    {
        public byte[] Name => name;

        public ulong Inode => inode;

        public SafeFileHandle? Directory { get; set; }

        public Stack<byte[]> Inner { get; } = new();

        public long Remembered { get; set; }
    }
}
