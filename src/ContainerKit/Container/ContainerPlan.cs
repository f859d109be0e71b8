using ContainerKit.Launch;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>Puts the features of a container in order: each adds its own steps to the plan of the launch.</summary>
internal static class ContainerPlan
{
    /// <summary>All that a start does.</summary>
    public static LaunchPlan Make(ContainerOptions options, Entrances? entrances = null) =>
        options.Restriction is null ? LaunchPlan.Make(plan => AddTo(plan, options, entrances))
            : MakeRestricted(options, entrances, isWhole: true);

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
            ProgramPlan.End(plan, options, user, root, FindPseudoterminals(plan, options, root));
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

    /// <summary>
    /// All that the start of a program does that has no namespaces; if it is a container's own, with what ends all of
    /// it.
    /// </summary>
    public static LaunchPlan MakeRestricted(ContainerOptions options, Entrances? entrances, bool isWhole) =>
        LaunchPlan.Make(plan =>
        {
            entrances?.AddBirthGroup(plan);
            plan.BeginUnseparated(sharesMemory: entrances is null && options.Descriptors.Count == 0);
            entrances?.AddTo(plan, plan.Early);
            if (isWhole)
            {
                entrances?.Guard(plan);
            }

            plan.Because("the host's files");
            var root = plan.Root.OpenDirectory(plan.Root.Data.Add("/"));
            ProgramPlan.End(plan, options, new(0, 0, [], options.Restriction!.Directory), root, default);
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
            ProgramPlan.Execute(plan, options);
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
        plan.FiltersInit = SeccompFilter.Of(options.Seccomp, options.Capabilities.Bounding) is not null;
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
        ProgramPlan.End(plan, options, user, root, pseudoterminals);
    }

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
}
