using System.ComponentModel;
using System.Runtime.InteropServices;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.KernelTests;

/// <summary>What tests ask of the kernel that the product does not.</summary>
internal static unsafe partial class Native
{
    /// <summary>Sends a signal to a process, or to a process group when the id is negative; kill(2).</summary>
    public static void Kill(int id, Signal signal)
    {
        if (Kill(id, (int)signal) < 0)
        {
            throw new Win32Exception();
        }
    }

    /// <summary>
    /// A copy of a descriptor that programs inherit, as libraries written without care make them; dup(2).
    /// </summary>
    public static SafeFileHandle InheritableCopy(SafeFileHandle file)
    {
        var copy = Duplicate(file);
        return copy < 0 ? throw new Win32Exception() : new(copy, ownsHandle: true);
    }

    /// <summary>Whether orphans below this process become its children; prctl(2).</summary>
    public static void AdoptOrphans(bool adopt)
    {
        const int PR_SET_CHILD_SUBREAPER = 36;
        if (ProcessControl(PR_SET_CHILD_SUBREAPER, adopt ? 1 : 0, 0, 0, 0) < 0)
        {
            throw new Win32Exception();
        }
    }

    /// <summary>Gives up new privileges for the calling thread; prctl(2).</summary>
    public static void GiveUpNewPrivileges()
    {
        const int PR_SET_NO_NEW_PRIVS = 38;
        if (ProcessControl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        {
            throw new Win32Exception();
        }
    }

    /// <summary>Runs something on a thread that alone has become a user without rights; setresuid(2).</summary>
    public static Task<T> AsNobody<T>(Func<T> action)
    {
        const int nobody = 65534;
        var result = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() =>
        {
            try
            {
                // Not by the C library, which would change all threads.
                Assert.Equal(0, Call(SyscallNumber.setresuid.Here, nobody, nobody, nobody));
                result.SetResult(action());
            }
            catch (Exception failure)
            {
                result.SetException(failure);
            }
        }).Start();
        return result.Task;
    }

    /// <summary>
    /// Takes away what is left of a child that ended, and says whether there was such a child; waitpid(2).
    /// </summary>
    public static bool Reap(int id)
    {
        const int WNOHANG = 1;
        int status;
        return WaitForProcess(id, &status, WNOHANG) == id;
    }

    /// <summary>The further groups of this process; getgroups(2).</summary>
    public static uint[] Groups()
    {
        var groups = new uint[65536]; // as many as the kernel allows
        fixed (uint* first = groups)
        {
            var count = GetGroups(groups.Length, first);
            return count < 0 ? throw new Win32Exception() : groups[..count];
        }
    }

    /// <summary>Gives this process these further groups, and no others; setgroups(2).</summary>
    public static void SetGroups(ReadOnlySpan<uint> groups)
    {
        fixed (uint* first = groups)
        {
            if (SetGroups((nuint)groups.Length, first) < 0)
            {
                throw new Win32Exception();
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int id, int signal);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Call(nint number, nint first, nint second, nint third);

    [LibraryImport("libc", EntryPoint = "dup", SetLastError = true)]
    private static partial int Duplicate(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int ProcessControl(int option, nint second, nint third, nint fourth, nint fifth);

    [LibraryImport("libc", EntryPoint = "getgroups", SetLastError = true)]
    private static partial int GetGroups(int size, uint* groups);

    [LibraryImport("libc", EntryPoint = "setgroups", SetLastError = true)]
    private static partial int SetGroups(nuint size, uint* groups);

    [LibraryImport("libc", EntryPoint = "waitpid", SetLastError = true)]
    private static partial int WaitForProcess(int id, int* status, int options);
}
