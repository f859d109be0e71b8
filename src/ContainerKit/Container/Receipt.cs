namespace ContainerKit;

/// <summary>
/// What a program took, with all that it started: null is what was not counted, because the container had no cgroup, or
/// the host has no such count. <see cref="ContainerOptions.Limits"/> gives it one. Of a program that was executed in a
/// container there is the wall time alone: what else it takes is in the container's receipt.
/// </summary>
public sealed record Receipt
{
    /// <summary>From the call that started it to its end.</summary>
    public TimeSpan WallTime { get; init; }

    /// <summary>The time on CPUs, and what a limit took.</summary>
    public CpuStatistics? Cpu { get; init; }

    /// <summary>The most memory there was at a time.</summary>
    public ByteSize? PeakMemory { get; init; }

    /// <summary>What was read from and written to block devices.</summary>
    public IReadOnlyList<IoStatistics>? Io { get; init; }

    /// <summary>The most processes and threads there were at a time, with the init.</summary>
    public long? PeakPids { get; init; }

    /// <summary>How many of them were killed by want of memory.</summary>
    public long? OomKills { get; init; }

    internal static Receipt Of(TimeSpan wallTime, CgroupStatistics? counted) => new()
    {
        WallTime = wallTime,
        Cpu = counted?.Cpu,
        PeakMemory = counted?.Memory?.Peak,
        Io = counted?.Io,
        PeakPids = counted?.Pids?.Peak,
        OomKills = counted?.Memory?.OomKills,
    };
}
