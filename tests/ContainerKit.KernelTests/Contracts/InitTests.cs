namespace ContainerKit.KernelTests.Contracts;

/// <summary>PID 1 beside the program.</summary>
public class InitTests
{
    [Theory]
    [InlineData("CapInh")]
    [InlineData("CapPrm")]
    [InlineData("CapEff")]
    [InlineData("CapBnd")]
    [InlineData("CapAmb")]
    public async Task Init_has_no_capabilities(string set)
    {
        await using var container = await LiveContainer.StartAsync("echo up; exec sleep 1000");
        Assert.Equal(0ul, container.PidOne.Mask(set));
    }

    [Fact]
    public async Task Init_gets_no_new_privileges()
    {
        await using var container = await LiveContainer.StartAsync("echo up; exec sleep 1000");
        Assert.Equal("1", container.PidOne.Status("NoNewPrivs"));
    }

    [RootFact]
    public async Task Init_holds_nothing_but_the_control_channel()
    {
        await using var container = await LiveContainer.StartAsync("echo up; exec sleep 1000");
        Assert.StartsWith("socket:", Assert.Single(container.PidOne.Descriptors()).Value, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("fd")]
    [InlineData("environ")]
    [InlineData("maps")]
    [InlineData("mem")]
    [InlineData("map_files")]
    [InlineData("exe")]
    [InlineData("root")]
    public async Task The_program_cannot_look_into_init(string file) =>
        Assert.Equal(
            "refused", await Script.OutputAsync($"true 2>/dev/null </proc/1/{file} && echo open || echo refused"));

    [Theory]
    [InlineData(Signal.SIGHUP)]
    [InlineData(Signal.SIGINT)]
    [InlineData(Signal.SIGTERM)]
    [InlineData(Signal.SIGUSR1)]
    [InlineData(Signal.SIGUSR2)]
    [InlineData(Signal.SIGWINCH)]
    public async Task Init_passes_a_signal_on_to_the_program(Signal signal)
    {
        await using var container = await LiveContainer.StartAsync(
            $"trap 'echo got; exit 9' {(int)signal}; echo up; while :; do sleep 0.01; done");

        container.Launched.Send(signal);

        Assert.Equal("got", await container.ReadLineAsync());
        Assert.Equal(9, (await container.EndAsync()).ExitCode);
    }

    [PythonFact]
    public async Task A_program_that_asks_init_to_trace_it_has_not_ended_when_a_signal_stops_it()
    {
        await using var container = await Container.StartAsync(
            Script.Python("""
                import ctypes, os
                assert ctypes.CDLL(None).ptrace(0, 0, 0, 0) == 0
                os.kill(os.getpid(), 10)
                """), TestContext.Current.CancellationToken);
        await Eventually.Holds(
            () => File.ReadAllText($"/proc/{container.Pid}/stat").Split(") ")[1].StartsWith('t'), "It should stop.");

        container.Kill();

        Assert.Equal(
            Signal.SIGKILL, (await container.WaitAsync(TestContext.Current.CancellationToken)).Signal);
    }

    [Fact]
    public async Task A_signal_whose_default_is_to_kill_kills_a_program_below_init()
    {
        await using var container = await LiveContainer.StartAsync("echo up; exec sleep 1000");

        container.Launched.Send(Signal.SIGTERM);

        Assert.Equal(Signal.SIGTERM, (await container.EndAsync()).Signal);
    }

    [Fact]
    public async Task A_program_that_is_PID_1_gets_signals_it_handles()
    {
        await using var container =
            await LiveContainer.StartAsync("trap 'exit 9' TERM; echo up; while :; do sleep 0.01; done", init: false);
        Assert.Equal(container.PidOne.Id, container.Program.Id);

        container.Launched.Send(Signal.SIGTERM);

        Assert.Equal(9, (await container.EndAsync()).ExitCode);
    }

    [PythonFact]
    public async Task Init_reaps_orphans()
    {
        var zombies = await Script.OutputAsync(Script.Python("""
            import os, time
            for _ in range(50):
                if os.fork() == 0:
                    if os.fork() == 0:
                        os._exit(0)  # an orphan, once its parent is reaped
                    os._exit(0)
                os.wait()
            def zombies():
                count = 0
                for entry in os.listdir('/proc'):
                    try:
                        count += entry.isdigit() and open(f'/proc/{entry}/stat').read().rsplit(')')[1].split()[0] == 'Z'
                    except OSError:
                        pass
                return count
            for _ in range(2000):
                if zombies() == 0:
                    break
                time.sleep(0.005)
            print(zombies())
            """));
        Assert.Equal("0", zombies);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_end_of_the_program_ends_its_daemons(bool init)
    {
        var leftovers = await Leftovers.Before();
        var result =
            await Script.RunAsync(Script.Shell("setsid sleep 1000 & setsid sleep 1000 & exit 3") with { Init = init });

        Assert.Equal(3, result.ExitStatus.ExitCode);
        await leftovers.AssertNone();
    }

    [Fact]
    public async Task The_program_is_not_PID_1_and_leads_a_session()
    {
        Assert.Equal("2 2", await Script.OutputAsync("cut -d' ' -f1,6 /proc/$$/stat"));
    }
}
