using System.Net;
using ContainerKit.Linux;

namespace ContainerKit.Launch;

internal sealed partial class LaunchStage
{
    /// <summary>A listening stream socket; socket(2), bind(2), listen(2). The address can be bound again at once, as with .NET.</summary>
    public Descriptor Listen(IPEndPoint endPoint)
    {
        const int SOL_SOCKET = 1, SO_REUSEADDR = 2, SOMAXCONN = 4096;
        var family = endPoint.AddressFamily is System.Net.Sockets.AddressFamily.InterNetworkV6 ? AddressFamily.AF_INET6 : AddressFamily.AF_INET;
        var socket = Keep(ref Add(Call.socket, (long)family, (long)(SocketKind.SOCK_STREAM | SocketKind.SOCK_CLOEXEC), 0));
        Add(Call.setsockopt, socket, SOL_SOCKET, SO_REUSEADDR, Data.Add(1), sizeof(int));
        var address = endPoint.Serialize();
        Add(Call.bind, socket, Data.Add(address.Buffer.Span[..address.Size]), address.Size);
        Add(Call.listen, socket, SOMAXCONN);
        return socket;
    }
}
