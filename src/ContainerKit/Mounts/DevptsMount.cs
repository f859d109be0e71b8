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

    internal override void AddTo(LaunchPlan plan, Descriptor root)
    {
        const MountAttributes quiet = MountAttributes.MOUNT_ATTR_NOSUID | MountAttributes.MOUNT_ATTR_NOEXEC;
        plan.Pivoted.Attach(
            plan.Root.MakeFileSystem("devpts", quiet, "newinstance,ptmxmode=0666,mode=0620"),
            MountPoint.Make(plan.Pivoted, root, Target, isDirectory: true));
    }
}
