using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>What the files of a directory take on the disk.</summary>
internal static class TreeUsage
{
    private const int MostDepth = 1024, BlockSize = 512;

    /// <summary>Adds it up, through no link; a file of several names counts once.</summary>
    public static ByteSize Of(SafeFileHandle root, MappedIds? ids)
    {
        var (levels, seen, blocks) = (new Stack<Level>(), new HashSet<ulong>(), 0UL);
        using var access = new TreeAccess(ids);
        levels.Push(new(access, root, ".\0"u8));
        try
        {
            while (levels.TryPeek(out var level))
            {
                if (level.Next(out var status) is not { } name)
                {
                    levels.Pop().Dispose();
                    continue;
                }

                blocks += status.Links < 2 || status.IsDirectory || seen.Add(status.Inode) ? status.Blocks : 0;
                if (status.IsDirectory)
                {
                    Enter(levels, level, name);
                }
            }
        }
        finally
        {
            foreach (var level in levels)
            {
                level.Dispose();
            }
        }

        return new((long)blocks * BlockSize);
    }

    private static void Enter(Stack<Level> levels, Level level, byte[] name)
    {
        if (levels.Count == MostDepth)
        {
            throw new LinuxException("openat2", Errno.ENAMETOOLONG);
        }

        try
        {
            levels.Push(new(level.Access, level.Directory, name));
        }
        catch (LinuxException gone) when (gone.Errno is Errno.ENOENT or Errno.EACCES or Errno.ELOOP or Errno.ENOTDIR)
        {
            // A container changed it meanwhile, or it belongs to an id that only the container has.
        }
    }

    private sealed class Level : IDisposable
    {
        private readonly DirectoryReader _reader;

        public Level(TreeAccess access, SafeFileHandle parent, ReadOnlySpan<byte> name)
        {
            var error = access.Find(parent, name, out var found);
            using (found)
            {
                Directory = access.Open(found ?? throw new LinuxException("openat2", error!.Value));
            }

            (Access, _reader) = (access, new(Directory));
        }

        public TreeAccess Access { get; }

        public SafeFileHandle Directory { get; }

        /// <summary>The next name that is there, and what it is.</summary>
        public byte[]? Next(out FileStatus status)
        {
            while (_reader.Next() is { IsEmpty: false } name)
            {
                if (Access.TryStatus(Directory, name, out status))
                {
                    return name.ToArray();
                }
            }

            status = default;
            return null;
        }

        public void Dispose() => Directory.Dispose();
    }
}
