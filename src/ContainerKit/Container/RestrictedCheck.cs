namespace ContainerKit;

/// <summary>What keeps a container from being started without namespaces, all of it together.</summary>
internal static class RestrictedCheck
{
    /// <summary>Whether the kernel can, and each option that needs a namespace.</summary>
    public static IEnumerable<HostFinding> Find(ContainerOptions options)
    {
        yield return HostFinding.Of($"isolation {Isolation.Restricted}", WhyNot());
        foreach (var (name, isSet, kind) in OptionsOf(options))
        {
            if (isSet)
            {
                yield return HostFinding.No(name, new(
                    $"It needs a {kind} namespace, and the program is to run without.",
                    "Leave it out, or let this user make namespaces: HostReport.ProbeAsync says how."));
            }
        }

        if (options.MaxProcesses is not (null or ContainerOptions.DefaultMaxProcesses))
        {
            yield return HostFinding.No(nameof(options.MaxProcesses), new(
                "Without a user namespace it would count all processes of this user.", "Use Limits.Pids."));
        }
    }

    /// <summary>Complains about what another program cannot have there.</summary>
    /// <exception cref="IsolationUnavailableException">There is such an option.</exception>
    public static void ValidateExec(ContainerOptions program)
    {
        if (program.Restriction is null)
        {
            return;
        }

        List<HostFinding> findings = [.. Find(program)];
        if (!findings.TrueForAll(finding => finding.IsAvailable))
        {
            throw new IsolationUnavailableException(findings);
        }
    }

    /// <summary>Why this kernel cannot; null where it can.</summary>
    public static HostRefusal? WhyNot()
    {
        if (LandlockFeature.VersionOfKernel > 0)
        {
            return null;
        }

        var landlock = HostKernel.Landlock();
        return landlock.IsAvailable ? null : new($"There is no Landlock: {landlock.Reason}", landlock.Remedy!);
    }

    private static IEnumerable<(string Name, bool IsSet, string Kind)> OptionsOf(ContainerOptions options)
    {
        const string mount = "mount", user = "user", pid = "pid", its = "its own";
        return
        [
            (nameof(options.Root), options.Root is not HostSystemRoot, mount),
            (nameof(options.Mounts), !options.Mounts.All(IsPath) || CoverMore(options.Mounts), mount),
            (nameof(options.Directories), options.Directories.Count > 0, mount),
            (nameof(options.MaskedPaths), options.MaskedPaths.Count > 0, mount),
            (nameof(options.ReadOnlyPaths), options.ReadOnlyPaths.Count > 0, mount),
            (nameof(StandardStream.Terminal), options.StandardInput is StandardStream.TerminalStream, mount),
            (nameof(options.User), options.User is not "0", user),
            (nameof(options.Groups), options.Groups.Count > 0 || options.GroupsOfUser, user),
            (nameof(options.IdMap), options.IdMap != IdMap.SingleId, user),
            (nameof(options.Capabilities), options.Capabilities.Bounding.Count > 0, user),
            (nameof(options.MaxUserNamespaces), options.MaxUserNamespaces > 0, user),
            (nameof(options.SocketActivation), options.SocketActivation, pid),
            (nameof(options.HostName), options.HostName != ContainerOptions.DefaultHostName, "UTS"),
            (nameof(options.DelegateCgroup), options.DelegateCgroup, "cgroup"),
            (nameof(options.TimeOffsets), !options.TimeOffsets.IsNone, "time"),
            (nameof(options.Namespaces), (options.Namespaces & ~NamespaceKinds.Default) != 0, its),
            (nameof(options.Join), options.Join.Count > 0, its),
            (nameof(options.Sysctls), options.Sysctls.Count > 0, its),
        ];
    }

    /// <summary>Whether it shows files where they are, which Landlock can allow.</summary>
    private static bool IsPath(Mount mount) =>
        mount is BindMount { MapIds: false, Recursive: true, Propagation: MountPropagation.Private } bind
        && bind.Source == bind.Target;

    /// <summary>Whether one allows less than what it would cover: rules of Landlock only add up.</summary>
    private static bool CoverMore(IReadOnlyList<Mount> mounts)
    {
        List<LandlockPath> shown =
        [
            .. HostSystemRoot.Directories.Select(path => new LandlockPath(path, LandlockAccess.ReadExecute)),
            .. mounts.OfType<BindMount>().Select(Restriction.Of),
        ];
        return shown.Index().Any(last => shown.Take(last.Index).Any(
            first => (Lies(last.Item, first) || Lies(first, last.Item)) && (first.Access & ~last.Item.Access) != 0));

        static bool Lies(LandlockPath inner, LandlockPath outer) =>
            Directory(inner).StartsWith(Directory(outer), StringComparison.Ordinal);

        static string Directory(LandlockPath path) => Path.GetFullPath($"{path.Path}/");
    }
}
