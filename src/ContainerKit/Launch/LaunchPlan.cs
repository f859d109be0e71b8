using System.Runtime.InteropServices;
using System.Text;
using ContainerKit.Linux;

namespace ContainerKit.Launch;

/// <summary>
/// Everything a start does, as data: features add their steps to its stages, between <see cref="Begin"/> and
/// <see cref="End"/>, which join them by the forks, roles and channels that every start has. It has two parts: a launcher
/// that has run the first can wait for the second, and serve any start whose first part is the same.
/// </summary>
internal sealed partial class LaunchPlan : IDisposable
{
    private const string Frame = "the launch";

    /// <summary>The child's directory of /proc, once its process id has taken the place of the last slashes.</summary>
    private const string ChildPath = "/proc///////////";

    /// <summary>What a launcher inherits after the standard streams, the plan and the setup channel.</summary>
    public static readonly Descriptor Control = Descriptor.Number(5);

    private readonly PlanData _first = PlanData.First(), _second = PlanData.Second();
    private readonly LaunchStage _init;
    private (Descriptor First, Descriptor Second) _sync;
    private long _childPath;
    private HandOver? _handOver;
    private HandOver _pidOne = null!;
    private long _pidfd;
    private bool _entersContainer, _isEncoded;

    public LaunchPlan()
    {
        Outside = new(_first);
        Early = new(_first);
        Mapped = new(_first);
        Sync = new(_first);
        Inside = new(_second);
        Root = new(_second);
        Pivoted = new(_second);
        Confined = new(_second);
        Program = new(_second);
        _init = new(_second);
    }

    /// <summary>In the launcher, before the fork, with the host's privileges.</summary>
    public LaunchStage Outside { get; }

    /// <summary>In the launcher, after the fork, while the child waits.</summary>
    public LaunchStage Sync { get; }

    /// <summary>
    /// In the child in its new namespaces, before it has ids in them: what does not depend on the container's files,
    /// limits and program.
    /// </summary>
    public LaunchStage Early { get; }

    /// <summary>The same, once its ids are mapped: what it makes is the container's, what it opens it opens as the host.</summary>
    public LaunchStage Mapped { get; }

    /// <summary>In the child in its new namespaces, before it changes identity; the host's files are in sight.</summary>
    public LaunchStage Inside { get; }

    /// <summary>In the child as the container's root, with every capability in there: its file systems are made.</summary>
    public LaunchStage Root { get; }

    /// <summary>The same, from the pivot to the container's root on: nothing of the host is in sight, and they are attached.</summary>
    public LaunchStage Pivoted { get; }

    /// <summary>In the child: what it may no longer do. With an init, the init is confined too.</summary>
    public LaunchStage Confined { get; }

    /// <summary>In the process that becomes the program.</summary>
    public LaunchStage Program { get; }

    /// <summary>The namespaces that are made.</summary>
    public CloneFlags Namespaces { get; set; }

    /// <summary>Whether a reaping init is PID 1, and the program its child.</summary>
    public bool Init { get; set; } = true;

    /// <summary>The child's directory of /proc, for steps of <see cref="Sync"/>.</summary>
    public Descriptor ChildDirectory { get; private set; }

    /// <summary>Whether the container's ids are others than the host's, and the launcher may map them in mounts, too.</summary>
    public bool MapsIds { get; set; }

    /// <summary>
    /// Whether what belongs to this process's user on the host belongs to the container's user in there.
    /// </summary>
    public bool KeepsOwner { get; set; }

    /// <summary>Whether another start may have the same first part.</summary>
    public bool CanBePrepared => _handOver is null && _leases is null && _inherited is null;

    /// <summary>Names the feature whose steps are added from now on; a failed step names it.</summary>
    public void Because(object cause)
    {
        foreach (var stage in AllStages)
        {
            stage.Cause = cause;
        }
    }

    /// <summary>The ids that the child has in its user namespace while it sets the container up.</summary>
    public void SetIds(uint user, uint group)
    {
        if (!_entersContainer)
        {
            Mapped.SetFileIds(user, group);
        }

        Root.SetIds(user, group);
    }

    /// <summary>Adds the start of the frame: the features' steps come after it.</summary>
    public void Begin()
    {
        Because(Frame);
        BeginChild();
        _childPath = _first.Add(ChildPath);
        ChildDirectory = Sync.OpenDirectory(_childPath);
        Early.SetUmask(0); // modes in the plan are meant as they stand
        for (var number = 0; number < 3; number++)
        {
            Inside.Duplicate(Descriptor.Received(1 + number), number, flags: default);
        }
    }

    /// <summary>
    /// The same for a child in the namespaces of a process that is there already, and that a pidfd stands for. From in
    /// there the launcher cannot be read, whatever the joining makes of its ids: it is not dumpable.
    /// </summary>
    public void BeginJoined(SafeHandle process, CloneFlags namespaces)
    {
        Because(Frame);
        Enter(process, namespaces);
        BeginChild();
    }

    /// <summary>
    /// The same for a child that sees the host's files until it joins the container's mount namespace; with a copy of the
    /// host's mounts of its own.
    /// </summary>
    public void BeginOutside(SafeHandle process, CloneFlags namespaces)
    {
        const CloneFlags later = CloneFlags.CLONE_NEWNS | CloneFlags.CLONE_NEWPID | CloneFlags.CLONE_NEWTIME;
        Because(Frame);
        Enter(process, namespaces & ~later);
        Outside.Unshare(CloneFlags.CLONE_NEWNS);
        BeginChild();
    }

    private void Enter(SafeHandle process, CloneFlags namespaces)
    {
        (_entersContainer, Init, Namespaces) = (true, false, default);
        Outside.Prctl(PrctlOption.PR_SET_DUMPABLE, 0);
        Outside.Join(Inherit(process), namespaces);
    }

    private void BeginChild()
    {
        _pidOne = new(_first);
        (_pidfd, _) = _pidOne.Add();
        _sync = Outside.SocketPair();
        Early.Close(_sync.First);
    }

    /// <summary>Adds the rest of the frame: the forks, the roles, and how each ends when another is gone.</summary>
    public void End()
    {
        AddJoin();
        Because(Frame);
        var pidfd = Outside.Fork(Namespaces, _pidfd);
        if (!_entersContainer)
        {
            Outside.KeepDigits(_childPath + ChildPath.Length);
            Mapped.ResetFileIds();
        }

        _pidOne.Send(Sync, Control, new Message(MessageKind.InitMade, 0));
        if (_handOver is null)
        {
            Early.ReadByte(_sync.Second);
            Sync.Write(_sync.First, _first.Add("\n"u8), 1);
        }
        else
        {
            _handOver.Send(Sync, _sync.First, (byte)0);
            _handOver.Receive(Early, _sync.Second);
        }

        Mapped.Prctl(PrctlOption.PR_SET_PDEATHSIG, (long)Signal.SIGKILL); // of a spare; a change of ids clears it
        Mapped.Continue();

        Sync.Duplicate(pidfd, 0);
        Sync.Duplicate(Control, 1);
        Sync.Duplicate(_sync.First, 2); // closed with the supervisor: whoever asks for the signal too late sees that
        Sync.CloseFrom(3 + AddLeases());
        Sync.Supervise(Descriptor.Number(1), Descriptor.Number(0));

        Confined.Prctl(PrctlOption.PR_SET_PDEATHSIG, (long)Signal.SIGKILL);
        Confined.CheckPeerLives(_sync.Second);
        if (Init)
        {
            Confined.Fork(default);
            var program = Confined.KeepResult();
            _init.Duplicate(Control, 0);
            _init.CloseFrom(1);
            _init.Init(Descriptor.Number(0), program);
        }

        Program.NewSession();
    }

    /// <summary>Adds the last steps: what the program starts with, and its start.</summary>
    public void Execute(IReadOnlyList<string> paths, IReadOnlyCollection<string> arguments, IReadOnlyCollection<string> environment)
    {
        Program.UnblockSignals();
        Program.Write(Control, _second.Add(new Message(MessageKind.Started, 0)), sizeof(long));
        AddPassed();
        Program.CloseFrom(3 + PassedCount, CloseRangeFlags.CLOSE_RANGE_CLOEXEC);
        Program.Execute(paths, arguments, environment);
    }

    /// <summary>Adds the last steps of a child that becomes no program: it sends the host what it opened, if anything, and ends.</summary>
    public void Finish(Descriptor? opened)
    {
        if (opened is { } descriptor)
        {
            Send(Program, descriptor, Control);
        }

        Program.Write(Control, _second.Add(new Message(MessageKind.Started, 0)), sizeof(long));
        Program.Exit();
    }

    /// <summary>The first part as the launcher reads it, once it is encoded.</summary>
    public ReadOnlySpan<byte> FirstPart => _first.Content;

    /// <summary>The second part as the launcher reads it, once it is encoded.</summary>
    public ReadOnlySpan<byte> SecondPart => _second.Content;

    /// <summary>Writes the steps of each part behind its data, in one array, and joins the forks. Nothing can be added afterwards.</summary>
    public void Encode(Architecture architecture)
    {
        if (_isEncoded)
        {
            return;
        }

        if (Outside.Count > 0)
        {
            Outside.Last.Fork = Outside.Count + Early.Count + Mapped.Count;
        }

        if (Init)
        {
            Confined.Last.Fork = Count(OfSecondPart) - _init.Count;
        }

        Encode(_first, OfFirstPart, architecture);
        Encode(_second, OfSecondPart, architecture);
        _isEncoded = true;
    }

    /// <summary>The step with a number in a part, as it prints, and the feature that asked for it.</summary>
    public (Step Step, string Text)? Find(int part, int number)
    {
        foreach (var stage in part == 0 ? OfFirstPart : OfSecondPart)
        {
            if ((uint)number < (uint)stage.Count)
            {
                return (stage[number], stage[number].PrintCall(stage.Data));
            }

            number -= stage.Count;
        }

        return null;
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var (name, stage) in StageNames.Zip(AllStages))
        {
            if (stage.Count > 0)
            {
                text.Append(name).Append(":\n  ").Append(stage.ToString().Replace("\n", "\n  ", StringComparison.Ordinal)).Append('\n');
            }
        }

        return text.ToString();
    }

    /// <summary>A plan, whose memory may have served another.</summary>
    public static LaunchPlan Make(Action<LaunchPlan> add)
    {
        var plan = Rent();
        try
        {
            add(plan);
            return plan;
        }
        catch
        {
            plan.Dispose();
            throw;
        }
    }

    /// <summary>An empty plan, whose memory may have served another.</summary>
    public static LaunchPlan Rent()
    {
        lock (Unused)
        {
            return Unused.TryPop(out var unused) ? unused : new();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        const int most = 16, mostBytes = 256 * 1024;
        if (_second.Length > mostBytes)
        {
            _first.Dispose();
            _second.Dispose();
            return;
        }

        foreach (var stage in AllStages)
        {
            stage.Clear();
        }

        _first.Clear();
        _second.Clear();
        (_handOver, _leases, MapsIds, _isEncoded) = (null, null, false, false);
        (_inherited, _passed, _startsElsewhere, KeepsOwner) = (null, null, false, false);
        (_entersContainer, _joins, _joinCause) = (false, false, null);
        lock (Unused)
        {
            if (Unused.Count < most)
            {
                Unused.Push(this);
            }
        }
    }

    private static readonly Stack<LaunchPlan> Unused = new();

    private static readonly string[] StageNames =
        ["Outside", "Early", "Mapped", "Sync", "Inside", "Root", "Pivoted", "Confined", "Program", "Init"];

    /// <summary>In the order in which they stand in the plan.</summary>
    private LaunchStage[] AllStages => field ??= [.. OfFirstPart, .. OfSecondPart];

    private LaunchStage[] OfFirstPart => field ??= [Outside, Early, Mapped, Sync];

    private LaunchStage[] OfSecondPart => field ??= [Inside, Root, Pivoted, Confined, Program, _init];

    private static int Count(LaunchStage[] stages)
    {
        var count = 0;
        foreach (var stage in stages)
        {
            count += stage.Count;
        }

        return count;
    }

    private static void Encode(PlanData part, LaunchStage[] stages, Architecture architecture)
    {
        var address = part.AddSteps(Count(stages));
        foreach (var stage in stages)
        {
            for (var i = 0; i < stage.Count; i++, address += EncodedStep.Size)
            {
                part.Write(address, stage[i].Encode(architecture));
            }
        }
    }
}
