using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>Pseudoterminals apart from those of /dev/pts, with a <c>ptmx</c> that makes them; pts(4).</summary>
public sealed record DevptsMount : Mount
{
    /// <summary>Mounts a new instance at <paramref name="target"/>.</summary>
    public DevptsMount(string target)
        : base(target)
    {
    }

    internal override Descriptor AddTo(LaunchPlan plan, Descriptor root)
    {
        const MountAttributes quiet = MountAttributes.MOUNT_ATTR_NOSUID | MountAttributes.MOUNT_ATTR_NOEXEC;
        return Attach(
            plan, root, plan.Root.MakeFileSystem("devpts", quiet, "newinstance,ptmxmode=0666,mode=0620"),
            isDirectory: true);
    }
}
