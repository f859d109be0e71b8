namespace ContainerKit.KernelTests.Contracts;

/// <summary>What becomes of containers when their host ends, or is asked to.</summary>
public class HostEndTests
{
    /// <summary>A process group of its own; an interrupt ends it even if it was ignored where the tests began.</summary>
    private static readonly string[] Interruptible = ["env", "--default-signal=INT", "setsid"];

    [Theory]
    [InlineData("--init")]
    [InlineData("--no-init")]
    public async Task The_end_of_the_host_ends_the_container(string init)
    {
        await using var host =
            HostProcess.Start("run", init, "--count", "3", "sh", "-c", "setsid sleep 1000 & echo up; sleep 1000; true");
        var below = await RunningBelow(host, containers: 3);
        Assert.True(below.Count >= 9, string.Join('\n', below));

        await host.KillAsync();

        await AllGone(below);
    }

    [Fact]
    public async Task The_end_of_the_thread_that_started_a_container_leaves_it_alone()
    {
        LiveContainer? container = null;
        var thread = new Thread(() =>
            container = LiveContainer.StartAsync("echo up; read line; sleep 1000").GetAwaiter().GetResult());
        thread.Start();
        thread.Join();
        await using var started = container!;

        // The kernel signals PDEATHSIG before a thread is gone; what the container answers, it answers after that.
        container!.Launched.Send(Signal.SIGTERM);
        Assert.Equal(Signal.SIGTERM, (await container.EndAsync()).Signal);
    }

    [Fact]
    public async Task An_interrupt_of_the_hosts_process_group_leaves_the_container_alone()
    {
        await using var host =
            HostProcess.StartThrough(Interruptible, "run", "--survive-interrupt", "sh", "-c", "echo up; sleep 1000");
        var below = await RunningBelow(host, containers: 1);

        Native.Kill(-host.Process.Id, Signal.SIGINT);

        Assert.Equal("interrupted", await host.ReadLineAsync());
        Assert.All(below, process => Assert.True(ProcessTree.IsAlive(process.Id), $"{process} should live."));
        Native.Kill(below[^1].Id, Signal.SIGKILL);
        Assert.Equal((0, "exited with code 137\n"), await host.EndAsync());
    }

    [Fact]
    public async Task An_interrupt_that_ends_the_host_ends_the_container()
    {
        await using var host =
            HostProcess.StartThrough(Interruptible, "run", "sh", "-c", "trap '' INT; echo up; sleep 1000; true");
        var below = await RunningBelow(host, containers: 1);

        Native.Kill(-host.Process.Id, Signal.SIGINT);

        await AllGone(below);
        await host.EndAsync();
    }

    private static async Task<List<ProcessEntry>> RunningBelow(HostProcess host, int containers)
    {
        for (var i = 0; i < containers; i++)
        {
            Assert.Equal("up", await host.ReadLineAsync());
        }

        return ProcessTree.Below(host.Process.Id);
    }

    private static async Task AllGone(List<ProcessEntry> processes)
    {
        foreach (var process in processes)
        {
            await Eventually.Gone(process.Id);
        }
    }
}
