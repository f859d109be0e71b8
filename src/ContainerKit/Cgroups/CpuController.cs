using System.Globalization;

namespace ContainerKit;

/// <summary>Whether, when and how long processes run: cpu.max, cpu.weight, cpu.idle.</summary>
internal sealed class CpuController : CgroupController
{
    private const string
        OldQuota = "cpu.cfs_quota_us", OldPeriod = "cpu.cfs_period_us", OldBurst = "cpu.cfs_burst_us",
        OldShares = "cpu.shares", Max = "cpu.max", Burst = "cpu.max.burst", Weight = "cpu.weight", Idle = "cpu.idle";

    private const int SharesPerWeight = 1024, DefaultWeight = 100;

    /// <inheritdoc/>
    public override string Name => "cpu";

    /// <inheritdoc/>
    public override bool Concerns(CgroupLimits limits) =>
        limits.Cpu is not null || limits.CpuBurst is not null || limits.CpuWeight is not null
        || limits.CpuIdle is not null;

    /// <inheritdoc/>
    public override void Write(CgroupDirectory directory, CgroupLimits limits)
    {
        var burst = directory.IsUnified ? Burst : OldBurst;
        if (limits.CpuBurst is not null && limits.Cpu is not null)
        {
            directory.Write(burst, "0"); // or the one of before may be over the new quota
        }

        if (limits.Cpu is { } max)
        {
            WriteMax(directory, max);
        }

        if (limits.CpuBurst is { } time)
        {
            directory.Write(burst, CpuMax.Microseconds(time));
        }

        if (limits.CpuIdle is { } isIdle)
        {
            directory.Write(Idle, isIdle ? "1" : "0");
        }

        if (limits.CpuWeight is { } weight)
        {
            directory.Write(
                directory.IsUnified ? Weight : OldShares,
                (directory.IsUnified ? weight : Shares(weight)).ToString(CultureInfo.InvariantCulture));
        }
    }

    /// <inheritdoc/>
    public override CgroupLimits Read(CgroupDirectory directory, CgroupLimits limits)
    {
        var isIdle = directory.Has(Idle) && directory.Read(Idle) is "1";
        if (directory.IsUnified)
        {
            return limits with
            {
                Cpu = CpuMax.Parse(directory.Read(Max)),
                CpuBurst = directory.Has(Burst) ? CpuMax.Time(directory.Read(Burst)) : null,
                CpuWeight = isIdle ? null : Number(directory.Read(Weight)),
                CpuIdle = isIdle,
            };
        }

        var quota = directory.Read(OldQuota);
        return limits with
        {
            Cpu = CpuMax.Parse($"{(quota is "-1" ? "max" : quota)} {directory.Read(OldPeriod)}"),
            CpuBurst = directory.Has(OldBurst) ? CpuMax.Time(directory.Read(OldBurst)) : null,
            CpuWeight = isIdle ? null : WeightOf(Number(directory.Read(OldShares))),
            CpuIdle = isIdle,
        };
    }

    /// <summary>Takes away the limit of a group, or of one below.</summary>
    public static void Lift(CgroupDirectory directory, string path) => directory.Write(
        $"{path}/{(directory.IsUnified ? Max : OldQuota)}", directory.IsUnified ? "max" : "-1");

    private static void WriteMax(CgroupDirectory directory, CpuMax max)
    {
        if (directory.IsUnified)
        {
            directory.Write(Max, max.ToString());
            return;
        }

        var quota = max.Quota is { } time ? CpuMax.Microseconds(time) : "-1";
        var period = CpuMax.Microseconds(max.Period);
        try
        {
            directory.Write(OldPeriod, period);
            directory.Write(OldQuota, quota);
        }
        catch (LinuxException failure) when (failure.Errno is Errno.EINVAL)
        {
            directory.Write(OldQuota, quota); // the old quota and the new period are together more than above
            directory.Write(OldPeriod, period);
        }
    }

    // The kernel's own scale between the two versions, both ways.
    private static int Shares(int weight) => (int)Math.Round(weight * (double)SharesPerWeight / DefaultWeight);

    private static int WeightOf(int shares) =>
        Math.Clamp((int)Math.Round(shares * (double)DefaultWeight / SharesPerWeight), 1, 10_000);

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
