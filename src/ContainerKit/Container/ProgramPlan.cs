using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>What each plan ends with: the child is confined, and becomes the program.</summary>
internal static class ProgramPlan
{
    private const string DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    /// <summary>Adds all of it.</summary>
    public static void End(
        LaunchPlan plan, ContainerOptions options, ContainerUser user, Descriptor root, Descriptor pseudoterminals)
    {
        var (ofRestriction, ruleset) =
            (AddLandlock(plan, options.Restriction?.Landlock, root), AddLandlock(plan, options.Landlock, root));
        Confine(plan, options, user, root);
        plan.End();

        if (options.StandardInput is StandardStream.TerminalStream)
        {
            ProgramTerminal.Of(options).AddTo(plan, pseudoterminals);
        }

        // After the terminal, which is opened by its path, and before what is passed, which may take their numbers.
        Enforce(plan, options.Restriction?.Landlock, ofRestriction);
        Enforce(plan, options.Landlock, ruleset);
        if (options.Descriptors.Count > 0)
        {
            PassedDescriptors.AddTo(plan, options);
        }

        var command = $"the command '{options.Command[0]}'";
        plan.Because(command);
        plan.Announce();

        // The last, so that they bind nothing but the program: neither what starts it, nor an init.
        plan.Because("the resource limits");
        if (options.Restriction is not null || options.IdMap.Maps(Syscall.EffectiveUser))
        {
            SecurityFloor.LimitDescriptors(plan.Program, IsChosen(options));
        }

        foreach (var limit in options.ResourceLimits)
        {
            plan.Program.SetLimit(limit.Resource, limit.Soft, limit.Hard);
        }

        // Nothing comes after them but the program, or word of why it did not.
        AddFilters(plan, options);
        plan.Because(command);
        plan.Program.Execute(Candidates(options), options.Command, Environment(options, user));
    }

    /// <summary>Adds the start of a program that nothing confines.</summary>
    public static void Execute(LaunchPlan plan, ContainerOptions options) =>
        plan.Execute(Candidates(options), options.Command, Environment(options, default));

    /// <summary>Each lets pass what installs the next.</summary>
    private static void AddFilters(LaunchPlan plan, ContainerOptions options)
    {
        plan.Because(LaunchFailure.Seccomp);
        if (options.Restriction is { Seccomp: var ofRestriction })
        {
            Add(SeccompFilter.Of(ofRestriction, CapabilitySet.None));
        }

        if (options.SingleProcess)
        {
            Add(SeccompFilter.Of(SeccompProfile.SingleProcess, CapabilitySet.None));
        }

        if (options is { Seccomp: not null } or { Restriction: null }) // which allows no more than the default one
        {
            Add(SeccompFilter.Of(options.Seccomp, options.Capabilities.Bounding));
        }

        void Add(SeccompFilter? filter)
        {
            if (filter is not null)
            {
                plan.Program.SetFilter(filter.Bytes, filter.Flags);
            }
        }
    }

    private static void Confine(LaunchPlan plan, ContainerOptions options, ContainerUser user, Descriptor root)
    {
        var confined = plan.Confined;
        plan.Because("the security floor");
        SecurityFloor.Limit(confined, options.MaxProcesses, IsChosen(options));
        if (options.Restriction is null)
        {
            SecurityFloor.DropBoundingSet(confined, options.Capabilities.Bounding);
        }
        else
        {
            DropOfHost(plan, options);
        }

        if (options.IdMap.HasOtherIds)
        {
            plan.Because($"the user '{options.User}'");
            if (user.User != 0 && options.Capabilities.Permitted.Count > 0)
            {
                confined.Prctl(PrctlOption.PR_SET_KEEPCAPS, 1); // when root becomes another, and until exec
            }

            if (options.IdMap.AllowsGroups)
            {
                confined.SetGroups(user.Groups);
            }

            confined.SetIds(user.User, user.Group);
        }

        plan.Because("the security floor");
        SecurityFloor.DropPrivileges(confined, options.Capabilities, mayLackKeys: options.Restriction is not null);
        plan.Because($"the working directory '{options.WorkingDirectory}'");
        confined.ChangeDirectory(confined.OpenInRoot(root, options.WorkingDirectory, OpenFlags.O_PATH));
        confined.SetUmask((uint)options.Umask);
    }

    /// <summary>
    /// Drops what no namespace gives back, as far as this process may, while the supervisor tells the host of the
    /// child.
    /// </summary>
    private static void DropOfHost(LaunchPlan plan, ContainerOptions options)
    {
        if (Syscall.Has(Capability.CAP_SETPCAP))
        {
            SecurityFloor.DropBoundingSet(plan.Early, options.Capabilities.Bounding);
        }

        if (Syscall.Has(Capability.CAP_SETGID))
        {
            plan.Early.SetGroups([]);
            plan.Early.Last.Tolerate(Errno.EPERM); // by a user namespace around this process
        }
    }

    private static Func<Resource, bool> IsChosen(ContainerOptions options) => resource =>
        options.ResourceLimits.Count > 0 && options.ResourceLimits.Any(limit => limit.Resource == resource);

    /// <summary>Makes a ruleset while everything can be opened; it restricts nothing yet.</summary>
    private static Descriptor? AddLandlock(LaunchPlan plan, LandlockRules? rules, Descriptor root)
    {
        plan.Because(LaunchFailure.Landlock);
        return rules?.AddTo(plan.Confined, root, LandlockFeature.VersionOfKernel);
    }

    private static void Enforce(LaunchPlan plan, LandlockRules? rules, Descriptor? ruleset)
    {
        if (ruleset is { } made)
        {
            plan.Because(LaunchFailure.Landlock);
            rules!.Enforce(plan.Program, made, LandlockFeature.VersionOfKernel);
        }
    }

    private static IReadOnlyList<string> Candidates(ContainerOptions options)
    {
        var program = options.Command[0];
        return program.Contains('/', StringComparison.Ordinal)
            ? [program]
            : [.. (options.Environment.GetValueOrDefault("PATH") ?? DefaultPath)
                .Split(':', StringSplitOptions.RemoveEmptyEntries).DefaultIfEmpty("/")
                    .Select(directory => $"{directory}/{program}")];
    }

    private static List<string> Environment(ContainerOptions options, ContainerUser user)
    {
        var environment = new List<string>(options.Environment.Count + 2);
        foreach (var (name, value) in options.Environment)
        {
            environment.Add($"{name}={value}");
        }

        AddDefault("PATH", DefaultPath);
        AddDefault("HOME", user.Home);
        if (options.Restriction is { } restriction)
        {
            AddDefault("TMPDIR", restriction.Directory);
        }

        if (options.SocketActivation)
        {
            PassedDescriptors.Announce(environment, options);
        }

        return environment;

        void AddDefault(string name, string value)
        {
            if (!options.Environment.ContainsKey(name))
            {
                environment.Add($"{name}={value}");
            }
        }
    }
}
