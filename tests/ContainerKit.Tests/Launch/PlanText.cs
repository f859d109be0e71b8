using System.Text.RegularExpressions;

namespace ContainerKit.Tests;

/// <summary>
/// What a plan is on every machine and for every user: without the steps for what this host has of files and
/// capabilities, for whom its ids are mapped to, the lengths of filters, and a part of this process's limit; its results are numbered anew.
/// </summary>
internal static partial class PlanText
{
    public static string OnEveryMachine(string plan)
    {
        var dropped = new HashSet<string>();
        var lines = plan.Split('\n').Where(line => !IsOfHost(line, dropped)).ToList();
        return Renumber(FilterLength().Replace(LastCapability().Replace(string.Join('\n', lines), "0 to …"), "len=…"));
    }

    /// <summary>Whether a step makes something of the host's, or uses what such a step gave.</summary>
    private static bool IsOfHost(string line, HashSet<string> dropped)
    {
        if (Given().Match(line) is { Success: true } given && GivesOfHost().IsMatch(line))
        {
            dropped.Add(given.Groups["result"].Value);
            return true;
        }

        return MakesOfHost().IsMatch(line)
            || (Used().Match(line) is { Success: true } used && dropped.Contains(used.Groups["result"].Value));
    }

    private static string Renumber(string text)
    {
        var numbers = new Dictionary<string, int>();
        return Result().Replace(text, match =>
        {
            numbers.TryAdd(match.Value, numbers.Count + 1);
            return $"${numbers[match.Value]}";
        });
    }

    [GeneratedRegex(@"^  (?<result>\$\d+) = ")]
    private static partial Regex Given();

    /// <summary>A system directory or setting, a masked or read-only part of /proc or /sys, a file with ids.</summary>
    [GeneratedRegex("""
        ^\ \ \$\d+\ =\ (
            open_tree\(AT_FDCWD,\ "/(usr|s?bin|lib\w*|etc)\b
          | open_tree\(\$\d+,\ "(null|empty|bus|fs|irq|pressure|sys|sysrq-trigger)"
          | openat\(\$\d+,\ "(uid_map|gid_map|setgroups)"
        )
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex GivesOfHost();

    [GeneratedRegex("""
        ^\ \ (
            (mkdirat|mknodat)\(\$\d+,\ "(usr|s?bin|lib\w*|etc/.*)",
          | symlinkat\(".*",\ \$\d+,\ "(usr|s?bin|lib\w*|etc/.*)"\)
          | digits\ =\ getpid\(\)
          | setgroups\(0,\ \[\]\)
          | prlimit64\(0,\ RLIMIT_NOFILE,\ (?<limit>\d+):\k<limit>\)
        )
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex MakesOfHost();

    [GeneratedRegex(@"^  (mount_setattr|move_mount|write|close)\((?<result>\$\d+)")]
    private static partial Regex Used();

    [GeneratedRegex(@"(?<=PR_CAPBSET_DROP, )0 to \d+")]
    private static partial Regex LastCapability();

    [GeneratedRegex(@"len=\d+")]
    private static partial Regex FilterLength();

    /// <summary>A result by its number, or by its place in a structure, which the length of a user's id moves.</summary>
    [GeneratedRegex(@"\$\d+|\[\+\d+\]")]
    private static partial Regex Result();
}
