using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Versus;

/// <summary>A command that is started by posix_spawn(3), prepared once so that a start allocates nothing.</summary>
internal sealed unsafe partial class Spawned
{
    // posix_spawn_file_actions_t has 80 bytes in glibc and musl; its fields are none of ours.
    private const int ActionsSize = 256;

    private static readonly SafeFileHandle Null = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite);
    private static readonly byte** NoVariables = Strings(["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"]);

    private readonly byte* _actions = (byte*)NativeMemory.AllocZeroed(ActionsSize);
    private readonly byte** _arguments;

    /// <summary>
    /// Prepares a command whose standard input is empty and whose output goes where it is said, or nowhere.
    /// </summary>
    public Spawned(IReadOnlyList<string> command, SafeFileHandle? output = null, SafeFileHandle? error = null)
    {
        Command = command;
        _arguments = Strings(command);
        _ = posix_spawn_file_actions_init(_actions);
        _ = posix_spawn_file_actions_adddup2(_actions, Number(Null), 0);
        _ = posix_spawn_file_actions_adddup2(_actions, Number(output ?? Null), 1);
        _ = posix_spawn_file_actions_adddup2(_actions, Number(error ?? Null), 2);
    }

    /// <summary>The program and its arguments.</summary>
    public IReadOnlyList<string> Command { get; }

    /// <summary>
    /// Starts the command, waits for its end, and returns its exit code; 128 and its number for a signal.
    /// </summary>
    public int Run()
    {
        int process, status;
        var error = posix_spawnp(&process, _arguments[0], _actions, null, _arguments, NoVariables);
        if (error != 0)
        {
            throw new IOException($"{Command[0]}: {Marshal.GetPInvokeErrorMessage(error)}", error);
        }

        while (waitpid(process, &status, 0) < 0)
        {
            if (Marshal.GetLastPInvokeError() is var failed and not Interrupted)
            {
                throw new IOException($"waitpid: {Marshal.GetPInvokeErrorMessage(failed)}", failed);
            }
        }

        return (status & 0x7f) == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f);
    }

    private const int Interrupted = 4;

    // The handles live as long as the process, so that their numbers stay theirs.
    private static int Number(SafeFileHandle handle) => (int)handle.DangerousGetHandle();

    private static byte** Strings(IReadOnlyList<string> strings)
    {
        var array = (byte**)NativeMemory.AllocZeroed((nuint)(strings.Count + 1), (nuint)sizeof(byte*));
        for (var i = 0; i < strings.Count; i++)
        {
            array[i] = (byte*)Marshal.StringToCoTaskMemUTF8(strings[i]);
        }

        return array;
    }

    [LibraryImport("libc")]
    private static partial int posix_spawnp(
        int* process, byte* file, byte* actions, void* attributes, byte** arguments, byte** environment);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_init(byte* actions);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_adddup2(byte* actions, int from, int to);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int waitpid(int process, int* status, int options);
}
