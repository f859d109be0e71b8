namespace ContainerKit;

/// <summary>Something that happened in a cgroup.</summary>
/// <param name="Kind">What.</param>
/// <param name="Count">How often since it was told the last time; 1 for what it now is.</param>
/// <param name="At">When this process came to know.</param>
public sealed record CgroupEvent(CgroupEventKind Kind, long Count, DateTimeOffset At);

/// <summary>What can happen in a cgroup, or in those below.</summary>
public enum CgroupEventKind
{
    /// <summary>There are processes in it; version 2 alone tells.</summary>
    Populated,

    /// <summary>There is no process in it any more; version 2 alone tells.</summary>
    Empty,

    /// <summary>All its processes are stopped; version 2 alone tells.</summary>
    Frozen,

    /// <summary>Its processes go on; version 2 alone tells.</summary>
    Thawed,

    /// <summary>
    /// The memory limit left nothing but to kill. Version 1 tells it of the groups above, and not of those below.
    /// </summary>
    OutOfMemory,

    /// <summary>
    /// Processes were killed by want of memory. Version 1 does not tell of those below, and of want of the whole host's
    /// memory only with what it tells next.
    /// </summary>
    OomKilled,

    /// <summary>More than <see cref="CgroupLimits.MemoryHigh"/> was in use; version 2 alone tells.</summary>
    MemoryHigh,

    /// <summary>The memory limit was reached, and memory was taken back; version 2 alone tells.</summary>
    MemoryMax,

    /// <summary>
    /// A process or thread was not made, over the limit of them; version 2 alone tells, and before Linux 6.11 not of
    /// those below.
    /// </summary>
    PidsMax,
}
