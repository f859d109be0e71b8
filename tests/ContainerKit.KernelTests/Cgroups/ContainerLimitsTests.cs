namespace ContainerKit.KernelTests.Cgroups;

/// <summary>Containers are limited from their birth on, and what they took is told at their end.</summary>
public sealed class ContainerLimitsTests : IAsyncDisposable
{
    private readonly ContainerHost _host = new(new() { CgroupParent = TestCgroups.Parent });

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [CgroupFact]
    public async Task A_receipt_tells_what_all_of_it_took_and_nothing_is_left()
    {
        var before = await Leftovers.Before();
        var result = await _host.RunAsync(
            Script.Shell("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done & "
                + "text=$(head -c 20000000 /dev/zero | tr '\\0' x); echo ${#text}; wait") with
            { Limits = new() { Memory = ByteSize.MiB(256), Pids = 20 } },
            Cancelled);
        Assert.Equal((0, "20000000\n"), (result.ExitStatus.ExitCode, result.StandardOutput));
        var receipt = result.Receipt;
        Assert.InRange(receipt.Cpu!.Usage, TimeSpan.FromMilliseconds(20), TimeFactor.Seconds(60));
        Assert.InRange(receipt.WallTime, TimeSpan.FromMilliseconds(10), TimeFactor.Seconds(60));
        Assert.InRange(receipt.PeakMemory!.Value.Bytes, 20_000_000, 256 << 20);
        Assert.True(receipt.PeakPids is null or >= 4, $"{receipt}");
        Assert.Equal(0, receipt.OomKills);
        Assert.False(result.ExitStatus.OomKilled);
        await before.AssertNone();
    }

    [CgroupFact]
    public async Task What_is_forked_at_once_is_counted_and_limited()
    {
        var result = await _host.RunAsync(
            Script.Shell("for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done 2>/dev/null; exit 0") with
            { Limits = new() { Pids = 4 } },
            Cancelled);
        Assert.Equal(2, result.ExitStatus.ExitCode); // dash gives up when it cannot fork
        Assert.True(result.Receipt.PeakPids is null or 4, $"{result.Receipt}");
    }

    [CgroupFact]
    public async Task A_program_that_is_killed_by_want_of_memory_says_so()
    {
        var hungry = new ContainerOptions
        {
            Command = ["sort", "/dev/zero"],
            Limits = new() { Memory = ByteSize.MiB(16), Swap = TestCgroups.IsPureVersion2 ? 0 : null },
        };
        foreach (var init in (bool[])[true, false])
        {
            var result = await _host.RunAsync(hungry with { Init = init }, Cancelled);
            Assert.Equal(Signal.SIGKILL, result.ExitStatus.Signal);
            Assert.True(result.ExitStatus.OomKilled);
            Assert.Equal(1, result.Receipt.OomKills);
            Assert.Contains("want of memory", $"{result.ExitStatus}", StringComparison.Ordinal);
        }
    }

    [CgroupFact]
    public async Task A_child_that_is_killed_by_want_of_memory_is_counted_and_is_not_the_program()
    {
        var result = await _host.RunAsync(
            Script.Shell("sort /dev/zero; echo $?") with
            {
                Limits = new() { Memory = ByteSize.MiB(16), Swap = TestCgroups.IsPureVersion2 ? 0 : null },
            },
            Cancelled);
        Assert.Equal((0, "137\n"), (result.ExitStatus.ExitCode, result.StandardOutput));
        Assert.False(result.ExitStatus.OomKilled);
        Assert.Equal(1, result.Receipt.OomKills);
    }

    [CgroupFact]
    public async Task Who_was_killed_by_somebody_is_not_said_to_have_wanted_memory()
    {
        await using var container = await _host.StartAsync(
            Script.Shell("exec sleep 1000") with { Limits = new() }, Cancelled);
        container.SendSignal(Signal.SIGKILL);
        Assert.False((await container.WaitAsync(Cancelled)).OomKilled);
        var alone = await Container.RunAsync(Script.Shell("kill -9 $$"), Cancelled);
        Assert.Null(alone.ExitStatus.OomKilled);
        Assert.Null(alone.Receipt.OomKills);
        Assert.Null(alone.Receipt.Cpu);
    }

    [CgroupFact]
    public async Task A_cpu_limit_is_told_by_the_receipt()
    {
        await using var container = await _host.StartAsync(
            Script.Shell("while :; do :; done") with { Limits = new() { Cpu = CpuMax.Cpus(0.1) } }, Cancelled);
        await Task.Delay(TimeSpan.FromMilliseconds(500), Cancelled);
        Assert.True(container.ReadStatistics().Cpu is { ThrottledPeriods: > 0 }, $"{container.ReadStatistics()}");
        await container.StopAsync(Cancelled);
        var result = await container.WaitForResultAsync(Cancelled);
        Assert.True(result.Receipt.Cpu is { ThrottledPeriods: > 0 }, $"{result.Receipt}");
        Assert.Throws<LaunchException>(container.ReadStatistics);
        Assert.True(result.Receipt.Cpu.Usage < 0.5 * result.Receipt.WallTime, $"{result.Receipt}");
    }

    [CgroupFact]
    public async Task Time_on_cpus_that_is_used_up_ends_all_of_it()
    {
        var most = TimeSpan.FromMilliseconds(300);
        var result = await Eventually.Ends(_host.RunAsync(
            Script.Shell("while :; do :; done & while :; do :; done") with { CpuTimeout = most }, Cancelled));
        Assert.True(result.ExitStatus.TimedOut, $"{result.ExitStatus}");
        Assert.True(result.Receipt.Cpu!.Usage >= most, $"{result.Receipt}");
        await Assert.ThrowsAsync<ArgumentException>(
            () => _host.RunAsync(new() { Command = ["true"], CpuTimeout = TimeSpan.Zero }, Cancelled));
    }

    [CgroupFact]
    public async Task Time_on_cpus_does_not_pass_while_a_program_sleeps()
    {
        var most = TimeFactor.Seconds(0.25); // a start takes some of it
        var result = await _host.RunAsync(
            new() { Command = ["sleep", FormattableString.Invariant($"{1.5 * most.TotalSeconds}")], CpuTimeout = most },
            Cancelled);
        Assert.True(result.ExitStatus is { IsSuccess: true, TimedOut: false }, $"{result.ExitStatus} {result.Receipt}");
        Assert.True(result.Receipt.WallTime > most, $"{result.Receipt}");
    }

    [CgroupFact]
    public async Task Limits_that_cannot_be_start_nothing_and_leave_nothing()
    {
        var before = await Leftovers.Before();
        await Assert.ThrowsAsync<ArgumentException>(() => _host.RunAsync(
            new() { Command = ["true"], Limits = new() { CpuWeight = 0 } }, Cancelled));
        await Assert.ThrowsAsync<LimitNotSupportedException>(() => _host.RunAsync(
            new() { Command = ["true"], Limits = new() { Unified = [new("nothing.max", "1")] } }, Cancelled));
        await Assert.ThrowsAsync<LinuxException>(() => _host.RunAsync(
            new() { Command = ["true"], Limits = new() { Cpus = [4000] } }, Cancelled));
        await Assert.ThrowsAsync<LaunchException>(() => _host.RunAsync(
            new() { Command = ["true"], Limits = new() { Pids = 0 } }, Cancelled));
        await before.AssertNone();
    }

    [CgroupFact]
    public async Task Another_program_is_in_the_group_and_in_its_namespace()
    {
        await using var container = await _host.StartAsync(
            Script.Shell("sleep 1000") with { Limits = new() }, Cancelled);
        await using var other = await container.ExecAsync(new() { Command = ["sleep", "1000"] }, Cancelled);
        foreach (var file in (string[])["cgroup", "ns/cgroup"])
        {
            Assert.Equal(Look(container, file), Look(other, file));
        }

        Assert.Contains("containerkit", Look(other, "cgroup"), StringComparison.Ordinal);

        static string Look(ContainerProcess process, string file)
        {
            var path = FormattableString.Invariant($"/proc/{process.Pid}/{file}");
            return file is "cgroup" ? File.ReadAllText(path) : File.ResolveLinkTarget(path, false)!.Name;
        }
    }
}
