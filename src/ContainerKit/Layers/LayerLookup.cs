using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// Finds a file as overlayfs would show it, without mounting anything. Layers are strangers': links are resolved within
/// them, and nothing is opened but to be looked at.
/// </summary>
internal sealed class LayerLookup : IDisposable
{
    private const int MostLinks = 40, MostOpen = 2048;

    /// <summary>The directories on the way to where it is, as far as they are merged; the roots are others'.</summary>
    private readonly List<List<Place>> _levels = [[]];
    private int _open;

    /// <summary>
    /// Adds a layer below those there are, whose path is this process's own, and of which it may be known what it does
    /// not have in its root.
    /// </summary>
    public void Add(SafeFileHandle directory, string path, Predicate<string>? mayHave = null) =>
        _levels[0].Add(new(directory, $"{path}/", mayHave));

    /// <summary>Opens a file by its path; O_PATH.</summary>
    public SafeFileHandle Find(string path)
    {
        var (ahead, links) = (new Stack<string>(), 0);
        Push(ahead, path);
        LeaveTo(1);
        while (ahead.TryPop(out var name))
        {
            if (name == "..")
            {
                LeaveTo(Math.Max(1, _levels.Count - 1));
                continue;
            }

            var (index, status) = Show(name);
            var place = _levels[^1][index];
            if (status.IsA(FileType.S_IFLNK))
            {
                var target = LinkAt(place, name);
                LeaveTo(target.StartsWith('/') ? 1 : _levels.Count);
                Push(ahead, ++links <= MostLinks ? target : throw new LinuxException("openat2", Errno.ELOOP, path));
            }
            else if (ahead.Count == 0)
            {
                return Open(place, name);
            }
            else
            {
                Enter(status.IsDirectory ? name : throw new LinuxException("openat2", Errno.ENOTDIR, path), index);
            }
        }

        throw new LinuxException("openat2", Errno.EISDIR, path);
    }

    /// <inheritdoc/>
    public void Dispose() => LeaveTo(1);

    /// <summary>What is shown under a name where it is, and the place that has it.</summary>
    private (int Place, FileStatus Status) Show(string name)
    {
        var places = _levels[^1];
        for (var i = 0; i < places.Count; i++)
        {
            if (places[i].TryStatus(name, out var status))
            {
                return !places[i].IsWhiteout(name, status) ? (i, status) : throw Missing(name);
            }
        }

        throw Missing(name);
    }

    /// <summary>
    /// Goes into the directory that a place shows, with those that it is merged with: down to what is none, or hides
    /// what is below.
    /// </summary>
    private void Enter(string name, int first)
    {
        var inner = new List<Place>();
        _levels.Add(inner);
        foreach (var place in _levels[^2].Skip(first))
        {
            if (!place.TryStatus(name, out var status))
            {
                continue;
            }

            if (!status.IsDirectory)
            {
                return;
            }

            inner.Add(new(
                ++_open <= MostOpen ? Open(place, name) : throw new LinuxException("openat2", Errno.ENAMETOOLONG, name),
                ""));
            if (Syscall.ReadAttribute(inner[^1].Directory, OverlayAttribute.UserOpaque) is [(byte)'y'])
            {
                return;
            }
        }
    }

    private void LeaveTo(int count)
    {
        for (; _levels.Count > count; _levels.RemoveAt(_levels.Count - 1))
        {
            _levels[^1].ForEach(place => place.Directory.Dispose());
            _open -= _levels[^1].Count;
        }
    }

    private static SafeFileHandle Open(Place place, string name) =>
        Syscall.OpenEntry(place.Directory, place.Bytes(name), OpenFlags.O_PATH);

    private static string LinkAt(Place place, string name) =>
        new FileInfo($"{Syscall.PathOf(place.Directory)}/{place.Prefix}{name}").LinkTarget ?? throw Missing(name);

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
    private readonly record struct Place(SafeFileHandle Directory, string Prefix, Predicate<string>? MayHave = null)
    {
        public byte[] Bytes(string name) => StoreDirectory.Bytes(Prefix + name);

        public bool TryStatus(string name, out FileStatus status)
        {
            status = default;
            return MayHave?.Invoke(name) is not false && Syscall.TryStatus(Directory, Bytes(name), out status);
        }

        public bool IsWhiteout(string name, FileStatus status) => Whiteout.IsOfOverlay(Directory, Bytes(name), status);
    }
}
