using System.Globalization;

namespace ContainerKit;

/// <summary>
/// Where free ranges of ids can be: blocks of 65,536, of which each has a lock in the state directory.
/// </summary>
internal static class IdBlocks
{
    /// <summary>How many ids a block has, but for the last of a range.</summary>
    public const uint Size = 0x10000;

    /// <summary>
    /// Where root's blocks begin unless said otherwise: behind the ranges that systemd and useradd give out, and before
    /// the one that systemd keeps for foreign images.
    /// </summary>
    public const uint DefaultFirst = 0x7000_0000;

    /// <summary>How many ids root's blocks have in all unless said otherwise.</summary>
    public const uint DefaultCount = 0x7FFE_0000 - DefaultFirst;

    private static readonly string[] Accounts = ["/etc/passwd", "/etc/group"];

    /// <summary>What changes when <see cref="Find"/> may find others.</summary>
    public static string AsOf =>
        string.Join(' ', Accounts.Append(SubordinateIds.Users).Append(SubordinateIds.Groups)
            .Select(file => File.GetLastWriteTimeUtc(file).Ticks).Append(RangesIdMap.WritesMaps ? 1 : 0));

    /// <summary>Complains about ranges that cannot be divided into blocks.</summary>
    public static void Validate(IReadOnlyList<HostIdRange> ranges)
    {
        foreach (var range in ranges)
        {
            if (range.Count == 0 || range.First % Size != 0 || range.Count % Size != 0 || range.End > uint.MaxValue)
            {
                throw new ArgumentException($"IdRanges are whole blocks of {Size} ids, from a multiple of {Size} on, "
                    + $"unlike {range.First}, {range.Count}.");
            }
        }
    }

    /// <summary>
    /// The blocks this process may take from, in order: root from these ranges, others from their own.
    /// </summary>
    public static List<IdBlock> Find(IReadOnlyList<HostIdRange> ranges)
    {
        if (RangesIdMap.WritesMaps)
        {
            var taken = Taken();
            return [.. (ranges.Count == 0 ? [new(DefaultFirst, DefaultCount)] : ranges).SelectMany(Divide)
                .Where(block => !taken.Exists(block.Overlaps))
                    .Select(block => new IdBlock(block.First, block.First, block.Count))];
        }

        return [.. SubordinateIds.OfThisUser(SubordinateIds.Users).SelectMany(Divide)
            .Zip(SubordinateIds.OfThisUser(SubordinateIds.Groups).SelectMany(Divide),
                (user, group) => new IdBlock(user.First, group.First, Math.Min(user.Count, group.Count)))];
    }

    private static IEnumerable<HostIdRange> Divide(HostIdRange range)
    {
        for (ulong first = range.First; first < range.End; first += Size)
        {
            yield return new((uint)first, (uint)Math.Min(Size, range.End - first));
        }
    }

    /// <summary>
    /// What belongs to users and groups of this machine, or may be given to containers by one of them.
    /// </summary>
    private static List<HostIdRange> Taken() =>
    [
        .. SubordinateIds.OfAll(SubordinateIds.Users), .. SubordinateIds.OfAll(SubordinateIds.Groups),
        .. Accounts.SelectMany(IdsIn),
    ];

    private static IEnumerable<HostIdRange> IdsIn(string file)
    {
        foreach (var line in File.Exists(file) ? File.ReadAllLines(file) : [])
        {
            if (line.Split(':') is [_, _, var id, ..]
                && uint.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            {
                yield return new(number, 1);
            }
        }
    }
}

/// <summary>Users and groups of the host that are given to containers together.</summary>
internal readonly record struct IdBlock(uint User, uint Group, uint Count)
{
    /// <summary>The name of its lock.</summary>
    public string Name => FormattableString.Invariant($"ids-{User}-{Group}");

    /// <summary>Whether another one goes on where this one ends.</summary>
    public bool IsFollowedBy(IdBlock next) => User + (ulong)Count == next.User && Group + (ulong)Count == next.Group;
}
