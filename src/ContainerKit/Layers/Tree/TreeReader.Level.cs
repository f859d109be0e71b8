namespace ContainerKit;

internal sealed partial class TreeReader
{
    /// <summary>A directory that is being read.</summary>
    private sealed class Level(MergedDirectory directory, int pathLength) : IDisposable
    {
        private readonly List<(byte[] Name, int Place)> _names = directory.List();
        private int _next;

        public MergedDirectory Directory => directory;

        public int PathLength => pathLength;

        public bool TryNext(out ReadOnlySpan<byte> name, out int place)
        {
            var (found, where) = _next < _names.Count ? _names[_next] : ([], 0);
            name = found;
            place = where;
            return _next++ < _names.Count;
        }

        public void Dispose() => directory.Dispose();
    }
}
