using System.Runtime.InteropServices;

namespace ContainerKit;

/// <summary>For what a profile is compiled: an architecture, the program's capabilities, and a kernel.</summary>
internal sealed class SeccompTarget(Architecture architecture, CapabilitySet capabilities, Version? kernel = null)
{
    /// <summary>The architecture.</summary>
    public Architecture Architecture { get; } = architecture;

    /// <summary>The capabilities of its bounding set.</summary>
    public CapabilitySet Capabilities { get; } = capabilities;

    /// <summary>The kernel; this machine's unless said otherwise, which takes a while to ask for.</summary>
    public Version Kernel => field ??= kernel ?? Environment.OSVersion.Version;

    /// <summary>This machine.</summary>
    public static SeccompTarget Here(CapabilitySet capabilities) =>
        new(RuntimeInformation.ProcessArchitecture, capabilities);

    /// <summary>Whether a rule applies.</summary>
    public bool Meets(SeccompRule rule) =>
        (rule.Architecture is null || rule.Architecture == Architecture)
        && (rule.Capabilities.Mask & ~Capabilities.Mask) == 0
        && (rule.WithoutCapabilities.Mask & Capabilities.Mask) == 0
        && (rule.MinimumKernel is null || Kernel >= rule.MinimumKernel)
        && (rule.BelowKernel is null || Kernel < rule.BelowKernel);
}
