using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>
/// A terminal that a program gets: made in its own container and as its own user, its master is sent to the host.
/// </summary>
internal sealed record ProgramTerminal(TerminalSize Size, bool TakesErrors)
{
    /// <summary>What a program's options say.</summary>
    public static ProgramTerminal Of(ContainerOptions options) =>
        new(options.TerminalSize, options.StandardError is null or StandardStream.TerminalStream);

    /// <summary>
    /// Adds the steps to those of the process that becomes the program, where it leads a session without a terminal.
    /// </summary>
    public void AddTo(LaunchPlan plan, Descriptor pseudoterminals)
    {
        plan.Because(LaunchFailure.Terminal);
        var stage = plan.Program;
        var sent = new HandOver(stage.Data);
        var master = stage.OpenMaster(pseudoterminals, sent.Add().Place);
        stage.Unlock(master);
        stage.SetSize(master, Size.ForKernel);
        var slave = stage.OpenSlave(master); // before the host has the master, and would read that nobody has it open
        sent.Send(stage, LaunchPlan.Control, new Message(MessageKind.Opened, 0));
        stage.Control(slave);
        for (var number = 0; number < (TakesErrors ? 3 : 2); number++)
        {
            stage.Duplicate(slave, number, OpenFlags.O_RDONLY); // which exec does not close
        }
    }
}
