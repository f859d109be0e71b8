using System.Runtime.InteropServices;
using ContainerKit.Linux;

namespace ContainerKit.Launch;

internal sealed partial class LaunchPlan
{
    private const int FirstInherited = 7, FirstPassed = 3, FirstHeld = 4;

    private static readonly Descriptor Setup = Descriptor.Number(3);

    private List<SafeHandle>? _inherited;
    private List<Descriptor>? _passed;
    private List<SafeHandle>? _leases;
    private Descriptor[]? _held;
    private HandOver? _namespaces;
    private bool _startsElsewhere;

    /// <summary>What the launcher inherits beside its channels, in order.</summary>
    public ReadOnlySpan<SafeHandle> Inherited =>
        _inherited is null ? default : CollectionsMarshal.AsSpan(_inherited);

    /// <summary>
    /// Starts the child in a directory, which is then in sight from among its own mounts, too: the one that the kernel
    /// takes along. False when it starts in another already.
    /// </summary>
    public bool TryStartIn(Descriptor directory)
    {
        if (_startsElsewhere)
        {
            return false;
        }

        Outside.ChangeDirectory(directory);
        return _startsElsewhere = true;
    }

    private int PassedCount => _passed?.Count ?? 0;

    /// <summary>
    /// Whether nothing, such as a lock or a namespace, depends on how long the supervisor takes to end.
    /// </summary>
    public bool HoldsNothing => _isUnseparated && _leases is null;

    /// <summary>Has the supervisor hold a descriptor of this process while it lives, such as a lock.</summary>
    public void Hold(SafeHandle lease) => (_leases ??= []).Add(lease);

    /// <summary>
    /// Gives the launcher a descriptor of this process, which is copied at the start and stays its owner's.
    /// </summary>
    public Descriptor Inherit(SafeHandle handle)
    {
        _inherited ??= [];
        _inherited.Add(handle);
        return Descriptor.Number(FirstInherited + _inherited.Count - 1);
    }

    /// <summary>Gives the program a descriptor of this process: the first becomes 3, the next 4.</summary>
    public void Pass(SafeHandle handle)
    {
        _passed ??= [];
        _passed.Add(Inherit(handle));
    }

    /// <summary>
    /// Has the supervisor hold the child's namespaces open, which the child sends it: nobody else may look into a child
    /// that others must not look into.
    /// </summary>
    public void HoldNamespaces(CloneFlags foreign, CloneFlags others)
    {
        Held = new(foreign, others, First: 0); // which is known at the end
        var names = Held.InOrder();
        _held = new Descriptor[names.Count];
        _namespaces = new(_first);
        for (var i = 0; i < names.Count; i++)
        {
            Early.Open(Descriptor.WorkingDirectory, $"/proc/self/ns/{names[i].Name}", OpenFlags.O_RDONLY);
            (var place, _held[i]) = _namespaces.Add();
            Early.KeepResultAt(place);
        }

        _namespaces.Send(Early, Pair.Second, new Message(MessageKind.Opened, 0)); // of which a byte is read
    }

    /// <summary>The child's namespaces that the supervisor holds.</summary>
    public HeldNamespaces Held { get; private set; }

    /// <summary>
    /// Adds the steps that number what the supervisor holds, and close all else; the setup channel last, which says
    /// whether they fail. Each has a higher number than it gets, and none is overwritten before it was copied. Gives
    /// where the end is told.
    /// </summary>
    private Descriptor AddHeld(Descriptor pidfd)
    {
        if (_isHidden && !Syscall.Has(Capability.CAP_SYS_PTRACE))
        {
            Sync.Prctl(PrctlOption.PR_SET_DUMPABLE, 1); // or its host could open nothing of what it holds
        }

        if (_held is not null)
        {
            Sync.Duplicate(Control, (int)Pair.Second.Value); // closed, or a child that failed would be waited for
            _namespaces!.Receive(Sync, Pair.First);
        }

        if (_detached is not null)
        {
            LeaveDirectory(Sync);
        }

        Sync.Duplicate(pidfd, 0);
        Sync.Duplicate(_detached?.Asked ?? Control, 1);
        Sync.Duplicate(Pair.First, 2); // closed with the supervisor: whoever asks for the signal too late sees that
        var next = FirstHeld;
        for (var i = 0; i < _leases?.Count; i++)
        {
            Sync.Duplicate(Inherit(_leases[i]), next++);
        }

        Held = Held with { First = next };
        for (var i = 0; i < _held?.Length; i++)
        {
            Sync.Duplicate(_held[i], next++);
        }

        Sync.CloseFrom(next);
        Sync.Close(Setup);
        return Descriptor.Number(_detached is null ? 1 : FirstHeld);
    }

    /// <summary>
    /// Adds the steps that number what is passed. Each is inherited under a higher number than it gets, and none is
    /// overwritten before it was copied. The setup channel says whether exec fails, so it makes way to above them all.
    /// </summary>
    private void AddPassed()
    {
        if (_passed is null)
        {
            return;
        }

        Program.Duplicate(Setup, FirstInherited + Inherited.Length);
        Program.KeepResultAt(PlanData.MovedSetup);
        for (var i = 0; i < _passed.Count; i++)
        {
            Program.Duplicate(_passed[i], FirstPassed + i, OpenFlags.O_RDONLY); // which exec does not close
        }
    }
}
