namespace ContainerKit;

/// <summary>Reads what was read from and written to block devices.</summary>
internal sealed class IoReader : StatisticsReader
{
    private readonly bool _isUnified;
    private readonly CgroupFile _stat, _oldBytes, _oldOperations;

    public IoReader(CgroupDirectory? directory)
    {
        _isUnified = directory?.IsUnified ?? true;
        _stat = Add(_isUnified ? directory : null, "io.stat");
        _oldBytes = Add(_isUnified ? null : directory, "blkio.throttle.io_service_bytes_recursive");
        _oldOperations = Add(_isUnified ? null : directory, "blkio.throttle.io_serviced_recursive");
    }

    public IReadOnlyList<IoStatistics>? Read(Span<byte> buffer)
    {
        if (_isUnified)
        {
            var found = ReadUnified(_stat.Read(buffer));
            return _stat.IsMissing ? null : found;
        }

        var devices = new List<IoStatistics>();
        ReadOld(_oldBytes.Read(buffer), devices, (known, count, isRead) => isRead
            ? known with { ReadBytes = new(count) }
            : known with { WrittenBytes = new(count) });
        ReadOld(_oldOperations.Read(buffer), devices, (known, count, isRead) => isRead
            ? known with { Reads = count }
            : known with { Writes = count });
        return _oldBytes.IsMissing && _oldOperations.IsMissing ? null : devices;
    }

    /// <summary>Reads lines <c>8:0 rbytes=1 wbytes=2 rios=3 wios=4 …</c>.</summary>
    private static List<IoStatistics> ReadUnified(ReadOnlySpan<byte> lines)
    {
        var devices = new List<IoStatistics>();
        foreach (var range in lines.Split((byte)'\n'))
        {
            var text = new CgroupText(lines[range]);
            if (!text.Next(out var device))
            {
                continue;
            }

            var found = new IoStatistics(Device(device));
            while (text.Next(out var word))
            {
                var equals = word.IndexOf((byte)'=');
                var key = word[..Math.Max(0, equals)];
                var value = CgroupText.Number(word[(equals + 1)..]);
                found = key switch
                {
                    _ when key.SequenceEqual("rbytes"u8) => found with { ReadBytes = new(value) },
                    _ when key.SequenceEqual("wbytes"u8) => found with { WrittenBytes = new(value) },
                    _ when key.SequenceEqual("rios"u8) => found with { Reads = value },
                    _ when key.SequenceEqual("wios"u8) => found with { Writes = value },
                    _ => found,
                };
            }

            devices.Add(found);
        }

        return devices;
    }

    /// <summary>Reads lines <c>8:0 Read 1</c>, <c>8:0 Write 2</c>, …, and at the end <c>Total 3</c>.</summary>
    private static void ReadOld(
        ReadOnlySpan<byte> lines, List<IoStatistics> devices, Func<IoStatistics, long, bool, IoStatistics> add)
    {
        var text = new CgroupText(lines);
        while (text.Next(out var name) && text.Next(out var kind))
        {
            var isRead = kind.SequenceEqual("Read"u8);
            if (!name.Contains((byte)':') || !text.Next(out var value) || !(isRead || kind.SequenceEqual("Write"u8)))
            {
                continue;
            }

            var device = Device(name);
            var at = devices.FindIndex(known => known.Device == device);
            var known = at < 0 ? new(device) : devices[at];
            devices.Remove(known);
            devices.Add(add(known, CgroupText.Number(value), isRead));
        }
    }

    private static BlockDevice Device(ReadOnlySpan<byte> text)
    {
        var colon = text.IndexOf((byte)':');
        return colon < 0 ? default : new((uint)CgroupText.Number(text), (uint)CgroupText.Number(text[(colon + 1)..]));
    }
}
