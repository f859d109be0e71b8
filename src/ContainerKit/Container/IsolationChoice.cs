using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>
/// Finds how a host isolates a container that asks for something in particular: as well as it can, or not at all.
/// </summary>
internal sealed class IsolationChoice(Launcher launcher, bool withoutNamespaces, bool givesCgroups)
{
    private const string Tier = "isolation ";

    /// <summary>One with a limit of processes, which not everybody can set, and one without.</summary>
    private readonly Task<Trial>?[] _trials = new Task<Trial>?[2];

    /// <summary>Whether containers of these options ask for something.</summary>
    public bool IsAsked(ContainerOptions options) =>
        withoutNamespaces || options.MinimumIsolation is not null || options.RequiredIsolation is not 0;

    /// <summary>What isolates a container that has these options.</summary>
    public static Isolation Of(ContainerOptions options) =>
        options.Restriction is not null ? Isolation.Restricted
        : WhyNotFull(options) is null ? Isolation.Full
        : Isolation.Rootless;

    /// <summary>Gives the options of what this host does, which may be without namespaces.</summary>
    /// <exception cref="IsolationUnavailableException">It is not enough.</exception>
    /// <exception cref="LinuxException">There is no room to find out.</exception>
    public async ValueTask<ContainerOptions> ChooseAsync(ContainerOptions options, CancellationToken cancellationToken)
    {
        var missing = await WhyNoNamespacesAsync(options.MaxProcesses, cancellationToken).ConfigureAwait(false);
        options = givesCgroups ? options with { Limits = options.Limits ?? new() } : options;
        var minimum = options.MinimumIsolation ?? Isolation.Rootless;
        var isRestricted = missing is not null && minimum is Isolation.Restricted;
        List<HostFinding> report =
            [.. isRestricted ? RestrictedCheck.Find(options) : Tiers(options, missing, minimum)];
        foreach (var claim in IsolationClaim.All)
        {
            if (options.RequiredIsolation.HasFlag(claim.Property))
            {
                report.Add(HostFinding.Of(claim.Name, claim.WhyNot(options, isRestricted)));
            }
        }

        if (report.TrueForAll(finding => finding.IsAvailable))
        {
            return options with { IsRestricted = isRestricted };
        }

        if (missing is not null && !withoutNamespaces)
        {
            var starts = new HostStarts(new() { Launcher = launcher }, new(), cancellationToken);
            report.AddRange(await starts.RunAsync().ConfigureAwait(false)); // which say why, and what would change it
        }

        throw new IsolationUnavailableException(report);
    }

    /// <summary>The tiers of a host as its report has them.</summary>
    public static IEnumerable<HostFinding> Probe(HostFinding container)
    {
        var missing = container.IsAvailable ? null : HostRefusals.Needs(container.Name);
        var options = new ContainerOptions { Command = [""] };
        return [.. Tiers(options, missing, Isolation.Full), .. Tiers(options, missing, Isolation.Rootless),
            HostFinding.Of($"{Tier}{Isolation.Restricted}", RestrictedCheck.WhyNot())];
    }

    /// <summary>The finding of the least that was asked for, and of what is more where that is not to be had.</summary>
    private static IEnumerable<HostFinding> Tiers(ContainerOptions options, HostRefusal? missing, Isolation minimum)
    {
        if (minimum is Isolation.Full)
        {
            return [HostFinding.Of($"{Tier}{Isolation.Full}", missing ?? WhyNotFull(options))];
        }

        return [HostFinding.Of($"{Tier}{Isolation.Rootless}", missing)];
    }

    private static HostRefusal? WhyNotFull(ContainerOptions options) =>
        Syscall.EffectiveUser != 0
            ? new("This process is not root.", "Start it as root, or set MinimumIsolation to Rootless.")
            : (NamespaceKinds.Default & ~options.AllNamespaces) is not NamespaceKinds.None and var shared
                ? new($"The container shares the host's: Namespaces is without {shared}.", $"Add {shared}.")
            : options.IdMap.Maps(0)
                ? new(
                    $"With {options.IdMap} the container's users are this process's own: it may map no others, or was "
                    + "asked for that.",
                    "Leave IdMap as it is, and give this process CAP_SETUID and CAP_SETGID.")
                : null;

    private async Task<HostRefusal?> WhyNoNamespacesAsync(int? maxProcesses, CancellationToken cancellationToken)
    {
        if (withoutNamespaces)
        {
            return new(
                "ContainerHostOptions.WithoutNamespaces keeps its host from making namespaces.",
                "Take another ContainerHost, or set MinimumIsolation to Restricted.");
        }

        var kind = maxProcesses is null ? 1 : 0;
        var trial = LazyInitializer.EnsureInitialized(ref _trials[kind], () => TryAsync(maxProcesses));
        var (failure, wantsRoom, lasts) = await trial.WaitAsync(cancellationToken).ConfigureAwait(false);
        if (!lasts)
        {
            _ = Interlocked.CompareExchange(ref _trials[kind], null, trial); // there may be room the next time
        }

        return failure is null ? null
            : wantsRoom ? throw failure // or who uses up what there is would have others less isolated
            : HostRefusals.Step(failure, new());
    }

    /// <summary>
    /// The kernel says ENOSPC where there are no namespaces left, and where there are to be none. Of user namespaces
    /// the limit of 0 may be a parent's, which is not seen from here: they are taken for forbidden.
    /// </summary>
    private async Task<Trial> TryAsync(int? maxProcesses)
    {
        var attempt = new HostTry(launcher, CancellationToken.None);
        var failure = await attempt.StartContainerAsync(maxProcesses).ConfigureAwait(false);
        if (failure?.Errno is not Errno.ENOSPC)
        {
            var wantsRoom = failure?.Errno is Errno.EAGAIN or Errno.EMFILE or Errno.ENFILE or Errno.ENOMEM;
            return new(failure, wantsRoom, Lasts: !wantsRoom);
        }

        string[] kinds = ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"];
        if (kinds.Any(kind => HostSurroundings.NumberSetting($"user.max_{kind}_namespaces") == 0))
        {
            return new(failure, WantsRoom: false, Lasts: true);
        }

        var ofUser = await attempt.StartAsync(CloneFlags.CLONE_NEWUSER).ConfigureAwait(false);
        return new(ofUser ?? failure, WantsRoom: ofUser?.Errno is not Errno.ENOSPC, Lasts: false);
    }

    /// <summary>
    /// What came of a start; whether that says only what there is room for, and whether it will be so again.
    /// </summary>
    private sealed record Trial(LinuxException? Failure, bool WantsRoom, bool Lasts);
}
