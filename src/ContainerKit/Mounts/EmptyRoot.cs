using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>A root in memory, which is read-only once the mount points are made.</summary>
internal sealed record EmptyRoot : RootFilesystem
{
    /// <summary>The directories that the private mounts need.</summary>
    internal static readonly string[] SystemDirectories = ["proc", "dev", "sys", "tmp", "run"];

    /// <inheritdoc/>
    public override string ToString() => "RootFilesystem.Empty";

    internal override Descriptor AddTo(LaunchPlan plan, ContainerIdentity identity) => Make(plan);

    internal override void Fill(LaunchPlan plan, Descriptor root, ContainerIdentity identity) =>
        MakeSystemDirectories(plan, root);

    internal override void Seal(LaunchPlan plan, Descriptor root) => MakeReadOnly(plan, root);

    internal static Descriptor Make(LaunchPlan plan) =>
        plan.Root.MakeFileSystem(
            "tmpfs", MountAttributes.MOUNT_ATTR_NOSUID | MountAttributes.MOUNT_ATTR_NODEV, "mode=0755,size=1m");

    internal static void MakeSystemDirectories(LaunchPlan plan, Descriptor root)
    {
        foreach (var name in SystemDirectories)
        {
            plan.Pivoted.MakeDirectory(root, name, 0x1ED); // 0755
        }
    }

    internal static void MakeReadOnly(LaunchPlan plan, Descriptor root) =>
        plan.Pivoted.SetMountAttributes(root, MountAttributes.MOUNT_ATTR_RDONLY);
}
