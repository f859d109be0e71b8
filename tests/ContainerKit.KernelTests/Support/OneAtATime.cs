using System.Net.Sockets;

namespace ContainerKit.KernelTests;

/// <summary>
/// Lets the tests of one project run while those of another wait, where <c>dotnet test</c> runs all projects at once:
/// each looks for what is left on this machine, whoever left it. A name of a socket is given free by the kernel.
/// </summary>
public sealed class OneAtATime : IAsyncLifetime
{
    private readonly Socket _turn = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        var parent = ProcessTree.Find(Environment.ProcessId)!.Value.Parent;
        var name = new UnixDomainSocketEndPoint($"\0containerkit-tests-of-{parent}");
        while (!TryTake(name))
        {
            await Task.Delay(100);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _turn.Dispose();
        return ValueTask.CompletedTask;
    }

    private bool TryTake(UnixDomainSocketEndPoint name)
    {
        try
        {
            _turn.Bind(name);
            return true;
        }
        catch (SocketException taken) when (taken.SocketErrorCode is SocketError.AddressAlreadyInUse)
        {
            return false;
        }
    }
}
