namespace ContainerKit;

/// <summary>
/// What becomes of a call: an action, or the rule's, where its conditions hold, and another decision otherwise. One
/// that is the same is the same object.
/// </summary>
internal sealed class SeccompDecision(SeccompAction action, SeccompRule? rule = null, SeccompDecision? otherwise = null)
{
    /// <summary>The action.</summary>
    public SeccompAction Action { get; } = action;

    /// <summary>What decides on it; null where it is for all.</summary>
    public SeccompRule? Rule { get; } = rule;

    /// <summary>The decision where the rule's conditions do not hold.</summary>
    public SeccompDecision? Otherwise { get; } = otherwise;

    /// <summary>Whether the call is made with any arguments.</summary>
    public bool AlwaysLetsPass => Action.LetsPass && Otherwise is not { AlwaysLetsPass: false };
}
