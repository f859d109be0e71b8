namespace ContainerKit;

/// <summary>How many processes and threads there may be; pids.max.</summary>
internal sealed class PidsController : CgroupController
{
    /// <summary>The most that the kernel ever has.</summary>
    public const int Most = 4 << 20;

    private const string Max = "pids.max";

    /// <inheritdoc/>
    public override string Name => "pids";

    /// <inheritdoc/>
    public override bool Concerns(CgroupLimits limits) => limits.Pids is not null;

    /// <inheritdoc/>
    public override void Write(CgroupDirectory directory, CgroupLimits limits) =>
        directory.Write(Max, limits.Pids.ToString()!);

    /// <inheritdoc/>
    public override CgroupLimits Read(CgroupDirectory directory, CgroupLimits limits) =>
        limits with { Pids = Limit.Parse(directory.Read(Max)) };
}
