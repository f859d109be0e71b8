using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>Every id is the same inside; an ordinary user has only its own to map.</summary>
internal sealed record IdentityIdMap : IdMap
{
    internal override bool HasOtherIds => IsPrivileged;

    /// <inheritdoc/>
    public override string ToString() => "IdMap.Identity";

    internal override uint? Outside(uint user) => user;

    internal override bool Maps(uint hostUser) => IsPrivileged || hostUser == Syscall.EffectiveUser;

    internal override bool LimitsProcesses(uint user) => user != 0;

    internal override void Validate(uint user, uint group, uint[] groups, bool limitsProcesses)
    {
        base.Validate(user, group, groups, limitsProcesses);
        if (!IsPrivileged && (user, group) != (Syscall.EffectiveUser, Syscall.EffectiveGroup))
        {
            throw new ArgumentException(
                $"With {this} an ordinary user can only be itself: set User to "
                + $"\"{Syscall.EffectiveUser}:{Syscall.EffectiveGroup}\", or use IdMap.SingleId.");
        }
    }

    internal override void AddTo(LaunchPlan plan, uint user, uint group)
    {
        CheckMapsRoot();
        if (IsPrivileged)
        {
            WriteMap(plan, "uid_map", Line(0, 0, uint.MaxValue));
            WriteMap(plan, "gid_map", Line(0, 0, uint.MaxValue));
        }
        else
        {
            WriteMap(plan, "uid_map", Line(Syscall.EffectiveUser, Syscall.EffectiveUser, 1));
            WriteMap(plan, "setgroups", "deny");
            WriteMap(plan, "gid_map", Line(Syscall.EffectiveGroup, Syscall.EffectiveGroup, 1));
        }

        AddIdentity(plan, user, group);
    }

    internal override void AddIdentity(LaunchPlan plan, uint user, uint group)
    {
        plan.KeepsOwner = true;
        Enter(plan, user, group);
    }

    internal override RangesIdMap ForNamespace()
    {
        CheckMapsRoot();
        return IsPrivileged
            ? new(new("users", [new(0, 0, uint.MaxValue)]), new("groups", [new(0, 0, uint.MaxValue)]))
            : new(
                new("users", [new(Syscall.EffectiveUser, Syscall.EffectiveUser, 1)]),
                new("groups", [new(Syscall.EffectiveGroup, Syscall.EffectiveGroup, 1)]));
    }

    internal override void Enter(LaunchPlan plan, uint user, uint group)
    {
        if (IsPrivileged)
        {
            plan.Root.SetGroups([]);
            plan.SetIds(0, 0);
        }
        else
        {
            plan.SetIds(Syscall.EffectiveUser, Syscall.EffectiveGroup);
        }
    }
}
