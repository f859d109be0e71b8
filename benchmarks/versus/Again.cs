using System.Runtime.InteropServices;

namespace Versus;

/// <summary>This program, started again in a mount namespace of its own.</summary>
internal static partial class Again
{
    /// <summary>Runs a command of the shell there first; never returns.</summary>
    public static void Run(string prepare)
    {
        // Under the muxer the command line begins with the assembly; under the apphost it repeats the program.
        var self = Environment.ProcessPath!;
        var line = Environment.GetCommandLineArgs();
        string[] again = System.IO.Path.GetFileName(self) == "dotnet" ? [self, .. line] : [self, .. line[1..]];
        Execute(
        [
            "unshare", "--mount", "--propagation", "slave", "sh", "-c", $"{prepare} && exec \"$0\" \"$@\"", .. again,
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
