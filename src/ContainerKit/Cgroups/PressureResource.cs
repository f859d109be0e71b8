namespace ContainerKit;

/// <summary>What there can be too little of; psi(7).</summary>
public enum PressureResource
{
    /// <summary>CPUs.</summary>
    Cpu,

    /// <summary>Memory.</summary>
    Memory,

    /// <summary>Block devices.</summary>
    Io,
}

/// <summary>Who waits for it; psi(7).</summary>
public enum PressureKind
{
    /// <summary>At least one of the processes.</summary>
    Some,

    /// <summary>All of them that have something to do.</summary>
    Full,
}
