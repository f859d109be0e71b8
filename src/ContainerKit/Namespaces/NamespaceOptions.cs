namespace ContainerKit;

/// <summary>What <see cref="Namespace.CreateAsync"/> makes.</summary>
public sealed record NamespaceOptions
{
    /// <summary>
    /// The user namespace that is to own the others, in place of this process's own: who has privileges there has them
    /// over these. Null unless said otherwise.
    /// </summary>
    public Namespace? Owner { get; init; }

    /// <summary>
    /// The ids of a user namespace: <see cref="IdMap.Ranges"/>, <see cref="IdMap.SingleIdAs"/>,
    /// <see cref="IdMap.Identity"/> or, as an ordinary user, <see cref="IdMap.SingleId"/>, which is the default.
    /// </summary>
    public IdMap IdMap { get; init; } = IdMap.SingleId;

    /// <summary>
    /// The host name of a UTS namespace, at most 64 bytes; the one of its maker unless said otherwise.
    /// </summary>
    public string? HostName { get; init; }

    /// <summary>
    /// How far the clocks of a time namespace are ahead of the host's; not at all unless said otherwise.
    /// </summary>
    public TimeOffsets TimeOffsets { get; init; }

    /// <summary>
    /// Settings of the namespaces that are made, such as <c>net.ipv4.ip_forward</c>; sysctl(8). Those of the IPC
    /// namespace need root before Linux 6.9.
    /// </summary>
    public IReadOnlyDictionary<string, string> Sysctls { get; init; } = new Dictionary<string, string>();

    /// <summary>Where the launcher that makes them is run from; memory unless said otherwise.</summary>
    public Launcher Launcher { get; init; } = Launcher.Memory;
}
