using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Linux;

/// <content>What the kernel tells unasked: eventfd(2), inotify(7).</content>
internal static unsafe partial class Syscall
{
    /// <summary>A counter that the kernel adds to, and that nobody waits for when it is read; eventfd(2).</summary>
    public static SafeFileHandle MakeCounter() => Handle(EventFd(0, NonBlocking), "eventfd");

    /// <summary>Takes what was counted since the last time; eventfd(2).</summary>
    public static long TakeCount(SafeFileHandle counter)
    {
        long count = 0;
        return Read(counter, new Span<byte>(&count, sizeof(long))) is null ? 0 : count;
    }

    /// <summary>
    /// Has a counter count what happens to a file of a cgroup of version 1, by its cgroup.event_control.
    /// </summary>
    public static void CountEvents(SafeFileHandle control, SafeFileHandle counter, SafeFileHandle file) =>
        Write(control, Encoding.ASCII.GetBytes(FormattableString.Invariant($"{Number(counter)} {Number(file)}")));

    /// <summary>Something that watches directories, and that nobody waits for when it is read; inotify_init1(2).
    /// </summary>
    public static SafeFileHandle InotifyCreate() => Handle(InotifyInit1(NonBlocking), "inotify_init1");

    /// <summary>Watches a directory, under a number that is the same for the same one; inotify_add_watch(2).</summary>
    public static int InotifyAdd(SafeFileHandle inotify, string path, InotifyEvents events) =>
        (int)Check(InotifyAddWatch(inotify, path, (uint)events), "inotify_add_watch", path);

    /// <summary>Watches a directory no longer, unless it is gone already; inotify_rm_watch(2).</summary>
    public static void InotifyRemove(SafeFileHandle inotify, int watch) => _ = InotifyRemoveWatch(inotify, watch);

    private const int NonBlocking = (int)(OpenFlags.O_CLOEXEC | OpenFlags.O_NONBLOCK);

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    private static partial int EventFd(uint first, int flags);

    [LibraryImport("libc", EntryPoint = "inotify_init1", SetLastError = true)]
    private static partial int InotifyInit1(int flags);

    [LibraryImport("libc", EntryPoint =
        "inotify_add_watch", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int InotifyAddWatch(SafeFileHandle inotify, string path, uint events);

    [LibraryImport("libc", EntryPoint = "inotify_rm_watch", SetLastError = true)]
    private static partial int InotifyRemoveWatch(SafeFileHandle inotify, int watch);
}

/// <summary>What happens in a directory; inotify(7).</summary>
[Flags]
internal enum InotifyEvents : uint
{
    IN_DELETE = 0x200,
    IN_Q_OVERFLOW = 0x4000,
}

/// <summary>What happened, before the name it happened to; struct inotify_event.</summary>
internal readonly struct InotifyEvent
{
    public readonly int Watch;
    public readonly uint Events;
    public readonly uint Cookie;
    public readonly uint Length;
}
