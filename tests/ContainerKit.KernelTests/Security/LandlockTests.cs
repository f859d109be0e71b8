using System.Net.Sockets;

namespace ContainerKit.KernelTests;

/// <summary>
/// Landlock in containers: what is not allowed is denied, whoever tries. What this kernel does not have it leaves out,
/// which shows, or refuses.
/// </summary>
public sealed partial class LandlockTests : IDisposable
{
    private static readonly LandlockPath[] System =
    [
        new("/usr", LandlockAccess.ReadExecute), new("/etc", LandlockAccess.ReadOnly),
        new("/proc", LandlockAccess.ReadOnly), new("/dev", LandlockAccess.ReadOnly | LandlockAccess.WriteFile),
    ];

    private readonly TempDirectory _data = new();

    private static int Version => LandlockFeature.VersionOfKernel;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _data.Dispose();

    [PythonTheory]
    [InlineData(LandlockAccess.None, "")]
    [InlineData(LandlockAccess.ReadFile, "read")]
    [InlineData(LandlockAccess.ReadOnly, "read list")]
    [InlineData(LandlockAccess.ReadExecute, "read list execute")]
    [InlineData(LandlockAccess.WriteFile | LandlockAccess.Truncate, "write truncate")]
    [InlineData(LandlockAccess.MakeFile | LandlockAccess.WriteFile, "write make")]
    [InlineData(LandlockAccess.RemoveFile, "remove")]
    [InlineData(LandlockAccess.ReadWrite,
        "read list write truncate make link pipe socket directory rename move remove empty")]
    [InlineData(LandlockAccess.All,
        "read list write truncate make link pipe socket directory rename move remove empty execute")]
    public async Task What_is_not_allowed_is_denied_and_what_is_allowed_works(LandlockAccess access, string allowed)
    {
        Make("here");
        var output = await Script.OutputAsync(Data("""
            import errno, os, socket, subprocess
            os.chdir('/')
            here = '/tmp/data/here/'
            attempts = {
                'read': lambda: open(here + 'file').read(),
                'list': lambda: os.listdir(here),
                'write': lambda: os.close(os.open(here + 'file', os.O_WRONLY)),
                'truncate': lambda: os.truncate(here + 'file', 1),
                'make': lambda: os.close(os.open(here + 'new', os.O_WRONLY | os.O_CREAT | os.O_EXCL)),
                'link': lambda: os.symlink('file', here + 'link'),
                'pipe': lambda: os.mkfifo(here + 'pipe'),
                'socket': lambda: socket.socket(socket.AF_UNIX).bind(here + 'socket'),
                'directory': lambda: os.mkdir(here + 'made'),
                'rename': lambda: os.rename(here + 'old', here + 'renamed'),
                'move': lambda: os.rename(here + 'first/file', here + 'second/file'),
                'remove': lambda: os.unlink(here + 'gone'),
                'empty': lambda: os.rmdir(here + 'empty'),
                'execute': lambda: subprocess.run([here + 'program'], check=True),
            }
            for name, attempt in attempts.items():
                try:
                    attempt()
                    print(name)
                except OSError as denied:
                    if denied.errno != errno.EACCES: print(name, denied)
            """, access is LandlockAccess.None ? [] : [new("/tmp/data/here", access)]));

        // Before version 3 nobody is kept from truncating.
        var expected = allowed.Split(' ', StringSplitOptions.RemoveEmptyEntries).ToHashSet();
        if (Version < 3)
        {
            expected.Add("truncate");
        }

        Assert.Equal(expected.Order(), output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order());
    }

    [PythonFact]
    public async Task A_file_moves_to_no_directory_that_allows_more()
    {
        Make("less");
        Make("more");
        Make("unmoved");
        const LandlockAccess less = LandlockAccess.ReadWrite;
        var output = await Script.OutputAsync(Data("""
            import errno, os
            for source, target in (('less', 'more'), ('more', 'less'), ('unmoved', 'less'), ('less', 'unmoved')):
                try:
                    os.rename(f'/tmp/data/{source}/file', f'/tmp/data/{target}/from-{source}')
                    print('moved', source, target)
                except OSError as denied:
                    print(errno.errorcode[denied.errno])
            """,
            [
                new("/tmp/data/less", less), new("/tmp/data/more", less | LandlockAccess.Execute),
                new("/tmp/data/unmoved", less & ~LandlockAccess.Refer),
            ]));

        Assert.Equal(
            Version >= 2 ? "EXDEV\nmoved more less\nEXDEV\nEXDEV" : "EXDEV\nEXDEV\nEXDEV\nEXDEV", output);
    }

    [PythonFact]
    public async Task Nothing_that_it_executes_or_asks_for_lifts_it()
    {
        Make("here");
        var output = await Script.OutputAsync(Data("""
            import ctypes, os, subprocess
            libc = ctypes.CDLL(None, use_errno=True)
            libc.syscall.restype = ctypes.c_long
            def attempt(path):
                try:
                    open(path).close()
                    print('opened', path)
                except PermissionError:
                    pass
                shown = subprocess.run(['sh', '-c', f'setsid cat {path}'], capture_output=True)
                if shown.returncode == 0: print('shown', path)
            attempt('/tmp/data/here/file')
            # a ruleset that allows everything comes on top
            class Rules(ctypes.Structure): _fields_ = [('files', ctypes.c_uint64)]
            class Below(ctypes.Structure): _pack_, _fields_ = 4, [('files', ctypes.c_uint64), ('place', ctypes.c_int32)]
            rules = Rules(0x1fff)
            made = libc.syscall(444, ctypes.byref(rules), 8, 0)
            below = Below(0x1fff, os.open('/', os.O_PATH))
            assert made >= 0 and libc.syscall(445, made, 1, ctypes.byref(below), 0) == 0
            assert libc.syscall(446, made, 0) == 0
            attempt('/tmp/data/here/file')
            attempt('/proc/self/root/tmp/data/here/file')
            os.chdir('/tmp/data/here')
            attempt('file')
            attempt('/proc/self/cwd/file')
            print('tried')
            """, []));

        Assert.Equal("tried", output);
    }

    [PythonTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_program_that_may_mount_mounts_nothing_more(bool isRestricted)
    {
        using var root = new RootDirectory();
        var output = await Script.OutputAsync(Privileged.Python(root, mounts: true, """
            import ctypes
            libc = ctypes.CDLL(None, use_errno=True)
            for call in (lambda: libc.mount(b'none', b'/tmp', b'tmpfs', 0, None), lambda: libc.umount2(b'/tmp', 2),
                         lambda: libc.mount(b'none', b'/usr', None, 32 | 4096, None)): # MS_REMOUNT | MS_BIND
                print(call() and ctypes.get_errno())
            """) with
        {
            Landlock = isRestricted
                ? new() { Paths = [new("/", LandlockAccess.All)], BestEffort = true }
                : null,
        });

        Assert.Equal(isRestricted ? "1\n1\n1" : "0\n0\n0", output); // EPERM
    }

    [Theory]
    [InlineData("run")]
    [InlineData("run without init")]
    [InlineData("start")]
    [InlineData("exec")]
    [InlineData("exec without init")]
    [InlineData("detached")]
    [InlineData("exec in detached")]
    public async Task It_holds_however_a_program_is_started(string kind)
    {
        Make("allowed");
        Make("denied");
        var options = Data("", [new("/tmp/data/allowed", LandlockAccess.ReadOnly)]);

        Assert.Equal("content\ndenied", await Starts.OutputAsync(
            kind, options, "cat /tmp/data/allowed/file; cat /tmp/data/denied/file 2>/dev/null || echo denied"));
    }

    [PythonFact]
    public async Task Only_ports_that_are_allowed_are_listened_on_and_connected_to()
    {
        var rules = new LandlockRules { TcpBindPorts = [8080, 8081], TcpConnectPorts = [8080, 8082] };
        var options = Script.Python("""
            import errno, socket
            servers = []
            def attempt(what):
                try:
                    servers.append(what())
                    print('yes')
                except OSError as denied:
                    print(errno.errorcode[denied.errno])
            for port in (8080, 8081, 8082, 0):
                attempt(lambda: socket.create_server(('127.0.0.1', port)))
            for port in (8080, 8081, 8082):
                attempt(lambda: socket.create_connection(('127.0.0.1', port)))
            """) with
        { Landlock = rules };
        if (Version < 4)
        {
            await RefusesAsync(options, "Landlock: TCP ports");
            return;
        }

        Assert.Equal("yes\nyes\nEACCES\nEACCES\nyes\nEACCES\nECONNREFUSED", (await Script.OutputAsync(options)));
    }

    [PythonTheory]
    [InlineData(LandlockScopes.None, "connected sent sent")]
    [InlineData(LandlockScopes.AbstractSockets, "EPERM sent sent")]
    [InlineData(LandlockScopes.Signals, "connected EPERM sent")]
    [InlineData(LandlockScopes.Signals | LandlockScopes.AbstractSockets, "EPERM EPERM sent")]
    public async Task What_is_kept_in_reaches_nobody_outside(LandlockScopes scopes, string expected)
    {
        // The host's network is where its abstract sockets are; the init is the one outside that it could signal.
        using var server = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        var name = $"containerkit-{Guid.NewGuid():N}";
        server.Bind(new UnixDomainSocketEndPoint("\0" + name));
        server.Listen();
        var options = Script.Python($$"""
            import errno, os, socket, subprocess
            child = subprocess.Popen(['sleep', '1000'])
            def attempt(name, what):
                try:
                    what()
                    print(name, end=' ')
                except OSError as denied:
                    print(errno.errorcode[denied.errno], end=' ')
            attempt('connected', lambda: socket.socket(socket.AF_UNIX).connect('\0{{name}}'))
            attempt('sent', lambda: os.kill(1, 0))
            attempt('sent', lambda: os.kill(child.pid, 9))
            """) with
        {
            Namespaces = NamespaceKinds.Default & ~NamespaceKinds.Network,
            Landlock = new() { Paths = [new("/", LandlockAccess.All)], BestEffort = true, Scopes = scopes },
        };
        if (Version < 6)
        {
            Assert.Equal("connected sent sent", (await Script.OutputAsync(options)).TrimEnd());
            await RefusesAsync(options with { Landlock = new() { Scopes = scopes | LandlockScopes.Signals } },
                "Landlock: scopes");
            return;
        }

        Assert.Equal(expected, (await Script.OutputAsync(options)).TrimEnd());
    }

    [PythonFact]
    public async Task Programs_of_one_container_are_outside_of_each_other()
    {
        var options = Script.Shell("sleep 1000") with { Landlock = new() { Scopes = LandlockScopes.Signals } };
        if (Version < 6)
        {
            await RefusesAsync(options, "Landlock: scopes");
            return;
        }

        await using var container = await Container.StartAsync(options, Token);
        await using var process = await container.ExecAsync(
            new() { Command = ["sh", "-c", "kill -0 2"] }, Token);

        Assert.Equal(1, (await Eventually.Ends(process.WaitAsync(Token))).ExitCode);
        Assert.Equal(Signal.SIGTERM, (await Eventually.Ends(container.StopAsync(Token))).Signal); // by the init
    }

    [PythonTheory]
    [InlineData(LandlockAccess.ReadOnly | LandlockAccess.WriteFile)]
    [InlineData(LandlockAccess.ReadOnly | LandlockAccess.WriteFile | LandlockAccess.ControlDevice)]
    public async Task Devices_are_controlled_where_that_is_allowed(LandlockAccess access)
    {
        var isDenied = Version >= 5 && !access.HasFlag(LandlockAccess.ControlDevice);
        var output = await Script.OutputAsync(Script.Python("""
            import fcntl, os, errno
            master = os.open('/dev/ptmx', os.O_RDWR | os.O_NOCTTY)
            try:
                fcntl.ioctl(master, 0x80045430, bytes(4)) # TIOCGPTN
                print('controlled')
            except OSError as denied:
                print(errno.errorcode[denied.errno])
            """) with
        {
            Landlock = new()
            {
                Paths = [new("/", LandlockAccess.ReadExecute), new("/dev", access)],
                BestEffort = true,
            },
        });

        Assert.Equal(isDenied ? "EACCES" : "controlled", output);
    }

    [Fact]
    public async Task A_terminal_and_open_files_that_it_is_given_are_not_restricted()
    {
        Make("here");
        using var file = File.OpenHandle(_data["here/file"]);
        var options = Data("", []) with
        {
            Command = ["sh", "-c", "stty size; cat <&3; cat <&4; read line; echo $line"],
            Descriptors = [file, file],
        };
        await using var typist = await Typist.StartAsync(Typist.At(options));
        await typist.SeesAsync("content");
        await typist.TypeAsync("typed\n");
        Assert.EndsWith("typed\r\n", await typist.EndAsync(), StringComparison.Ordinal);
    }

    /// <summary>A directory with something for each attempt.</summary>
    private void Make(string name)
    {
        foreach (var directory in new[] { ".", name, $"{name}/empty", $"{name}/first", $"{name}/second" })
        {
            Directory.CreateDirectory(_data[directory]);
            File.SetUnixFileMode(_data[directory], (UnixFileMode)0x1FF); // 0777
        }

        foreach (var file in new[] { "file", "old", "gone", "program", "first/file" })
        {
            File.WriteAllText(_data[$"{name}/{file}"], file == "program" ? "#!/bin/sh\n" : "content\n");
            File.SetUnixFileMode(_data[$"{name}/{file}"], (UnixFileMode)0x1FF);
        }
    }

    /// <summary>Python that sees the data, of which it may do this, and beside it what Python needs.</summary>
    private ContainerOptions Data(string script, LandlockPath[] paths) => Script.Python(script) with
    {
        Mounts = [new BindMount(_data.Path, "/tmp/data") { ReadOnly = false }],
        Landlock = new() { Paths = [.. System, .. paths], BestEffort = true },
    };
}
