namespace ContainerKit;

/// <summary>Opens what a directory holds, by its path and where its name starts in it; null when it cannot.</summary>
internal delegate OpenDirectory? OpenChild(OpenDirectory parent, ReadOnlySpan<byte> path, int nameStart);

/// <summary>
/// Goes from directory to directory below a root, each opened from the one that holds it, and keeps those open that lie
/// on the way to the last: archives name what lies together together.
/// </summary>
internal sealed class DirectoryWalk(OpenDirectory root, OpenChild open) : IDisposable
{
    /// <summary>How many of the first it keeps, and how many of the last.</summary>
    private const int MostFirst = 32, MostLast = 32;

    private readonly List<(OpenDirectory Directory, int Length)> _inner = [];
    private byte[] _path = new byte[4096];

    private (OpenDirectory Directory, int Length) Last => _inner.Count == 0 ? (root, 0) : _inner[^1];

    /// <summary>Opens the directory with a path, which is its for as long; null when it cannot be.</summary>
    public OpenDirectory? Enter(ReadOnlySpan<byte> path)
    {
        if (path.SequenceEqual(_path.AsSpan(0, Last.Length)))
        {
            return Last.Directory;
        }

        Leave(path);
        while (Last.Length < path.Length)
        {
            var start = Last.Length == 0 ? 0 : Last.Length + 1;
            var end = path[start..].IndexOf((byte)'/');
            var inner = end < 0 ? path : path[..(start + end)];
            if (open(Last.Directory, inner, start) is not { } opened)
            {
                return null;
            }

            Push(opened, inner);
        }

        return Last.Directory;
    }

    /// <summary>Closes all, because some may be gone.</summary>
    public void Reset()
    {
        while (_inner.Count > 0)
        {
            Pop();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Reset();

    private void Leave(ReadOnlySpan<byte> path)
    {
        var common = path.CommonPrefixLength(_path.AsSpan(0, Last.Length));
        while (_inner.Count > 0
            && (Last.Length > common || (Last.Length < path.Length && path[Last.Length] != (byte)'/')))
        {
            Pop();
        }
    }

    private void Push(OpenDirectory opened, ReadOnlySpan<byte> path)
    {
        if (_inner.Count == MostFirst + MostLast)
        {
            _inner[MostFirst].Directory.Dispose();
            _inner.RemoveAt(MostFirst);
        }

        if (_path.Length < path.Length)
        {
            _path = new byte[2 * path.Length];
        }

        path.CopyTo(_path);
        _inner.Add((opened, path.Length));
    }

    private void Pop()
    {
        _inner[^1].Directory.Dispose();
        _inner.RemoveAt(_inner.Count - 1);
    }
}
