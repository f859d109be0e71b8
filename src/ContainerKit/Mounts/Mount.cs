using ContainerKit.Launch;

namespace ContainerKit;

/// <summary>Something that is mounted in the container, at an absolute path there.</summary>
public abstract record Mount
{
    private protected Mount(string target) => Target = target;

    /// <summary>Where: an absolute path without <c>.</c> and <c>..</c>. What is missing of it is made, unless the root is read-only.</summary>
    public string Target { get; init; }

    /// <summary>Complains about what no container can have.</summary>
    internal virtual void Validate() => MountPoint.Validate(Target);

    /// <summary>Adds the steps: what is of the host inside, the rest in the container's root.</summary>
    internal abstract void AddTo(LaunchPlan plan, Descriptor root);
}
