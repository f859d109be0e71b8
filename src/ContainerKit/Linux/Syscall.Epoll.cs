using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Linux;

internal static unsafe partial class Syscall
{
    /// <summary>A set of descriptors to wait for; epoll_create1(2).</summary>
    public static SafeFileHandle EpollCreate() => Handle(EpollCreate1((int)OpenFlags.O_CLOEXEC), "epoll_create1");

    /// <summary>Watches a descriptor for its end, and what else is wanted, under a key; epoll_ctl(2).</summary>
    public static void EpollAdd(SafeFileHandle epoll, SafeFileHandle file, ulong key, EpollEvents events)
    {
        const int EPOLL_CTL_ADD = 1;
        var wanted = stackalloc byte[EpollEventSize];
        *(uint*)wanted = (uint)events;
        *(ulong*)(wanted + EpollKeyOffset) = key;
        Check(EpollControl(epoll, EPOLL_CTL_ADD, file, wanted), "epoll_ctl");
    }

    /// <summary>Watches a descriptor only for its end from now on; epoll_ctl(2).</summary>
    public static void EpollOnlyEnd(SafeFileHandle epoll, SafeFileHandle file, ulong key)
    {
        const int EPOLL_CTL_MOD = 3;
        var wanted = stackalloc byte[EpollEventSize];
        *(uint*)wanted = (uint)EpollEvents.None;
        *(ulong*)(wanted + EpollKeyOffset) = key;
        Check(EpollControl(epoll, EPOLL_CTL_MOD, file, wanted), "epoll_ctl");
    }

    /// <summary>
    /// Watches a descriptor no longer. Closing it is not enough: a process that is being started may hold a copy.
    /// </summary>
    public static void EpollRemove(SafeFileHandle epoll, SafeFileHandle file)
    {
        const int EPOLL_CTL_DEL = 2;
        Check(EpollControl(epoll, EPOLL_CTL_DEL, file, null), "epoll_ctl");
    }

    /// <summary>Waits until some descriptors are ready, and gives their keys; epoll_wait(2).</summary>
    public static int EpollWait(SafeFileHandle epoll, Span<ulong> keys)
    {
        var events = stackalloc byte[EpollEventSize * keys.Length];
        int count;
        while ((count = EpollWait(epoll, events, keys.Length, -1)) < 0)
        {
            if (LastError is not Errno.EINTR)
            {
                throw Failed("epoll_wait");
            }
        }

        for (var i = 0; i < count; i++)
        {
            keys[i] = *(ulong*)(events + (i * EpollEventSize) + EpollKeyOffset);
        }

        return count;
    }

    // struct epoll_event is packed on x64 alone.
    internal static int EpollEventSize => RuntimeInformation.ProcessArchitecture is Architecture.X64 ? 12 : 16;

    internal static int EpollKeyOffset => RuntimeInformation.ProcessArchitecture is Architecture.X64 ? 4 : 8;

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    private static partial int EpollCreate1(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static partial int EpollControl(SafeFileHandle epoll, int operation, SafeFileHandle file, byte* wanted);

    [LibraryImport("libc", EntryPoint = "epoll_wait", SetLastError = true)]
    private static partial int EpollWait(SafeFileHandle epoll, byte* events, int count, int timeout);
}

/// <summary>What epoll(7) reports beside the end of a descriptor and its errors, which it always does.</summary>
[Flags]
internal enum EpollEvents : uint
{
    None = 0,
    EPOLLIN = 1,
    EPOLLPRI = 2,
    EPOLLOUT = 4,
    EPOLLET = 0x80000000,
}
