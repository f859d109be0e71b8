namespace ContainerKit;

/// <summary>
/// A limit of each process: a soft one, which the program may raise up to the hard one; getrlimit(2).
/// </summary>
public sealed record ResourceLimit(Resource Resource, ulong Soft, ulong Hard)
{
    /// <summary>No limit.</summary>
    public const ulong Unlimited = ulong.MaxValue;

    /// <summary>Both limits at once.</summary>
    public ResourceLimit(Resource resource, ulong both)
        : this(resource, both, both)
    {
    }
}
