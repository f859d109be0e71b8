using ContainerKit.Launch;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>All of the host's tree, read-only.</summary>
internal sealed record EntireHostRoot : RootFilesystem
{
    /// <inheritdoc/>
    public override string ToString() => "RootFilesystem.EntireHost";

    internal override bool IsReadOnlyOfHost => true;

    internal override SafeFileHandle? OpenForLookup() => Syscall.Open("/", OpenFlags.O_PATH);

    internal override Descriptor AddTo(LaunchPlan plan, ContainerIdentity identity) =>
        DirectoryRoot.CloneReadOnly(plan.Inside, "/");
}
