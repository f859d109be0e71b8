namespace ContainerKit;

/// <summary>Numbers, up to where the next range starts, on which the decision is the same.</summary>
internal sealed class SeccompRange(uint start, SeccompDecision decision)
{
    /// <summary>The first of them.</summary>
    public uint Start { get; } = start;

    /// <summary>The decision.</summary>
    public SeccompDecision Decision { get; } = decision;

    /// <summary>How often they are called, against others.</summary>
    public int Weight { get; set; }
}
