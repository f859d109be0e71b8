using System.Runtime.InteropServices;
using ContainerKit.Linux;

namespace ContainerKit.Launch;

/// <summary>
/// A user namespace above the child's own: the launcher joins it before the fork, and may then map ids that only there
/// are its to map. The child's own keeps what is counted and limited by user namespace to one container.
/// </summary>
internal sealed partial class LaunchPlan
{
    private Descriptor _userNamespace;
    private object? _joinCause;
    private List<(Descriptor Namespace, CloneFlags Kind)>? _joinedLater;
    private bool _joins, _isHidden;

    /// <summary>
    /// Where the launcher can do with the host's files what this process can: while the child waits, or in
    /// <see cref="Outside"/> where it joins a user namespace after that.
    /// </summary>
    public LaunchStage WithHost => _joins ? Outside : Sync;

    /// <summary>
    /// Has the launcher join a user namespace that maps the same ids as the child's will, before anything is asked of
    /// <see cref="WithHost"/>. Nothing but launchers live in there, so it can be traced in there no more than here.
    /// </summary>
    public void JoinUserNamespace(SafeHandle userNamespace)
    {
        (_joins, _joinCause) = (true, Outside.Cause);
        _userNamespace = Inherit(userNamespace);
    }

    /// <summary>
    /// Has the launcher join a user namespace that becomes the child's own, in which others live: from in there the
    /// launcher cannot be read. No ids are mapped.
    /// </summary>
    public void LiveInUserNamespace(SafeHandle userNamespace)
    {
        JoinUserNamespace(userNamespace);
        _isHidden = true;
    }

    /// <summary>Has the launcher join a namespace once it has joined the user namespace.</summary>
    public void JoinLater(Descriptor @namespace, CloneFlags kind) => (_joinedLater ??= []).Add((@namespace, kind));

    /// <summary>
    /// Gives the child what the last step of <see cref="WithHost"/> opened, too: as the launcher has it, and as the
    /// child.
    /// </summary>
    public (Descriptor Outside, Descriptor Inside) HandDown()
    {
        if (_joins)
        {
            var inherited = Descriptor.ResultAt(Outside.Last.Store); // the fork copies it
            return (inherited, inherited);
        }

        _handOver ??= new(_first);
        var (place, received) = _handOver.Add();
        return (Sync.KeepResultAt(place), received);
    }

    /// <summary>
    /// Has a tree's files in <see cref="WithHost"/> belong to the container's ids with the same numbers.
    /// </summary>
    public void MapIds(Descriptor tree, bool recursive)
    {
        if (_joins)
        {
            Outside.MapIdsOf(tree, _userNamespace, recursive);
        }
        else
        {
            Sync.MapIds(tree, ChildDirectory, recursive);
        }
    }

    /// <summary>
    /// The same; where the file system or the kernel cannot, they stay ids that the container does not have.
    /// </summary>
    public void MapIdsIfPossible(Descriptor tree)
    {
        MapIds(tree, recursive: false);
        WithHost.Last.Tolerate(Errno.EINVAL);
        WithHost.Last.Tolerate(Errno.EPERM);
    }

    /// <summary>A plan that makes the launcher something, says so, and waits for the channel's end.</summary>
    public static LaunchPlan Making(object cause, Action<LaunchPlan> add) => Make(plan =>
    {
        plan.Init = false;
        plan.Because(cause);
        add(plan);
        plan.SayAndWait(); // fails at the end, and so ends the process
    });

    /// <summary>Has the launcher tell the host that it has come this far, and wait until it may go on.</summary>
    public void SayAndWait()
    {
        Outside.Write(Setup, _first.Add("\n"u8), 1);
        Outside.ReadByte(Setup);
    }

    /// <summary>Adds the steps that join.</summary>
    private void AddJoin()
    {
        if (!_joins)
        {
            return;
        }

        Because(_joinCause!);
        if (_isHidden)
        {
            Outside.Prctl(PrctlOption.PR_SET_DUMPABLE, 0);
        }

        Outside.Join(_userNamespace, CloneFlags.CLONE_NEWUSER);
        Outside.Close(_userNamespace);
        foreach (var (later, kind) in _joinedLater ?? [])
        {
            Outside.Join(later, kind);
        }
    }
}
