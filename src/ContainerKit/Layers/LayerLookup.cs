using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// Finds a file as overlayfs would show it, without mounting anything. Layers are strangers': links are resolved within
/// them, and nothing is opened but to be looked at.
/// </summary>
internal sealed class LayerLookup : IDisposable
{
    private const int MostLinks = 40;

    private readonly List<Place> _roots = [];
    private readonly List<SafeFileHandle> _opened = [];

    /// <summary>Adds a layer below those there are, whose path is this process's own.</summary>
    public void Add(SafeFileHandle directory, string path) => _roots.Add(new(directory, $"{path}/"));

    /// <summary>Opens a file by its path; O_PATH.</summary>
    public SafeFileHandle Find(string path)
    {
        var (levels, ahead, links) = (new List<List<Place>> { _roots }, new Stack<string>(), 0);
        Push(ahead, path);
        while (ahead.TryPop(out var name))
        {
            if (name == "..")
            {
                levels.RemoveRange(Math.Max(1, levels.Count - 1), levels.Count > 1 ? 1 : 0);
                continue;
            }

            var (place, status, inner) = Show(levels[^1], name);
            if (status.IsA(FileType.S_IFLNK))
            {
                var target = LinkAt(place, name);
                levels = target.StartsWith('/') ? [_roots] : levels;
                Push(ahead, ++links <= MostLinks ? target : throw new LinuxException("openat2", Errno.ELOOP, path));
            }
            else if (ahead.Count == 0)
            {
                return Open(place, name);
            }
            else
            {
                levels.Add(status.IsDirectory ? inner : throw new LinuxException("openat2", Errno.ENOTDIR, path));
            }
        }

        throw new LinuxException("openat2", Errno.EISDIR, path);
    }

    /// <inheritdoc/>
    public void Dispose() => _opened.ForEach(file => file.Dispose());

    /// <summary>
    /// What is shown under a name, and where that is; of directories all that are merged, down to one that hides what
    /// is below.
    /// </summary>
    private (Place Place, FileStatus Status, List<Place> Inner) Show(List<Place> places, string name)
    {
        (Place, FileStatus)? shown = null;
        var inner = new List<Place>();
        foreach (var place in places)
        {
            if (!Syscall.TryStatus(place.Directory, place.Bytes(name), out var status))
            {
                continue;
            }

            shown ??= IsWhiteout(status) ? throw Missing(name) : (place, status);
            if (!status.IsDirectory)
            {
                break;
            }

            var directory = Open(place, name);
            _opened.Add(directory);
            inner.Add(new(directory, ""));
            if (Syscall.HasAttribute(Syscall.PathOf(directory), "user.overlay.opaque"))
            {
                break;
            }
        }

        return shown is var (where, what) ? (where, what, inner) : throw Missing(name);
    }

    private static SafeFileHandle Open(Place place, string name) =>
        Syscall.OpenEntry(place.Directory, place.Bytes(name), OpenFlags.O_PATH);

    private static string LinkAt(Place place, string name) =>
        new FileInfo($"{Syscall.PathOf(place.Directory)}/{place.Prefix}{name}").LinkTarget ?? throw Missing(name);

    private static bool IsWhiteout(in FileStatus status) =>
        status.IsA(FileType.S_IFCHR) && (status.Major, status.Minor) == (0, 0);

    private static void Push(Stack<string> ahead, string path)
    {
        foreach (var name in path.Split('/').Reverse())
        {
            if (name is not ("" or "."))
            {
                ahead.Push(name);
            }
        }
    }

    private static LinuxException Missing(string name) => new("openat2", Errno.ENOENT, name);

    /// <summary>A directory of a layer: an open one, and a path from there that no stranger can change.</summary>
    private readonly record struct Place(SafeFileHandle Directory, string Prefix)
    {
        public byte[] Bytes(string name) => StoreDirectory.Bytes(Prefix + name);
    }
}
