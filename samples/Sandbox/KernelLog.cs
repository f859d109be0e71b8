using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Sandbox;

/// <summary>
/// What the kernel's log tells of denied system calls, where this user may read it; the kernel leaves out what comes too
/// fast, and where an audit daemon runs, that has it instead.
/// </summary>
internal static partial class KernelLog
{
    /// <summary>All lines there are now; none where it cannot be read.</summary>
    public static HashSet<string> Read()
    {
        try
        {
            using var dmesg = Process.Start(new ProcessStartInfo("dmesg")
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            return [.. dmesg.StandardOutput.ReadToEnd().Split('\n')];
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return [];
        }
    }

    /// <summary>A line for each denial that was not there before.</summary>
    public static IEnumerable<string> DenialsAfter(HashSet<string> before) =>
        from line in Read()
        where !before.Contains(line)
        let denial = Denial().Match(line)
        where denial.Success
        select $"Denied: {denial.Groups["program"].Value} made the system call {denial.Groups["call"].Value}.";

    [GeneratedRegex("audit: type=1326 .*comm=\"(?<program>[^\"]*)\".* syscall=(?<call>\\d+)")]
    private static partial Regex Denial();
}
