namespace ContainerKit.Tests.Cgroups;

/// <summary>Limits that cannot be meant are wrong arguments, before anything is made.</summary>
public class CgroupLimitsTests
{
    public static TheoryData<CgroupLimits> Wrong =>
    [
        new CgroupLimits { Cpu = new(Milliseconds(-5), Milliseconds(100)) },
        new CgroupLimits { Cpu = new(Milliseconds(0.9), Milliseconds(100)) },
        new CgroupLimits { Cpu = new(TimeSpan.FromDays(2), Milliseconds(100)) },
        new CgroupLimits { Cpu = new(Milliseconds(5), TimeSpan.Zero) },
        new CgroupLimits { Cpu = new(Milliseconds(5), Milliseconds(1001)) },
        new CgroupLimits { Cpu = CpuMax.Cpus(-1) },
        new CgroupLimits { Cpu = CpuMax.Cpus(0.5), CpuBurst = Milliseconds(51) },
        new CgroupLimits { CpuBurst = Milliseconds(-1) },
        new CgroupLimits { CpuWeight = 0 },
        new CgroupLimits { CpuWeight = 10_001 },
        new CgroupLimits { CpuWeight = 100, CpuIdle = true },
        new CgroupLimits { IoWeight = -1 },
        new CgroupLimits { Cpus = [] },
        new CgroupLimits { Cpus = [-1] },
        new CgroupLimits { MemoryNodes = [] },
        new CgroupLimits { MemoryNodes = [0, 65_536] },
        new CgroupLimits { Memory = 4096, MemoryHigh = 8192 },
        new CgroupLimits { Memory = 4096, MemoryLow = Limit.Unlimited },
        new CgroupLimits { Memory = 4096, MemoryMin = 8192 },
        new CgroupLimits { Pids = 1L << 40 },
        new CgroupLimits { Io = [new(new BlockDevice(8, 0)) { ReadBytes = 0 }] },
        new CgroupLimits { Io = [null!] },
        new CgroupLimits { Devices = [null!] },
        new CgroupLimits { Unified = [new("cgroup.procs", "1")] },
        new CgroupLimits { Unified = [new("../memory.max", "1")] },
        new CgroupLimits { Unified = [new("memory", "1")] },
        new CgroupLimits { Unified = [new("hugetlb.2MB.max\n", "1")] },
    ];

    [Theory]
    [MemberData(nameof(Wrong))]
    public void A_limit_that_is_negative_too_large_or_contradicts_another_is_refused(CgroupLimits limits) =>
        Assert.ThrowsAny<ArgumentException>(limits.Validate);

    [Fact]
    public void A_limit_is_not_negative_and_does_not_overflow()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => (Limit)(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => (Limit)new ByteSize(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => ByteSize.GiB(long.MaxValue));
        Assert.Throws<ArgumentOutOfRangeException>(() => ByteSize.KiB(long.MinValue));
        Assert.Throws<ArgumentOutOfRangeException>(() => CpuMax.Cpus(1e300));
        Assert.Throws<ArgumentOutOfRangeException>(() => CpuMax.Cpus(double.NaN));
        Assert.Equal(8L << 40, ByteSize.GiB(8 << 10).Bytes);
    }

    [Fact]
    public void What_is_at_the_edge_is_a_limit() => new CgroupLimits
    {
        Cpu = new(Milliseconds(1), Milliseconds(1000)),
        CpuBurst = Milliseconds(1),
        CpuWeight = 10_000,
        Cpus = [0],
        Memory = 8192,
        MemoryHigh = 8192,
        MemoryLow = 0,
        Pids = 0,
        Swap = Limit.Unlimited,
    }.Validate();

    private static TimeSpan Milliseconds(double time) => TimeSpan.FromMilliseconds(time);
}
