namespace ContainerKit.KernelTests.Cgroups;

/// <summary>Limits are written, read back, changed, and refused.</summary>
public class CgroupLimitsTests
{
    private static readonly CgroupLimits Each = new()
    {
        Cpu = CpuMax.Cpus(0.5),
        CpuWeight = 37,
        Memory = ByteSize.MiB(256),
        Pids = 12,
    };

    private static readonly (string Name, CgroupLimits Limits, Func<CgroupLimits, object?> Read)[] Rare =
    [
        ("CpuIdle", new() { CpuIdle = true }, limits => limits.CpuIdle),
        ("MemoryHigh", new() { MemoryHigh = ByteSize.MiB(32) }, limits => limits.MemoryHigh),
        ("MemoryLow", new() { MemoryLow = ByteSize.MiB(16) }, limits => limits.MemoryLow),
        ("MemoryMin", new() { MemoryMin = ByteSize.MiB(8) }, limits => limits.MemoryMin),
        ("Swap", new() { Memory = ByteSize.MiB(64), Swap = ByteSize.MiB(4) }, limits => limits.Swap),
        ("OomGroup", new() { OomGroup = true }, limits => limits.OomGroup),
        ("IoWeight", new() { IoWeight = 300 }, limits => limits.IoWeight),
    ];

    [CgroupFact]
    public async Task Limits_are_read_back_as_they_were_written()
    {
        await using var group = TestCgroups.Create(Each);
        var read = group.ReadLimits();
        Assert.Equal(
            (Each.Cpu, Each.CpuWeight, Each.Memory, Each.Pids), (read.Cpu, read.CpuWeight, read.Memory, read.Pids));
        foreach (var weight in (int[])[1, 2, 99, 100, 101, 10_000])
        {
            group.Update(new() { CpuWeight = weight });
            Assert.Equal(weight, group.ReadLimits().CpuWeight);
        }
    }

    [CgroupFact]
    public async Task An_update_leaves_what_is_null_and_lifts_what_is_unlimited()
    {
        await using var group = TestCgroups.Create(Each);
        group.Update(new() { Memory = ByteSize.MiB(512) });
        Assert.Equal((Limit)ByteSize.MiB(512), group.ReadLimits().Memory);
        Assert.Equal(Each.Cpu, group.ReadLimits().Cpu);
        group.Update(new() { Memory = Limit.Unlimited, Pids = Limit.Unlimited, Cpu = CpuMax.Unlimited });
        var lifted = group.ReadLimits();
        Assert.Equal(
            (Limit.Unlimited, Limit.Unlimited, CpuMax.Unlimited), (lifted.Memory, lifted.Pids, lifted.Cpu));
        Assert.Equal(37, lifted.CpuWeight);
    }

    [CgroupFact]
    public async Task Cpu_quotas_and_bursts_change_in_any_order()
    {
        await using var parent = TestCgroups.Create(new() { Cpu = new(Milliseconds(50), Milliseconds(100)) });
        await using var group = parent.CreateChild("child", new()
        {
            Cpu = new(Milliseconds(40), Milliseconds(100)),
            CpuBurst = Milliseconds(30),
        });
        foreach (var (quota, period, burst) in ((double, double, double)[])[(5, 10, 1), (450, 1000, 400), (1, 2, 0)])
        {
            CgroupLimits limits = new()
            {
                Cpu = new(Milliseconds(quota), Milliseconds(period)),
                CpuBurst = Milliseconds(burst),
            };
            group.Update(limits);
            Assert.Equal((limits.Cpu, limits.CpuBurst), (group.ReadLimits().Cpu, group.ReadLimits().CpuBurst));
        }
    }

    [CgroupFact]
    public async Task Cpus_and_nodes_are_read_back()
    {
        await using var group = TestCgroups.Create(new() { Cpus = [0], MemoryNodes = [0] });
        Assert.Equal([0], group.ReadLimits().Cpus!);
        Assert.Equal([0], group.ReadLimits().MemoryNodes!);
        Assert.Throws<LinuxException>(() => group.Update(new() { Cpus = [4000] }));
    }

    [CgroupFact]
    public async Task A_limit_that_some_hosts_have_is_read_back_where_it_is_written()
    {
        var written = new List<string>();
        foreach (var (name, limits, read) in Rare)
        {
            try
            {
                await using var group = TestCgroups.Create(limits);
                Assert.Equal((name, read(limits)), (name, read(group.ReadLimits())));
                written.Add(name);
            }
            catch (LimitNotSupportedException)
            {
            }
        }

        string[] known = TestCgroups.IsPureVersion2 ? ["MemoryHigh", "MemoryLow", "MemoryMin", "OomGroup"] : [];
        Assert.Empty(known.Except(written));
    }

    [CgroupFact]
    public async Task What_has_no_property_is_written_as_it_is()
    {
        var limits = new CgroupLimits { Unified = [new("pids.max", "7")] };
        if (!TestCgroups.IsPureVersion2)
        {
            var refusal = Assert.Throws<LimitNotSupportedException>(() => TestCgroups.Create(limits));
            Assert.Contains("pids.max", refusal.Message, StringComparison.Ordinal);
            return;
        }

        await using var group = TestCgroups.Create(limits);
        Assert.Equal((Limit)7, group.ReadLimits().Pids);
    }

    [CgroupFact]
    public async Task No_process_is_made_where_none_is_allowed()
    {
        await using var group = TestCgroups.Create(new() { Pids = 1 });
        using var process = TestCgroups.Rest(group, "(:) 2>/dev/null; echo forked");
        Assert.Null(await process.Output.ReadLineAsync(TestContext.Current.CancellationToken));
        Assert.Equal(2, await process.EndAsync());
        group.Update(new() { Pids = 0 }); // a real limit, below what there is
        Assert.Equal((Limit)0, group.ReadLimits().Pids);
    }

    [CgroupFact]
    public async Task A_limit_below_the_memory_in_use_is_refused_and_nobody_is_killed()
    {
        await using var group = TestCgroups.Create(new() { Memory = ByteSize.MiB(256), Swap = NoSwap() });
        using var process = TestCgroups.Rest(
            group, "text=$(head -c 32000000 /dev/zero | tr '\\0' x); echo ${#text}; read line");
        Assert.Equal("32000000", await process.Output.ReadLineAsync(TestContext.Current.CancellationToken));
        var refusal = Assert.Throws<LinuxException>(() => group.Update(new() { Memory = ByteSize.MiB(16) }));
        Assert.Equal(Errno.EBUSY, refusal.Errno);
        Assert.Equal((Limit)ByteSize.MiB(256), group.ReadLimits().Memory);
        Assert.False(process.HasExited);
    }

    [Fact]
    public void More_operations_than_the_kernel_can_hold_are_no_limit()
    {
        var device = new BlockDevice(8, 0);
        foreach (var limit in (IoLimit[])[new(device) { Reads = 1L << 32 }, new(device) { Writes = (1L << 32) + 1 }])
        {
            Assert.Throws<ArgumentException>(() => new CgroupLimits { Io = [limit] }.Validate());
        }

        new CgroupLimits { Io = [new(device) { Reads = uint.MaxValue, Writes = Limit.Unlimited }] }.Validate();
    }

    [CgroupFact(WithBlockDevice = true)]
    public async Task The_use_of_a_block_device_is_read_back_as_it_was_written()
    {
        var disk = TestDevices.FindDisk()!.Value;
        var wanted = new IoLimit(disk)
        {
            ReadBytes = ByteSize.MiB(10),
            WriteBytes = ByteSize.MiB(20),
            Reads = 300,
            Writes = 400,
        };
        await using var group = TestCgroups.Create(new() { Io = [wanted] });
        Assert.Equal(wanted, Assert.Single(group.ReadLimits().Io!));
        group.Update(new() { Io = [new(disk) { ReadBytes = Limit.Unlimited }] });
        var lifted = Assert.Single(group.ReadLimits().Io!);
        Assert.NotEqual(wanted.ReadBytes, lifted.ReadBytes);
        Assert.Equal(wanted with { ReadBytes = lifted.ReadBytes }, lifted);
    }

    [CgroupFact]
    public async Task A_device_that_is_not_there_is_refused_and_nothing_is_left()
    {
        await using var parent = TestCgroups.Create();
        var refusal = Assert.Throws<LinuxException>(() => parent.CreateChild("child", new()
        {
            Pids = 5,
            Io = [new(new BlockDevice(4000, 1)) { ReadBytes = ByteSize.MiB(1) }],
        }));
        Assert.Equal(Errno.ENODEV, refusal.Errno);
        Assert.Empty(parent.ReadChildren());
    }

    [CgroupFact]
    public async Task What_this_host_does_not_limit_is_refused_by_name_and_nothing_is_left()
    {
        await using var parent = TestCgroups.Create();
        var unified = new CgroupLimits { Unified = [new("nothing.max", "1")] };
        Assert.Contains("nothing.max", Assert.Throws<LimitNotSupportedException>(
            () => parent.CreateChild("child", unified)).Message, StringComparison.Ordinal);
        if (!TestCgroups.IsPureVersion2)
        {
            Assert.Contains("memory.high", Assert.Throws<LimitNotSupportedException>(() => parent.CreateChild(
                "child", new() { MemoryHigh = ByteSize.MiB(10) })).Message, StringComparison.Ordinal);
        }

        Assert.Empty(parent.ReadChildren());
    }

    [CgroupFact(AsRoot = true, OfVersion1 = true)]
    public async Task Cpus_that_version_1_does_not_hand_down_are_a_typed_refusal()
    {
        await using var above = TestCgroups.Create();
        var path = above.Directories.First(path => File.Exists($"{path}/cpuset.memory_migrate"));
        await using var narrow = above.CreateChild("narrow", new() { Cpus = [0] });
        await using var child = narrow.CreateChild("child");
        var hierarchy = new CgroupHierarchy(path, "", "/", IsUnified: false, ["cpuset"]);
        using CgroupDirectory wide = CgroupDirectory.Open(hierarchy, path),
            inner = CgroupDirectory.Open(hierarchy, $"{path}/narrow/child");
        var refusal = Assert.Throws<LimitNotSupportedException>(() => CpusetController.Prepare(inner, wide));
        Assert.Contains("/narrow/child/cpuset.cpus", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("EACCES", refusal.Message, StringComparison.Ordinal);
    }

    private static TimeSpan Milliseconds(double time) => TimeSpan.FromMilliseconds(time);

    private static Limit? NoSwap() => TestCgroups.IsPureVersion2 ? 0 : null;
}
