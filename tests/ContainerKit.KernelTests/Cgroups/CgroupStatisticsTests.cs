namespace ContainerKit.KernelTests.Cgroups;

/// <summary>What processes used is counted, and what is not counted is null.</summary>
public class CgroupStatisticsTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [CgroupFact]
    public async Task What_was_used_is_counted()
    {
        await using var group = TestCgroups.Create(new() { Pids = 100, Memory = ByteSize.MiB(200) });
        using var process = TestCgroups.Rest(
            group,
            "text=$(head -c 20000000 /dev/zero | tr '\\0' x); i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; "
            + "echo ${#text}; read line");
        Assert.Equal("20000000", await process.Output.ReadLineAsync(Cancelled));
        var found = group.ReadStatistics();

        Assert.InRange(found.Cpu!.Usage, TimeSpan.FromMilliseconds(20), TimeFactor.Seconds(60));
        Assert.InRange(found.Cpu.User + found.Cpu.System, 0.8 * found.Cpu.Usage, 1.2 * found.Cpu.Usage);
        Assert.InRange(found.Memory!.Current.Bytes, 20_000_000, 200 << 20);
        Assert.InRange(found.Memory.Anonymous.Bytes, 20_000_000, found.Memory.Current.Bytes);
        Assert.InRange(found.Memory.WorkingSet.Bytes, 20_000_000, found.Memory.Current.Bytes);
        Assert.True(found.Memory.Faults > 1000, $"{found.Memory}");
        Assert.Equal((1, true), (found.Pids!.Current, found.Pids.Peak is null or >= 3));
        Assert.NotNull(found.Io);
        Assert.Equal(0, found.Memory.OomKills);
    }

    [CgroupFact]
    public async Task Time_that_a_limit_took_is_counted()
    {
        await using var group = TestCgroups.Create(new() { Cpu = CpuMax.Cpus(0.1) });
        using var process = TestCgroups.Rest(group, "while :; do :; done");
        await Eventually.Holds(
            () => group.ReadStatistics().Cpu is { ThrottledPeriods: > 1, Throttled: var time } && time > TimeSpan.Zero,
            () => $"{group.ReadStatistics().Cpu}");
    }

    [CgroupFact]
    public async Task A_kill_by_want_of_memory_is_counted()
    {
        await using var group = TestCgroups.Create(new()
        {
            Memory = ByteSize.MiB(16),
            Swap = TestCgroups.IsPureVersion2 ? 0 : null,
        });
        using var process = TestCgroups.Rest(group, "head -c 100M /dev/zero | tail -c 100M >/dev/null");
        Assert.Equal(137, await process.EndAsync());
        await Eventually.Holds(() => group.ReadStatistics().Memory!.OomKills >= 1, () => $"{group.ReadStatistics()}");
        Assert.InRange(group.ReadStatistics().Memory!.Peak!.Value.Bytes, 10 << 20, 16 << 20);
    }

    [CgroupFact]
    public async Task What_was_written_is_counted_by_device()
    {
        await using var group = TestCgroups.Create(new() { Pids = 100 });
        using var directory = new TempDirectory();
        using var process = TestCgroups.Rest(
            group,
            $"dd if=/dev/zero of={directory["file"]} bs=1M count=4 oflag=direct 2>/dev/null; sync; echo $?; read x");
        Assert.Equal("0", await process.Output.ReadLineAsync(Cancelled));
        Assert.All(group.ReadStatistics().Io!, device => Assert.True(device.WrittenBytes.Bytes >= 0));
    }

    [CgroupFact]
    public async Task Pressure_is_read_where_the_kernel_has_it()
    {
        await using var group = TestCgroups.Create();
        var found = group.ReadStatistics();
        var has = File.Exists($"{group.Directories[0]}/cpu.pressure");
        Assert.Equal(has, found.CpuPressure is not null);
        Assert.Equal(has, found.MemoryPressure is not null);
        Assert.Equal(has, found.IoPressure is { Full: not null });
    }

    [CgroupFact]
    public async Task A_group_that_is_gone_has_no_statistics_and_says_so()
    {
        var group = TestCgroups.Create();
        group.ReadStatistics();
        group.Remove();
        Assert.Contains(
            Assert.Throws<LinuxException>(group.ReadStatistics).Errno, (Errno[])[Errno.ENOENT, Errno.ENODEV]);
        await group.DisposeAsync();
        Assert.Throws<ObjectDisposedException>(group.ReadStatistics);
    }

    [Fact]
    public void What_nothing_counts_is_null()
    {
        using var cpu = new CpuReader(null, null, null);
        Assert.Null(cpu.Read(new byte[1024]));
        using var io = new IoReader(null);
        Assert.Null(io.Read(new byte[1024]));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_kernel_that_counts_no_io_is_told_from_a_group_that_had_none(bool isUnified)
    {
        using var directory = new TempDirectory();
        directory.Write("cgroup.procs", "");
        using var group = Open(directory, isUnified);
        using (var missing = new IoReader(group))
        {
            Assert.Null(missing.Read(new byte[1024]));
            Assert.Null(missing.Read(new byte[1024]));
        }

        directory.Write(isUnified ? "io.stat" : "blkio.throttle.io_serviced_recursive", "");
        using var there = new IoReader(group);
        Assert.Empty(there.Read(new byte[1024])!);
    }

    [Fact]
    public void All_devices_are_read_however_many_there_are()
    {
        using var directory = new TempDirectory();
        directory.Write("io.stat", string.Concat(Enumerable.Range(0, 1000).Select(
            minor => $"8:{minor} rbytes=1 wbytes={minor} rios=3 wios=4 dbytes=0 dios=0\n")));
        using var group = Open(directory, isUnified: true);
        using var io = new IoReader(group);
        Assert.Equal(
            Enumerable.Range(0, 1000).Select(minor => (long)minor),
            io.Read(new byte[1024])!.Select(device => device.WrittenBytes.Bytes));
    }

    private static CgroupDirectory Open(TempDirectory directory, bool isUnified) =>
        CgroupDirectory.Open(new(directory.Path, "", "/", isUnified, []), directory.Path);
}
