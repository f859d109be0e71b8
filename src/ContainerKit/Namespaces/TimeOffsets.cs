namespace ContainerKit;

/// <summary>
/// How far the clocks of a time namespace are ahead of the host's, or behind when negative; none can be set to before
/// 0, nor 146 years ahead. time_namespaces(7).
/// </summary>
/// <param name="Monotonic">Of CLOCK_MONOTONIC, which <c>Environment.TickCount64</c> reads.</param>
/// <param name="BootTime">Of CLOCK_BOOTTIME, which /proc/uptime shows.</param>
public readonly record struct TimeOffsets(TimeSpan Monotonic, TimeSpan BootTime)
{
    /// <summary>Whether the clocks are the host's; compared so, no code is compiled for it at a first start.</summary>
    internal bool IsNone => Monotonic.Ticks == 0 && BootTime.Ticks == 0;

    /// <summary>
    /// Formats them as timens_offsets takes them: <c>monotonic 3600 0</c> and <c>boottime 3600 0</c>.
    /// </summary>
    public override string ToString() => $"monotonic {Timespec(Monotonic)}\nboottime {Timespec(BootTime)}\n";

    /// <summary>Whole seconds, downwards, and the nanoseconds after them.</summary>
    private static string Timespec(TimeSpan time)
    {
        var (seconds, rest) = Math.DivRem(time.Ticks, TimeSpan.TicksPerSecond);
        return rest < 0
            ? FormattableString.Invariant($"{seconds - 1} {(rest + TimeSpan.TicksPerSecond) * 100}")
            : FormattableString.Invariant($"{seconds} {rest * 100}");
    }
}
