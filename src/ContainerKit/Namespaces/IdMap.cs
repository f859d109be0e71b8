using System.Globalization;
using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>Which ids of the host stand behind the container's users and groups; user_namespaces(7).</summary>
public abstract record IdMap
{
    private protected IdMap()
    {
    }

    /// <summary>
    /// The default: the container has one user and one group. For an ordinary user, and for a root without CAP_SETUID
    /// and CAP_SETGID, they are that user's own on the host (which for root needs a null MaxProcesses); for root they
    /// are ids from 500,000,001 to 504,194,304 that no other container of this machine's pid namespace has while this
    /// one lives. A later one can have the same: let containers write to host directories only as
    /// <see cref="SingleIdAs"/>.
    /// </summary>
    public static IdMap SingleId { get; } = new SingleIdMap(null, null);

    /// <summary>
    /// The container's ids are the host's: all of them for root, its own for an ordinary user. As root this is for code
    /// that is trusted with the host's files.
    /// </summary>
    public static IdMap Identity { get; } = new IdentityIdMap();

    /// <summary>
    /// The container has one user and one group, which are these on the host; only root can choose others than its own.
    /// </summary>
    public static IdMap SingleIdAs(int hostUser, int hostGroup)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(hostUser);
        ArgumentOutOfRangeException.ThrowIfNegative(hostGroup);
        return new SingleIdMap((uint)hostUser, (uint)hostGroup);
    }

    /// <summary>
    /// The container has these users and groups: 1 to 340 ranges of each, whose ids overlap neither inside nor outside
    /// and whose lines fit 4095 bytes. A root with CAP_SETUID and CAP_SETGID may map any id; an ordinary user its own,
    /// and those that /etc/subuid and /etc/subgid give it, by newuidmap and newgidmap of /usr/bin: the host runs them
    /// once (with a range more, for this process's id), and later starts with the same ranges build on what was mapped.
    /// As root, the files of copy-on-write layers belong to the same numbers in the container, as with
    /// <c>MapIds</c>. A start with ids that may not be mapped is a <see cref="LaunchException"/>.
    /// </summary>
    /// <exception cref="ArgumentException">The ranges are no map.</exception>
    public static IdMap Ranges(IReadOnlyList<IdRange> users, IReadOnlyList<IdRange> groups)
    {
        ArgumentNullException.ThrowIfNull(users);
        ArgumentNullException.ThrowIfNull(groups);
        return new RangesIdMap(new("users", users), new("groups", groups));
    }

    /// <summary>
    /// The map of an ordinary user's own images: this user and its group are 0 in the container, and the ids that
    /// /etc/subuid and /etc/subgid give it follow from 1 on. It is a map of <see cref="Ranges"/>, as the files say now.
    /// </summary>
    /// <exception cref="LaunchException">They give this user none.</exception>
    public static IdMap Subordinate() => SubordinateIds.Map();

    /// <summary>
    /// The container has the users and groups from 0 on, so many (1 to 1,048,576), over ids of the host that no other
    /// container with this kind of map has while it lives, even if its host was killed. They are whole blocks of
    /// 65,536: as root of <see cref="ContainerHostOptions.IdRanges"/>, for others of what /etc/subuid and /etc/subgid
    /// give them. A later container can have the same. A start for which none is free is a
    /// <see cref="LaunchException"/>.
    /// </summary>
    public static IdMap Automatic(uint count = IdBlocks.Size)
    {
        ArgumentOutOfRangeException.ThrowIfZero(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, 16 * IdBlocks.Size);
        return new AutomaticIdMap(count);
    }

    /// <summary>Whether the container has ids beside those of its user.</summary>
    internal abstract bool HasOtherIds { get; }

    /// <summary>Whether it may have further groups.</summary>
    internal virtual bool AllowsGroups => HasOtherIds;

    /// <summary>Whether a host must find or make something for it before a start.</summary>
    internal virtual bool NeedsHost => false;

    /// <summary>
    /// The blocks that its ids are of, which are reserved while a container has them; null when none are.
    /// </summary>
    internal IdReservation? Reservation { get; init; }

    /// <summary>What is disposed when the container is gone; null when others have it, too.</summary>
    internal IDisposable? Held { get; init; }

    /// <summary>Which id of the host a user of the container is; null when that is known only later.</summary>
    internal abstract uint? Outside(uint user);

    /// <summary>Whether one of the container's users is this one of the host.</summary>
    internal abstract bool Maps(uint hostUser);

    /// <summary>Whether RLIMIT_NPROC binds that user: the kernel exempts the host's root.</summary>
    internal abstract bool LimitsProcesses(uint user);

    /// <summary>Complains about a user that the map does not have, or cannot have.</summary>
    internal virtual void Validate(uint user, uint group, uint[] groups, bool limitsProcesses)
    {
        if (groups.Length > 0 && !AllowsGroups)
        {
            throw new ArgumentException($"Groups needs a map of ids of others, unlike {this}: IdMap.Ranges, "
                + "IdMap.Automatic or, as root, IdMap.Identity.");
        }

        if (limitsProcesses && !LimitsProcesses(user))
        {
            throw new ArgumentException(
                $"With {this} the program is the host's root, whom no limit of processes binds: "
                + "set MaxProcesses to null, or choose another User or IdMap.");
        }
    }

    /// <summary>
    /// Writes the maps while the child waits, and takes on an identity in it that may set the container up.
    /// </summary>
    internal abstract void AddTo(LaunchPlan plan, uint user, uint group);

    /// <summary>Takes on that identity where somebody else wrote such maps.</summary>
    internal abstract void AddIdentity(LaunchPlan plan, uint user, uint group);

    /// <summary>The map of a user namespace that no container is in.</summary>
    /// <exception cref="ArgumentException">It is one that only a container can have.</exception>
    /// <exception cref="LaunchException">This process may not map these ids.</exception>
    internal virtual RangesIdMap ForNamespace() =>
        throw new ArgumentException(
            $"{this} is made for a container: a user namespace by itself takes IdMap.Ranges or, as root, SingleIdAs.");

    /// <summary>Takes on the identity in a container that others set up.</summary>
    internal abstract void Enter(LaunchPlan plan, uint user, uint group);

    /// <summary>
    /// With a process id of up to seven digits over its end: in the range that systemd keeps for containers.
    /// </summary>
    private protected const uint FirstOwnId = 500_000_000;

    private static int _hasOwnIds; // once known, as a map is written once: -1 or 1

    private static bool HasOwnIds
    {
        get
        {
            if (_hasOwnIds == 0)
            {
                _hasOwnIds = HasOwnIdsIn("/proc/self/uid_map") && HasOwnIdsIn("/proc/self/gid_map") ? 1 : -1;
            }

            return _hasOwnIds > 0;
        }
    }

    /// <summary>Whether this process may map ids of others.</summary>
    private protected static bool IsPrivileged =>
        IsRootOfMany && Syscall.Has(Capability.CAP_SETUID) && Syscall.Has(Capability.CAP_SETGID);

    /// <summary>
    /// Whether this process is root, and not of a user namespace that has but a few ids: the host's own root, as far as
    /// it can know.
    /// </summary>
    private protected static bool IsRootOfMany => Syscall.EffectiveUser == 0 && HasOwnIds;

    /// <summary>Complains when this process is root, and the kernel lets it not map itself (from 5.12 on).</summary>
    private protected void CheckMapsRoot()
    {
        if (Syscall.EffectiveUser == 0 && !Syscall.Has(Capability.CAP_SETFCAP))
        {
            throw new LaunchException(
                "write(\"uid_map\")", $"{this}", "write", Errno.EPERM,
                "This process is root without CAP_SETFCAP, which it needs to map its own user: give it CAP_SETUID and "
                + "CAP_SETGID for IdMap.SingleId, CAP_SETFCAP besides for others, or start it as an ordinary user.");
        }
    }

    // the highest process id
    private static bool HasOwnIdsIn(string map) => HasIds(map, new(FirstOwnId, (1 << 22) + 1));

    /// <summary>Whether a range of a map has all of these ids.</summary>
    private protected static bool HasIds(string map, HostIdRange wanted) =>
        Syscall.ReadText(map).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Any(range =>
            long.Parse(range[0], CultureInfo.InvariantCulture) is var first && first <= wanted.First
            && first + long.Parse(range[2], CultureInfo.InvariantCulture) >= (long)wanted.End);

    private protected static string Line(uint inside, uint outside, uint count) =>
        string.Create(CultureInfo.InvariantCulture, $"{inside} {outside} {count}");

    private protected static void WriteMap(LaunchPlan plan, string file, string line) =>
        plan.Sync.WriteFile(plan.ChildDirectory, file, line);
}
