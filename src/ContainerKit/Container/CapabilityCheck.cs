using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>
/// Complains about options that promise what a container with CAP_SYS_ADMIN takes away: it mounts anew, writable, what
/// was read-only, and bares what was masked. A second user namespace would lock the mounts, but leave it without
/// privileges over its own network.
/// </summary>
internal static class CapabilityCheck
{
    private const string Prefix = "With CAP_SYS_ADMIN the container could undo ";

    /// <summary>Throws an <see cref="ArgumentException"/> that names the option and what it may be.</summary>
    public static void Validate(ContainerOptions options)
    {
        if (!MayMount(options))
        {
            return;
        }

        // Whose own /proc/sys, cgroups and files they are writes to them where nothing but a mount forbids it.
        if (options.IdMap.Maps(0) || options.IdMap.Maps(Syscall.EffectiveUser))
        {
            throw new ArgumentException(
                $"{Prefix}what protects the host's root and this process's user, whom {options.IdMap} has: use "
                + "IdMap.Automatic, or as root IdMap.SingleId.");
        }

        Check(!options.Root.IsReadOnlyOfHost,
            $"the read-only {options.Root}: use RootFilesystem.Directory with CopyOnWrite, or an image's layer.");
        Check(options.ReadOnlyPaths.Count == 0 && options.MaskedPaths.Count == 0,
            "ReadOnlyPaths and MaskedPaths: leave them out.");
    }

    /// <summary>The same of a mount.</summary>
    public static void Validate(ContainerOptions options, Mount mount)
    {
        if (MayMount(options))
        {
            Check(!mount.IsReadOnlyOfHost, $"that {mount} is read-only: set ReadOnly to false, or give it a copy.");
            Check(mount is not HostMount { UnlocksReadOnly: true },
                $"what the host has mounted read-only in {mount}: take another, or change MapIds or Recursive.");
        }
    }

    private static bool MayMount(ContainerOptions options) =>
        options.Capabilities.Bounding.Contains(Capability.CAP_SYS_ADMIN);

    private static void Check(bool holds, string promise)
    {
        if (!holds)
        {
            throw new ArgumentException($"{Prefix}{promise}");
        }
    }
}
