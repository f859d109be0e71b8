using System.Runtime.InteropServices;
using System.Text;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Launch;

/// <summary>
/// Everything a start does, as data: features add their steps to its stages, between <see cref="Begin"/> and
/// <see cref="End"/>, which join them by the forks, roles and channels that every start has.
/// </summary>
internal sealed class LaunchPlan : IDisposable
{
    private const string Frame = "the launch";

    /// <summary>The child's directory of /proc, once its process id has taken the place of the last slashes.</summary>
    private const string ChildPath = "/proc///////////";

    private readonly LaunchStage _init;
    private (Descriptor First, Descriptor Second) _sync;
    private long _childPath;
    private HandOver? _handOver;

    public LaunchPlan()
    {
        Outside = new(Data);
        Sync = new(Data);
        Inside = new(Data);
        Root = new(Data);
        Pivoted = new(Data);
        Confined = new(Data);
        Program = new(Data);
        _init = new(Data);
    }

    /// <summary>What the steps point to.</summary>
    public PlanData Data { get; } = new();

    /// <summary>In the launcher, before the fork, with the host's privileges.</summary>
    public LaunchStage Outside { get; }

    /// <summary>In the launcher, after the fork, while the child waits.</summary>
    public LaunchStage Sync { get; }

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

    /// <summary>A descriptor that the supervisor holds while it lives, such as a lock.</summary>
    public SafeFileHandle? Lease { get; set; }

    /// <summary>What <see cref="Sync"/> hands over to the child.</summary>
    public HandOver HandOver => _handOver ??= new(Data);

    /// <summary>Names the feature whose steps are added from now on; a failed step names it.</summary>
    public void Because(object cause)
    {
        foreach (var stage in AllStages)
        {
            stage.Cause = cause;
        }
    }

    /// <summary>Adds the start of the frame: the features' steps come after it.</summary>
    public void Begin()
    {
        Because(Frame);
        _sync = Outside.SocketPair();
        _childPath = Data.Add(ChildPath);
        ChildDirectory = Sync.OpenDirectory(_childPath);
        Inside.Close(_sync.First);
        Inside.SetUmask(0); // modes in the plan are meant as they stand
    }

    /// <summary>Adds the rest of the frame: the forks, the roles, and how each ends when another is gone.</summary>
    public void End(Descriptor control)
    {
        Because(Frame);
        var pidfd = Outside.Fork(Namespaces);
        Outside.KeepDigits(_childPath + ChildPath.Length);
        if (_handOver is null)
        {
            Inside.ReadByte(_sync.Second);
            Sync.Write(_sync.First, Data.Add("\n"u8), 1);
        }
        else
        {
            _handOver.Complete(Sync, _sync.First, Inside, _sync.Second);
        }

        Sync.Duplicate(pidfd, 0);
        Sync.Duplicate(control, 1);
        Sync.Duplicate(_sync.First, 2); // closed with the supervisor: whoever asks for the signal too late sees that
        if (Lease is not null)
        {
            Sync.Duplicate(Descriptor.Number((int)Lease.DangerousGetHandle()), 3);
        }

        Sync.CloseFrom(Lease is null ? 3 : 4);
        Sync.Supervise(Descriptor.Number(1), Descriptor.Number(0));

        Confined.Prctl(PrctlOption.PR_SET_DUMPABLE, 0);
        Confined.Prctl(PrctlOption.PR_SET_PDEATHSIG, (long)Signal.SIGKILL);
        Confined.CheckPeerLives(_sync.Second);
        if (Init)
        {
            Confined.Fork(default);
            var program = Confined.KeepResult();
            _init.Duplicate(control, 0);
            _init.CloseFrom(1);
            _init.Init(Descriptor.Number(0), program);
        }
    }

    /// <summary>Adds the last steps: what the program starts with, and its start.</summary>
    public void Execute(
        Descriptor control, IReadOnlyList<string> paths, IReadOnlyCollection<string> arguments, IReadOnlyCollection<string> environment)
    {
        Program.NewSession();
        Program.UnblockSignals();
        Program.Write(control, Data.Add((long)MessageKind.Started), sizeof(long));
        Program.CloseFrom(3, CloseRangeFlags.CLOSE_RANGE_CLOEXEC);
        Program.Execute(paths, arguments, environment);
    }

    /// <summary>Writes the steps behind the data, in one array, and joins the forks.</summary>
    public ReadOnlySpan<byte> Encode(Architecture architecture)
    {
        var count = 0;
        foreach (var stage in AllStages)
        {
            count += stage.Count;
        }

        Outside.Last.Fork = count - Sync.Count;
        if (Init)
        {
            Confined.Last.Fork = count - Sync.Count - _init.Count;
        }

        var address = Data.AddSteps(count);
        foreach (var stage in AllStages)
        {
            for (var i = 0; i < stage.Count; i++, address += EncodedStep.Size)
            {
                Data.Write(address, stage[i].Encode(architecture));
            }
        }

        return Data.Content;
    }

    /// <summary>The step with a number, as it prints, and the feature that asked for it.</summary>
    public (Step Step, string Text)? Find(int number)
    {
        foreach (var stage in AllStages)
        {
            if ((uint)number < (uint)stage.Count)
            {
                return (stage[number], stage[number].PrintCall(Data));
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

    /// <summary>An empty plan, whose memory may have served another.</summary>
    public static LaunchPlan Rent()
    {
        lock (Spare)
        {
            return Spare.TryPop(out var spare) ? spare : new();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        const int most = 16, mostBytes = 256 * 1024;
        if (Data.Length > mostBytes)
        {
            Data.Dispose();
            return;
        }

        foreach (var stage in AllStages)
        {
            stage.Clear();
        }

        Data.Clear();
        (_handOver, Lease, MapsIds) = (null, null, false);
        lock (Spare)
        {
            if (Spare.Count < most)
            {
                Spare.Push(this);
            }
        }
    }

    private static readonly Stack<LaunchPlan> Spare = new();

    private static readonly string[] StageNames = ["Outside", "Inside", "Root", "Pivoted", "Confined", "Program", "Init", "Sync"];

    /// <summary>In the order in which they stand in the plan.</summary>
    private LaunchStage[] AllStages => field ??= [Outside, Inside, Root, Pivoted, Confined, Program, _init, Sync];
}
