using ContainerKit.Launch;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// Ranges of ids, which the launcher writes where it may; elsewhere a start joins a namespace that has them.
/// </summary>
internal sealed record RangesIdMap(IdRanges Users, IdRanges Groups) : IdMap
{
    private static readonly SafeFileHandle NotMadeYet = new();

    internal override bool HasOtherIds => AllowsGroups || Users.HasMany || Groups.HasMany;

    /// <summary>The kernel forbids it where an ordinary user has mapped but its own group.</summary>
    internal override bool AllowsGroups =>
        WritesMaps || Groups.Outsides.Any(range => range != new HostIdRange(Syscall.EffectiveGroup, 1));

    internal override bool NeedsHost => !WritesMaps;

    /// <summary>Whether it is but this process's own user and group, which anybody may map.</summary>
    internal bool IsOwnIds =>
        Users.Outsides.SequenceEqual([new(Syscall.EffectiveUser, 1)])
        && Groups.Outsides.SequenceEqual([new(Syscall.EffectiveGroup, 1)]);

    /// <summary>Whether this process may write maps of others' ids itself.</summary>
    internal static bool WritesMaps => Syscall.Has(Capability.CAP_SETUID) && Syscall.Has(Capability.CAP_SETGID);

    /// <inheritdoc/>
    public override string ToString() => $"IdMap.Ranges({Users}; {Groups})";

    internal override uint? Outside(uint user) => Users.Outside(user);

    internal override bool Maps(uint hostUser) => Users.Inside(hostUser) is not null;

    internal override bool LimitsProcesses(uint user) => Users.Outside(user) != 0;

    internal override void Validate(uint user, uint group, uint[] groups, bool limitsProcesses)
    {
        foreach (var (id, ranges) in groups.Append(group).Select(id => (id, Groups)).Prepend((user, Users)))
        {
            if (!ranges.Contains(id))
            {
                throw new ArgumentException($"{this} has no {ranges.Kind[..^1]} {id}: choose another, or map it.");
            }
        }

        base.Validate(user, group, groups, limitsProcesses);
    }

    /// <summary>Complains about ids that this process may not map.</summary>
    /// <exception cref="LaunchException">It may not, and the exception says what is missing where.</exception>
    internal void CheckPermitted()
    {
        if (WritesMaps)
        {
            CheckHas("uid_map", Users);
            CheckHas("gid_map", Groups);
            if (Users.Inside(0) is not null)
            {
                CheckMapsRoot();
            }

            return;
        }

        CheckSubordinate(Users, Syscall.EffectiveUser);
        CheckSubordinate(Groups, Syscall.EffectiveGroup);
    }

    internal override void AddTo(LaunchPlan plan, uint user, uint group)
    {
        if (WritesMaps)
        {
            CheckPermitted();
            WriteMap(plan, "uid_map", Users.Text);
            WriteMap(plan, "gid_map", Groups.Text);
            AddIdentity(plan, user, group);
            Reservation?.AddTo(plan);
        }
        else
        {
            // to be explained: the host makes it before a start
            new JoinedIdMap(this, NotMadeYet).AddTo(plan, user, group);
        }
    }

    internal override RangesIdMap ForNamespace()
    {
        CheckPermitted();
        return this;
    }

    internal override void AddIdentity(LaunchPlan plan, uint user, uint group)
    {
        var isIdentity = Users.IsIdentity && Groups.IsIdentity;
        plan.KeepsOwner = WritesMaps
            ? isIdentity
            : Users.Inside(Syscall.EffectiveUser) == user && Groups.Inside(Syscall.EffectiveGroup) == group;
        plan.MapsIds = !isIdentity && Syscall.Has(Capability.CAP_SYS_ADMIN);
        Enter(plan, user, group);
    }

    internal override void Enter(LaunchPlan plan, uint user, uint group)
    {
        if (AllowsGroups)
        {
            plan.Root.SetGroups([]);
        }

        // A change from root to another user would take the capabilities that are still needed.
        plan.SetIds(Users.Contains(0) ? 0 : user, Groups.Contains(0) ? 0 : group);
    }

    private void CheckHas(string file, IdRanges ranges)
    {
        foreach (var range in ranges.Outsides)
        {
            if (!HasIds($"/proc/self/{file}", range))
            {
                throw new LaunchException(
                    $"write(\"{file}\")", $"{this}", "write", Errno.EPERM,
                    $"This process lives in a user namespace without the {ranges.Kind} {range}: map only what its "
                        + $"/proc/self/{file} has.");
            }
        }
    }

    private void CheckSubordinate(IdRanges ranges, uint own)
    {
        if (SubordinateIds.FirstRefused(ranges, own) is { } refused)
        {
            var (file, owner) = (SubordinateIds.FileOf(ranges), SubordinateIds.Owner);
            throw new LaunchException(
                ranges.Kind == "groups" ? "newgidmap" : "newuidmap", $"{this}", "write", Errno.EPERM,
                $"{file} does not give {owner} the {ranges.Kind} {refused}: it lacks a line such as "
                + $"{owner}:{refused.First}:{refused.Count}, which root adds if nobody else has them.");
        }
    }
}
