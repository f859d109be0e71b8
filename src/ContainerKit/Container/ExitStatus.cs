using ContainerKit.Launch;

namespace ContainerKit;

/// <summary>How a program ended: it exited with a code, or a signal killed it.</summary>
public readonly record struct ExitStatus
{
    private ExitStatus(WaitStatus status, bool timedOut, bool? oomKilled) =>
        (Signal, ExitCode, TimedOut, OomKilled) =
            (status.Signal == 0 ? null : status.Signal, status.Signal == 0 ? status.ExitCode : null, timedOut,
            oomKilled);

    /// <summary>The code it exited with; null when a signal killed it.</summary>
    public int? ExitCode { get; }

    /// <summary>The signal that killed it; null when it exited.</summary>
    public Signal? Signal { get; }

    /// <summary>Whether it was killed because it ran longer than its timeout, by the clock or on CPUs.</summary>
    public bool TimedOut { get; }

    /// <summary>
    /// Whether the program itself was killed by want of memory; null when it was killed by SIGKILL and that cannot be
    /// told, as without a cgroup, or when others in it may have been meant. <see cref="Receipt.OomKills"/> counts all.
    /// </summary>
    public bool? OomKilled { get; }

    /// <summary>Whether it exited with the code 0.</summary>
    public bool IsSuccess => ExitCode == 0;

    /// <summary>Says it as a sentence's end: <c>exited with code 3</c>, <c>was killed by SIGKILL</c>.</summary>
    public override string ToString() =>
        TimedOut ? "ran longer than its timeout and was killed"
        : OomKilled is true ? "was killed by want of memory"
        : ExitCode is { } code ? $"exited with code {code}"
        : $"was killed by {Signal}";

    /// <summary>
    /// How a program ended that this process killed, or did not, as far as it knows, from what was counted of it.
    /// </summary>
    internal static ExitStatus Of(
        WaitStatus status, CgroupStatistics? counted, ContainerOptions options, bool isKilled = false,
        bool timedOut = false) =>
        new(status, timedOut && status.Signal is ContainerKit.Signal.SIGKILL,
            !isKilled && status.Signal is ContainerKit.Signal.SIGKILL ? WasOomKilled(counted, options) : false);

    /// <summary>The kernel counts whom it kills by want of memory, and says not whom.</summary>
    private static bool? WasOomKilled(CgroupStatistics? counted, ContainerOptions options) =>
        counted?.Memory?.OomKills is not { } kills ? null
        : kills == 0 ? false
        : counted.Pids?.Peak <= (options.HasInit ? 2 : 1) ? true
        : options is { Limits.OomGroup: true, DelegateCgroup: false } ? true // or the program may have switched it off
        : null;
}
