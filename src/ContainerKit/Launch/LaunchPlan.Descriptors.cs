using System.Runtime.InteropServices;
using ContainerKit.Linux;

namespace ContainerKit.Launch;

internal sealed partial class LaunchPlan
{
    private const int FirstInherited = 6, FirstPassed = 3;

    private static readonly Descriptor Setup = Descriptor.Number(4);

    private List<SafeHandle>? _inherited;
    private List<Descriptor>? _passed;
    private List<SafeHandle>? _leases;
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
    /// Adds the steps that number what is held, from 3 on, and gives how many there are. Each is inherited under a
    /// higher number than it gets.
    /// </summary>
    private int AddLeases()
    {
        var count = _leases?.Count ?? 0;
        for (var i = 0; i < count; i++)
        {
            Sync.Duplicate(Inherit(_leases![i]), 3 + i);
        }

        return count;
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
