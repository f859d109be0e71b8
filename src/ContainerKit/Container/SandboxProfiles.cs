namespace ContainerKit;

/// <summary>
/// Options to begin with, for what programs are trusted with: values to vary with <c>with</c>, which must be given a
/// <see cref="ContainerOptions.Command"/>. What they require holds, or nothing is started.
/// </summary>
public static class SandboxProfiles
{
    private const IsolationProperties Apart =
        IsolationProperties.NoHostSockets | IsolationProperties.NoHostFiles | IsolationProperties.NoSignals
        | IsolationProperties.DiesWithHost | IsolationProperties.KillsAll;

    /// <summary>
    /// The strictest, for code that nobody trusts: no network, no socket and file of the host, the calls of
    /// <see cref="SeccompProfile.Plugin"/>. Where there are no namespaces it runs without, if it has
    /// <see cref="ContainerOptions.Limits"/> or is a <see cref="ContainerOptions.SingleProcess"/>, so that its end is
    /// the end of all that it started.
    /// </summary>
    public static ContainerOptions Plugin { get; } = new()
    {
        Command = [],
        MinimumIsolation = Isolation.Restricted,
        RequiredIsolation = Apart | IsolationProperties.NoNetwork,
        Seccomp = SeccompProfile.Plugin,
        Landlock = Scopes,
    };

    /// <summary>
    /// For compilers, scripts and tests, which start many processes: as strict by itself, with all calls that container
    /// engines allow, and still closed to the host's sockets when <see cref="ContainerOptions.Namespaces"/> gives it
    /// the host's network.
    /// </summary>
    public static ContainerOptions BuildStep { get; } = new()
    {
        Command = [],
        MinimumIsolation = Isolation.Rootless,
        RequiredIsolation = Apart | IsolationProperties.NoHostProcesses | IsolationProperties.ProcessLimit,
        MaxProcesses = 4096,
        Landlock = Scopes,
    };

    /// <summary>
    /// For programs made for Docker: 65,536 users and groups, the capabilities and the calls that Docker gives them,
    /// over what is the container's own. It needs a <see cref="ContainerOptions.Root"/> that suits them.
    /// </summary>
    public static ContainerOptions DockerCompatible { get; } = new()
    {
        Command = [],
        MinimumIsolation = Isolation.Rootless,
        RequiredIsolation = Apart | IsolationProperties.NoHostProcesses,
        IdMap = IdMap.Automatic(),
        Capabilities = new(CapabilitySet.Docker),
    };

    private static LandlockRules Scopes => new()
    {
        Scopes = LandlockScopes.AbstractSockets | LandlockScopes.Signals,
        BestEffort = true, // namespaces keep both in as well, and without them NoSignals asks for it
    };
}
