namespace ContainerKit;

/// <summary>One thing that a host can, or cannot, do for containers.</summary>
public sealed class HostFinding
{
    private HostFinding(string name) => Name = name;

    /// <summary>What it is, such as <c>user namespace</c> or <c>overlay</c>.</summary>
    public string Name { get; }

    /// <summary>Whether the host can do it.</summary>
    public bool IsAvailable { get; private init; }

    /// <summary>What else is known of it, such as a version; null when nothing is.</summary>
    public string? Detail { get; private init; }

    /// <summary>Why the host cannot do it; null when it can.</summary>
    public string? Reason { get; private init; }

    /// <summary>What would change that; null when nothing needs to.</summary>
    public string? Remedy { get; private init; }

    /// <inheritdoc/>
    public override string ToString() => IsAvailable
        ? Detail is null ? $"{Name}: yes" : $"{Name}: yes, {Detail}"
        : $"{Name}: no, {Reason} {Remedy}";

    internal static HostFinding Yes(string name, string? detail = null) =>
        new(name) { IsAvailable = true, Detail = detail };

    internal static HostFinding No(string name, HostRefusal refusal) =>
        new(name) { Reason = refusal.Reason, Remedy = refusal.Remedy };

    internal static HostFinding Of(string name, HostRefusal? refusal, string? detail = null) =>
        refusal is null ? Yes(name, detail) : No(name, refusal);
}

/// <summary>Why something is not to be had, and what would change that: a sentence each.</summary>
internal sealed record HostRefusal(string Reason, string Remedy);
