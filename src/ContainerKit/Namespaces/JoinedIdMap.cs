using ContainerKit.Launch;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// Ranges of ids below a user namespace that has them already, where the launcher may map them without help.
/// </summary>
internal sealed record JoinedIdMap(RangesIdMap Ids, SafeFileHandle UserNamespace) : IdMap
{
    internal override bool HasOtherIds => Ids.HasOtherIds;

    internal override bool AllowsGroups => Ids.AllowsGroups;

    /// <inheritdoc/>
    public override string ToString() => $"{Ids}, kept";

    internal override uint? Outside(uint user) => Ids.Outside(user);

    internal override bool Maps(uint hostUser) => Ids.Maps(hostUser);

    internal override bool LimitsProcesses(uint user) => Ids.LimitsProcesses(user);

    internal override void Validate(uint user, uint group, uint[] groups, bool limitsProcesses) =>
        Ids.Validate(user, group, groups, limitsProcesses);

    internal override void AddTo(LaunchPlan plan, uint user, uint group)
    {
        plan.JoinUserNamespace(UserNamespace);
        WriteMap(plan, "uid_map", Ids.Users.TextInside);
        WriteMap(plan, "gid_map", Ids.Groups.TextInside);
        Ids.AddIdentity(plan, user, group);
        Reservation?.AddTo(plan);
    }

    internal override void AddIdentity(LaunchPlan plan, uint user, uint group) => Ids.AddIdentity(plan, user, group);

    internal override void Enter(LaunchPlan plan, uint user, uint group) => Ids.Enter(plan, user, group);
}
