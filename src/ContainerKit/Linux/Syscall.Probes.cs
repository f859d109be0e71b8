using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Linux;

/// <summary>Questions to the kernel that change nothing.</summary>
internal static unsafe partial class Syscall
{
    /// <summary>The version of Landlock; landlock_create_ruleset(2).</summary>
    public static int LandlockVersion()
    {
        const nint LANDLOCK_CREATE_RULESET_VERSION = 1;
        return (int)Check(Call(SyscallNumber.landlock_create_ruleset.Here, 0, 0, LANDLOCK_CREATE_RULESET_VERSION, 0),
            "landlock_create_ruleset");
    }

    /// <summary>Fails when a seccomp filter cannot return an action; seccomp(2).</summary>
    public static void CheckSeccompReturn(SeccompReturn action)
    {
        var value = (uint)action;
        Check(
            Call(SyscallNumber.seccomp.Here, (nint)SeccompOperation.SECCOMP_GET_ACTION_AVAIL, 0, (nint)(&value), 0),
            "seccomp");
    }

    /// <summary>
    /// What the kernel says to a call whose arguments it must refuse: ENOSYS when it does not know the call.
    /// </summary>
    public static Errno Refusal(SyscallNumber number, nint a, nint b, nint c, nint d) =>
        Call(number.Here, a, b, c, d) < 0 ? LastError : Errno.None;

    /// <summary>Whether this thread has a capability in its user namespace, in effect; capget(2).</summary>
    public static bool Has(Capability capability)
    {
        const ulong _LINUX_CAPABILITY_VERSION_3 = 0x20080522;
        var header = _LINUX_CAPABILITY_VERSION_3; // and the process 0, which is this one
        var sets = stackalloc uint[6]; // effective, permitted and inheritable of the first 32, then of the others
        Check(Call(SyscallNumber.capget.Here, (nint)(&header), (nint)sets, 0, 0), "capget");
        return (sets[0] & (1U << (int)capability)) != 0;
    }

    /// <summary>Whether this user may write to a file or in a directory; faccessat(2).</summary>
    public static bool MayWrite(string path)
    {
        const int AT_FDCWD = -100, W_OK = 2, AT_EACCESS = 0x200;
        return AccessAt(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
    }

    /// <summary>Whether a file has an extended attribute; getxattr(2).</summary>
    public static bool HasAttribute(string path, string name) => GetAttribute(path, name, null, 0) >= 0;

    /// <summary>
    /// An extended attribute that is shorter than a path may be; null when there is none. getxattr(2).
    /// </summary>
    public static byte[]? ReadAttribute(string path, string name)
    {
        Span<byte> value = stackalloc byte[4096];
        fixed (byte* start = value)
        {
            var length = GetAttribute(path, name, start, (nuint)value.Length);
            return length < 0 ? null : value[..(int)length].ToArray();
        }
    }

    /// <summary>Sets an extended attribute of an open file; fsetxattr(2).</summary>
    public static void SetAttribute(SafeFileHandle file, string name, ReadOnlySpan<byte> value)
    {
        fixed (byte* start = value)
        {
            Check(SetAttribute(file, name, start, (nuint)value.Length, 0), "fsetxattr");
        }
    }

    /// <summary>Whether a file is on an overlay; fstatfs(2).</summary>
    public static bool IsOnOverlay(SafeFileHandle file)
    {
        const nint OVERLAYFS_SUPER_MAGIC = 0x794C7630;
        var status = stackalloc nint[32]; // more than struct statfs, which begins with the type
        Check(StatFs(file, status), "fstatfs");
        return status[0] == OVERLAYFS_SUPER_MAGIC;
    }

    /// <summary>The soft and the hard limit of this process; getrlimit(2).</summary>
    public static (ulong Soft, ulong Hard) GetLimit(Resource resource)
    {
        var limits = stackalloc ulong[2];
        Check(GetLimit((int)resource, limits), "getrlimit");
        return (limits[0], limits[1]);
    }

    /// <summary>
    /// Whether mounts came or went since a /proc/PID/mountinfo was opened, or asked this last; ppoll(2), proc(5).
    /// </summary>
    public static bool HaveMountsChanged(SafeFileHandle mountInfo)
    {
        const int POLLPRI = 2;
        return Poll(mountInfo, POLLPRI);
    }

    /// <summary>Whether no process has a terminal open any more whose master this is; ppoll(2).</summary>
    public static bool IsHungUp(SafeFileHandle master) => Poll(master, 0);

    /// <summary>
    /// Whether a descriptor is ready within a time, or at its end; ppoll(2), which calls the events as epoll does.
    /// </summary>
    public static bool IsReady(SafeFileHandle file, EpollEvents events, TimeSpan time) => Poll(file, (int)events, time);

    /// <summary>Whether one of some events came, or the end, which is told unasked.</summary>
    private static bool Poll(SafeFileHandle file, int events, TimeSpan time = default)
    {
        var polled = (uint)Number(file) | ((long)events << 32); // struct pollfd
        var timeout = stackalloc long[] { 0, 100 * time.Ticks }; // struct timespec, of less than a second
        int ready;
        while ((ready = Poll(&polled, 1, timeout, null)) < 0)
        {
            if (LastError is not Errno.EINTR)
            {
                throw Failed("ppoll");
            }
        }

        return ready > 0;
    }

    [LibraryImport("libc", EntryPoint = "ppoll", SetLastError = true)]
    private static partial int Poll(long* polled, nuint count, long* timeout, void* signals);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Call(nint number, nint a, nint b, nint c, nint d);

    [LibraryImport("libc", EntryPoint = "faccessat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int AccessAt(int directory, string path, int mode, int flags);

    [LibraryImport("libc", EntryPoint = "getxattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint GetAttribute(string path, string name, byte* value, nuint size);

    [LibraryImport("libc", EntryPoint = "fsetxattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetAttribute(SafeFileHandle file, string name, byte* value, nuint size, int flags);

    [LibraryImport("libc", EntryPoint = "fstatfs", SetLastError = true)]
    private static partial int StatFs(SafeFileHandle file, nint* status);

    [LibraryImport("libc", EntryPoint = "getrlimit", SetLastError = true)]
    private static partial int GetLimit(int resource, ulong* limits);
}
