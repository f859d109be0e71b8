using System.Globalization;
using System.Text.RegularExpressions;

namespace Versus;

/// <summary>
/// The limit's program: what it has to know of this host, and whether it still does what our plan does.
/// </summary>
internal static partial class Limit
{
    /// <summary>The compiler's options that define what this host has to mask.</summary>
    public static IEnumerable<string> Defines =>
    [
        Define("MASKED_PROC_FILES", "/proc/", "kcore", "keys", "latency_stats", "timer_list", "timer_stats",
            "sched_debug", "interrupts"),
        Define("MASKED_PROC_DIRECTORIES", "/proc/", "acpi", "asound", "scsi"),
        Define("MASKED_SYS_DIRECTORIES", "/sys/", "firmware", "devices/virtual/powercap"),
        Define("READ_ONLY_PROC", "/proc/", "bus", "fs", "irq", "pressure", "sys", "sysrq-trigger"),
        $"-DLAST_CAPABILITY={File.ReadAllText("/proc/sys/kernel/cap_last_cap").Trim()}",
    ];

    /// <summary>
    /// Says on standard error which system calls the limit makes more or less often than our plan: such a limit is
    /// none.
    /// </summary>
    public static void Check(Workshop workshop)
    {
        Check(workshop, "init off", [workshop.Limit, workshop.Root], Ours.Explain(workshop, init: false));
        Check(workshop, "init on", [workshop.Limit, workshop.Root, "init"], Ours.Explain(workshop, init: true));
    }

    /// <summary>The same of one plan.</summary>
    public static void Check(Workshop workshop, string what, IEnumerable<string> limit, string plan)
    {
        var trace = Path.Combine(workshop.Path, "trace");
        if (workshop.Complaint(["strace", "-f", "-qq", "-e", "signal=none", "-o", trace, .. limit]) is { } complaint)
        {
            Console.Error.WriteLine($"the limit was not compared with our plan: strace: {complaint}");
        }
        else
        {
            Compare(what, Traced(File.ReadLines(trace)), Planned(plan));
        }
    }

    private static void Compare(string what, Dictionary<string, int> limit, Dictionary<string, int> plan)
    {
        foreach (var call in limit.Keys.Union(plan.Keys).Order(StringComparer.Ordinal))
        {
            var (inLimit, inPlan) = (limit.GetValueOrDefault(call), plan.GetValueOrDefault(call));
            if (inLimit != inPlan)
            {
                var text = string.Create(
                    CultureInfo.InvariantCulture,
                    $"the limit is not ours: {call} {inLimit} times, {inPlan} in our plan ({what})");
                Console.Error.WriteLine(text);
            }
        }
    }

    /// <summary>
    /// What the limit does until the program runs, and its supervisor until it waits, without its own start.
    /// </summary>
    private static Dictionary<string, int> Traced(IEnumerable<string> lines)
    {
        var (supervisor, executed) = (lines.First().Split(' ')[0], false);
        var counts = Count(
            lines.Where(line => !(executed |= line.Contains("execve(\"/true\"", StringComparison.Ordinal))
                || line.StartsWith($"{supervisor} ", StringComparison.Ordinal)),
            TracedCall());
        foreach (var role in (string[])["ppoll", "wait4", "rt_sigtimedwait", "exit_group"])
        {
            counts.Remove(role);
        }

        // The spawn does these for ours; the program's execve is where the trace was cut, and the first is the limit's
        // own. A channel to the host ours is given, and the supervisor's last word belongs to its role.
        counts["setsid"]--;
        counts["rt_sigprocmask"]--;
        counts["socketpair"]--;
        counts["write"]--;
        return counts;
    }

    private static Dictionary<string, int> Planned(string plan)
    {
        var counts = Count(plan.Split('\n'), PlannedCall());
        counts.Remove("supervise");
        counts.Remove("init");
        counts.Remove("continue");
        counts["dup3"] -= 3; // of descriptors that come only with a spare's second part
        return counts;
    }

    private static Dictionary<string, int> Count(IEnumerable<string> lines, Regex call) =>
        lines.Select(line => call.Match(line)).Where(match => match.Success)
            .CountBy(match => match.Groups[1].Value).ToDictionary();

    private static string Define(string name, string directory, params string[] paths) =>
        $"-D{name}={string.Join(',', paths.Where(path => Path.Exists(directory + path)).Select(path => $"\"{path}\""))}";

    // "123   mkdirat(5, …", and not "123   <... read resumed>": that is the end of a call that was counted.
    [GeneratedRegex(@"^\d+ +([a-z_0-9]+)\(")]
    private static partial Regex TracedCall();

    // "  $7 = open_tree(…", "  digits = getpid()", "  close($1)".
    [GeneratedRegex(@"^ +(?:\S+ = )?([a-z_0-9]+)\(")]
    private static partial Regex PlannedCall();
}
