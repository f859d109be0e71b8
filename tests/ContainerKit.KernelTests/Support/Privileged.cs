namespace ContainerKit.KernelTests;

/// <summary>Containers with every capability, as far as they may have it.</summary>
internal static class Privileged
{
    /// <summary>All capabilities but the one that mounts.</summary>
    public static CapabilitySet WithoutMounts { get; } = CapabilitySet.All.Without([Capability.CAP_SYS_ADMIN]);

    /// <summary>
    /// Python with all capabilities, or all that do not mount. To mount it needs a root that promises nothing, and ids
    /// that are not this user's; before Linux 6.6 such a one has no temporary layer.
    /// </summary>
    public static ContainerOptions Python(RootDirectory root, bool mounts, string script) => mounts
        ? Script.Python(script) with
        {
            Root = TemporaryLayer.IsNeeded && !Host.IsRoot
                ? RootFilesystem.Empty : RootFilesystem.Directory(root.Path, CopyOnWrite.Temporary),
            Mounts =
            [
                .. new[] { "/usr", "/bin", "/lib", "/lib64" }
                    .Where(path => path == "/usr" || (TemporaryLayer.IsNeeded && !Host.IsRoot))
                    .Select(path => new BindMount(path, path) { ReadOnly = false }),
            ],
            IdMap = Host.IsRoot ? IdMap.SingleId : IdMap.Automatic(),
            Capabilities = new(CapabilitySet.All),
        }
        : root.Options with { Command = Script.Python(script).Command, Capabilities = new(WithoutMounts) };
}
