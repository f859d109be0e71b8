namespace ContainerKit;

/// <summary>What a look at a store found.</summary>
/// <param name="Faults">What is damaged.</param>
public sealed record StoreCheck(IReadOnlyList<StoreFault> Faults)
{
    /// <summary>Whether nothing is damaged, or everything that was has been removed.</summary>
    public bool IsWhole => Faults.All(fault => fault.IsRepaired);
}

/// <summary>Something in a store that is damaged.</summary>
/// <param name="Name">Where it is, below the store's directory.</param>
/// <param name="Problem">What is wrong with it.</param>
/// <param name="IsRepaired">Whether it was removed.</param>
public sealed record StoreFault(string Name, string Problem, bool IsRepaired);
