using ContainerKit.Linux;

namespace ContainerKit.Launch;

/// <content>What every start has around the features' steps: the forks, the roles and the channels.</content>
internal sealed partial class LaunchPlan
{
    private const string Frame = "the launch";

    /// <summary>The child's directory of /proc, once its process id has taken the place of the last slashes.</summary>
    private const string ChildPath = "/proc///////////";

    /// <summary>What a launcher inherits after the standard streams and the setup channel.</summary>
    public static readonly Descriptor Control = Descriptor.Number(4);

    /// <summary>What the launcher and its child have to wait for one another; the child keeps the second.</summary>
    private static readonly (Descriptor First, Descriptor Second) Pair = (Descriptor.Number(5), Descriptor.Number(6));

    private long _childPath;
    private HandOver _pidOne = null!;
    private long _pidfd;

    /// <summary>Adds the start of the frame: the features' steps come after it.</summary>
    public void Begin()
    {
        Because(Frame);
        BeginChild();
        _childPath = _first.Add(ChildPath);
        ChildDirectory = Sync.OpenDirectory(_childPath);
        Early.SetUmask(0); // modes in the plan are meant as they stand
        TakeStandardStreams();
    }

    /// <summary>
    /// The same for a child in namespaces that are there already. From in there the launcher cannot be read, whatever
    /// the joining makes of its ids: it is not dumpable.
    /// </summary>
    public void BeginJoined(IReadOnlyList<JoinedNamespace> namespaces)
    {
        Because(Frame);
        Enter(namespaces);
        BeginChild();
    }

    /// <summary>
    /// The same for a child that sees the host's files until it joins the container's mount namespace; with a copy of
    /// the host's mounts of its own.
    /// </summary>
    public void BeginOutside(IReadOnlyList<JoinedNamespace> namespaces)
    {
        Because(Frame);
        Enter(namespaces);
        Outside.Unshare(CloneFlags.CLONE_NEWNS);
        BeginChild();
    }

    /// <summary>The same for a child that becomes a program of the host, in whatever the launcher joins.</summary>
    public void BeginUncontained()
    {
        Because(Frame);
        (_entersContainer, Init, Namespaces) = (true, false, default);
        BeginChild();
    }

    /// <summary>
    /// The same for a program that is confined without namespaces; where a filter around this process hides clone3(2),
    /// too, unless the child is born into a cgroup. The child may share the launcher's memory until exec, and with it
    /// that nobody may look into it, where it enters no cgroup, whose lack of memory would end both, and the setup
    /// channel need not make way to what is passed.
    /// </summary>
    public void BeginUnseparated(bool sharesMemory)
    {
        BeginUncontained();
        (_isUnseparated, _forksPlainly, _sharesMemory) = (true, BirthGroup is null, sharesMemory);
        TakeStandardStreams();
    }

    private void Enter(IReadOnlyList<JoinedNamespace> namespaces)
    {
        (_entersContainer, Init, Namespaces) = (true, false, default);
        Outside.Prctl(PrctlOption.PR_SET_DUMPABLE, 0);
        foreach (var joined in namespaces)
        {
            // From within a cgroup namespace the launcher's own group is out of sight, and none is born out of that.
            var stage = BirthGroup is not null && joined.Kind is CloneFlags.CLONE_NEWCGROUP ? Early : Outside;
            stage.Join(Inherit(joined.File), joined.Kind);
        }
    }

    /// <summary>A spare's come with the second part.</summary>
    private void TakeStandardStreams()
    {
        for (var number = 0; number < 3; number++)
        {
            Inside.Duplicate(Descriptor.Received(number), number, flags: default);
        }
    }

    private void BeginChild()
    {
        Outside.BlockSignals(); // those, too, that the C library does not let posix_spawn(3) block
        _pidOne = new(_first);
        (_pidfd, _) = _pidOne.Add();
        Early.Close(Pair.First);
    }

    /// <summary>Adds the rest of the frame: the forks, the roles, and how each ends when another is gone.</summary>
    public void End()
    {
        AddJoin();
        Because(Frame);
        var pidfd = _forksPlainly
            ? Outside.ForkPlainly(_pidfd, _sharesMemory)
            : Outside.Fork(Namespaces, _pidfd, BirthGroup);
        if (!_entersContainer)
        {
            Outside.KeepDigits(_childPath + ChildPath.Length);
            Mapped.ResetFileIds();
        }

        AddGuard();
        _pidOne.Send(Sync, Control, new Message(MessageKind.InitMade, 0));
        if (_handOver is null)
        {
            Early.ReadByte(Pair.Second);
            Sync.Write(Pair.First, _first.Add("\n"u8), 1);
        }
        else
        {
            _handOver.Send(Sync, Pair.First, (byte)0);
            _handOver.Receive(Early, Pair.Second);
        }

        Mapped.Prctl(PrctlOption.PR_SET_PDEATHSIG, (long)Signal.SIGKILL); // of a spare; a change of ids clears it
        Mapped.Continue();

        var told = AddHeld(pidfd);
        Sync.Supervise(
            Descriptor.Number(1), Descriptor.Number(0), told, _sharesMemory ? Descriptor.Number(2) : null,
            HoldsNothing);

        Confined.Prctl(PrctlOption.PR_SET_PDEATHSIG, (long)Signal.SIGKILL);
        Confined.CheckPeerLives(Pair.Second);
        if (Init)
        {
            Confined.Fork(default);
            var program = Confined.KeepResult();
            _init.Duplicate(_detached?.Told ?? Control, 0);
            if (FiltersInit)
            {
                _init.SetFilter(InitFilter.Bytes, SeccompFlags.None);
            }

            _init.CloseFrom(1);
            _init.Init(Descriptor.Number(0), program);
        }

        // The kernel makes a group of the scheduler for each session. Its supervisor's has no terminal and nobody else.
        if (_isUnseparated)
        {
            Program.LeadProcessGroup();
        }
        else
        {
            Program.NewSession();
        }
    }

    /// <summary>
    /// Adds what comes before the program is executed: the host is told, and the program has what it starts with.
    /// </summary>
    public void Announce()
    {
        Program.UnblockSignals();
        var started = _second.Add(new Message(MessageKind.Started, 0));
        Program.Write(Control, started, sizeof(long));
        if (_detached is { Told: var told })
        {
            Program.Write(told, started, sizeof(long));
        }

        AddPassed();
        Program.CloseFrom(3 + PassedCount, CloseRangeFlags.CLOSE_RANGE_CLOEXEC);
    }

    /// <summary>Adds that, and the program's start.</summary>
    public void Execute(
        IReadOnlyList<string> paths, IReadOnlyCollection<string> arguments, IReadOnlyCollection<string> environment)
    {
        Announce();
        Program.Execute(paths, arguments, environment);
    }

    /// <summary>
    /// Adds the last steps of a child that becomes no program: it sends the host what it opened, if anything, and ends.
    /// </summary>
    public void Finish(Descriptor? opened)
    {
        if (opened is { } descriptor)
        {
            Send(Program, descriptor, Control);
        }

        Program.Write(Control, _second.Add(new Message(MessageKind.Started, 0)), sizeof(long));
        Program.Exit();
    }
}
