namespace ContainerKit.HostileTests;

/// <summary>A container of the same host process is an attacker like any other.</summary>
public class NeighbourTests
{
    [PythonFact]
    public async Task Found_while_designing_A_neighbour_is_neither_seen_nor_signalled_nor_reached()
    {
        await using var victim = await Victim.StartAsync();
        var output = await Script.OutputAsync(Script.Python("""
            import os, signal, socket
            for address in ('\0neighbour', '/tmp/neighbour', '/run/neighbour', '/dev/shm/neighbour'):
                try:
                    socket.socket(socket.AF_UNIX).connect(address)
                    print('connected', address)
                except OSError:
                    pass
            try:
                socket.create_connection(('127.0.0.1', 5000), 1)
                print('connected tcp')
            except OSError:
                pass
            print(*[p for p in os.listdir('/proc') if p.isdigit() and p not in ('1', str(os.getpid()))], end='')
            for place in ('/tmp', '/run', '/dev/shm', '/dev/mqueue'):
                print(*os.listdir(place), end='')
            try:
                os.kill(-1, signal.SIGKILL)
            except OSError:
                pass
            """));

        Assert.Equal("", output);
        Assert.False(victim.Running.IsCompleted, "The neighbour was ended.");
    }

    [RootFact]
    public async Task Found_while_designing_Neighbours_of_root_have_different_ids_on_the_host()
    {
        Assert.SkipUnless(Host.HasPython, "needs /usr/bin/python3");
        await using var victim = await Victim.StartAsync();
        var own = await Script.OutputAsync("cat /proc/self/uid_map");

        Assert.NotEqual(own.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], victim.HostUser);
    }

    [PythonFact]
    public async Task Found_while_designing_Neighbours_do_not_share_the_layer_over_a_shared_directory()
    {
        using var root = new RootDirectory();
        File.SetUnixFileMode(root.Path, (UnixFileMode)0x1FF); // 0777
        var options = root.Options with { Root = RootFilesystem.Directory(root.Path, CopyOnWrite.Temporary) };
        var outputs = await Task.WhenAll(Enumerable.Range(0, 8).Select(i =>
            Script.OutputAsync(options with { Command = ["sh", "-c", $"echo {i} > /own{i}; ls / | grep own"] })));

        Assert.Equal(Enumerable.Range(0, 8).Select(i => $"own{i}"), outputs);
    }

    /// <summary>A container that listens wherever a neighbour could look.</summary>
    private sealed class Victim : IAsyncDisposable
    {
        private readonly CancellationTokenSource _cancel;

        public Task<ContainerResult> Running { get; }

        public string HostUser { get; private set; } = "";

        public static async Task<Victim> StartAsync()
        {
            var (cancel, output) = (new CancellationTokenSource(), new FirstLine());
            var options = Script.Python("""
                import os, signal, socket
                servers = []
                for address in ('\0neighbour', '/tmp/neighbour', '/run/neighbour', '/dev/shm/neighbour'):
                    servers.append(socket.socket(socket.AF_UNIX)); servers[-1].bind(address); servers[-1].listen()
                servers.append(socket.create_server(('127.0.0.1', 5000)))
                print(open('/proc/self/uid_map').read().split()[1], flush=True)
                while True: signal.pause()
                """) with { StandardOutput = StandardStream.To(output) };
            var running = Container.RunAsync(options, cancel.Token);
            var victim = new Victim(cancel, running);
            await Task.WhenAny(output.Line, running).WaitAsync(TimeFactor.Seconds(60));
            Assert.False(running.IsCompleted, "The neighbour did not start.");
            victim.HostUser = await output.Line;
            return victim;
        }

        private Victim(CancellationTokenSource cancel, Task<ContainerResult> running) =>
            (_cancel, Running) = (cancel, running);

        public async ValueTask DisposeAsync()
        {
            await _cancel.CancelAsync();
            await ((Task)Running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _cancel.Dispose();
        }
    }

    /// <summary>A stream that keeps the first line written to it.</summary>
    private sealed class FirstLine : MemoryStream
    {
        private readonly TaskCompletionSource<string> _line = new();

        public Task<string> Line => _line.Task;

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            _line.TrySetResult(System.Text.Encoding.UTF8.GetString(buffer.Span).TrimEnd());
            return ValueTask.CompletedTask;
        }
    }

    [PythonFact]
    public async Task A_neighbour_that_renames_all_the_time_fails_no_look_up()
    {
        using var root = new RootDirectory();
        Directory.CreateDirectory(root["etc/real"]);
        await File.WriteAllTextAsync(root["etc/real/passwd"], "me:x:7:8::/:");
        File.CreateSymbolicLink(root["etc/passwd"], "../etc/../etc/real/../real/passwd");
        await using var neighbour = await Container.StartAsync(
            Script.Python("""
                import os
                open("/tmp/a", "w")
                while True:
                    os.rename("/tmp/a", "/tmp/b"); os.rename("/tmp/b", "/tmp/a")
                """),
            TestContext.Current.CancellationToken);

        for (var i = 0; i < TimeFactor.Times(100, soak: 2000); i++)
        {
            await Script.OutputAsync(root.Options with
            { User = "me:8", WorkingDirectory = "/etc/../etc/../etc/../etc/../etc/real/.." });
        }
    }
}
