using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace ContainerKit;

/// <summary>
/// The activity source and the meter, named <c>ContainerKit</c>; reached through <see cref="Telemetry"/> alone.
/// </summary>
internal static class Instruments
{
    private const string Name = "ContainerKit", Seconds = "s";

    private static readonly string? Version = typeof(Container).Assembly.GetName().Version?.ToString(3);
    private static readonly Meter Meter = new(Name, Version);

    // The usual bounds begin where a start has long ended, and end where a run may begin.
    private static readonly InstrumentAdvice<double>
        OfStart = new()
        {
            HistogramBucketBoundaries =
            [0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5]
        },
        OfRun = new()
        {
            HistogramBucketBoundaries =
            [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800, 3600, 21600, 86400]
        };

    private static readonly Counter<long> Exits =
        Meter.CreateCounter<long>("containerkit.exits", "{exit}", "Programs that ended, and how.");

    private static readonly Histogram<double> RunDuration =
        Meter.CreateHistogram(
            "containerkit.run.duration", Seconds, "From a container's launch to its end.", tags: null, OfRun);

    static Instruments() =>
        Meter.CreateObservableUpDownCounter(
            "containerkit.live", static () => Telemetry.Live, "{container}", "Containers launched and not gone.");

    /// <summary>An activity for each start.</summary>
    public static ActivitySource Activities { get; } = new(Name, Version);

    /// <summary>Starts, and those that failed, which have an <c>error.type</c>.</summary>
    public static Counter<long> Starts { get; } =
        Meter.CreateCounter<long>("containerkit.starts", "{start}", "Containers that were started, or failed to.");

    /// <summary>How long starts took, tagged as <see cref="Starts"/>.</summary>
    public static Histogram<double> StartDuration { get; } =
        Meter.CreateHistogram("containerkit.start.duration", Seconds,
            "From a start's call until its program was executed.", tags: null, OfStart);

    /// <summary>Whether anybody listens to starts.</summary>
    public static bool HearStarts => Activities.HasListeners() || Starts.Enabled || StartDuration.Enabled;

    /// <summary>Makes them, unless they are made.</summary>
    public static void Make() => _ = Activities;

    /// <summary>Counts an end; without a status, of a container whose supervisor was killed from outside.</summary>
    public static void Ended(ExitStatus? status, long launched)
    {
        if (!Exits.Enabled && !RunDuration.Enabled)
        {
            return;
        }

        var how = status switch
        {
            null => "lost",
            { TimedOut: true } => "timeout",
            { Signal: not null } => "signal",
            _ => "exit",
        };
        RunDuration.Record(Stopwatch.GetElapsedTime(launched).TotalSeconds,
            new KeyValuePair<string, object?>("containerkit.exit", how));
        var tags = new TagList { { "containerkit.exit", how } };
        if (status?.ExitCode is { } code)
        {
            tags.Add("process.exit.code", code);
        }

        Exits.Add(1, tags);
    }
}
