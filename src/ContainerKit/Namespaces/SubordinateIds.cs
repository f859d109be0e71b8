using System.Globalization;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>Which ids of others users may give to containers: /etc/subuid and /etc/subgid; subuid(5).</summary>
internal static class SubordinateIds
{
    /// <summary>The files.</summary>
    public const string Users = "/etc/subuid", Groups = "/etc/subgid";

    /// <summary>
    /// Whom they are looked up for: the name of this process's user, or its number where it has none.
    /// </summary>
    public static string Owner => Environment.UserName is { Length: > 0 } name ? name : Number;

    /// <summary>The file for a kind of ids.</summary>
    public static string FileOf(IdRanges ranges) => ranges.Kind == "groups" ? Groups : Users;

    /// <summary>The ranges of this process's user, in the file's order; none where there is no such file.</summary>
    public static List<HostIdRange> OfThisUser(string file) => Read(file, owner => owner == Owner || owner == Number);

    /// <summary>The ranges of all users.</summary>
    public static List<HostIdRange> OfAll(string file) => Read(file, _ => true);

    /// <summary>This process's user as root, and all ids it may give from 1 on.</summary>
    /// <exception cref="LaunchException">There are none.</exception>
    public static RangesIdMap Map() => new(
        MapOf("users", Users, Syscall.EffectiveUser), MapOf("groups", Groups, Syscall.EffectiveGroup));

    /// <summary>The first range that an ordinary user may not map; null when it may map all.</summary>
    public static HostIdRange? FirstRefused(IdRanges ranges, uint own)
    {
        var allowed = OfThisUser(FileOf(ranges)).OrderBy(range => range.First).ToList();
        foreach (var wanted in ranges.Outsides)
        {
            if (wanted != new HostIdRange(own, 1) && !Covers(allowed, wanted))
            {
                return wanted;
            }
        }

        return null;
    }

    private static IdRanges MapOf(string kind, string file, uint own)
    {
        const int most = 100; // of 4095 bytes
        var (ranges, taken) = (new List<IdRange> { new(0, own, 1) }, new List<HostIdRange> { new(own, 1) });
        foreach (var range in OfThisUser(file))
        {
            var next = ranges[^1].Inside + (ulong)ranges[^1].Count;
            if (!taken.Exists(range.Overlaps) && next + range.Count <= uint.MaxValue && ranges.Count < most)
            {
                ranges.Add(new((uint)next, range.First, range.Count));
                taken.Add(range);
            }
        }

        return ranges.Count > 1 ? new(kind, ranges) : throw new LaunchException(
            kind == "groups" ? "newgidmap" : "newuidmap", "IdMap.Subordinate", "write", Errno.EPERM,
            $"{file} gives {Owner} no {kind}: root adds a line such as {Owner}:100000:65536, with ids that nobody else "
                + "has.");
    }

    private static string Number => Syscall.EffectiveUser.ToString(CultureInfo.InvariantCulture);

    private static bool Covers(List<HostIdRange> sorted, HostIdRange wanted)
    {
        ulong next = wanted.First;
        foreach (var range in sorted)
        {
            if (range.First <= next && next < range.End)
            {
                next = range.End;
            }
        }

        return next >= wanted.End;
    }

    private static List<HostIdRange> Read(string file, Predicate<string> isWanted)
    {
        var ranges = new List<HostIdRange>();
        foreach (var line in Lines(file))
        {
            if (line.Split(':') is [var owner, var first, var count] && isWanted(owner)
                && uint.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var from)
                && uint.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out var length)
                && length > 0 && (ulong)from + length <= uint.MaxValue)
            {
                ranges.Add(new(from, length));
            }
        }

        return ranges;
    }

    private static string[] Lines(string file)
    {
        try
        {
            return Syscall.ReadText(file).Split('\n');
        }
        catch (LinuxException missing) when (missing.Errno is Errno.ENOENT or Errno.EACCES)
        {
            return [];
        }
    }
}
