using System.Net;
using ContainerKit.Linux;

namespace ContainerKit.Launch;

internal sealed partial class LaunchStage
{
    /// <summary>
    /// A listening stream socket; socket(2), bind(2), listen(2). The address can be bound again at once, as with .NET.
    /// </summary>
    public Descriptor Listen(IPEndPoint endPoint)
    {
        const int SOL_SOCKET = 1, SO_REUSEADDR = 2, SOMAXCONN = 4096;
        var socket = Socket(endPoint);
        Add(Call.setsockopt, socket, SOL_SOCKET, SO_REUSEADDR, Data.Add(1), sizeof(int));
        Add(Call.bind, socket, Address(endPoint, out var length), length);
        Add(Call.listen, socket, SOMAXCONN);
        return socket;
    }

    /// <summary>A connected stream socket; socket(2), connect(2).</summary>
    public Descriptor Connect(IPEndPoint endPoint)
    {
        var socket = Socket(endPoint);
        SetSendTimeout(socket, seconds: 10);
        Add(Call.connect, socket, Address(endPoint, out var length), length);
        SetSendTimeout(socket, seconds: 0);
        return socket;
    }

    /// <summary>How long connect(2) waits for who does not accept; socket(7).</summary>
    private void SetSendTimeout(Descriptor socket, long seconds)
    {
        const int SOL_SOCKET = 1, SO_SNDTIMEO = 21;
        Add(Call.setsockopt, socket, SOL_SOCKET, SO_SNDTIMEO, Data.Add(new Timeval(seconds, 0)), 2 * sizeof(long));
    }

    /// <summary>struct timeval.</summary>
    internal readonly record struct Timeval(long Seconds, long Microseconds);

    private Descriptor Socket(IPEndPoint endPoint)
    {
        var isNew = endPoint.AddressFamily is System.Net.Sockets.AddressFamily.InterNetworkV6;
        var family = isNew ? AddressFamily.AF_INET6 : AddressFamily.AF_INET;
        return Keep(ref Add(Call.socket, (long)family, (long)(SocketKind.SOCK_STREAM | SocketKind.SOCK_CLOEXEC), 0));
    }

    private long Address(IPEndPoint endPoint, out int length)
    {
        var address = endPoint.Serialize();
        length = address.Size;
        return Data.Add(address.Buffer.Span[..length]);
    }
}
