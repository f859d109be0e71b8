using System.Text;

namespace ContainerKit.Linux;

/// <summary>
/// What the calling thread hands down to a process that it starts, as far as /proc shows it; proc(5).
/// </summary>
internal static class InheritedState
{
    private static readonly string[] Fields =
        ["Uid:", "Gid:", "Groups:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "NoNewPrivs:", "Seccomp:",
            "Seccomp_filters:"];

    // A thread among others can have any of its own but user and time namespaces.
    private static readonly string[] Namespaces = ["cgroup", "ipc", "mnt", "net", "pid_for_children", "uts"];

    /// <summary>Its credentials, capabilities, seccomp filters, cgroups and namespaces, as a text to compare.</summary>
    public static string Read()
    {
        var text = new StringBuilder();
        foreach (var line in Syscall.ReadText("/proc/thread-self/status").AsSpan().EnumerateLines())
        {
            if (IsHandedDown(line))
            {
                text.Append(line).Append('\n');
            }
        }

        text.Append(Syscall.ReadText("/proc/thread-self/cgroup"));
        foreach (var kind in Namespaces)
        {
            text.Append(new FileInfo($"/proc/thread-self/ns/{kind}").LinkTarget);
        }

        return text.ToString();
    }

    private static bool IsHandedDown(ReadOnlySpan<char> line)
    {
        foreach (var field in Fields)
        {
            if (line.StartsWith(field, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }
}
