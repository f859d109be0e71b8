namespace ContainerKit;

/// <summary>
/// The capabilities of a program, all of them in the container's own user namespace; capabilities(7). A program of root
/// has <see cref="Permitted"/>, and all of it in effect once it executes. One of another user has
/// <see cref="Ambient"/>, and nothing else: what is merely permitted is lost when it is executed. None comes back by
/// executing a file, since no_new_privs is always set.
/// </summary>
public sealed record CapabilitySets
{
    /// <summary>Allows capabilities, permits them and puts them in effect; none is inheritable or ambient.</summary>
    public CapabilitySets(CapabilitySet allowed) => (Bounding, Permitted, Effective) = (allowed, allowed, allowed);

    /// <summary>No capability at all.</summary>
    public static CapabilitySets None { get; } = new(CapabilitySet.None);

    /// <summary>All that it, and whatever it executes, can ever have.</summary>
    public CapabilitySet Bounding { get; init; }

    /// <summary>What it may put in effect; all of it must be in <see cref="Bounding"/>.</summary>
    public CapabilitySet Permitted { get; init; }

    /// <summary>What is in effect until it is executed; all of it must be in <see cref="Permitted"/>.</summary>
    public CapabilitySet Effective { get; init; }

    /// <summary>
    /// What it may hand on to files that have it as inheritable, too; none unless said otherwise. All of it must be in
    /// <see cref="Bounding"/>.
    /// </summary>
    public CapabilitySet Inheritable { get; init; }

    /// <summary>
    /// What it has as another user than root, and hands on to all that it executes; none unless said otherwise. All of
    /// it must be in <see cref="Permitted"/> and in <see cref="Inheritable"/>.
    /// </summary>
    public CapabilitySet Ambient { get; init; }

    /// <summary>Complains about sets that the kernel does not grant together.</summary>
    internal void Validate()
    {
        Check(Permitted, nameof(Permitted), Bounding, nameof(Bounding));
        Check(Effective, nameof(Effective), Permitted, nameof(Permitted));
        Check(Inheritable, nameof(Inheritable), Bounding, nameof(Bounding));
        Check(Ambient, nameof(Ambient), Permitted, nameof(Permitted));
        Check(Ambient, nameof(Ambient), Inheritable, nameof(Inheritable));
    }

    private static void Check(CapabilitySet set, string name, CapabilitySet limit, string nameOfLimit)
    {
        if (set.Without(limit) is { Count: > 0 } missing)
        {
            throw new ArgumentException(
                $"Capabilities has {missing} in {name} and not in {nameOfLimit}: add it there, too.");
        }
    }
}
