using System.Runtime.InteropServices;
using ContainerKit.Linux;

namespace ContainerKit.KernelTests.Security;

/// <summary>Programs that run without namespaces: what they can do, and what they cannot.</summary>
public sealed partial class RestrictedTests : IAsyncDisposable
{
    private readonly ContainerHost _host = new(new() { WithoutNamespaces = true });
    private readonly TempDirectory _data = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        _data.Dispose();
        await _host.DisposeAsync();
    }

    [Fact]
    public async Task It_reads_the_hosts_programs_and_no_other_file()
    {
        await File.WriteAllTextAsync(_data["secret"], "secret", Token);
        var result = await RunAsync($"""
            test -r /usr/bin/env && echo programs
            cat {_data["secret"]} || echo denied
            ls {_data.Path} || echo denied
            ls /root || echo denied
            ls /home || echo denied
            ls / || echo denied
            """);

        Assert.Equal("programs\ndenied\ndenied\ndenied\ndenied\ndenied\n", result.StandardOutput);
    }

    [Fact]
    public async Task It_writes_in_a_directory_of_its_own_alone_which_is_gone_afterwards()
    {
        var before = await Leftovers.Before();
        var result = await RunAsync($"""
            echo own >"$TMPDIR/file" && cat "$HOME/file"
            mkdir -p "$TMPDIR/deep/er" && touch "$TMPDIR/deep/er/file" && chmod 0 "$TMPDIR/deep" || echo stays
            for place in / /tmp {_data.Path} /usr /dev /dev/shm /run /var/tmp /sys/fs/cgroup; do
                (echo >"$place/new") 2>&- && echo "$place"
            done
            echo "$TMPDIR"
            """);

        var lines = result.StandardOutput.TrimEnd().Split('\n');
        Assert.Equal(["own", "stays"], lines[..^1]);
        Assert.False(Directory.Exists(lines[^1]), lines[^1]);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_data.Path));
        await before.AssertNone();
    }

    [PythonFact]
    public async Task It_changes_no_attribute_of_a_file_and_truncates_none_that_it_may_only_read()
    {
        foreach (var name in (string[])["file", "truncated", "opened", "given"])
        {
            await File.WriteAllTextAsync(_data[name], "content", Token);
        }

        using (var file = Syscall.Open(_data["file"], OpenFlags.O_RDWR))
        {
            Syscall.SetAttribute(file, "user.kept", "kept"u8);
        }

        var before = Syscall.Status(_data["file"]);
        var output = await OutputAsync(Python(AllDenied("""
                'chmod': lambda: os.chmod(path, 0o777),
                'fchmod': lambda: os.fchmod(opened, 0o777),
                'chown': lambda: os.chown(path, -1, -1),
                'fchown': lambda: os.fchown(opened, -1, -1),
                'lchown': lambda: os.lchown(path, -1, -1),
                'utime': lambda: os.utime(path, (1, 1)),
                'setxattr': lambda: os.setxattr(path, 'user.new', b'x'),
                'fsetxattr': lambda: os.setxattr(opened, 'user.new', b'x'),
                'flags': lambda: fcntl.ioctl(opened, 0x40086602, b'\\x40\\0\\0\\0\\0\\0\\0\\0'),
                'project': lambda: fcntl.ioctl(opened, 0x401c5820, bytes(28)),
                'verity': lambda: fcntl.ioctl(opened, 0x40806685, bytes(128)),
                'removexattr': lambda: os.removexattr(path, 'user.kept'),
                'truncate': lambda: os.truncate(here + 'truncated', 1),
                'open': lambda: os.open(here + 'opened', os.O_RDONLY | os.O_TRUNC),
                'getxattr': lambda: os.getxattr(path, 'user.kept'),
                'listxattr': lambda: os.listxattr(path),
                'link': lambda: os.link(path, here + 'link'),
                'rename': lambda: os.rename(path, here + 'renamed'),
            """, "import fcntl")) with { Mounts = [new BindMount(_data.Path, _data.Path)] });

        Assert.Equal("", output);
        var after = Syscall.Status(_data["file"]);
        Assert.Equal((before.Mode, before.Owner, before.Size), (after.Mode, after.Owner, after.Size));
        Assert.All(
            (string[])["file", "truncated", "opened"], name => Assert.Equal("content", File.ReadAllText(_data[name])));
        Assert.Equal(4, Directory.GetFiles(_data.Path).Length);
    }

    [PythonFact]
    public async Task It_opens_nothing_of_the_host_without_an_access_mode()
    {
        await File.WriteAllTextAsync(_data["closed"], "content", Token);
        var output = await OutputAsync(Python(AllDenied("""
                'file': lambda: os.open(here + 'closed', 3),
                'device': lambda: os.open('/dev/ptmx', 3),
                'openat2': lambda: check(libc.syscall(437, -100, b'/usr', (ctypes.c_uint64 * 3)(0, 0, 0), 24)),
            """, """
            import ctypes
            libc = ctypes.CDLL(None, use_errno=True)
            def check(result):
                if result < 0: raise OSError(ctypes.get_errno(), 'failed')
            """)));

        Assert.Equal("", output);
    }

    [PythonFact]
    public async Task It_makes_no_child_of_its_supervisor_whose_end_could_be_taken_for_its_own()
    {
        Assert.Equal("1", await OutputAsync(Python("""
            import ctypes, os, platform, signal
            libc = ctypes.CDLL(None, use_errno=True)
            CLONE_PARENT = 0x8000
            clone = 56 if platform.machine() == 'x86_64' else 220
            if libc.syscall(clone, CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0) == 0: os._exit(0)
            print(ctypes.get_errno())
            """)));
    }

    [Fact]
    public async Task A_path_that_it_was_given_is_what_it_was_given_for()
    {
        Directory.CreateDirectory(_data["read"]);
        Directory.CreateDirectory(_data["write"]);
        await File.WriteAllTextAsync(_data["read/file"], "read", Token);
        var result = await RunAsync(Shell($"""
            cat {_data["read/file"]}; echo
            (echo >{_data["read/file"]}) 2>&- || echo denied
            echo written >{_data["write/file"]}
            """) with
        {
            Mounts =
                [
                    new BindMount(_data["read"], _data["read"]),
                    new BindMount(_data["write"], _data["write"]) { ReadOnly = false },
                ],
        });

        Assert.Equal("read\ndenied\n", result.StandardOutput);
        Assert.Equal("written\n", await File.ReadAllTextAsync(_data["write/file"], Token));
    }

    [PythonFact]
    public async Task It_has_no_socket_to_anybody()
    {
        using var listener = new System.Net.Sockets.Socket(
            System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Dgram, default);
        listener.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(_data["socket"]));

        var output = await OutputAsync(Python(AllDenied($$"""
                'unix': lambda: socket.socket(socket.AF_UNIX),
                'inet': lambda: socket.socket(socket.AF_INET),
                'inet6': lambda: socket.socket(socket.AF_INET6),
                'netlink': lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0),
                'datagrams': lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b'x', '{{_data["socket"]}}'),
                'elsewhere': lambda: socket.socketpair()[0].sendto(b'x', '{{_data["socket"]}}'),
                'another': lambda: socket.socketpair()[0].connect('{{_data["socket"]}}'),
            """, "import socket")));

        Assert.Equal("", output);
        Assert.Equal(0, listener.Available);
    }

    [PythonFact]
    public async Task It_does_nothing_to_other_processes()
    {
        var parent = Environment.ProcessId;
        var word = GC.AllocateArray<byte>(8, pinned: true);
        var result = await _host.RunAsync(Python(AllDenied($$"""
                'limit': lambda: resource.prlimit({{parent}}, resource.RLIMIT_NOFILE, (64, 64)),
                'priority': lambda: os.setpriority(os.PRIO_PROCESS, {{parent}}, 19),
                'user': lambda: os.setpriority(os.PRIO_USER, 0, 19),
                'affinity': lambda: os.sched_setaffinity({{parent}}, [0]),
                'policy': lambda: os.sched_setscheduler({{parent}}, os.SCHED_BATCH, os.sched_param(0)),
                'environment': lambda: open('/proc/{{parent}}/environ', 'rb').read(),
                'memory': lambda: open('/proc/{{parent}}/mem', 'rb'),
                'root': lambda: os.listdir('/proc/{{parent}}/root/root'),
                'descriptors': lambda: os.readlink('/proc/{{parent}}/fd/0'),
                'score': lambda: open('/proc/{{parent}}/oom_score_adj', 'w').write('1000'),
                'trace': lambda: check(libc.ptrace(16, {{parent}}, 0, 0)),
                'read': lambda: check(libc.process_vm_readv({{parent}}, here, 1, there, 1, 0)),
                'write': lambda: check(libc.process_vm_writev({{parent}}, here, 1, there, 1, 0)),
                'shm': lambda: check(libc.shmget(0, 4096, 0o1777)),
                'msg': lambda: check(libc.msgget(0, 0o1777)),
                'queue': lambda: check(libc.mq_open(b'/queue', 0o102, 0o600, None)),
                'namespace': lambda: check(libc.unshare(0x10000000)),
            """, $$"""
            import ctypes, resource, struct
            libc = ctypes.CDLL(None, use_errno=True)
            own = ctypes.create_string_buffer(b'changed')
            vector = lambda address: ctypes.create_string_buffer(struct.pack('QQ', address, 8))
            here, there = vector(ctypes.addressof(own)), vector({{Marshal.UnsafeAddrOfPinnedArrayElement(word, 0)}})
            def check(result):
                if result < 0: raise OSError(ctypes.get_errno(), 'failed')
            """)), Token);

        Assert.Equal(("", ""), (result.StandardOutput, result.StandardError));
        Assert.Equal(new byte[8], word);
    }

    [PythonFact]
    public async Task It_signals_nobody_where_the_kernel_keeps_signals_in()
    {
        var (parent, scoped) = (Environment.ProcessId, LandlockFeature.VersionOfKernel >= LandlockFeature.OfScopes);
        var result = await _host.RunAsync(Python(AllDenied($$"""
                'kill': lambda: os.kill({{parent}}, 0),
                'supervisor': lambda: os.kill(os.getppid(), 0),
                'pidfd': lambda: signal.pidfd_send_signal(os.pidfd_open({{parent}}), 0),
            """, "import signal")), Token);

        Assert.Equal(scoped, result.IsolationProperties.HasFlag(IsolationProperties.NoSignals));
        Assert.Equal(scoped, result.StandardOutput.Length == 0);
    }

    [Fact]
    public async Task It_has_no_privileges_variables_and_descriptors_of_the_host()
    {
        var strict = new ContainerOptions { Command = ["env"], MinimumIsolation = Isolation.Restricted };
        var variables = (await OutputAsync(strict)).Split('\n').Select(line => line.Split('=')[0]);
        var descriptors = await OutputAsync(strict with { Command = ["ls", "/proc/self/fd"] });
        var status = await OutputAsync(strict with { Command = ["cat", "/proc/self/status"] });

        Assert.Equal(["HOME", "PATH", "TMPDIR"], variables.Order());
        Assert.Equal("0\n1\n2\n3", descriptors); // the last is the directory
        var zeros = status.Split('\n').Where(line => line.StartsWith("Cap", StringComparison.Ordinal)
            && (Host.IsRoot || !line.StartsWith("CapBnd", StringComparison.Ordinal)));
        Assert.All(zeros, line => Assert.EndsWith("\t0000000000000000", line));
        Assert.Contains("NoNewPrivs:\t1\n", status);
        Assert.Contains("Seccomp:\t2\n", status);
    }

    [PythonFact]
    public async Task With_the_hosts_network_it_has_TCP_and_UDP_and_no_other_socket()
    {
        var output = await OutputAsync(Python("""
            import socket
            server = socket.create_server(('127.0.0.1', 0))
            client = socket.create_connection(server.getsockname())
            client.sendall(b'through')
            print(server.accept()[0].recv(10).decode())
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, socket.IPPROTO_UDP)
            socket.socket(socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            for family in socket.AF_UNIX, socket.AF_NETLINK, socket.AF_PACKET, 38:
                try:
                    socket.socket(family, socket.SOCK_RAW if family > 1 else socket.SOCK_STREAM)
                    print(family)
                except OSError: pass
            for kind, protocol in (3, 1), (2, 1), (1, 262), (1, 132), (5, 132), (6, 33), (2, 136): # raw, ping, MPTCP, SCTP, …
                try:
                    socket.socket(socket.AF_INET, kind, protocol)
                    print(kind, protocol)
                except OSError as refused:
                    if refused.errno != 97: print(kind, protocol, refused) # EAFNOSUPPORT: the filter's
            """) with { Namespaces = NamespaceKinds.Default & ~NamespaceKinds.Network });

        Assert.Equal("through", output);
    }

    [PythonFact]
    public async Task A_single_process_has_threads_and_no_children()
    {
        var options = Python("""
            import os, subprocess, threading
            thread = threading.Thread(target=print, args=('thread',))
            thread.start()
            thread.join()
            for attempt in (os.fork, lambda: subprocess.run(['true'])):
                try:
                    attempt()
                    print('child')
                except PermissionError:
                    print('denied')
            """) with { SingleProcess = true };

        Assert.Equal("thread\ndenied\ndenied", await OutputAsync(options));
        Assert.Equal(
            "thread\ndenied\ndenied", await Script.OutputAsync(options with { MinimumIsolation = null }));
    }

    private static ContainerOptions Shell(string script) =>
        Script.Shell(script) with { MinimumIsolation = Isolation.Restricted };

    private static ContainerOptions Python(string script) =>
        Script.Python(script) with { MinimumIsolation = Isolation.Restricted };

    /// <summary>A script that prints each attempt that is not denied.</summary>
    private string AllDenied(string attempts, string first = "") => $$"""
        import os
        {{first}}
        here = '{{_data.Path}}/'
        path = here + 'file'
        opened = os.open(path, os.O_RDONLY) if os.access(path, os.R_OK) else -1
        attempts = {
        {{attempts}}
        }
        for name, attempt in attempts.items():
            try:
                attempt()
                print(name)
            except OSError: pass
        """;

    private async Task<string> OutputAsync(ContainerOptions options)
    {
        var result = await RunAsync(options);
        Assert.True(result.ExitStatus.IsSuccess, $"{result.ExitStatus}\n{result.StandardOutput}{result.StandardError}");
        return result.StandardOutput.TrimEnd('\n');
    }

    private Task<ContainerResult> RunAsync(string script) => RunAsync(Shell(script));

    private Task<ContainerResult> RunAsync(ContainerOptions options) =>
        _host.RunAsync(options, Token).WaitAsync(TimeFactor.Seconds(60));
}
