namespace ContainerKit;

/// <summary>Reads what there is of memory.</summary>
internal sealed class MemoryReader : StatisticsReader
{
    private readonly bool _isUnified;
    private readonly CgroupFile _current, _peak, _swap, _stat, _events, _kernel;

    public MemoryReader(CgroupDirectory? directory)
    {
        _isUnified = directory?.IsUnified ?? true;
        _current = Add(directory, _isUnified ? "memory.current" : "memory.usage_in_bytes");
        _peak = Add(directory, _isUnified ? "memory.peak" : "memory.max_usage_in_bytes");
        _swap = Add(directory, _isUnified ? "memory.swap.current" : "memory.memsw.usage_in_bytes");
        _stat = Add(directory, "memory.stat");
        _events = Add(directory, _isUnified ? "memory.events" : "memory.oom_control");
        _kernel = Add(_isUnified ? null : directory, "memory.kmem.usage_in_bytes");
    }

    public MemoryStatistics? Read(Span<byte> buffer)
    {
        if (_current.ReadNumber(buffer) is not { } current)
        {
            return null;
        }

        var (peak, swap) = (_peak.ReadNumber(buffer), _swap.ReadNumber(buffer));
        var kernel = _isUnified ? null : _kernel.ReadNumber(buffer);
        if (!_isUnified && swap is { } both)
        {
            swap = Math.Max(0, both - current);
        }

        var (ooms, kills) = ReadEvents(buffer);
        long anonymous = 0, file = 0, inactive = 0, faults = 0, majorFaults = 0;
        var stat = _stat.Read(buffer);
        if (!_isUnified)
        {
            stat = stat[Math.Max(0, stat.IndexOf("total_"u8))..]; // before it is the group without those below
        }

        var text = new CgroupText(stat);
        while (text.Next(out var key, out var value))
        {
            if (!_isUnified)
            {
                key = key.StartsWith("total_"u8) ? key["total_"u8.Length..] : default;
            }

            if (key.SequenceEqual(_isUnified ? "anon"u8 : "rss"u8))
            {
                anonymous = value;
            }
            else if (key.SequenceEqual(_isUnified ? "file"u8 : "cache"u8))
            {
                file = value;
            }
            else if (key.SequenceEqual("inactive_file"u8))
            {
                inactive = value;
            }
            else if (key.SequenceEqual("pgfault"u8))
            {
                faults = value;
            }
            else if (key.SequenceEqual("pgmajfault"u8))
            {
                majorFaults = value;
            }
            else if (_isUnified && key.SequenceEqual("kernel"u8))
            {
                kernel = value;
            }
        }

        return new()
        {
            Current = new(current),
            Peak = Size(peak),
            WorkingSet = new(Math.Max(0, current - inactive)),
            Anonymous = new(anonymous),
            File = new(file),
            Kernel = Size(kernel),
            Swap = Size(swap),
            Faults = faults,
            MajorFaults = majorFaults,
            Ooms = ooms,
            OomKills = kills,
        };
    }

    private (long? Ooms, long? Kills) ReadEvents(Span<byte> buffer)
    {
        long? ooms = null, kills = null;
        var text = new CgroupText(_events.Read(buffer));
        while (text.Next(out var key, out var value))
        {
            if (key.SequenceEqual("oom"u8))
            {
                ooms = value;
            }
            else if (key.SequenceEqual("oom_kill"u8))
            {
                kills = value;
            }
        }

        return (ooms, kills);
    }

    private static ByteSize? Size(long? bytes) => bytes is { } known ? new(known) : null;
}
