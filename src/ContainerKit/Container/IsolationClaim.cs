namespace ContainerKit;

/// <summary>
/// One of the properties of isolation: how it is called, of which options it holds, and what is said where not.
/// </summary>
internal sealed record IsolationClaim(
    IsolationProperties Property, string Name,
    Func<ContainerOptions, HostRefusal?> InNamespaces, Func<ContainerOptions, HostRefusal?> InNone)
{
    private static readonly HostRefusal
        Together = new("The container lives in namespaces of others.", "Leave Join out."),
        Limited = new("The container has no such limit.", "Set it in ContainerOptions.Limits."),
        Lasting = new(
            "Without a pid namespace, what the program starts may outlive it.",
            "Set SingleProcess, or Limits where this user may make cgroups of version 2."),
        Unscoped = new(
            "This kernel's Landlock does not keep signals in, so that the program could kill whoever watches it.",
            "Run Linux 6.12 or newer.");

    /// <summary>All there are.</summary>
    public static readonly IReadOnlyList<IsolationClaim> All =
    [
        new(IsolationProperties.NoNetwork, "no network", Needs(NamespaceKinds.Network), SharesNoNetwork),
        new(IsolationProperties.NoHostSockets, "no sockets of the host",
            options => NotEntireHost(options) ?? HasNoNames(options), Always),
        new(IsolationProperties.NoHostFiles, "no files of the host", NotEntireHost, Always),
        new(IsolationProperties.NoHostProcesses, "no processes of the host", Needs(NamespaceKinds.Pid),
            _ => new("Without a pid namespace /proc shows all processes.", "Take this property out, or let this user "
                + "make namespaces.")),
        new(IsolationProperties.NoSignals, "no signals to the host", Needs(NamespaceKinds.Pid),
            _ => WhyNotScoped()),
        new(IsolationProperties.MemoryLimit, "a limit of memory", LimitsMemory, LimitsMemory),
        new(IsolationProperties.ProcessLimit, "a limit of processes",
            options => options.MaxProcesses is null ? LimitsProcesses(options) : null, LimitsProcesses),
        new(IsolationProperties.DiesWithHost, "dies with its host", Needs(NamespaceKinds.Pid),
            options => Ends(options) ?? WhyNotScoped()),
        new(IsolationProperties.KillsAll, "its end kills all", Needs(NamespaceKinds.Pid), Ends),
    ];

    /// <summary>All properties.</summary>
    public const IsolationProperties Known = (IsolationProperties)(2 * (int)IsolationProperties.KillsAll - 1);

    /// <summary>What holds of a container that has these options.</summary>
    public static IsolationProperties PropertiesOf(ContainerOptions options) =>
        options.Restriction?.Properties ?? PropertiesOf(options, isRestricted: false);

    /// <summary>What would hold of a container with these options.</summary>
    public static IsolationProperties PropertiesOf(ContainerOptions options, bool isRestricted)
    {
        var all = IsolationProperties.None;
        foreach (var claim in All)
        {
            all |= claim.WhyNot(options, isRestricted) is null ? claim.Property : 0;
        }

        return all;
    }

    /// <summary>Why it does not hold; null where it does.</summary>
    public HostRefusal? WhyNot(ContainerOptions options, bool isRestricted) =>
        (isRestricted ? InNone : InNamespaces)(options);

    private static HostRefusal? Always(ContainerOptions options) => null;

    private static Func<ContainerOptions, HostRefusal?> Needs(NamespaceKinds kind) => options =>
        options.NewNamespaces.HasFlag(kind) ? null
        : options.AllNamespaces.HasFlag(kind) ? Together
        : new($"The container shares the host's: Namespaces is without {kind}.", $"Add NamespaceKinds.{kind}.");

    private static HostRefusal? WhyNotScoped() =>
        LandlockFeature.VersionOfKernel >= LandlockFeature.OfScopes ? null : Unscoped;

    /// <summary>
    /// Sockets with a name alone are those of the network namespace, unless Landlock keeps the program in.
    /// </summary>
    private static HostRefusal? HasNoNames(ContainerOptions options) =>
        options.Landlock?.Scopes.HasFlag(LandlockScopes.AbstractSockets) is true
            && LandlockFeature.VersionOfKernel >= LandlockFeature.OfScopes ? null
            : Needs(NamespaceKinds.Network)(options);

    private static HostRefusal? SharesNoNetwork(ContainerOptions options) =>
        options.Namespaces.HasFlag(NamespaceKinds.Network) ? null : Needs(NamespaceKinds.Network)(options);

    private static HostRefusal? NotEntireHost(ContainerOptions options) => options.Root is EntireHostRoot
        ? new("RootFilesystem.EntireHost shows all of them.", "Take another Root.")
        : null;

    private static HostRefusal? LimitsMemory(ContainerOptions options) => Limit(options.Limits?.Memory);

    private static HostRefusal? LimitsProcesses(ContainerOptions options) => Limit(options.Limits?.Pids);

    private static HostRefusal? Limit(Limit? limit) =>
        limit is { } set && set != ContainerKit.Limit.Unlimited ? null : Limited;

    private static HostRefusal? Ends(ContainerOptions options) =>
        options.SingleProcess || options.Limits is not null || options.CpuTimeout != Timeout.InfiniteTimeSpan
            ? null : Lasting;
}
