namespace ContainerKit.Launch;

/// <summary>A setting of the kernel for a container's namespaces, by its path below /proc.</summary>
internal sealed record KernelSetting(string Path, string Value)
{
    /// <summary>Whether a kernel may lack it, and with it what it limits.</summary>
    public bool MayBeMissing { get; init; }
}
