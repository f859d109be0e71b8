namespace ContainerKit;

/// <summary>
/// What the processes of a cgroup, and of those below, have used and use: null is what this host does not count for
/// it, which is never 0.
/// </summary>
public sealed record CgroupStatistics
{
    /// <summary>Their time on CPUs.</summary>
    public CpuStatistics? Cpu { get; init; }

    /// <summary>Their memory.</summary>
    public MemoryStatistics? Memory { get; init; }

    /// <summary>What they read from and wrote to block devices.</summary>
    public IReadOnlyList<IoStatistics>? Io { get; init; }

    /// <summary>How many processes and threads there are.</summary>
    public PidsStatistics? Pids { get; init; }

    /// <summary>How long they waited for a CPU; psi(7).</summary>
    public PressureStatistics? CpuPressure { get; init; }

    /// <summary>How long they waited for memory.</summary>
    public PressureStatistics? MemoryPressure { get; init; }

    /// <summary>How long they waited for block devices.</summary>
    public PressureStatistics? IoPressure { get; init; }
}

/// <summary>Time on CPUs; cpu.stat.</summary>
public sealed record CpuStatistics
{
    /// <summary>All of it, of all CPUs together.</summary>
    public TimeSpan Usage { get; init; }

    /// <summary>In the programs.</summary>
    public TimeSpan User { get; init; }

    /// <summary>In the kernel, for them.</summary>
    public TimeSpan System { get; init; }

    /// <summary>The periods in which there was a limit and something to run.</summary>
    public long? Periods { get; init; }

    /// <summary>Those of them in which the limit was reached.</summary>
    public long? ThrottledPeriods { get; init; }

    /// <summary>How long they were stopped by it.</summary>
    public TimeSpan? Throttled { get; init; }
}

/// <summary>Memory, in bytes; memory.current, memory.stat and memory.events.</summary>
public sealed record MemoryStatistics
{
    /// <summary>All that is in use now, with files in the page cache.</summary>
    public ByteSize Current { get; init; }

    /// <summary>The most there ever was; from Linux 5.19 in version 2.</summary>
    public ByteSize? Peak { get; init; }

    /// <summary>What is in use, without the files that were not looked at for a while.</summary>
    public ByteSize WorkingSet { get; init; }

    /// <summary>The programs' own.</summary>
    public ByteSize Anonymous { get; init; }

    /// <summary>Files in the page cache, and shared memory.</summary>
    public ByteSize File { get; init; }

    /// <summary>The kernel's, for them; from Linux 5.18 in version 2.</summary>
    public ByteSize? Kernel { get; init; }

    /// <summary>What is swapped out.</summary>
    public ByteSize? Swap { get; init; }

    /// <summary>Page faults.</summary>
    public long Faults { get; init; }

    /// <summary>Those that waited for a block device.</summary>
    public long MajorFaults { get; init; }

    /// <summary>How often the limit left nothing but to kill; in version 1 it is not counted.</summary>
    public long? Ooms { get; init; }

    /// <summary>How many processes were killed by want of memory.</summary>
    public long? OomKills { get; init; }
}

/// <summary>What was read from and written to one block device; io.stat.</summary>
public sealed record IoStatistics(BlockDevice Device)
{
    /// <summary>The bytes that were read.</summary>
    public ByteSize ReadBytes { get; init; }

    /// <summary>The bytes that were written.</summary>
    public ByteSize WrittenBytes { get; init; }

    /// <summary>The operations that read.</summary>
    public long Reads { get; init; }

    /// <summary>The operations that wrote.</summary>
    public long Writes { get; init; }
}

/// <summary>Processes and threads; pids.current.</summary>
public sealed record PidsStatistics
{
    /// <summary>How many there are now.</summary>
    public long Current { get; init; }

    /// <summary>The most there ever were; from Linux 6.1.</summary>
    public long? Peak { get; init; }
}

/// <summary>How long there was not enough of something; psi(7).</summary>
public sealed record PressureStatistics
{
    /// <summary>The time in which some of the processes waited.</summary>
    public PressureStall Some { get; init; }

    /// <summary>The time in which all of them waited.</summary>
    public PressureStall? Full { get; init; }
}

/// <summary>A share of the time, in percent over the last 10, 60 and 300 seconds, and all of it.</summary>
public readonly record struct PressureStall(double Average10, double Average60, double Average300, TimeSpan Total);
