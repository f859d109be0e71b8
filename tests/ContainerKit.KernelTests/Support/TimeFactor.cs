using System.Globalization;

namespace ContainerKit.KernelTests;

/// <summary>
/// How long to wait and how often to repeat: CONTAINERKIT_TIME_FACTOR says how much slower this machine is than usual,
/// CONTAINERKIT_SOAK=1 asks for the long forms.
/// </summary>
internal static class TimeFactor
{
    private static readonly double Factor =
        double.TryParse(Environment.GetEnvironmentVariable("CONTAINERKIT_TIME_FACTOR"), CultureInfo.InvariantCulture,
            out var factor)
            ? Math.Max(1, factor)
            : 1;

    /// <summary>Whether the long forms are asked for.</summary>
    public static bool IsSoak { get; } = Environment.GetEnvironmentVariable("CONTAINERKIT_SOAK") == "1";

    /// <summary>A time to give up after, which nothing that works comes near.</summary>
    public static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds * Factor);

    /// <summary>How often to repeat: fewer times on a slower machine, to take as long.</summary>
    public static int Times(int usually, int soak) =>
        IsSoak ? soak : Math.Max(Math.Min(usually, 5), (int)(usually / Factor));
}
