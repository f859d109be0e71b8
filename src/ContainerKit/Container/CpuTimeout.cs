namespace ContainerKit;

/// <summary>
/// Ends a container that has used up its time on CPUs: looks when that could be at the earliest, if all CPUs ran
/// nothing else.
/// </summary>
internal sealed class CpuTimeout : IDisposable
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(1), Again = TimeSpan.FromMilliseconds(100);

    /// <summary>All that the machine has: this process may be allowed fewer than the container is.</summary>
    private static readonly Lazy<int> Cpus = new(() => Math.Max(
        Environment.ProcessorCount,
        Directory.GetDirectories("/sys/devices/system/cpu", "cpu*").Count(path => char.IsDigit(path[^1]))));

    private readonly TimeSpan _most;
    private readonly Func<CgroupStatistics?> _read;
    private readonly Action _end;
    private readonly Timer _timer;
    private volatile bool _isOver;

    public CpuTimeout(TimeSpan most, Func<CgroupStatistics?> read, Action end)
    {
        (_most, _read, _end) = (most, read, end);
        _timer = new(static timeout => ((CpuTimeout)timeout!).Look(), this, Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan);
        SetTimer(most);
    }

    /// <summary>Whether it was used up.</summary>
    public bool IsOver => _isOver;

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        // What cannot be read now, for want of descriptors perhaps, is read later; at the end this is disposed.
        var left = _read()?.Cpu is { } used ? _most - used.Usage : Again * Cpus.Value;
        if (left > TimeSpan.Zero)
        {
            SetTimer(left);
            return;
        }

        _isOver = true;
        _end();
    }

    private void SetTimer(TimeSpan left)
    {
        try
        {
            var time = TimeSpan.FromTicks(Math.Max(Shortest.Ticks, left.Ticks / Cpus.Value));
            _timer.Change(time, Timeout.InfiniteTimeSpan);
        }
        catch (ObjectDisposedException)
        {
        }
    }
}
