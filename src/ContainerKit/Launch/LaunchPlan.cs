using ContainerKit.Linux;

namespace ContainerKit.Launch;

/// <summary>
/// Everything a start does, as data: features add their steps to its stages, between <see cref="Begin"/> and
/// <see cref="End"/>, which join them by the forks, roles and channels that every start has. It has two parts: a
/// launcher that has run the first can wait for the second, and serve any start whose first part is the same.
/// </summary>
internal sealed partial class LaunchPlan : IDisposable
{
    private readonly PlanData _first = PlanData.First(), _second = PlanData.Second();
    private readonly LaunchStage _init;
    private HandOver? _handOver;
    private bool _entersContainer, _isUnseparated, _forksPlainly, _sharesMemory, _isEncoded;

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

    /// <summary>
    /// The same, once its ids are mapped: what it makes is the container's, what it opens it opens as the host.
    /// </summary>
    public LaunchStage Mapped { get; }

    /// <summary>
    /// In the child in its new namespaces, before it changes identity; the host's files are in sight.
    /// </summary>
    public LaunchStage Inside { get; }

    /// <summary>
    /// In the child as the container's root, with every capability in there: its file systems are made.
    /// </summary>
    public LaunchStage Root { get; }

    /// <summary>
    /// The same, from the pivot to the container's root on: nothing of the host is in sight, and they are attached.
    /// </summary>
    public LaunchStage Pivoted { get; }

    /// <summary>In the child: what it may no longer do. With an init, the init is confined too.</summary>
    public LaunchStage Confined { get; }

    /// <summary>In the process that becomes the program.</summary>
    public LaunchStage Program { get; }

    /// <summary>The namespaces that are made.</summary>
    public CloneFlags Namespaces { get; set; }

    /// <summary>
    /// The directory of a cgroup of version 2 that the child is born into: to enter it later takes the kernel a wait of
    /// milliseconds.
    /// </summary>
    public Descriptor? BirthGroup { get; set; }

    /// <summary>Whether a reaping init is PID 1, and the program its child.</summary>
    public bool Init { get; set; } = true;

    /// <summary>Whether the init may make no other calls than those of its role.</summary>
    public bool FiltersInit { get; set; }

    /// <summary>The child's directory of /proc, for steps of <see cref="Sync"/>.</summary>
    public Descriptor ChildDirectory { get; private set; }

    /// <summary>
    /// Whether the container's ids are others than the host's, and the launcher may map them in mounts, too.
    /// </summary>
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
        (_held, _namespaces, Held, _detached, BirthGroup) = (null, null, default, null, null);
        (_inherited, _passed, _startsElsewhere, KeepsOwner, FiltersInit) = (null, null, false, false, false);
        (_isUnseparated, _forksPlainly, _sharesMemory, _guarded) = (false, false, false, null);
        (_entersContainer, _joins, _isHidden, _joinCause, _joinedLater) = (false, false, false, null, null);
        lock (Unused)
        {
            if (Unused.Count < most)
            {
                Unused.Push(this);
            }
        }
    }

    private static readonly Stack<LaunchPlan> Unused = new();

    /// <summary>In the order in which they stand in the plan.</summary>
    private LaunchStage[] AllStages => field ??= [.. OfFirstPart, .. OfSecondPart];

    private LaunchStage[] OfFirstPart => field ??= [Outside, Early, Mapped, Sync];

    private LaunchStage[] OfSecondPart => field ??= [Inside, Root, Pivoted, Confined, Program, _init];
}
