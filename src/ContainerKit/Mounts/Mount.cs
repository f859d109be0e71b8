using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>Something that is mounted in the container, at an absolute path there.</summary>
public abstract record Mount
{
    private protected Mount(string target) => Target = target;

    /// <summary>
    /// Where: an absolute path without <c>.</c> and <c>..</c>. What is missing of it is made, unless the root is
    /// read-only.
    /// </summary>
    public string Target { get; init; }

    /// <summary>Complains about what no container can have.</summary>
    internal virtual void Validate() => MountPoint.Validate(Target);

    /// <summary>The namespace that a container must have of its own for it.</summary>
    internal virtual CloneFlags Needs => default;

    /// <summary>Whether nothing but the mount keeps the container from writing to the host's files.</summary>
    internal virtual bool IsReadOnlyOfHost => false;

    /// <summary>Adds the steps: what is of the host inside, the rest in the container's root.</summary>
    internal abstract Descriptor AddTo(LaunchPlan plan, Descriptor root);

    /// <summary>Attaches a tree at the target, and gives it back.</summary>
    private protected Descriptor Attach(LaunchPlan plan, Descriptor root, Descriptor tree, bool isDirectory)
    {
        plan.Pivoted.Attach(tree, MountPoint.Make(plan.Pivoted, root, Target, isDirectory));
        return tree;
    }
}
