namespace ContainerKit.KernelTests.Contracts;

/// <summary>Hosts whose own process is set up in ways that get at their children.</summary>
public class OddHostTests
{
    private static readonly string[] ExitsWith3 = ["run", "--count", "20", "sh", "-c", "exit 3"];
    private static readonly string TwentyTimes3 = string.Concat(Enumerable.Repeat("exited with code 3\n", 20));

    /// <summary>A new pid namespace, for root as for others; the first user of it is the same as outside.</summary>
    private static string[] AsPid1 { get; } =
        Host.IsRoot
            ? ["unshare", "--fork", "--pid", "--mount-proc"]
            : ["unshare", "--user", "--map-current-user", "--fork", "--pid", "--mount-proc"];

    [Fact]
    public async Task A_host_that_ignores_SIGCHLD_gets_every_status()
    {
        await using var host = HostProcess.StartThrough(["sh", "-c", "trap '' CHLD; exec \"$0\" \"$@\""], ExitsWith3);
        Assert.Equal((0, TwentyTimes3), await host.EndAsync());
    }

    [Fact]
    public async Task A_supervisor_does_not_inherit_an_ignored_SIGCHLD()
    {
        await using var host = HostProcess.StartThrough(
            ["sh", "-c", "trap '' CHLD INT TERM; exec \"$0\" \"$@\""], "run", "sh", "-c", "echo up; exec sleep 1000");
        Assert.Equal("up", await host.ReadLineAsync());

        foreach (var process in ProcessTree.Below(host.Process.Id))
        {
            Assert.Equal(0ul, process.Mask("SigIgn"));
        }
    }

    [Fact]
    public async Task A_host_that_is_PID_1_gets_every_status()
    {
        await using var host = HostProcess.StartThrough(AsPid1, ExitsWith3);
        Assert.Equal((0, TwentyTimes3), await host.EndAsync());
    }

    [Fact]
    public async Task A_host_that_is_PID_1_and_uses_Process_gets_every_status()
    {
        await using var host = HostProcess.StartThrough(AsPid1, "mix", $"{TimeFactor.Times(40, 400)}");
        Assert.Equal((0, "all right\n"), await host.EndAsync());
    }

    [Fact]
    public async Task A_host_that_uses_Process_heavily_gets_every_status()
    {
        await using var host = HostProcess.Start("mix", $"{TimeFactor.Times(100, 2000)}");
        Assert.Equal((0, "all right\n"), await host.EndAsync());
    }

    [Fact]
    public async Task A_host_that_nobody_may_look_into_runs_containers()
    {
        await using var host = HostProcess.Start(["run", "--undumpable", .. ExitsWith3[1..]]);
        Assert.Equal((0, TwentyTimes3), await host.EndAsync());
    }

    [Theory]
    [InlineData("<&-")]
    [InlineData("2>&-")]
    [InlineData("<&- 2>&-")]
    public async Task A_host_whose_standard_descriptors_are_closed_runs_containers(string closed)
    {
        await using var host = HostProcess.StartThrough(
            ["sh", "-c", $"exec \"$0\" \"$@\" {closed}"], "run", "sh", "-c", "echo up; exit 3");
        Assert.Equal((0, "up\nexited with code 3\n"), await host.EndAsync());
    }
}
