using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>
/// What a program may do beside what its user may and its mounts allow: what is restricted and not allowed fails with
/// EACCES or EPERM, for all that it executes, and nothing lifts it; landlock(7). With files restricted, it mounts
/// nothing either. Open files that it is given are not restricted.
/// </summary>
public sealed record LandlockRules
{
    /// <summary>Of how many paths the places, two each at the most, are left for exec to close: in less time.</summary>
    private const int MostOpen = 64;

    /// <summary>
    /// What it may do with which files of the container; with all others, nothing of
    /// <see cref="RestrictedAccess"/>. It needs <see cref="LandlockAccess.ReadExecute"/> for itself, its loader and its
    /// libraries. Null, unless said otherwise, restricts no files.
    /// </summary>
    public IReadOnlyList<LandlockPath>? Paths { get; init; }

    /// <summary>
    /// What is denied where none of <see cref="Paths"/> allows it; all there is unless said otherwise, which needs
    /// Linux 6.10.
    /// </summary>
    public LandlockAccess RestrictedAccess { get; init; } = LandlockAccess.All;

    /// <summary>
    /// The TCP ports that it may listen on, 0 for any that is free; Linux 6.7. Null, unless said otherwise, restricts
    /// none. The kernel does not restrict Multipath TCP, UDP and others.
    /// </summary>
    public IReadOnlyList<int>? TcpBindPorts { get; init; }

    /// <summary>The TCP ports that it may connect to, in the same way; null for all.</summary>
    public IReadOnlyList<int>? TcpConnectPorts { get; init; }

    /// <summary>
    /// What does not reach processes outside; Linux 6.12. Others of the container count as outside, its init and those
    /// of <see cref="Container.ExecAsync"/> too. Nothing unless said otherwise.
    /// </summary>
    public LandlockScopes Scopes { get; init; }

    /// <summary>Whether denials are logged by the host's audit(8); Linux 6.15. False unless said otherwise.</summary>
    public bool LogsDenials { get; init; }

    /// <summary>
    /// Whether those are that come of further rules, which the program restricts itself by; true unless said otherwise,
    /// and false needs Linux 6.15.
    /// </summary>
    public bool LogsNestedDenials { get; init; } = true;

    /// <summary>
    /// Whether a kernel may leave out what it cannot restrict, or all if it has no Landlock. False unless said
    /// otherwise: then a start there is a <see cref="PlatformNotSupportedException"/> that says what is missing.
    /// </summary>
    public bool BestEffort { get; init; }

    private bool HasPorts => TcpBindPorts is not null || TcpConnectPorts is not null;

    /// <summary>Complains about rules that cannot be meant.</summary>
    internal void Validate()
    {
        Check(Paths is not null || HasPorts || Scopes is not LandlockScopes.None,
            "Landlock restricts nothing: set Paths, TcpBindPorts, TcpConnectPorts or Scopes, or leave it null.");
        Check(RestrictedAccess is not LandlockAccess.None && (RestrictedAccess & ~LandlockAccess.All) == 0,
            "RestrictedAccess is some of LandlockAccess; to restrict no files leave Paths null.");
        Check((Scopes & ~(LandlockScopes.AbstractSockets | LandlockScopes.Signals)) == 0,
            $"Scopes holds an unknown one: {Scopes}.");
        foreach (var path in Paths ?? [])
        {
            Check(path is not null, "Paths holds a null.");
            path!.Validate();
        }

        foreach (var port in (TcpBindPorts ?? []).Concat(TcpConnectPorts ?? []))
        {
            Check(port is >= 0 and <= ushort.MaxValue, $"A port is 0 to 65535, not {port}.");
        }
    }

    /// <summary>What must be there for all of it to be restricted.</summary>
    internal IEnumerable<LandlockFeature> Needs => LandlockFeature.All.Where(feature => feature.Version switch
    {
        1 => true,
        2 => IsRestricted(LandlockAccess.Refer),
        3 => IsRestricted(LandlockAccess.Truncate),
        4 => HasPorts,
        5 => IsRestricted(LandlockAccess.ControlDevice),
        6 => Scopes is not LandlockScopes.None,
        _ => LogsDenials || !LogsNestedDenials,
    });

    /// <summary>
    /// Adds the steps that make a ruleset of what a version of Landlock can restrict; none where that is nothing.
    /// </summary>
    internal Descriptor? AddTo(LaunchStage stage, Descriptor root, int version)
    {
        var restricted = Paths is null ? LandlockAccess.None : RestrictedAccess & LandlockFeature.AccessOf(version);
        var ports = version < 4 ? LandlockPortRights.None
            : (TcpBindPorts is null ? 0 : LandlockPortRights.LANDLOCK_ACCESS_NET_BIND_TCP)
                | (TcpConnectPorts is null ? 0 : LandlockPortRights.LANDLOCK_ACCESS_NET_CONNECT_TCP);
        var scopes = version < 6 ? LandlockScopes.None : Scopes;
        if (restricted is LandlockAccess.None && ports is LandlockPortRights.None && scopes is LandlockScopes.None)
        {
            return null;
        }

        var ruleset = stage.CreateRuleset((LandlockFileRights)restricted, ports, (LandlockScopeFlags)scopes);
        var paths = restricted is LandlockAccess.None ? [] : Paths ?? [];
        foreach (var path in paths)
        {
            path.AddTo(stage, ruleset, root, restricted, staysOpen: paths.Count <= MostOpen);
        }

        if (ports is not LandlockPortRights.None)
        {
            Allow(stage, ruleset, TcpBindPorts, LandlockPortRights.LANDLOCK_ACCESS_NET_BIND_TCP);
            Allow(stage, ruleset, TcpConnectPorts, LandlockPortRights.LANDLOCK_ACCESS_NET_CONNECT_TCP);
        }

        return ruleset;
    }

    /// <summary>Adds the step that restricts what comes after it.</summary>
    internal void Enforce(LaunchStage stage, Descriptor ruleset, int version) =>
        stage.RestrictSelf(ruleset, version < 7 ? LandlockRestrictFlags.None
            : (LogsDenials ? LandlockRestrictFlags.LANDLOCK_RESTRICT_SELF_LOG_NEW_EXEC_ON : 0)
                | (LogsNestedDenials ? 0 : LandlockRestrictFlags.LANDLOCK_RESTRICT_SELF_LOG_SUBDOMAINS_OFF));

    private bool IsRestricted(LandlockAccess access) => Paths is not null && RestrictedAccess.HasFlag(access);

    private static void Allow(
        LaunchStage stage, Descriptor ruleset, IReadOnlyList<int>? ports, LandlockPortRights right)
    {
        foreach (var port in ports ?? [])
        {
            stage.AllowPort(ruleset, port, right);
        }
    }

    private static void Check(bool holds, string complaint)
    {
        if (!holds)
        {
            throw new ArgumentException(complaint);
        }
    }
}
