namespace ContainerKit;

/// <summary>
/// What the GNU.sparse records of a PAX header say: version 0.0 has a record for every number, 0.1 all numbers in one,
/// and 1.0 has them before the content.
/// </summary>
internal sealed class PaxSparse(TarLimits limits)
{
    private readonly List<long> _numbers = [];
    private bool _hasPairs, _hasMap;
    private long? _major, _minor, _blocks, _size, _realSize;

    /// <summary>Whether the member is sparse.</summary>
    public bool IsSparse =>
        _hasPairs || _hasMap || (_major ?? _minor ?? _blocks ?? _size ?? _realSize) is not null || Name is not null;

    /// <summary>The member's name; the one it has otherwise is for implementations that know nothing of this.</summary>
    public ReadOnlyMemory<byte>? Name { get; private set; }

    /// <summary>Forgets all of it.</summary>
    public void Clear()
    {
        _numbers.Clear();
        (_hasPairs, _hasMap, Name) = (false, false, null);
        (_major, _minor, _blocks, _size, _realSize) = (null, null, null, null, null);
    }

    /// <summary>Takes a record; false when it is about something else.</summary>
    public bool TryApply(PaxRecord record, TarEntry entry)
    {
        const string Prefix = "GNU.sparse.";
        if (!record.Key.Span.StartsWith("GNU.sparse."u8))
        {
            return false;
        }

        var key = record.Key.Span[Prefix.Length..];
        if (key.SequenceEqual("name"u8))
        {
            Name = PaxHeader.Same(Name, record.Text(entry), record, entry);
        }
        else if (key.SequenceEqual("map"u8))
        {
            ReadMap(record, entry);
        }
        else if (key.SequenceEqual("offset"u8) || key.SequenceEqual("numbytes"u8))
        {
            // They come in turns, and say of each other which they belong to only so.
            _hasPairs = _numbers.Count % 2 == (key[0] == 'o' ? 0 : 1)
                ? true
                : throw record.Invalid(entry, "A sparse file's offsets and lengths do not come in turns.");
            Add(record, record.Value.Span, entry);
        }
        else
        {
            ApplyNumber(key, record, entry);
        }

        return true;
    }

    /// <summary>
    /// Checks that the records are of one version and complete, and gives the file's size and whether the map is still
    /// to be read from the content; otherwise it is added to <paramref name="map"/>.
    /// </summary>
    public (long RealSize, bool IsMapInContent) Resolve(SparseMap map, TarEntry entry)
    {
        var isVersion1 = (_major, _minor) is (1, 0);
        var isVersion0 = (_major, _minor) is (null, null) || (_major, _minor) == (0, _hasMap ? 1 : 0);
        if ((!isVersion0 && !isVersion1) || (isVersion1 ? _hasMap || _hasPairs : _hasMap && _hasPairs))
        {
            throw entry.Invalid(
                "A sparse file's records are of no version, or of several.", "GNU.sparse.major", _major ?? 0);
        }

        if (isVersion1 ? _blocks is not null : _blocks * 2 != _numbers.Count)
        {
            throw entry.Invalid(
                "A sparse file has more or fewer pieces than it says.", "GNU.sparse.numblocks", _blocks ?? 0);
        }

        if ((_size ?? _realSize) is not { } size || size != (_realSize ?? _size))
        {
            throw entry.Invalid("A sparse file has no size, or two.", "GNU.sparse.size", _size ?? 0);
        }

        for (var i = 0; i < _numbers.Count; i += 2)
        {
            map.Add(_numbers[i], _numbers[i + 1], entry);
        }

        return (size, isVersion1);
    }

    private void ApplyNumber(ReadOnlySpan<byte> key, PaxRecord record, TarEntry entry)
    {
        var number = record.Number(entry);
        if (key.SequenceEqual("size"u8))
        {
            _size = PaxHeader.Same(_size, number, record, entry);
        }
        else if (key.SequenceEqual("realsize"u8))
        {
            _realSize = PaxHeader.Same(_realSize, number, record, entry);
        }
        else if (key.SequenceEqual("numblocks"u8))
        {
            _blocks = PaxHeader.Same(_blocks, number, record, entry);
        }
        else if (key.SequenceEqual("major"u8))
        {
            _major = PaxHeader.Same(_major, number, record, entry);
        }
        else if (key.SequenceEqual("minor"u8))
        {
            _minor = PaxHeader.Same(_minor, number, record, entry);
        }
        else
        {
            throw record.Invalid(entry, "A sparse file's record is of no known version.");
        }
    }

    private void ReadMap(PaxRecord record, TarEntry entry)
    {
        _hasMap = !_hasMap ? true : throw record.Invalid(entry, "A sparse file has two maps.");
        var rest = record.Value.Span;
        while (!rest.IsEmpty)
        {
            var comma = rest.IndexOf((byte)',');
            Add(record, comma < 0 ? rest : rest[..comma], entry);
            rest = comma < 0 ? [] : rest[(comma + 1)..];
        }
    }

    private void Add(PaxRecord record, ReadOnlySpan<byte> text, TarEntry entry)
    {
        if (!TarNumber.TryParseDecimal(text, out var number) || _numbers.Count >= 2L * limits.MaxExtents)
        {
            throw record.Invalid(entry, $"A sparse file's map is none, or has more than {limits.MaxExtents} pieces.");
        }

        _numbers.Add(number);
    }
}
