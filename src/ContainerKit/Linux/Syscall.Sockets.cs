using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Linux;

internal static unsafe partial class Syscall
{
    /// <summary>
    /// Makes two connected sockets that keep messages apart, close-on-exec; what the first receives comes with the
    /// sender's credentials. socketpair(2), unix(7).
    /// </summary>
    public static (SafeFileHandle First, SafeFileHandle Second) SocketPair()
    {
        const int SO_PASSCRED = 16;
        var (first, second) = SocketPair(SocketKind.SOCK_SEQPACKET);
        var on = 1;
        Check(SetSocketOption(first, SOL_SOCKET, SO_PASSCRED, &on, sizeof(int)), "setsockopt");
        return (first, second);
    }

    /// <summary>Makes two connected sockets, close-on-exec; socketpair(2), unix(7).</summary>
    public static (SafeFileHandle First, SafeFileHandle Second) SocketPair(SocketKind kind)
    {
        var ends = stackalloc int[2];
        Check(SocketPair((int)AddressFamily.AF_UNIX, (int)(kind | SocketKind.SOCK_CLOEXEC), 0, ends), "socketpair");
        return (new(ends[0], ownsHandle: true), new(ends[1], ownsHandle: true));
    }

    /// <summary>
    /// Sends one message, with descriptors, without waiting; false when nobody can receive it any more, or too many
    /// descriptors are on their way. sendmsg(2), unix(7).
    /// </summary>
    public static bool Send(
        SafeFileHandle socket, ReadOnlySpan<byte> message, params ReadOnlySpan<SafeFileHandle> descriptors)
    {
        var controlLength = sizeof(ControlHeader) + (sizeof(int) * descriptors.Length);
        var control = stackalloc byte[controlLength];
        *(ControlHeader*)control = new((nuint)controlLength, SOL_SOCKET, SCM_RIGHTS);
        for (var i = 0; i < descriptors.Length; i++)
        {
            ((int*)(control + sizeof(ControlHeader)))[i] = Number(descriptors[i]);
        }

        fixed (byte* start = message)
        {
            var vector = new IoVector(start, (nuint)message.Length);
            var header = new MessageHeader { Vectors = &vector, VectorCount = 1 };
            if (!descriptors.IsEmpty)
            {
                header.Control = control;
                header.ControlLength = (nuint)controlLength;
            }

            var sent = SendMessage(socket, &header, (int)(MessageFlags.MSG_DONTWAIT | MessageFlags.MSG_NOSIGNAL));
            return sent >= 0
                || (LastError is Errno.EPIPE or Errno.ECONNRESET
                    || (!descriptors.IsEmpty && LastError is Errno.ETOOMANYREFS or Errno.ENOBUFS)
                    ? false
                    : throw Failed("sendmsg"));
        }
    }

    /// <summary>
    /// Takes one message and gives its length, with the process id of its sender as this process sees it and a
    /// descriptor that is attached, without waiting: null when there is none yet, 0 when the other end is closed.
    /// recvmsg(2).
    /// </summary>
    public static int? Receive(SafeFileHandle socket, Span<byte> message, out int sender, out SafeFileHandle? attached)
    {
        (sender, attached) = (0, null);
        const int controlLength = 64;
        var control = stackalloc byte[controlLength];
        fixed (byte* start = message)
        {
            var vector = new IoVector(start, (nuint)message.Length);
            var header = new MessageHeader
            { Vectors = &vector, VectorCount = 1, Control = control, ControlLength = controlLength };
            var length =
                ReceiveMessage(socket, &header, (int)(MessageFlags.MSG_DONTWAIT | MessageFlags.MSG_CMSG_CLOEXEC));
            if (length < 0)
            {
                return LastError switch
                {
                    Errno.EAGAIN => null,
                    // Closed with messages of ours unread: said once, and before the messages that are still to be
                    // read.
                    Errno.ECONNRESET => Receive(socket, message, out sender, out attached),
                    _ => throw Failed("recvmsg"),
                };
            }

            (sender, attached) = (SenderIn(header), DescriptorIn(header));
            return (int)length;
        }
    }

    private static int SenderIn(in MessageHeader header)
    {
        var attached = Attached(header, SCM_CREDENTIALS, sizeof(Credentials));
        return attached is null ? 0 : ((Credentials*)attached)->ProcessId;
    }

    private static SafeFileHandle? DescriptorIn(in MessageHeader header)
    {
        var attached = Attached(header, SCM_RIGHTS, sizeof(int));
        return attached is null ? null : new(*(int*)attached, ownsHandle: true);
    }

    /// <summary>What is attached to a message, of a type and at least so long; cmsg(3).</summary>
    private static void* Attached(in MessageHeader header, int type, int length)
    {
        var end = (byte*)header.Control + header.ControlLength;
        for (var place = (byte*)header.Control; place + sizeof(ControlHeader) + length <= end;)
        {
            var attached = (ControlHeader*)place;
            if (attached->Level == SOL_SOCKET && attached->Type == type)
            {
                return attached + 1;
            }

            place += (attached->Length + 7) & ~(nuint)7;
        }

        return null;
    }

    private const int SOL_SOCKET = 1, SCM_RIGHTS = 1, SCM_CREDENTIALS = 2;

    [LibraryImport("libc", EntryPoint = "socketpair", SetLastError = true)]
    private static partial int SocketPair(int family, int kind, int protocol, int* ends);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    private static partial int SetSocketOption(SafeFileHandle socket, int level, int option, int* value, uint length);

    [LibraryImport("libc", EntryPoint = "sendmsg", SetLastError = true)]
    private static partial nint SendMessage(SafeFileHandle socket, MessageHeader* header, int flags);

    [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    private static partial nint ReceiveMessage(SafeFileHandle socket, MessageHeader* header, int flags);
}

/// <summary>One buffer of several; struct iovec.</summary>
internal unsafe readonly struct IoVector(byte* start, nuint length)
{
    public readonly byte* Start = start;
    public readonly nuint Length = length;
}

/// <summary>A message with what is attached to it; struct msghdr.</summary>
internal unsafe struct MessageHeader
{
    public void* Name;
    public uint NameLength;
    public IoVector* Vectors;
    public nuint VectorCount;
    public void* Control;
    public nuint ControlLength;
    public int Flags;
}

/// <summary>What goes before an attachment; struct cmsghdr.</summary>
internal readonly record struct ControlHeader(nuint Length, int Level, int Type);

/// <summary>Who sent a message; struct ucred.</summary>
internal readonly record struct Credentials(int ProcessId, uint UserId, uint GroupId);
