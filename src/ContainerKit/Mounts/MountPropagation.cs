namespace ContainerKit;

/// <summary>
/// Whether what the host mounts later appears in a container. The other way there is nothing to choose: a container has
/// its own user namespace, and the kernel lets no mount of such a one reach the host.
/// </summary>
public enum MountPropagation
{
    /// <summary>It does not.</summary>
    Private = 0,

    /// <summary>
    /// What the host mounts and unmounts below the directory comes and goes in the container, too: with the host's
    /// attributes, so writable and executable where it is that on the host.
    /// </summary>
    Slave = 1,
}
