namespace ContainerKit;

/// <summary>The filters that a profile became, the last first; no part of what it is.</summary>
internal struct SeccompFilters : IEquatable<SeccompFilters>
{
    public SeccompFilter? First;

    /// <inheritdoc/>
    public readonly bool Equals(SeccompFilters other) => true;

    /// <inheritdoc/>
    public override readonly bool Equals(object? obj) => obj is SeccompFilters;

    /// <inheritdoc/>
    public override readonly int GetHashCode() => 0;
}
