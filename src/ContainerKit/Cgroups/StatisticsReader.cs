using System.Buffers.Text;

namespace ContainerKit;

/// <summary>Reads the statistics of a group, by files that are kept open from the first time on.</summary>
internal abstract class StatisticsReader : IDisposable
{
    private readonly List<CgroupFile> _files = [];

    /// <inheritdoc/>
    public void Dispose() => _files.ForEach(file => file.Dispose());

    /// <summary>A file to read, in a directory that may not be there.</summary>
    protected CgroupFile Add(CgroupDirectory? directory, string name)
    {
        var file = new CgroupFile(directory, name);
        _files.Add(file);
        return file;
    }

    /// <summary>A time in microseconds.</summary>
    protected static TimeSpan Microseconds(long count) => new(count * TimeSpan.TicksPerMicrosecond);
}

/// <summary>Reads pids.current and pids.peak, which both versions have.</summary>
internal sealed class PidsReader : StatisticsReader
{
    private readonly CgroupFile _current, _peak;

    public PidsReader(CgroupDirectory? directory) =>
        (_current, _peak) = (Add(directory, "pids.current"), Add(directory, "pids.peak"));

    public PidsStatistics? Read(Span<byte> buffer) => _current.ReadNumber(buffer) is { } current
        ? new() { Current = current, Peak = _peak.ReadNumber(buffer) }
        : null;
}

/// <summary>Reads how long there was not enough of something; of version 2 alone.</summary>
internal sealed class PressureReader : StatisticsReader
{
    private readonly CgroupFile _file;

    public PressureReader(CgroupDirectory? unified, string name) => _file = Add(unified, $"{name}.pressure");

    /// <summary>Reads <c>some avg10=0.00 avg60=0.00 avg300=0.00 total=0</c>, and a line of the same for full.</summary>
    public PressureStatistics? Read(Span<byte> buffer)
    {
        var text = new CgroupText(_file.Read(buffer));
        return text.Next(out _)
            ? new() { Some = ReadStall(ref text), Full = text.Next(out _) ? ReadStall(ref text) : null }
            : null;
    }

    private static PressureStall ReadStall(ref CgroupText text) =>
        new(Average(ref text), Average(ref text), Average(ref text), Microseconds(CgroupText.Number(Value(ref text))));

    private static double Average(ref CgroupText text) =>
        Utf8Parser.TryParse(Value(ref text), out double value, out _) ? value : 0;

    private static ReadOnlySpan<byte> Value(ref CgroupText text)
    {
        text.Next(out var word);
        return word[(word.IndexOf((byte)'=') + 1)..];
    }
}
