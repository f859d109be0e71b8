using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Linux;

internal static unsafe partial class Syscall
{
    /// <summary>
    /// Starts a program in a session of its own, all its signals blocked and at their defaults; posix_spawn(3).
    /// It inherits <paramref name="standard"/> as 0, 1 and 2, and <paramref name="inherited"/>, whose numbers must be
    /// <see cref="LeastSafeNumber"/> or more, as 3 and on.
    /// </summary>
    public static int Spawn(
        string path,
        ReadOnlySpan<string> arguments, ReadOnlySpan<SafeFileHandle> standard, ReadOnlySpan<SafeFileHandle> inherited)
    {
        // Larger than in glibc (80 and 336 bytes) and musl; both are opaque.
        byte* actions = stackalloc byte[512], attributes = stackalloc byte[512];
        var signals = stackalloc ulong[16];
        for (var i = 0; i < 16; i++)
        {
            signals[i] = ulong.MaxValue;
        }

        CheckError(SpawnAttributesInit(attributes), "posix_spawnattr_init");
        CheckError(SpawnActionsInit(actions), "posix_spawn_file_actions_init");
        try
        {
            const short POSIX_SPAWN_SETSIGDEF = 0x04, POSIX_SPAWN_SETSIGMASK = 0x08, POSIX_SPAWN_SETSID = 0x80;
            CheckError(
                SpawnSetFlags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID),
                "posix_spawnattr_setflags");
            CheckError(SpawnSetMask(attributes, signals), "posix_spawnattr_setsigmask");
            CheckError(SpawnSetDefault(attributes, signals), "posix_spawnattr_setsigdefault");
            for (var target = 0; target < standard.Length; target++)
            {
                CheckError(SpawnAddDuplicate(actions, Number(standard[target]), target),
                    "posix_spawn_file_actions_adddup2");
            }

            for (var i = 0; i < inherited.Length; i++)
            {
                CheckError(SpawnAddDuplicate(actions, Number(inherited[i]), 3 + i), "posix_spawn_file_actions_adddup2");
            }

            return Spawn(path, arguments, actions, attributes);
        }
        finally
        {
            _ = SpawnActionsDestroy(actions);
            _ = SpawnAttributesDestroy(attributes);
        }
    }

    /// <summary>
    /// The least number of a descriptor that a spawned program's own numbers cannot hide when it inherits so many.
    /// </summary>
    public static int LeastSafeNumber(int inherited) => Math.Max(10, 3 + inherited);

    /// <summary>
    /// A descriptor that stands for a process; null when it has ended and been reaped. pidfd_open(2).
    /// </summary>
    public static SafeFileHandle? PidfdOpen(int pid)
    {
        var pidfd = PidfdOpen(SyscallNumber.pidfd_open.Here, pid, 0);
        return pidfd < 0 && LastError is Errno.ESRCH ? null : Handle(pidfd, "pidfd_open");
    }

    /// <summary>Takes an ended child's remains away, unless somebody has done so; waitid(2).</summary>
    public static void Reap(SafeFileHandle pidfd)
    {
        const int P_PIDFD = 3, WEXITED = 4;
        var info = stackalloc byte[128];
        while (WaitId(P_PIDFD, pidfd, info, WEXITED) < 0 && LastError is Errno.EINTR)
        {
        }
    }

    /// <summary>Ends a child that has not been reaped; kill(2).</summary>
    public static void Kill(int processId) => _ = Kill(processId, (int)Signal.SIGKILL);

    /// <summary>Ends a process, unless it has ended; pidfd_send_signal(2).</summary>
    public static void Kill(SafeFileHandle pidfd)
    {
        if (PidfdSendSignal(SyscallNumber.pidfd_send_signal.Here, pidfd, (int)Signal.SIGKILL, 0, 0) < 0
            && LastError is not Errno.ESRCH)
        {
            throw Failed("pidfd_send_signal");
        }
    }

    /// <summary>Ends a child that was started just now, and takes its remains away.</summary>
    public static void KillAndReap(int processId)
    {
        const int P_PID = 1, WEXITED = 4;
        var info = stackalloc byte[128];
        _ = Kill(processId, (int)Signal.SIGKILL);
        while (WaitId(P_PID, processId, info, WEXITED) < 0 && LastError is Errno.EINTR)
        {
        }
    }

    /// <summary>The effective user of this process; geteuid(2).</summary>
    public static uint EffectiveUser => GetEffectiveUser();

    /// <summary>The effective group of this process; getegid(2).</summary>
    public static uint EffectiveGroup => GetEffectiveGroup();

    private static int Spawn(string path, ReadOnlySpan<string> arguments, byte* actions, byte* attributes)
    {
        var pointers = stackalloc byte*[arguments.Length + 1];
        try
        {
            for (var i = 0; i < arguments.Length; i++)
            {
                pointers[i] = (byte*)Marshal.StringToCoTaskMemUTF8(arguments[i]);
            }

            pointers[arguments.Length] = null;
            byte* environment = null;
            int pid;
            CheckError(PosixSpawn(&pid, path, actions, attributes, pointers, &environment), "posix_spawn", path);
            return pid;
        }
        finally
        {
            for (var i = 0; i < arguments.Length; i++)
            {
                Marshal.FreeCoTaskMem((nint)pointers[i]);
            }
        }
    }

    private static int Number(SafeFileHandle handle) => (int)handle.DangerousGetHandle();

    /// <summary>The posix_spawn family returns the errno.</summary>
    private static void CheckError(int error, string call, string? path = null)
    {
        if (error != 0)
        {
            throw new LinuxException(call, (Errno)error, path);
        }
    }

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_init")]
    private static partial int SpawnAttributesInit(byte* attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_destroy")]
    private static partial int SpawnAttributesDestroy(byte* attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setflags")]
    private static partial int SpawnSetFlags(byte* attributes, short flags);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigmask")]
    private static partial int SpawnSetMask(byte* attributes, ulong* signals);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigdefault")]
    private static partial int SpawnSetDefault(byte* attributes, ulong* signals);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_init")]
    private static partial int SpawnActionsInit(byte* actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_destroy")]
    private static partial int SpawnActionsDestroy(byte* actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_adddup2")]
    private static partial int SpawnAddDuplicate(byte* actions, int source, int target);

    [LibraryImport("libc", EntryPoint = "posix_spawn", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int PosixSpawn(
        int* pid, string path, byte* actions, byte* attributes, byte** arguments, byte** environment);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint PidfdOpen(nint number, int pid, uint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint PidfdSendSignal(nint number, SafeFileHandle pidfd, int signal, nint info, uint flags);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint GetEffectiveUser();

    [LibraryImport("libc", EntryPoint = "getegid")]
    private static partial uint GetEffectiveGroup();

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int processId, int signal);

    [LibraryImport("libc", EntryPoint = "waitid", SetLastError = true)]
    private static partial int WaitId(int kind, int processId, byte* info, int options);

    [LibraryImport("libc", EntryPoint = "waitid", SetLastError = true)]
    private static partial int WaitId(int kind, SafeFileHandle pidfd, byte* info, int options);
}
