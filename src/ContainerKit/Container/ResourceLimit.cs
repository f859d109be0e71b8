namespace ContainerKit;

/// <summary>A soft limit, which the program may raise up to the hard one; getrlimit(2).</summary>
public readonly record struct ResourceLimit(ulong Soft, ulong Hard)
{
    /// <summary>No limit.</summary>
    public const ulong Unlimited = ulong.MaxValue;

    /// <summary>Both limits at once.</summary>
    public ResourceLimit(ulong both)
        : this(both, both)
    {
    }
}
