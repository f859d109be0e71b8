namespace ContainerKit.HostileTests;

/// <summary>
/// A container of the same host process that attacks aim at: it listens, and keeps something wherever another could
/// look; with namespaces where there are any. Disposing kills it, and fails where it was ended, or found its own things
/// changed.
/// </summary>
internal sealed class Neighbour : IAsyncDisposable
{
    private const string Script = """
        import ctypes, os, signal, socket, sys
        libc = ctypes.CDLL(None, use_errno=True)
        servers = []
        apart = 'TMPDIR' not in os.environ # else it has no namespaces, and may have neither sockets nor what follows
        if apart:
            for address in ('\0neighbour', '/tmp/neighbour', '/run/neighbour', '/dev/shm/neighbour'):
                servers.append(socket.socket(socket.AF_UNIX)); servers[-1].bind(address); servers[-1].listen()
            servers.append(socket.create_server(('127.0.0.1', 5000)))
        secret = ctypes.create_string_buffer(b'secret of the neighbour')
        key = 0x636b6974
        ids = libc.shmget(key, 4096, 0o1666), libc.msgget(key, 0o1666), libc.semget(key, 1, 0o1666)
        queue = libc.mq_open(b'/neighbour', os.O_CREAT | os.O_RDWR, 0o666, None)
        assert not apart or min(*ids, queue) >= 0
        ring = libc.syscall(int(os.environ['ADD_KEY']), b'user', b'neighbour', secret, 6, -4) # @u
        print(open('/proc/self/uid_map').read().split()[1], *ids, ring, ctypes.addressof(secret), flush=True)
        sys.stdin.readline()
        whole = (libc.shmget(key, 4096, 0), libc.msgget(key, 0), libc.semget(key, 1, 0)) == ids
        for server in servers:
            server.settimeout(0)
            try:
                server.accept(); whole = False
            except BlockingIOError:
                pass
        print('whole' if whole and secret.value == b'secret of the neighbour' else 'changed', os.getpriority(0, 0),
            flush=True)
        """;

    private readonly Container _container;
    private readonly StreamReader _output;

    private Neighbour(Container container) =>
        (_container, _output) = (container, new(container.StandardOutput!));

    /// <summary>Its program's id on the host.</summary>
    public int Pid => _container.Pid;

    /// <summary>The host's id of its root.</summary>
    public string HostUser { get; private set; } = "";

    /// <summary>The numbers of what it has: shared memory, a queue, semaphores, a key; a secret's address.</summary>
    public string Numbers { get; private set; } = "";

    /// <summary>Starts it, with the ids that <see cref="TestIds"/> gives where others have them too.</summary>
    public static async Task<Neighbour> StartAsync(bool sharesIds = false)
    {
        var options = KernelTests.Script.Python(Script).Telling("ADD_KEY", SyscallOf("add_key")) with
        {
            StandardInput = StandardStream.Pipe,
            StandardOutput = StandardStream.Pipe,
            Seccomp = SeccompProfile.Unconfined,
            IdMap = sharesIds ? TestIds.Map : IdMap.SingleId,
            MinimumIsolation = NestedHosts.Least,
        };
        var neighbour = new Neighbour(await Eventually.Ends(Container.StartAsync(options)));
        var line = await Eventually.Ends(neighbour._output.ReadLineAsync());
        Assert.NotNull(line);
        var space = line.IndexOf(' ', StringComparison.Ordinal);
        (neighbour.HostUser, neighbour.Numbers) = (line[..space], line[(space + 1)..]);
        return neighbour;
    }

    /// <summary>Fails where it was ended, reached, or found its own things changed.</summary>
    public async Task AssertUntouched()
    {
        await _container.StandardInput!.WriteAsync("\n"u8.ToArray());
        await _container.StandardInput.FlushAsync();
        Assert.Equal("whole 0", await Eventually.Ends(_output.ReadLineAsync()));
        await Eventually.Ends(_container.WaitAsync());
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _container.DisposeAsync();
        _output.Dispose();
    }

    private static int SyscallOf(string call) => Linux.SyscallTable.NumberOf(
        call, System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture)!.Value;
}
