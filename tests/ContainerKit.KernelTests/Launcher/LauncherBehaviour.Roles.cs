using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>Tests of the roles supervise and init, and of the control channel.</summary>
public abstract partial class LauncherBehaviour
{
    [Fact]
    public async Task A_message_of_a_step_comes_with_its_senders_process_id()
    {
        using var run = new LauncherRun(Architecture, (plan, control) =>
        {
            plan.Add(stage => stage.Write(control, plan.Data.Add((long)MessageKind.Started), sizeof(long)));
            plan.Exit(0);
        });

        Assert.Equal((new(MessageKind.Started, 0), run.Id), await run.ReadMessage());
        Assert.Null(await run.ReadMessage());
        run.Reap();
    }

    [Fact]
    public async Task A_supervisor_tells_how_its_child_ended_and_ends()
    {
        using var run = Supervised(plan => plan.Exit(3));

        var (message, sender) = (await run.ReadMessage())!.Value;

        Assert.Equal(MessageKind.InitExited, message.Kind);
        Assert.Equal(3, new WaitStatus(message.Status).ExitCode);
        Assert.Equal(run.Id, sender);
        Assert.Null(await run.ReadMessage());
        Assert.Equal(0, run.Reap().Value);
    }

    [Fact]
    public async Task A_supervisor_passes_a_signal_on_to_its_child()
    {
        using var run = Supervised(plan => plan.WaitForSignal());

        run.Send(Signal.SIGTERM);
        var (message, _) = (await run.ReadMessage())!.Value;

        Assert.Equal(MessageKind.InitExited, message.Kind);
        Assert.Equal(Signal.SIGTERM, new WaitStatus(message.Status).Signal);
        run.Reap();
    }

    [Fact]
    public async Task A_supervisor_whose_host_is_gone_kills_its_child()
    {
        using var run = Supervised(plan => plan.WaitForSignal());

        run.CloseControl();

        Assert.Null(await run.ReadSetup()); // the child holds it, too
        Assert.Equal(0, run.Reap().Value);
    }

    [Fact]
    public async Task An_init_tells_how_its_program_ended_and_ends()
    {
        using var run = Initialised(plan => plan.Exit(5));

        var (message, sender) = (await run.ReadMessage())!.Value;

        Assert.Equal(MessageKind.ProgramExited, message.Kind);
        Assert.Equal(5, new WaitStatus(message.Status).ExitCode);
        Assert.Equal(run.Id, sender);
        Assert.Equal(0, run.Reap().Value);
    }

    [Fact]
    public async Task An_init_forwards_a_signal_to_its_program()
    {
        using var run = Initialised(plan => plan.WaitForSignal());

        run.Kill(Signal.SIGUSR1);
        var (message, _) = (await run.ReadMessage())!.Value;

        Assert.Equal(MessageKind.ProgramExited, message.Kind);
        Assert.Equal(Signal.SIGUSR1, new WaitStatus(message.Status).Signal);
        run.Reap();
    }

    private LauncherRun Supervised(Action<HandMadePlan> child) => new(Architecture, (plan, control) =>
    {
        var pid = plan.Fork(() =>
        {
            plan.Add(stage => stage.UnblockSignals());
            child(plan);
        });
        var pidfd = plan.OpenProcess(pid);
        plan.Add(stage => stage.Supervise(control, pidfd, control));
    });

    private LauncherRun Initialised(Action<HandMadePlan> program) => new(Architecture, (plan, control) =>
    {
        var pid = plan.Fork(() =>
        {
            plan.Add(stage => stage.UnblockSignals());
            program(plan);
        });
        plan.Add(stage => stage.Init(control, pid));
    });
}
