using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Sandbox;

/// <summary>
/// What the kernel's log tells of denials, where this user may read it; the kernel leaves out what comes too fast, and
/// where an audit daemon runs, that has it instead.
/// </summary>
internal static partial class KernelLog
{
    /// <summary>All lines there are now; null where it cannot be read.</summary>
    public static HashSet<string>? Read()
    {
        try
        {
            using var dmesg = Process.Start(new ProcessStartInfo("dmesg")
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            HashSet<string> lines = [.. dmesg.StandardOutput.ReadToEnd().Split('\n')];
            dmesg.WaitForExit();
            return dmesg.ExitCode == 0 ? lines : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    /// <summary>
    /// A sentence for each denial that was not there before: of a system call, to a program of this name, and of
    /// Landlock, to the process with this id and what it started.
    /// </summary>
    public static IEnumerable<string> DenialsAfter(HashSet<string>? before, string program, int process)
    {
        if (before is null || Read() is not { } now)
        {
            return ["What it was denied is not known: the kernel's log cannot be read."];
        }

        now.ExceptWith(before);
        var name = NameOf(program);
        var domains = now.Select(line => Domain().Match(line)).Where(domain => domain.Success
            && int.Parse(domain.Groups["pid"].Value, CultureInfo.InvariantCulture) == process)
            .Select(domain => domain.Groups["domain"].Value).ToHashSet();
        var calls = now.Select(line => Call().Match(line))
            .Where(call => call.Success && call.Groups["program"].Value == name)
            .Select(call => $"Denied: {name} made the system call {call.Groups["call"].Value}.");
        var accesses = now.Select(line => Access().Match(line))
            .Where(access => access.Success && domains.Contains(access.Groups["domain"].Value))
            .Select(access => $"Denied by Landlock: {access.Groups["what"].Value}.");
        return calls.Concat(accesses);
    }

    /// <summary>What the kernel calls a program: no more than fifteen letters of its file's name.</summary>
    private static string NameOf(string program)
    {
        const int most = 15;
        var name = Path.GetFileName(program);
        return name.Length > most ? name[..most] : name;
    }

    [GeneratedRegex("audit: type=1326 .*comm=\"(?<program>[^\"]*)\".* syscall=(?<call>\\d+)")]
    private static partial Regex Call();

    /// <summary>A line about whom Landlock restricts, with the first denial; those of denials name nobody.</summary>
    [GeneratedRegex("audit: type=1424 .*domain=(?<domain>[0-9a-f]+) status=allocated .*\\bpid=(?<pid>\\d+)")]
    private static partial Regex Domain();

    [GeneratedRegex("audit: type=1423 .*domain=(?<domain>[0-9a-f]+) blockers=(?<what>.*)")]
    private static partial Regex Access();
}
