using ContainerKit.Launch;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>Puts the features of a container in order: each adds its own steps to the plan of the launch.</summary>
internal static class ContainerPlan
{
    private const string DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    /// <summary>All that a start does.</summary>
    public static LaunchPlan Make(ContainerOptions options, Entrances? entrances = null) =>
        LaunchPlan.Make(plan => AddTo(plan, options, entrances));

    /// <summary>The same for a container that outlives its host, and is asked and told by files.</summary>
    public static LaunchPlan MakeDetached(
        ContainerOptions options, SafeFileHandle asked, SafeFileHandle told, SafeFileHandle locked,
        Entrances? entrances) =>
        LaunchPlan.Make(plan => AddTo(plan, options, entrances, () =>
        {
            plan.Detach(asked, told, locked);
            entrances?.HoldLock(plan);
        }));

    /// <summary>All that the start of another process in a container does, which has these namespaces.</summary>
    public static LaunchPlan MakeJoined(
        ContainerOptions options, IReadOnlyList<JoinedNamespace> namespaces, Entrances? entrances) =>
        LaunchPlan.Make(plan =>
        {
            var user = UserLookup.Find(options);
            entrances?.AddBirthGroup(plan);
            plan.BeginJoined(namespaces);
            entrances?.AddTo(plan, plan.Root);
            plan.Because(options.IdMap);
            options.IdMap.Enter(plan, user.User, user.Group);
            plan.Because("the container's root");
            var root = plan.Root.OpenDirectory(plan.Root.Data.Add("/"));
            End(plan, options, user, root, FindPseudoterminals(plan, options, root));
        });

    /// <summary>All that adds a mount to a container that runs.</summary>
    public static LaunchPlan MakeMount(
        ContainerOptions options, IReadOnlyList<JoinedNamespace> namespaces, Mount mount) =>
        LaunchPlan.Make(plan =>
        {
            BeginOutside(plan, options, namespaces);
            plan.Because("the container's root");
            var root = plan.Pivoted.OpenDirectory(plan.Pivoted.Data.Add("/"));
            plan.Because(mount);
            var tree = mount.AddTo(plan, root);
            plan.End();
            plan.Finish(tree);
        });

    /// <summary>All that takes one away again.</summary>
    public static LaunchPlan MakeUnmount(
        ContainerOptions options, IReadOnlyList<JoinedNamespace> namespaces, string target, SafeFileHandle mount) =>
        LaunchPlan.Make(plan =>
        {
            BeginOutside(plan, options, namespaces);
            plan.Because($"the mount at '{target}'");
            var descriptors = plan.Inside.Open(Descriptor.WorkingDirectory, "/proc/self/fd", OpenFlags.O_PATH);
            plan.Pivoted.Unmount(descriptors, plan.Inherit(mount)); // whatever its path leads to by now
            plan.End();
            plan.Finish(null);
        });

    /// <summary>All that the start of a program of the host in namespaces does.</summary>
    public static LaunchPlan MakeInNamespaces(ContainerOptions options, IReadOnlyList<Namespace> namespaces) =>
        LaunchPlan.Make(plan =>
        {
            JoinedNamespaces.Validate(namespaces);
            var joined = new JoinedNamespaces(namespaces);
            plan.BeginUncontained();
            plan.Because("the namespaces to join");
            joined.AddTo(plan);
            if (joined.User is not null)
            {
                // Who shares its pid namespace and its id could look into a program without privileges there.
                plan.Root.BecomeRoot(mustBe: joined.Kinds.HasFlag(NamespaceKinds.Pid));
            }

            plan.End();
            plan.Because($"the command '{options.Command[0]}'");
            plan.Execute(Candidates(options), options.Command, Environment(options, default));
        });

    private static void BeginOutside(
        LaunchPlan plan, ContainerOptions options, IReadOnlyList<JoinedNamespace> namespaces)
    {
        const CloneFlags later = CloneFlags.CLONE_NEWNS | CloneFlags.CLONE_NEWPID | CloneFlags.CLONE_NEWTIME;
        var user = UserLookup.Find(options);
        plan.BeginOutside([.. namespaces.Where(joined => !later.HasFlag(joined.Kind))]);
        plan.Because(options.IdMap);
        options.IdMap.Enter(plan, user.User, user.Group);
        plan.Because("the container's mount namespace");
        var mounts = namespaces.Single(joined => joined.Kind is CloneFlags.CLONE_NEWNS);
        plan.Pivoted.Join(plan.Inherit(mounts.File), CloneFlags.CLONE_NEWNS);
    }

    private static Descriptor FindPseudoterminals(LaunchPlan plan, ContainerOptions options, Descriptor root)
    {
        plan.Because(LaunchFailure.Terminal);
        return options.StandardInput is StandardStream.TerminalStream
            ? plan.Root.OpenInRoot(root, "/dev/pts", OpenFlags.O_PATH)
            : default;
    }

    private static void AddTo(
        LaunchPlan plan, ContainerOptions options, Entrances? entrances, Action? begun = null)
    {
        var user = UserLookup.Find(options);

        var later = NamespaceKinds.Time | (entrances is null ? NamespaceKinds.None : NamespaceKinds.Cgroup);
        plan.Namespaces = (CloneFlags)(options.NewNamespaces & ~later);
        plan.Init = options.HasInit;
        plan.FiltersInit = Filter(options) is not null;
        plan.Begin();
        begun?.Invoke();
        entrances?.AddBirthGroup(plan);
        entrances?.AddTo(plan, plan.Early);
        if (entrances is not null && options.NewNamespaces.HasFlag(NamespaceKinds.Cgroup))
        {
            plan.Early.Unshare(CloneFlags.CLONE_NEWCGROUP); // so that its root is the container's group
        }

        var joined = options.Join.Count == 0 ? null : new JoinedNamespaces(options.Join);
        AddNamespaces(plan, options, user, joined);
        var cgroup =
            options.NewNamespaces.HasFlag(NamespaceKinds.Cgroup) ? entrances?.ViewOf(options.DelegateCgroup) : null;
        var root = AddFiles(plan, options, user, joined, cgroup, out var pseudoterminals);
        End(plan, options, user, root, pseudoterminals);
    }

    private static void End(
        LaunchPlan plan, ContainerOptions options, ContainerUser user, Descriptor root, Descriptor pseudoterminals)
    {
        var ruleset = AddLandlock(plan, options, root);
        Confine(plan, options, user, root);
        plan.End();

        if (options.StandardInput is StandardStream.TerminalStream)
        {
            ProgramTerminal.Of(options).AddTo(plan, pseudoterminals);
        }

        if (ruleset is { } made)
        {
            // After the terminal, which is opened by its path, and before what is passed, which may take its number.
            plan.Because(LaunchFailure.Landlock);
            options.Landlock!.Enforce(plan.Program, made, LandlockFeature.VersionOfKernel);
        }

        if (options.Descriptors.Count > 0)
        {
            PassedDescriptors.AddTo(plan, options);
        }

        var command = $"the command '{options.Command[0]}'";
        plan.Because(command);
        plan.Announce();
        if (options.ResourceLimits.Count > 0)
        {
            // The last, so that they bind nothing but the program: neither what starts it, nor an init.
            plan.Because("the resource limits");
            foreach (var limit in options.ResourceLimits)
            {
                plan.Program.SetLimit(limit.Resource, limit.Soft, limit.Hard);
            }
        }

        if (Filter(options) is { } filter)
        {
            // Nothing comes after it but the program, or word of why it did not.
            plan.Because(LaunchFailure.Seccomp);
            plan.Program.SetFilter(filter.Bytes, filter.Flags);
        }

        plan.Because(command);
        plan.Program.Execute(Candidates(options), options.Command, Environment(options, user));
    }

    private static SeccompFilter? Filter(ContainerOptions options) =>
        SeccompFilter.Of(options.Seccomp, options.Capabilities.Bounding);

    private static void AddNamespaces(
        LaunchPlan plan, ContainerOptions options, ContainerUser user, JoinedNamespaces? joined)
    {
        plan.Because("the namespaces to join");
        joined?.AddTo(plan);
        plan.Because(options.IdMap);
        if (joined?.User is null)
        {
            options.IdMap.AddTo(plan, user.User, user.Group);
        }
        else
        {
            options.IdMap.AddIdentity(plan, user.User, user.Group);
        }

        var made = options.NewNamespaces;
        if (made.HasFlag(NamespaceKinds.Uts))
        {
            plan.Because("the host name");
            plan.Inside.SetHostName(options.HostName);
        }

        if (made.HasFlag(NamespaceKinds.Network))
        {
            plan.Because("the loopback interface");
            plan.Early.LoopbackUp();
        }

        if (made.HasFlag(NamespaceKinds.Time))
        {
            plan.Because("the time namespace");
            AddTime(plan.Early, options.TimeOffsets);
        }

        plan.Because("the container's namespaces");
        var foreign = joined is null ? default : joined.Kinds & ~(joined.Owned | NamespaceKinds.User);
        plan.HoldNamespaces((CloneFlags)foreign, (CloneFlags)(options.AllNamespaces & ~foreign));
    }

    /// <summary>A process cannot be born into a time namespace of its own; it makes one, and joins it.</summary>
    private static void AddTime(LaunchStage stage, TimeOffsets offsets)
    {
        stage.Unshare(CloneFlags.CLONE_NEWTIME);
        if (!offsets.IsNone)
        {
            stage.SetTimeOffsets($"{offsets}");
        }

        stage.Join(
            stage.Open(Descriptor.WorkingDirectory, "/proc/self/ns/time_for_children", OpenFlags.O_RDONLY),
            CloneFlags.CLONE_NEWTIME);
    }

    private static Descriptor AddFiles(
        LaunchPlan plan, ContainerOptions options, ContainerUser user, JoinedNamespaces? joined, CgroupView? cgroup,
        out Descriptor pseudoterminals)
    {
        const string system = "the private /proc, /sys, /dev, /tmp and /run";
        plan.Because(system);
        var systemMounts = new SystemMounts(
            plan, (CloneFlags)(options.NewNamespaces | (joined?.Owned ?? default)),
            (CloneFlags)(joined?.Kinds ?? default), cgroup, Settings(options));
        pseudoterminals = systemMounts.Pseudoterminals;

        plan.Because(options.Root);
        var identity = new ContainerIdentity(user.User, user.Group, options.HostName);
        var root = options.Root.AddTo(plan, identity);
        plan.Pivoted.Pivot(root);
        options.Root.Fill(plan, root, identity);

        plan.Because(system);
        systemMounts.AttachTo(plan.Pivoted, root);
        plan.Pivoted.LeaveOldRoot();
        foreach (var path in options.Directories)
        {
            plan.Because($"the directory '{path}'");
            plan.Pivoted.Close(MountPoint.Make(plan.Pivoted, root, path, isDirectory: true));
        }

        foreach (var mount in options.Mounts)
        {
            plan.Because(mount);
            mount.AddTo(plan, root);
        }

        AddPathMasks(plan, options, root);

        plan.Because(options.Root);
        options.Root.Seal(plan, root);
        return root;
    }

    private static List<KernelSetting> Settings(ContainerOptions options)
    {
        var settings = SecurityFloor.LimitsOfUser(options.MaxUserNamespaces);
        foreach (var (name, value) in options.Sysctls)
        {
            settings.Add(new(Sysctls.PathOf(name), value));
        }

        return settings;
    }

    private static void AddPathMasks(LaunchPlan plan, ContainerOptions options, Descriptor root)
    {
        foreach (var path in options.ReadOnlyPaths)
        {
            plan.Because($"the read-only path '{path}'");
            PathMasks.MakeReadOnly(plan, root, path);
        }

        foreach (var path in options.MaskedPaths)
        {
            plan.Because($"the masked path '{path}'");
            PathMasks.Hide(plan, root, path);
        }
    }

    private static void Confine(LaunchPlan plan, ContainerOptions options, ContainerUser user, Descriptor root)
    {
        var confined = plan.Confined;
        plan.Because("the security floor");
        SecurityFloor.Limit(
            confined, options.MaxProcesses,
            resource => options.ResourceLimits.Count > 0
                && options.ResourceLimits.Any(limit => limit.Resource == resource));
        SecurityFloor.DropBoundingSet(confined, options.Capabilities.Bounding);
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
        SecurityFloor.DropPrivileges(confined, options.Capabilities);
        plan.Because($"the working directory '{options.WorkingDirectory}'");
        confined.ChangeDirectory(confined.OpenInRoot(root, options.WorkingDirectory, OpenFlags.O_PATH));
        confined.SetUmask((uint)options.Umask);
    }

    /// <summary>Makes the ruleset while everything can be opened; it restricts nothing yet.</summary>
    private static Descriptor? AddLandlock(LaunchPlan plan, ContainerOptions options, Descriptor root)
    {
        if (options.Landlock is null)
        {
            return null;
        }

        plan.Because(LaunchFailure.Landlock);
        return options.Landlock.AddTo(plan.Confined, root, LandlockFeature.VersionOfKernel);
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
