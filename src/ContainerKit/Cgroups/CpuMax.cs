using System.Globalization;

namespace ContainerKit;

/// <summary>
/// The CPU time a cgroup may use: <see cref="Quota"/>, at least 1 ms, in every <see cref="Period"/> of 1 ms to 1 s.
/// </summary>
public readonly record struct CpuMax(TimeSpan? Quota, TimeSpan Period)
{
    private const double MostCpus = 1_000_000;

    private static readonly TimeSpan DefaultPeriod = TimeSpan.FromMilliseconds(100);

    /// <summary>No limit.</summary>
    public static CpuMax Unlimited => new(null, DefaultPeriod);

    /// <summary>
    /// Allows the time of <paramref name="cpus"/> whole CPUs, at least 0.01, in the kernel's default period.
    /// </summary>
    public static CpuMax Cpus(double cpus) => Math.Abs(cpus) < MostCpus ? new(cpus * DefaultPeriod, DefaultPeriod)
        : throw new ArgumentOutOfRangeException(nameof(cpus), cpus, "There are not so many CPUs.");

    /// <summary>Formats the limit as cpu.max holds it: <c>max 100000</c>, or <c>50000 100000</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{(Quota is { } quota ? Microseconds(quota) : "max")} {Microseconds(Period)}");

    internal static string Microseconds(TimeSpan time) =>
        time.TotalMicroseconds.ToString("F0", CultureInfo.InvariantCulture);

    /// <summary>Reads what cpu.max holds.</summary>
    internal static CpuMax Parse(string text)
    {
        var fields = text.Split(' ');
        return new(fields[0] is "max" ? null : Time(fields[0]), Time(fields[1]));
    }

    internal static TimeSpan Time(string microseconds) =>
        TimeSpan.FromMicroseconds(long.Parse(microseconds, CultureInfo.InvariantCulture));

    /// <summary>Complains about what the kernel would refuse.</summary>
    internal void Validate()
    {
        if (Period < TimeSpan.FromMilliseconds(1) || Period > TimeSpan.FromSeconds(1))
        {
            throw new ArgumentException("The period of a CPU limit is 1 ms to 1 s.");
        }

        if (Quota < TimeSpan.FromMilliseconds(1) || Quota > TimeSpan.FromDays(1))
        {
            throw new ArgumentException("The quota of a CPU limit is 1 ms to a day, or null for no limit.");
        }
    }
}
