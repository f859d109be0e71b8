using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>Namespaces that are there already, in which a container is to live.</summary>
internal sealed class JoinedNamespaces
{
    private readonly IReadOnlyList<Namespace> _list;

    /// <summary>Namespaces that <see cref="Validate"/> has nothing against.</summary>
    public JoinedNamespaces(IReadOnlyList<Namespace> list)
    {
        _list = list;
        Kinds = KindsOf(list);
        User = list.FirstOrDefault(joined => joined.Kind is NamespaceKinds.User);
        Owned = User is null ? default : KindsOf(list.Where(IsOwned));
    }

    /// <summary>The kinds there are.</summary>
    public NamespaceKinds Kinds { get; }

    /// <summary>The kinds over which the container's own root has privileges while it is set up.</summary>
    public NamespaceKinds Owned { get; }

    /// <summary>The user namespace among them, if there is one.</summary>
    public Namespace? User { get; }

    /// <summary>All kinds of a list.</summary>
    public static NamespaceKinds KindsOf(IEnumerable<Namespace> list) =>
        list.Aggregate(NamespaceKinds.None, (kinds, joined) => kinds | joined.Kind);

    /// <summary>Complains about what cannot be joined together.</summary>
    public static void Validate(IReadOnlyList<Namespace> list)
    {
        if (list.Count == 0)
        {
            throw new ArgumentException("There is no namespace to join.");
        }

        foreach (var joined in list)
        {
            if (joined is null || joined.File.IsInvalid || list.Count(other => other?.Kind == joined.Kind) > 1)
            {
                throw new ArgumentException($"Null cannot be joined, nor two namespaces of one kind: {joined}.");
            }
        }
    }

    /// <summary>Complains about what no container can live in.</summary>
    public static void ValidateForContainer(IReadOnlyList<Namespace> list)
    {
        Validate(list);
        foreach (var joined in list)
        {
            if (joined.Kind is NamespaceKinds.Mount)
            {
                throw new ArgumentException(
                    "A container has files of its own, and joins no mount namespace: start the program with ExecAsync "
                    + "of the container that has it, or with RunAsync of the namespace.");
            }

            if (joined.Kind is NamespaceKinds.User && IsOfThisProcess(joined))
            {
                throw new ArgumentException("A container does not live in this process's own user namespace.");
            }

            if (joined.Kind is NamespaceKinds.Pid && list.All(other => other.Kind is not NamespaceKinds.User))
            {
                throw new ArgumentException(
                    "A pid namespace can only be joined with the user namespace that owns it, whose /proc it has: add "
                    + "the one that OpenOwner gives.");
            }
        }
    }

    /// <summary>
    /// Has the launcher join them: those of the user namespace once it is in there, and has privileges over them. A
    /// mount namespace is for the child alone.
    /// </summary>
    public void AddTo(LaunchPlan plan)
    {
        foreach (var joined in _list.Where(joined => joined != User))
        {
            var (file, kind) = (plan.Inherit(joined.File), (CloneFlags)joined.Kind);
            if (joined.Kind is NamespaceKinds.Mount)
            {
                plan.Root.Join(file, kind);
            }
            else if (Owned.HasFlag(joined.Kind))
            {
                plan.JoinLater(file, kind);
            }
            else
            {
                plan.Outside.Join(file, kind);
            }
        }

        if (User is not null)
        {
            plan.LiveInUserNamespace(User.File);
            User.Ids?.AddTo(plan);
        }
    }

    private static bool IsOfThisProcess(Namespace joined)
    {
        using var own = Namespace.OfThisProcess(joined.Kind);
        return own.Equals(joined);
    }

    private bool IsOwned(Namespace joined)
    {
        try
        {
            using var owner = joined.OpenOwner();
            return owner.Equals(User);
        }
        catch (LinuxException above) when (above.Errno is Errno.EPERM)
        {
            return false; // of a parent of this process's user namespace
        }
    }
}
