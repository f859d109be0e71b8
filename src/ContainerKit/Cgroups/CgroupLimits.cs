namespace ContainerKit;

/// <summary>
/// What the processes of a cgroup may have and how they come off against others; a value to keep and vary with
/// <c>with</c>. Null leaves a limit as it is: a new group has none. Named and scaled as by version 2, wherever the host
/// keeps them; <see href="https://docs.kernel.org/admin-guide/cgroup-v2.html"/>.
/// </summary>
public sealed record CgroupLimits
{
    /// <summary>The CPU time of all together; cpu.max.</summary>
    public CpuMax? Cpu { get; init; }

    /// <summary>
    /// CPU time that was saved up and may be used beside the quota of one period, at most that quota; cpu.max.burst.
    /// </summary>
    public TimeSpan? CpuBurst { get; init; }

    /// <summary>The share of CPU time while others want it, 1 to 10,000 where others have 100; cpu.weight.</summary>
    public int? CpuWeight { get; init; }

    /// <summary>Whether they run only when nobody else wants to; with it there is no weight. cpu.idle.</summary>
    public bool? CpuIdle { get; init; }

    /// <summary>The numbers of the CPUs they may run on, at least one; cpuset.cpus.</summary>
    public IReadOnlyList<int>? Cpus { get; init; }

    /// <summary>The numbers of the memory nodes they may have memory of, at least one; cpuset.mems.</summary>
    public IReadOnlyList<int>? MemoryNodes { get; init; }

    /// <summary>
    /// The most memory, in whole pages; beyond it the kernel frees some, or kills by want of memory. memory.max.
    /// </summary>
    public Limit? Memory { get; init; }

    /// <summary>The memory beyond which they are slowed down; not with version 1. memory.high.</summary>
    public Limit? MemoryHigh { get; init; }

    /// <summary>The memory that others' need takes from them last; not with version 1. memory.low.</summary>
    public Limit? MemoryLow { get; init; }

    /// <summary>The memory that others' need never takes from them; not with version 1. memory.min.</summary>
    public Limit? MemoryMin { get; init; }

    /// <summary>The most swap, beside the memory; memory.swap.max.</summary>
    public Limit? Swap { get; init; }

    /// <summary>
    /// Whether want of memory kills all of them together; not with version 1. memory.oom.group.
    /// </summary>
    public bool? OomGroup { get; init; }

    /// <summary>The most processes and threads; 0 lets none be made. pids.max.</summary>
    public Limit? Pids { get; init; }

    /// <summary>What they may read and write of block devices; io.max.</summary>
    public IReadOnlyList<IoLimit> Io { get; init; } = [];

    /// <summary>
    /// The share of block devices' time, 1 to 10,000 where others have 100, where their scheduler knows of it: bfq
    /// takes no more than 1,000. io.weight.
    /// </summary>
    public int? IoWeight { get; init; }

    /// <summary>
    /// The devices that may be used, and no others; <see cref="DeviceRule.All"/> allows all again, and none are allowed
    /// by none. What a group above, or another program, denies stays denied.
    /// </summary>
    public IReadOnlyList<DeviceRule>? Devices { get; init; }

    /// <summary>
    /// Files of version 2 that are to hold a text, such as <c>hugetlb.2MB.max</c>, written in this order after all
    /// others.
    /// </summary>
    public IReadOnlyList<KeyValuePair<string, string>> Unified { get; init; } = [];

    /// <summary>Complains about what cannot be meant.</summary>
    internal void Validate()
    {
        Cpu?.Validate();
        CheckRange(CpuWeight, nameof(CpuWeight));
        CheckRange(IoWeight, nameof(IoWeight));
        if (CpuBurst is { } burst && (burst < TimeSpan.Zero || burst > Cpu?.Quota))
        {
            throw new ArgumentException("The burst of CPU time is not negative, nor more than the quota.");
        }

        if (CpuIdle is true && CpuWeight is not null)
        {
            throw new ArgumentException("What runs only when nobody else wants to has no weight.");
        }

        if (Pids?.Value > PidsController.Most)
        {
            throw new ArgumentException($"There are at most {PidsController.Most} processes: use Limit.Unlimited.");
        }

        if (IsOver(MemoryHigh, Memory) || IsOver(MemoryLow, Memory) || IsOver(MemoryMin, Memory))
        {
            throw new ArgumentException("MemoryHigh, MemoryLow and MemoryMin are not more than Memory.");
        }

        CheckNumbers(Cpus, nameof(Cpus));
        CheckNumbers(MemoryNodes, nameof(MemoryNodes));
        foreach (var limit in Io)
        {
            (limit ?? throw new ArgumentException("A limit in Io is null.")).Validate();
        }

        foreach (var rule in Devices ?? [])
        {
            (rule ?? throw new ArgumentException("A rule in Devices is null.")).Validate();
        }

        foreach (var (file, text) in Unified)
        {
            UnifiedFiles.Validate(file, text);
        }
    }

    private static bool IsOver(Limit? lower, Limit? upper) =>
        upper?.Value is { } most && lower is { } given && !(given.Value <= most);

    private static void CheckRange(int? weight, string name)
    {
        if (weight is < 1 or > 10_000)
        {
            throw new ArgumentException($"{name} is 1 to 10,000.");
        }
    }

    private static void CheckNumbers(IReadOnlyList<int>? numbers, string name)
    {
        if (numbers is { Count: 0 } || numbers?.Any(number => number is < 0 or > 0xFFFF) is true)
        {
            throw new ArgumentException($"{name} has at least one number, and none below 0 or above 65,535.");
        }
    }
}
