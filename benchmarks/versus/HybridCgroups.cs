using System.Runtime.InteropServices;

namespace Versus;

/// <summary>
/// crun refuses hosts that mount the unified hierarchy beside the old ones. All contenders run in a private mount
/// namespace without it, so that it is the same for all, and nobody is timed with the tools that take it away.
/// </summary>
internal static partial class HybridCgroups
{
    private const string Unified = "/sys/fs/cgroup/unified";

    /// <summary>
    /// Starts this program again in such a namespace where the host is hybrid; returns where it is not.
    /// </summary>
    public static void Leave()
    {
        if (!File.ReadLines("/proc/self/mountinfo").Any(mount => mount.Split(' ')[4] == Unified))
        {
            return;
        }

        // Under the muxer the command line begins with the assembly; under the apphost it repeats the program.
        var self = Environment.ProcessPath!;
        var line = Environment.GetCommandLineArgs();
        string[] again = Path.GetFileName(self) == "dotnet" ? [self, .. line] : [self, .. line[1..]];
        Execute(
        [
            "unshare", "--mount", "--propagation", "slave",
            "sh", "-c", $"umount {Unified} && exec \"$0\" \"$@\"", .. again,
        ]);
    }

    private static void Execute(IReadOnlyList<string> command)
    {
        var arguments = new nint[command.Count + 1];
        for (var i = 0; i < command.Count; i++)
        {
            arguments[i] = Marshal.StringToCoTaskMemUTF8(command[i]);
        }

        _ = execvp(command[0], arguments);
        throw new IOException($"{command[0]}: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int execvp(string file, nint[] arguments);
}
