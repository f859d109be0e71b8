using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// A directory as overlayfs would show it: those of several layers, the topmost first, whose descriptors it closes. Of
/// one layer it is that layer's own. Nothing is mounted, and no link is followed.
/// </summary>
internal sealed class MergedDirectory(IReadOnlyList<SafeFileHandle> places, TreeAccess access) : IDisposable
{
    /// <summary>The directories.</summary>
    public IReadOnlyList<SafeFileHandle> Places => places;

    /// <summary>
    /// The names in the order of their bytes, each with its NUL and the topmost that has it. They are counted in
    /// <paramref name="store"/>, and <paramref name="count"/> is what to give back to it.
    /// </summary>
    /// <exception cref="InvalidImageException">They are more than may be remembered.</exception>
    public List<(byte[] Name, int Place)> List(ByteStore store, out long count)
    {
        count = 0;
        var list = new List<(byte[] Name, int Place)>();
        var seen = new HashSet<ReadOnlyMemory<byte>>(PathComparer.Instance);
        for (var place = 0; place < places.Count; place++)
        {
            foreach (var name in Read(places[place]))
            {
                count += store.Take(name.Length);
                if (places.Count == 1 || seen.Add(name))
                {
                    list.Add((name, place));
                }
            }
        }

        list.Sort((one, other) => one.Name.AsSpan().SequenceCompareTo(other.Name));
        return list;
    }

    /// <summary>What is shown under a name; false when nothing is.</summary>
    public bool TryFind(ReadOnlySpan<byte> name, out FileStatus status, out int place)
    {
        for (place = 0; place < places.Count; place++)
        {
            if (access.TryStatus(places[place], name, out status))
            {
                return !access.IsWhiteout(places[place], name, status);
            }
        }

        status = default;
        return false;
    }

    /// <summary>Opens the directory that is shown under a name, with those that it is merged with.</summary>
    public MergedDirectory Enter(ReadOnlySpan<byte> name, int place)
    {
        var directory = Open(name, place);
        return new(access.IsOpaque(directory) ? [directory] : [directory, .. OpenBelow(name, place)], access);
    }

    /// <summary>
    /// Opens the directories that one of a place is merged with: down to what is none, or hides those below it.
    /// </summary>
    public List<SafeFileHandle> OpenBelow(ReadOnlySpan<byte> name, int place)
    {
        var below = new List<SafeFileHandle>();
        while (++place < places.Count)
        {
            if (!access.TryStatus(places[place], name, out var status))
            {
                continue;
            }

            if (!status.IsDirectory)
            {
                break;
            }

            below.Add(Open(name, place));
            if (access.IsOpaque(below[^1]))
            {
                break;
            }
        }

        return below;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var place in places)
        {
            place.Dispose();
        }
    }

    private SafeFileHandle Open(ReadOnlySpan<byte> name, int place)
    {
        var error = access.Find(places[place], name, out var found);
        using (found)
        {
            return access.Open(
                found ?? throw new LinuxException("openat2", error!.Value, TarEntry.Printable(name[..^1])));
        }
    }

    private static IEnumerable<byte[]> Read(SafeFileHandle directory)
    {
        var reader = new DirectoryReader(directory);
        reader.Rewind();
        while (TryNext(reader) is { } name)
        {
            yield return name;
        }
    }

    private static byte[]? TryNext(DirectoryReader reader)
    {
        try
        {
            return reader.Next() is { IsEmpty: false } name ? name.ToArray() : null;
        }
        catch (LinuxException removed) when (removed.Errno is Errno.ENOENT)
        {
            return null; // a container runs on it: what is no more has no names
        }
    }
}
