using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>
/// The container's /sys once more, with what is masked in it and mounted over it by then: read-only, and of its own
/// network namespace, which it must have; sysfs(5).
/// </summary>
public sealed record SysfsMount : Mount
{
    /// <summary>Shows it at <paramref name="target"/>.</summary>
    public SysfsMount(string target)
        : base(target)
    {
    }

    internal override CloneFlags Needs => CloneFlags.CLONE_NEWNET;

    internal override Descriptor AddTo(LaunchPlan plan, Descriptor root)
    {
        var tree = plan.Pivoted.CloneTree(root, "sys", OpenTreeFlags.AT_RECURSIVE | OpenTreeFlags.AT_SYMLINK_NOFOLLOW);
        return Attach(plan, root, tree, isDirectory: true);
    }
}
