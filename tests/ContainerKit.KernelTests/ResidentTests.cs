using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ContainerKit.KernelTests;

/// <summary>What the host opens inside a container that runs.</summary>
public class ResidentTests
{
    private static readonly ContainerOptions Sleeper =
        Script.Shell("echo inside >/tmp/file; touch /tmp/up; sleep 1000");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_file_of_the_container_is_read_by_the_host(bool init)
    {
        await using var container = await StartAsync(Sleeper with { Init = init });

        Assert.Equal("inside\n", await ReadAsync(container, "/tmp/file"));
        Assert.Equal("inside\n", await ReadAsync(container, "/tmp/file"));
    }

    [Fact]
    public async Task Links_lead_where_they_lead_in_the_container()
    {
        using var temp = new TempDirectory();
        var secret = temp.Write("secret", "of the host");
        await using var container = await StartAsync(Script.Shell($"""
            ln -s {secret} /tmp/out; ln -s /../../../../..{secret} /tmp/up-and-out; ln -s loop /tmp/loop
            echo fine >/tmp/fine; ln -s ../../tmp/fine /tmp/link; touch /tmp/up; sleep 1000
            """));

        Assert.Equal("fine\n", await ReadAsync(container, "/tmp/link"));
        foreach (var path in new[] { "/tmp/out", "/tmp/up-and-out", "/tmp/loop", "/proc/1/root/etc/passwd",
            "/proc/self/fd/3", "/no/such", secret })
        {
            var refusal = await Assert.ThrowsAsync<LaunchException>(() => container.OpenReadAsync(path, Token));
            Assert.Equal("openat2", refusal.Call);
        }
    }

    [Fact]
    public async Task What_is_no_file_is_not_waited_for()
    {
        await using var container = await StartAsync(Script.Shell("mkfifo /tmp/fifo; touch /tmp/up; sleep 1000"));
        foreach (var path in new[] { "/tmp/fifo", "/tmp", "/dev/zero", "/dev/tty" })
        {
            await Assert.ThrowsAsync<LaunchException>(() => Eventually.Ends(container.OpenReadAsync(path, Token)));
        }

        await Assert.ThrowsAsync<ArgumentException>(() => container.OpenReadAsync("tmp/file", Token));
        await Assert.ThrowsAsync<ArgumentException>(() => container.OpenReadAsync("/tmp/\0", Token));
    }

    [Fact]
    public async Task Programs_in_the_container_reach_a_listener_of_the_host()
    {
        await using var container = await StartAsync(Sleeper with { MaxProcesses = null });
        using var listener = await container.ListenAsync(new(IPAddress.Loopback, 80), Token);
        var refusal =
            await Assert.ThrowsAsync<LaunchException>(() => container.ListenAsync(new(IPAddress.Loopback, 80), Token));
        Assert.Equal(("bind", Errno.EADDRINUSE), (refusal.Call, refusal.Errno));

        await using var client = await container.ExecAsync(
            new()
            {
                Command = ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/80; echo hello >&3; cat <&3"],
                StandardOutput = StandardStream.Capture(ByteSize.KiB(1)),
            },
            Token);
        using (var accepted = await Eventually.Ends(listener.AcceptAsync(Token).AsTask()))
        {
            var buffer = new byte[16];
            Assert.Equal("hello\n", Encoding.UTF8.GetString(buffer, 0, await accepted.ReceiveAsync(buffer, Token)));
            await accepted.SendAsync("from the host"u8.ToArray(), Token);
        }

        Assert.Equal("from the host", (await Eventually.Ends(client.WaitForResultAsync(Token))).StandardOutput);
        using var other = new TcpClient();
        await Assert.ThrowsAsync<SocketException>(() =>
            other.ConnectAsync((IPEndPoint)listener.LocalEndPoint!, Token).AsTask());
    }

    [PythonFact]
    public async Task The_host_connects_to_a_program_that_listens()
    {
        var server = Script.Python("""
            import socket
            server = socket.create_server(('127.0.0.1', 8080))
            print('ready', flush=True)
            connection, peer = server.accept()
            connection.sendall(b'hello ' + peer[0].encode())
            """) with { StandardOutput = StandardStream.Pipe };
        await using var container = await Container.StartAsync(server, Token);
        using var output = new StreamReader(container.StandardOutput!);
        Assert.Equal("ready", await output.ReadLineAsync(Token));
        var refusal =
            await Assert.ThrowsAsync<LaunchException>(() => container.ConnectAsync(new(IPAddress.Loopback, 81), Token));
        Assert.Equal(("connect", Errno.ECONNREFUSED), (refusal.Call, refusal.Errno));
        var beyond = await Assert.ThrowsAsync<LaunchException>(() =>
            container.ConnectAsync(new(IPAddress.Parse("192.0.2.1"), 81), Token));
        Assert.Equal(Errno.ENETUNREACH, beyond.Errno);

        using var socket = await container.ConnectAsync(new(IPAddress.Loopback, 8080), Token);
        using var stream = new StreamReader(new NetworkStream(socket));
        Assert.Equal("hello 127.0.0.1", await Eventually.Ends(stream.ReadToEndAsync(Token)));
    }

    [Fact]
    public async Task A_listener_for_any_port_and_family()
    {
        await using var container = await StartAsync(Sleeper);
        foreach (var address in new[] { IPAddress.Loopback, IPAddress.IPv6Loopback, IPAddress.Any, IPAddress.IPv6Any })
        {
            using var listener = await container.ListenAsync(new(address, 0), Token);
            Assert.NotEqual(0, ((IPEndPoint)listener.LocalEndPoint!).Port);
        }

        var refusal = await Assert.ThrowsAsync<LaunchException>(() =>
            container.ListenAsync(new(IPAddress.Parse("192.0.2.1"), 1), Token));
        Assert.Contains("127.0.0.1", refusal.Hint, StringComparison.Ordinal);
        var host = Sleeper with { Namespaces = NamespaceKinds.All & ~NamespaceKinds.Network };
        await using var sharing = await StartAsync(host);
        await Assert.ThrowsAsync<ArgumentException>(() => sharing.ListenAsync(new(IPAddress.Loopback, 0), Token));
    }

    [Fact]
    public async Task Nothing_of_it_is_seen_in_the_container_or_left_behind()
    {
        var before = await Leftovers.Before();
        await using (var container = await StartAsync(Script.Shell("touch /tmp/up; for i in 1 2 3 4 5 6 7 8; do sleep "
            + "0.05; set -- /proc/[0-9]*; echo $#; done >/tmp/seen; touch /tmp/done; sleep 1000")))
        {
            using var ended = new CancellationTokenSource();
            var reading = Parallel.ForAsync(0, 4, async (_, _) =>
            {
                while (!ended.IsCancellationRequested)
                {
                    Assert.Equal("", await ReadAsync(container, "/tmp/up"));
                }
            });
            await Eventually.Holds(() => File.Exists($"/proc/{container.Pid}/root/tmp/done"), "It should have looked.");
            await ended.CancelAsync();
            await reading;
            Assert.Equal(["2"], (await ReadAsync(container, "/tmp/seen")).TrimEnd().Split('\n').Distinct()); // init, sh
        }

        await before.AssertNone();
    }

    [Fact]
    public async Task After_the_end_it_says_so()
    {
        var container = await StartAsync(Sleeper);
        await ReadAsync(container, "/tmp/file");
        await container.DisposeAsync();

        Assert.Equal(Errno.ESRCH,
            (await Assert.ThrowsAsync<LaunchException>(() => container.OpenReadAsync("/tmp/file", Token))).Errno);
        Assert.Equal(
            Errno.ESRCH,
            (await Assert.ThrowsAsync<LaunchException>(() =>
                container.ListenAsync(new(IPAddress.Loopback, 0), Token))).Errno);
    }

    [Fact]
    public async Task Killed_from_outside_it_is_started_again()
    {
        await using var container = await StartAsync(Sleeper);
        var before = Children();
        await ReadAsync(container, "/tmp/file");
        using var kill =
            System.Diagnostics.Process.Start("sh", ["-c", $"kill -KILL {Assert.Single(Children().Except(before))}"]);
        await kill.WaitForExitAsync(Token);
        await Eventually.Holds(
            () =>
            {
                try
                {
                    return ReadAsync(container, "/tmp/file").Result == "inside\n";
                }
                catch (AggregateException)
                {
                    return false;
                }
            },
            "It should be there again.");
    }

    [Fact]
    public async Task Cancelling_harms_nothing_else()
    {
        await using var container = await StartAsync(Sleeper);
        for (var i = 0; i < 50; i++)
        {
            using var cancellation = new CancellationTokenSource(TimeSpan.FromMicroseconds(i * 30));
            try
            {
                using var file = await container.OpenReadAsync("/tmp/file", cancellation.Token);
            }
            catch (OperationCanceledException)
            {
                // As it should.
            }
        }

        Assert.Equal("inside\n", await ReadAsync(container, "/tmp/file"));
    }

    private static List<int> Children() => [.. ProcessTree.ChildrenOf(Environment.ProcessId).Select(child => child.Id)];

    private static async Task<Container> StartAsync(ContainerOptions options)
    {
        var container = await Container.StartAsync(options, Token);
        await Eventually.Holds(() => File.Exists($"/proc/{container.Pid}/root/tmp/up"), "It should be up.");
        return container;
    }

    private static async Task<string> ReadAsync(Container container, string path)
    {
        using var reader = new StreamReader(await Eventually.Ends(container.OpenReadAsync(path, Token)));
        return await reader.ReadToEndAsync(Token);
    }
}
