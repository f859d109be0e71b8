using ContainerKit.Linux;

namespace ContainerKit.Launch;

/// <summary>
/// The plan of a launcher that stays in the namespaces of a container, and of what it is asked to do there.
/// </summary>
internal sealed partial class LaunchPlan
{
    /// <summary>A plan whose launcher stays in these namespaces.</summary>
    public static LaunchPlan Residing(object cause, IReadOnlyList<JoinedNamespace> namespaces) => Make(plan =>
    {
        plan.Because(cause);
        plan.Enter(namespaces);
        plan.Outside.Close(Pair.First);
        plan.Outside.Close(Pair.Second);
        plan.Outside.Reside();
        plan.Outside.Continue();
    });

    /// <summary>
    /// A second part that opens something in there, as the identity it takes on first, and sends it to the host.
    /// </summary>
    public static LaunchPlan Opening(
        object cause, Action<LaunchPlan> takeIdentity, Func<LaunchStage, Descriptor> open) => Make(plan =>
    {
        (plan._entersContainer, plan.Init) = (true, false);
        plan.Because(cause);
        takeIdentity(plan);
        var stage = plan.Root;
        stage.Prctl(PrctlOption.PR_SET_PDEATHSIG, (long)Signal.SIGKILL); // a change of ids clears it
        Send(stage, open(stage), Setup);
        stage.Exit();
    });

    private static void Send(LaunchStage stage, Descriptor opened, Descriptor channel)
    {
        var sent = new HandOver(stage.Data);
        stage.Duplicate(opened, 1);
        stage.KeepResultAt(sent.Add().Place);
        sent.Send(stage, channel, new Message(MessageKind.Opened, 0));
    }
}
