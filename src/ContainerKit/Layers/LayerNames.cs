using System.Collections.Concurrent;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>
/// The names in the root of each layer of a store, once they were asked for: layers never change, and what is looked up
/// before a start is in few of them. Thread-safe.
/// </summary>
internal sealed class LayerNames(string store)
{
    private const int Most = 1000; // of a layer that keeps its files elsewhere than others do: it is asked each time

    private readonly ConcurrentDictionary<Digest, HashSet<string>?> _known = new();

    /// <summary>Whether a layer has a name in its root, as far as that is known.</summary>
    public bool MayHave(Digest layer, string name) => _known.GetOrAdd(layer, Read)?.Contains(name) is not false;

    private HashSet<string>? Read(Digest layer)
    {
        try
        {
            using var files = new StoreDirectory(Syscall.Open(
                $"{store}/{LayersRoot.Lower}/{LayersRoot.NameOf(layer)}/{LayersRoot.Files}", OpenFlags.O_RDONLY));
            var names = files.Names();
            return names.Count <= Most ? [.. names] : null;
        }
        catch (LinuxException closed) when (closed.Errno is Errno.EACCES)
        {
            return null; // it belongs to mapped ids
        }
    }
}
