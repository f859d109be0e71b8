using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>
/// The POSIX message queues of the container's own IPC namespace, which it must have; mq_overview(7).
/// </summary>
public sealed record MqueueMount : Mount
{
    /// <summary>Shows them at <paramref name="target"/>, besides at /dev/mqueue.</summary>
    public MqueueMount(string target)
        : base(target)
    {
    }

    internal override CloneFlags Needs => CloneFlags.CLONE_NEWIPC;

    internal override Descriptor AddTo(LaunchPlan plan, Descriptor root)
    {
        const MountAttributes inert =
            MountAttributes.MOUNT_ATTR_NOSUID | MountAttributes.MOUNT_ATTR_NODEV | MountAttributes.MOUNT_ATTR_NOEXEC;
        return Attach(plan, root, plan.Root.MakeFileSystem("mqueue", inert), isDirectory: true);
    }
}
