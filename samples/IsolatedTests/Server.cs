using System.Net;
using System.Net.Sockets;
using System.Text;
using ContainerKit;
using Xunit;

namespace IsolatedTests;

/// <summary>
/// A server for one test class, with processes and a network of its own: all listen on port 5432 at once.
/// </summary>
public sealed class Server : IAsyncLifetime
{
    private const string Program = """
        use IO::Socket::INET;
        my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1:5432', Listen => 5) or die $!;
        print STDOUT "ready\n"; close STDOUT;
        for (my $word = 'none'; my $client = $server->accept; close $client) {
            $word = $1 if <$client> =~ /^keep (.*)/;
            print $client "$word\n";
        }
        """;

    private Container? _container;

    public async ValueTask InitializeAsync()
    {
        _container = await Container.StartAsync(
            new() { Command = ["perl", "-e", Program], StandardOutput = StandardStream.Pipe });
        using var output = new StreamReader(_container.StandardOutput!);
        Assert.Equal("ready", await output.ReadLineAsync());
    }

    /// <summary>Says a line to it, and gives its answer.</summary>
    public async Task<string?> AskAsync(string line)
    {
        using var socket = await _container!.ConnectAsync(new(IPAddress.Loopback, 5432));
        using var stream = new StreamReader(new NetworkStream(socket));
        await socket.SendAsync(Encoding.UTF8.GetBytes($"{line}\n"));
        return await stream.ReadLineAsync();
    }

    public ValueTask DisposeAsync() => _container?.DisposeAsync() ?? default;
}
