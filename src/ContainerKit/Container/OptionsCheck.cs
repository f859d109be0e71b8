using System.Runtime.CompilerServices;
using System.Text;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>Complains about options that cannot be meant, before anything is made.</summary>
internal static class OptionsCheck
{
    private const NamespaceKinds Needed = NamespaceKinds.User | NamespaceKinds.Mount | NamespaceKinds.Pid;

    /// <summary>Throws an <see cref="ArgumentException"/> that names the option and what it may be.</summary>
    public static void Validate(ContainerOptions options)
    {
        if (!OperatingSystem.IsLinux())
        {
            throw new PlatformNotSupportedException(
                "Containers are made by the Linux kernel; on other systems ContainerKit can only be built.");
        }

        Check(options.MinimumIsolation is null || Enum.IsDefined(options.MinimumIsolation.Value),
            $"MinimumIsolation is unknown: {options.MinimumIsolation}.");
        Check((options.RequiredIsolation & ~IsolationClaim.Known) == 0,
            $"RequiredIsolation holds an unknown property: {options.RequiredIsolation}.");
        CheckNamespaces(options);
        CheckProgram(options);
        options.Root.Validate();
        CheckOwners(options);
        foreach (var mount in options.Mounts)
        {
            CheckMount(options, mount);
        }

        CheckPaths(options);
        CapabilityCheck.Validate(options);
        options.Limits?.Validate();
    }

    /// <summary>The same for a container that outlives this process.</summary>
    public static void ValidateDetached(ContainerOptions options)
    {
        Check(options.StandardInput is StandardStream.NullStream,
            "StandardInput of a detached container is Null: nobody is there to write it.");
        Check(IsLeft(options.StandardOutput) && IsLeft(options.StandardError),
            "StandardOutput and StandardError of a detached container are Null or Log: nobody is there to read them.");
        Check(options.HasInit,
            "A detached container has an init, in a pid namespace of its own: so nothing outlives a supervisor that is "
                + "killed.");
        Check(options.MinimumIsolation is not Isolation.Restricted
            && !options.RequiredIsolation.HasFlag(IsolationProperties.DiesWithHost),
            "A detached container has namespaces, so that its end kills all, and does not die with its host: take "
                + "Restricted out of MinimumIsolation, and DiesWithHost out of RequiredIsolation.");
        Check(options.Timeout == Timeout.InfiniteTimeSpan && options.CpuTimeout == Timeout.InfiniteTimeSpan,
            "A detached container has no Timeout or CpuTimeout: who would see to it may end before it.");
        Check(options.Root is not DirectoryRoot { Changes.KeptIn: null } || !TemporaryLayer.IsNeeded,
            "Before Linux 6.6 a host removes a temporary layer: a detached container needs CopyOnWrite.In.");
        Validate(options with { StandardOutput = null, StandardError = null });

        static bool IsLeft(StandardStream? stream) =>
            stream is null or StandardStream.NullStream or StandardStream.LogStream;
    }

    /// <summary>The same for another program in a container that runs.</summary>
    public static void ValidateExec(ContainerOptions options) => CheckProgram(options);

    /// <summary>The same for a mount in a container that runs.</summary>
    public static void ValidateMount(ContainerOptions options, Mount mount)
    {
        Check(mount is not HostMount { MapIds: true },
            "MapIds is for mounts of a container's options: inside it nobody may map the host's ids.");
        Check(mount is not DescriptorMount,
            "A DescriptorMount is for a container's options: a container that runs cannot take open files.");
        CheckMount(options, mount);
    }

    /// <summary>Whose files a layer has, as a store of an ordinary user knows it.</summary>
    private static void CheckOwners(ContainerOptions options)
    {
        var map = options.IdMap is JoinedIdMap joined ? joined.Ids : options.IdMap;
        Check(options.Root is not LayersRoot { Ids: { } ids } || $"{ids}" == $"{map}"
            || !options.NewNamespaces.HasFlag(NamespaceKinds.User),
            $"The files of {options.Root} belong to other ids than {map} has: set IdMap to that of its LayerStore.");
    }

    private static void CheckMount(ContainerOptions options, Mount mount)
    {
        mount.Validate();
        CapabilityCheck.Validate(options, mount);
        Check(((CloneFlags)options.AllNamespaces).HasFlag(mount.Needs),
            $"{mount.GetType().Name} needs a namespace of the container's own: {(NamespaceKinds)mount.Needs}.");
    }

    private static void CheckProgram(ContainerOptions options)
    {
        Check(options.Command is [{ Length: > 0 }, ..], "Command must name a program.");
        foreach (var argument in options.Command)
        {
            Check(argument is not null && !HasNul(argument),
                "Command holds a null, or a NUL character, which ends a text for the kernel.");
        }

        foreach (var (name, value) in options.Environment)
        {
            Check(name.Length > 0 && !name.Contains('=', StringComparison.Ordinal) && !HasNul(name),
                $"The environment variable '{Shown(name)}' must have a name without '=' and NUL.");
            Check(value is not null && !HasNul(value),
                $"The environment variable '{name}' is null, or holds a NUL character, which ends it for the kernel.");
        }

        Check(options.WorkingDirectory.StartsWith('/') && !HasNul(options.WorkingDirectory),
            $"WorkingDirectory must be an absolute path in the container, not '{Shown(options.WorkingDirectory)}'.");
        Check(options.Umask is >= 0 and <= 0x1FF, "Umask is a number up to 777 in octal.");
        Check(options.Timeout == Timeout.InfiniteTimeSpan
            || (options.Timeout > TimeSpan.Zero && options.Timeout.TotalDays <= 40),
            "Timeout must be positive and at most 40 days, or Timeout.InfiniteTimeSpan.");
        Check(options.CpuTimeout == Timeout.InfiniteTimeSpan
            || (options.CpuTimeout > TimeSpan.Zero && options.CpuTimeout.TotalDays <= 40),
            "CpuTimeout must be positive and at most 40 days, or Timeout.InfiniteTimeSpan.");
        options.Capabilities.Validate();
        if (options.Landlock is { } rules)
        {
            LandlockCheck.Validate(rules, LandlockFeature.VersionOfKernel);
        }

        SeccompFilter.Of(options.Seccomp, options.Capabilities.Bounding); // which complains
        CheckLimits(options);
        CheckStreams(options);
        if (options.Descriptors.Count > 0 || options.SocketActivation || options.DescriptorNames.Count > 0)
        {
            PassedDescriptors.Validate(options);
        }
    }

    /// <summary>Complains besides about what only a container that was started can have.</summary>
    public static void ValidateRun(ContainerOptions options)
    {
        Check(options.StandardInput is not StandardStream.TerminalStream,
            "A run has nothing to reach a Terminal by: use StartAsync.");
        Check(options is not { StandardInput: StandardStream.PipedStream }
            and not { StandardOutput: StandardStream.PipedStream }
            and not { StandardError: StandardStream.PipedStream },
                "A run has no stream to reach a Pipe by: use StartAsync, or Capture or To for output.");
    }

    private static void CheckPaths(ContainerOptions options)
    {
        foreach (var path in options.Directories)
        {
            PathMasks.Validate(path, nameof(options.Directories));
        }

        foreach (var path in options.MaskedPaths)
        {
            PathMasks.Validate(path, nameof(options.MaskedPaths));
        }

        foreach (var path in options.ReadOnlyPaths)
        {
            PathMasks.Validate(path, nameof(options.ReadOnlyPaths));
        }
    }

    private static void CheckNamespaces(ContainerOptions options)
    {
        Check(options.HostName is { Length: > 0 and <= 64 } && IsHostName(options.HostName),
            $"HostName has 1 to 64 letters, digits, dots, hyphens and underscores: '{Shown(options.HostName)}'.");
        Check((options.Namespaces & ~NamespaceKinds.All) == 0,
            $"Namespaces holds an unknown kind: {options.Namespaces}.");
        Check(options.Namespaces.HasFlag(Needed),
            "A container needs user, mount and pid namespaces of its own: without the last, its end could leave "
                + "processes behind.");
        if (options.Join.Count > 0)
        {
            JoinedNamespaces.ValidateForContainer(options.Join);
        }

        Check(options.NewNamespaces.HasFlag(NamespaceKinds.Uts) || options.HostName == "container",
            "HostName needs a UTS namespace that is made; without one the name there is stays.");
        Check(options.TimeOffsets.IsNone || options.NewNamespaces.HasFlag(NamespaceKinds.Time),
            "TimeOffsets needs a time namespace that is made: add NamespaceKinds.Time.");
        Check(
            options.TimeOffsets.IsNone || Syscall.EffectiveUser == 0
                || options.NewNamespaces.HasFlag(NamespaceKinds.User),
            "In a user namespace that was joined only root may set TimeOffsets: join a time namespace that has them.");
        Check(!options.SocketActivation || options.NewNamespaces.HasFlag(NamespaceKinds.Pid),
            "SocketActivation needs a pid namespace that is made: in another's nobody knows the program's LISTEN_PID.");
        Check(options.MaxUserNamespaces == 0 || options.NewNamespaces.HasFlag(NamespaceKinds.User),
            "MaxUserNamespaces binds all of a user namespace: in one that is joined it is 0.");
        Check(!options.DelegateCgroup || options.NewNamespaces.HasFlag(NamespaceKinds.Cgroup),
            "DelegateCgroup needs a cgroup namespace that is made: from another's its limits could be changed.");
        Sysctls.Validate(options.Sysctls, options.NewNamespaces);
    }

    private static void CheckLimits(ContainerOptions options)
    {
        Check(options.MaxProcesses is null or >= 2,
            "MaxProcesses must be at least 2, for the init and the program, or null for no limit.");
        Check(options.MaxUserNamespaces >= 0, "MaxUserNamespaces must not be negative.");
        foreach (var limit in options.ResourceLimits)
        {
            Check(Enum.IsDefined(limit.Resource), $"ResourceLimits holds an unknown resource: {limit.Resource}.");
            Check(limit.Soft <= limit.Hard, $"The soft limit of {limit.Resource} must not exceed the hard one.");
            Check(limit.Resource is not Resource.RLIMIT_NPROC, "RLIMIT_NPROC is set by MaxProcesses.");
            Check(limit.Resource is not Resource.RLIMIT_CORE,
                "RLIMIT_CORE is fixed: a core must not reach a program of the host.");
            Check(options.ResourceLimits.Count(other => other.Resource == limit.Resource) == 1,
                $"ResourceLimits holds {limit.Resource} twice.");
        }
    }

    private static void CheckStreams(ContainerOptions options)
    {
        Check(options is not { StandardOutput: StandardStream.LogStream }
            and not { StandardError: StandardStream.LogStream },
            "A Log is for StartDetachedAsync: use Capture or To here.");
        Check(options.StandardInput is not StandardStream.CapturedStream and not StandardStream.ForwardedStream
            and not StandardStream.LogStream and not null,
            "StandardInput can be Null, Inherit, Pipe or Terminal; to capture or forward is for output.");
        var isTerminal = options.StandardInput is StandardStream.TerminalStream;
        Check(isTerminal == options.StandardOutput is StandardStream.TerminalStream
            && (isTerminal || options.StandardError is not StandardStream.TerminalStream),
            "A Terminal is both StandardInput and StandardOutput; StandardError can be it only with them.");
        Check(options.TerminalSize.IsPossible, TerminalSize.Complaint);
        Check((int)options.StopSignal is > 0 and <= 64, $"StopSignal is an unknown signal: {options.StopSignal}.");
        Check(options.StopTimeout >= TimeSpan.Zero && options.StopTimeout.TotalDays <= 40,
            "StopTimeout must be at least 0 and at most 40 days.");
    }

    private static void Check(bool holds, [InterpolatedStringHandlerArgument(nameof(holds))] Complaint complaint)
    {
        if (!holds)
        {
            throw new ArgumentException(complaint.Text.ToString());
        }
    }

    private static void Check(bool holds, string complaint)
    {
        if (!holds)
        {
            throw new ArgumentException(complaint);
        }
    }

    private static bool IsHostName(string name)
    {
        foreach (var character in name)
        {
            if (!char.IsAsciiLetterOrDigit(character) && character is not ('.' or '-' or '_'))
            {
                return false;
            }
        }

        return true;
    }

    private static bool HasNul(string text) => text.Contains('\0', StringComparison.Ordinal);

    /// <summary>A text that can be shown in a message: its first characters, without control characters.</summary>
    private static string Shown(string text) =>
        string.Concat((text.Length > 80 ? text[..80] + "…" : text).EnumerateRunes()
            .Select(rune => Rune.IsControl(rune) ? "␀" : rune.ToString()));

    /// <summary>A text that is only made when it is needed.</summary>
    [InterpolatedStringHandler]
    private readonly struct Complaint
    {
        public Complaint(int literalLength, int formattedCount, bool holds, out bool isNeeded)
        {
            _ = (literalLength, formattedCount);
            isNeeded = !holds;
            Text = holds ? null! : new StringBuilder();
        }

        public StringBuilder Text { get; }

        public void AppendLiteral(string text) => Text.Append(text);

        public void AppendFormatted(object? value) => Text.Append(value);
    }
}
