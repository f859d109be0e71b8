using System.Text;
using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>
/// One user and one group; without ids of the host given, they are made from the supervisor's process id.
/// </summary>
internal sealed record SingleIdMap(uint? HostUser, uint? HostGroup) : IdMap
{
    internal override bool HasOtherIds => false;

    /// <inheritdoc/>
    public override string ToString() =>
        HostUser is null ? "IdMap.SingleId" : $"IdMap.SingleIdAs({HostUser}, {HostGroup})";

    internal override uint? Outside(uint user) => HostUser ?? (IsPrivileged ? null : Syscall.EffectiveUser);

    internal override bool Maps(uint hostUser) =>
        HostUser is { } chosen ? chosen == hostUser : !IsPrivileged && hostUser == Syscall.EffectiveUser;

    internal override bool LimitsProcesses(uint user) => HostUser != 0;

    internal override void Validate(uint user, uint group, uint[] groups, bool limitsProcesses)
    {
        base.Validate(user, group, groups, limitsProcesses);
        if (!IsPrivileged && (HostUser ?? Syscall.EffectiveUser, HostGroup ?? Syscall.EffectiveGroup) != (
            Syscall.EffectiveUser, Syscall.EffectiveGroup))
        {
            throw new ArgumentException(
                $"Only root with CAP_SETUID and CAP_SETGID can map ids of others, as {this} does; use IdMap.SingleId.");
        }

        if (HostUser is null && limitsProcesses && IsRootOfMany && !IsPrivileged)
        {
            throw new LaunchException(
                "prlimit64(RLIMIT_NPROC)", $"{this}", "prlimit64", Errno.EPERM,
                "This process is root without CAP_SETUID and CAP_SETGID, so the program would be the host's root, "
                + "whom no limit of processes binds: give it these capabilities, start it as an ordinary user, or set "
                + "MaxProcesses to null.");
        }
    }

    internal override void AddTo(LaunchPlan plan, uint user, uint group)
    {
        if (IsPrivileged && HostUser is null)
        {
            WriteOwnId(plan, "uid_map", user);
            WriteOwnId(plan, "gid_map", group);
        }
        else
        {
            if ((HostUser ?? Syscall.EffectiveUser) == 0)
            {
                CheckMapsRoot();
            }

            WriteMap(plan, "uid_map", Line(user, HostUser ?? Syscall.EffectiveUser, 1));
            if (!IsPrivileged)
            {
                WriteMap(plan, "setgroups", "deny"); // or the kernel refuses an ordinary user's gid_map
            }

            WriteMap(plan, "gid_map", Line(group, HostGroup ?? Syscall.EffectiveGroup, 1));
        }

        AddIdentity(plan, user, group);
    }

    internal override void AddIdentity(LaunchPlan plan, uint user, uint group)
    {
        plan.KeepsOwner = (HostUser ?? (IsPrivileged ? null : Syscall.EffectiveUser)) == Syscall.EffectiveUser;
        if (IsPrivileged)
        {
            // Ids that were chosen are the files' own.
            plan.MapsIds = HostUser is null && Syscall.Has(Capability.CAP_SYS_ADMIN);
        }

        Enter(plan, user, group);
    }

    internal override RangesIdMap ForNamespace() =>
        HostUser is null && IsPrivileged
            ? base.ForNamespace()
            : new RangesIdMap(
                new("users", [new(0, HostUser ?? Syscall.EffectiveUser, 1)]),
                new("groups", [new(0, HostGroup ?? Syscall.EffectiveGroup, 1)]));

    internal override void Enter(LaunchPlan plan, uint user, uint group)
    {
        if (IsPrivileged)
        {
            plan.Root.SetGroups([]);
        }

        plan.SetIds(user, group);
    }

    /// <summary>
    /// Maps an id that is unique while the supervisor lives: its process id, over the zeros of the first.
    /// </summary>
    private static void WriteOwnId(LaunchPlan plan, string file, uint inside)
    {
        var line = Line(inside, FirstOwnId, 1);
        var text = plan.Sync.Data.Add(line);
        plan.Outside.GetProcessId();
        plan.Outside.KeepDigits(text + line.LastIndexOf(' '));
        plan.Sync.WriteFile(plan.ChildDirectory, file, text, Encoding.UTF8.GetByteCount(line));
    }
}
