namespace ContainerKit;

internal sealed partial class TreeReader
{
    /// <summary>A directory that is being read.</summary>
    private sealed class Level : IDisposable
    {
        private readonly List<(byte[] Name, int Place)> _names;
        private readonly ByteStore _store;
        private readonly long _count;
        private int _next;

        public Level(MergedDirectory directory, int pathLength, ByteStore store)
        {
            (Directory, PathLength, _store) = (directory, pathLength, store);
            try
            {
                _names = directory.List(store, out _count);
            }
            catch
            {
                directory.Dispose();
                throw;
            }
        }

        public MergedDirectory Directory { get; }

        public int PathLength { get; }

        public bool TryNext(out ReadOnlySpan<byte> name, out int place)
        {
            var (found, where) = _next < _names.Count ? _names[_next] : ([], 0);
            name = found;
            place = where;
            return _next++ < _names.Count;
        }

        public void Dispose()
        {
            _store.GiveBack(_count);
            Directory.Dispose();
        }
    }
}
