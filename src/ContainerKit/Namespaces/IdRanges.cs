namespace ContainerKit;

/// <summary>All ranges of a map of users, or of one of groups, as the kernel takes them.</summary>
internal sealed class IdRanges
{
    private const int MostLines = 340, MostBytes = 4095; // UID_GID_MAP_MAX_EXTENTS, and less than the smallest page

    private readonly IdRange[] _ranges;

    /// <summary>A map of <paramref name="kind"/>: users or groups.</summary>
    /// <exception cref="ArgumentException">It is no map.</exception>
    public IdRanges(string kind, IEnumerable<IdRange> ranges)
    {
        (Kind, _ranges) = (kind, [.. ranges]);
        Text = string.Join('\n', _ranges);
        if (_ranges.Length is 0 or > MostLines || Text.Length > MostBytes)
        {
            throw new ArgumentException($"A map of {kind} has 1 to {MostLines} ranges of at most {MostBytes} bytes in "
                + $"all, not {_ranges.Length} of {Text.Length}.");
        }

        foreach (var range in _ranges)
        {
            Check(range);
        }

        CheckOverlap("inside", _ranges.Select(range => new HostIdRange(range.Inside, range.Count)));
        CheckOverlap("outside", Outsides);
    }

    /// <summary>What it maps: users or groups.</summary>
    public string Kind { get; }

    /// <summary>The ranges as uid_map takes them.</summary>
    public string Text { get; }

    /// <summary>What it has of the host.</summary>
    public IEnumerable<HostIdRange> Outsides => _ranges.Select(range => new HostIdRange(range.Outside, range.Count));

    /// <summary>
    /// The ranges as uid_map takes them in a child of a user namespace that has them: each id is the same.
    /// </summary>
    public string TextInside => string.Join('\n', _ranges.Select(range => range with { Outside = range.Inside }));

    /// <summary>Whether every id is the same inside.</summary>
    public bool IsIdentity => _ranges.All(range => range.Inside == range.Outside);

    /// <summary>Whether it has more than one id.</summary>
    public bool HasMany => _ranges is not [{ Count: 1 }];

    /// <summary>The numbers of all ranges in order, as newuidmap(1) takes them.</summary>
    public IEnumerable<string> Arguments => Text.Split(' ', '\n');

    /// <summary>
    /// The same with an id of the host besides, whatever it is inside: the kernel lets nobody make a user namespace who
    /// has no id where it lives.
    /// </summary>
    /// <exception cref="ArgumentException">There is no room for it.</exception>
    public IdRanges With(uint outside)
    {
        if (Inside(outside) is not null)
        {
            return this;
        }

        var inside = uint.MaxValue - 1;
        while (Contains(inside))
        {
            inside--;
        }

        return new(Kind, [.. _ranges, new(inside, outside, 1)]);
    }

    /// <summary>Whether the container has an id.</summary>
    public bool Contains(uint inside) => Outside(inside) is not null;

    /// <summary>The id of the host behind one of the container's; null when it is not mapped.</summary>
    public uint? Outside(uint inside)
    {
        foreach (var range in _ranges)
        {
            if (inside >= range.Inside && inside - range.Inside < range.Count)
            {
                return range.Outside + (inside - range.Inside);
            }
        }

        return null;
    }

    /// <summary>The id of the container for one of the host's; null when it is not mapped.</summary>
    public uint? Inside(uint outside)
    {
        foreach (var range in _ranges)
        {
            if (outside >= range.Outside && outside - range.Outside < range.Count)
            {
                return range.Inside + (outside - range.Outside);
            }
        }

        return null;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Kind} {string.Join(", ", _ranges)}";

    private void Check(IdRange range)
    {
        if (range.Count == 0)
        {
            throw new ArgumentException($"The range '{range}' of {Kind} has no ids.");
        }

        if (Math.Max(range.Inside, range.Outside) + (ulong)range.Count > uint.MaxValue)
        {
            throw new ArgumentException(
                $"The range '{range}' of {Kind} goes beyond the highest id, {uint.MaxValue - 1}.");
        }
    }

    private void CheckOverlap(string side, IEnumerable<HostIdRange> ranges)
    {
        HostIdRange? before = null;
        foreach (var range in ranges.OrderBy(range => range.First))
        {
            if (before is { } last && last.Overlaps(range))
            {
                throw new ArgumentException($"Two ranges of {Kind} overlap {side}: {last} and {range}.");
            }

            before = range;
        }
    }
}
