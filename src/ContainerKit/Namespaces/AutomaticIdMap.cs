using ContainerKit.Launch;

namespace ContainerKit;

/// <summary>A range that the host finds and reserves before a start.</summary>
internal sealed record AutomaticIdMap(uint Count) : IdMap
{
    internal override bool HasOtherIds => true;

    internal override bool NeedsHost => true;

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"IdMap.Automatic({Count})");

    /// <summary>The map with a range that was found.</summary>
    internal RangesIdMap In(uint firstUser, uint firstGroup) =>
        new(new("users", [new(0, firstUser, Count)]), new("groups", [new(0, firstGroup, Count)]));

    internal override uint? Outside(uint user) => null;

    internal override bool Maps(uint hostUser) => false;

    internal override bool LimitsProcesses(uint user) => true;

    internal override void Validate(uint user, uint group, uint[] groups, bool limitsProcesses) =>
        In(IdBlocks.DefaultFirst, IdBlocks.DefaultFirst).Validate(user, group, groups, limitsProcesses);

    /// <summary>To be explained: the range that would be tried first.</summary>
    internal override void AddTo(LaunchPlan plan, uint user, uint group)
    {
        var block = IdBlocks.Find([]).FirstOrDefault(new IdBlock(IdBlocks.DefaultFirst, IdBlocks.DefaultFirst, Count));
        In(block.User, block.Group).AddTo(plan, user, group);
    }

    internal override void AddIdentity(LaunchPlan plan, uint user, uint group) =>
        In(IdBlocks.DefaultFirst, IdBlocks.DefaultFirst).AddIdentity(plan, user, group);

    internal override void Enter(LaunchPlan plan, uint user, uint group) =>
        In(IdBlocks.DefaultFirst, IdBlocks.DefaultFirst).Enter(plan, user, group);
}
