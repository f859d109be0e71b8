namespace ContainerKit.KernelTests;

/// <summary>Capabilities that a container keeps: what they do in it, and what they do not do outside.</summary>
public class CapabilityTests
{
    [PythonTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_capability_does_what_it_is_for(bool isGiven)
    {
        var output = await Script.OutputAsync(Script.Python("""
            import os, socket
            def attempt(name, what):
                try:
                    what()
                    print(name)
                except OSError:
                    pass
            attempt('listened', lambda: socket.create_server(('127.0.0.1', 80)))
            attempt('opened', lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
            attempt('entered', lambda: os.chroot('/usr'))
            """) with
        {
            Capabilities = isGiven
                ? new(CapabilitySet.Docker.Without([Capability.CAP_NET_RAW]))
                : new([Capability.CAP_CHOWN]),
        });

        Assert.Equal(isGiven ? "listened\nentered" : "", output);
    }

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task A_user_who_was_root_until_the_start_has_what_is_ambient()
    {
        CapabilitySet given = [Capability.CAP_KILL, Capability.CAP_SETPCAP];
        var options = Script.Shell("id -u; grep -E '^Cap(Prm|Amb)' /proc/self/status") with
        {
            IdMap = TestIds.Map,
            User = "5:6",
            Capabilities = new(given) { Inheritable = given, Ambient = [Capability.CAP_KILL] },
        };

        Assert.Equal("5\nCapPrm:\t0000000000000020\nCapAmb:\t0000000000000020", await Script.OutputAsync(options));
    }

    [PythonTheory]
    [InlineData("0")]
    [InlineData("1000")]
    public async Task What_a_program_gave_up_no_exec_gives_back(string user)
    {
        // Not even root's: the reason why securebits are left as they are.
        var all = Privileged.WithoutMounts;
        var output = await Script.OutputAsync(Script.Python("""
            import ctypes, os
            libc = ctypes.CDLL(None)
            header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
            assert libc.capset(header, none) == 0
            os.execv('/bin/sh', ['sh', '-c', 'grep -E "^Cap(Prm|Eff|Amb)" /proc/self/status'])
            """) with
        {
            User = user,
            Capabilities = new(all) { Inheritable = all, Ambient = all },
        });

        Assert.Equal(
            "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapAmb:\t0000000000000000", output);
    }

    [Fact]
    public async Task Another_program_can_have_less_and_never_more()
    {
        CapabilitySet given = [Capability.CAP_CHOWN, Capability.CAP_KILL];
        var options = Script.Shell("sleep 1000") with { Capabilities = new(given) };
        await using var container = await Container.StartAsync(options, TestContext.Current.CancellationToken);
        var program = new ExecOptions
        {
            Command = ["sh", "-c", "grep -E '^Cap(Eff|Bnd)' /proc/self/status"],
            StandardOutput = StandardStream.Capture(ByteSize.KiB(1)),
            Capabilities = new([Capability.CAP_KILL]),
        };
        await using var less = await container.ExecAsync(program, TestContext.Current.CancellationToken);

        Assert.Equal("CapEff:\t0000000000000020\nCapBnd:\t0000000000000020\n",
            (await Eventually.Ends(less.WaitForResultAsync(TestContext.Current.CancellationToken))).StandardOutput);
        await Assert.ThrowsAsync<ArgumentException>(() => container.ExecAsync(
            program with { Capabilities = new([Capability.CAP_SETUID]) }, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task It_ends_with_its_host_and_is_stopped_as_without(bool init)
    {
        var options = Script.Shell("trap 'exit 7' TERM; echo up; while :; do :; done") with
        {
            Init = init,
            Capabilities = new(CapabilitySet.Docker),
            StandardOutput = StandardStream.Pipe,
        };
        await using var container = await Container.StartAsync(options, TestContext.Current.CancellationToken);
        using var output = new StreamReader(container.StandardOutput!);
        await Eventually.Ends(output.ReadLineAsync(TestContext.Current.CancellationToken).AsTask());
        Assert.Equal(
            7, (await Eventually.Ends(container.StopAsync(TestContext.Current.CancellationToken))).ExitCode);

        var leftovers = await Leftovers.Before();
        await using (var live = await LiveContainer.StartAsync(options with { StandardOutput = null }))
        {
            Linux.Syscall.Kill(live.Supervisor.Id);
            await Eventually.Gone(live.Program.Id);
        }

        await leftovers.AssertNone();
    }

    [PythonTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task CVE_2016_9962_With_every_capability_PID_1_can_neither_be_read_nor_traced(bool mounts)
    {
        using var root = new RootDirectory();
        Assert.Equal("", await Script.OutputAsync(Privileged.Python(root, mounts, """
            import ctypes, os
            libc = ctypes.CDLL(None, use_errno=True)
            libc.ptrace.restype = ctypes.c_long
            for name in ('mem', 'environ', 'maps', 'fd/0', 'root/', 'cwd/', 'exe', 'auxv', 'syscall'):
                try:
                    open(f'/proc/1/{name}', 'rb').read(1)
                    print('read', name)
                except OSError:
                    pass
            if libc.ptrace(16, 1, 0, 0) == 0: print('attached') # PTRACE_ATTACH
            if libc.ptrace(0x4206, 1, 0, 0) == 0: print('seized') # PTRACE_SEIZE
            pidfd = os.pidfd_open(1)
            for number in range(20):
                if libc.syscall(438, pidfd, number, 0) >= 0: print('took', number) # pidfd_getfd
            """)));
    }

    [PythonTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task CVE_2022_0492_CVE_2023_25809_With_every_capability_nothing_of_the_machine_is_writable(
        bool mounts)
    {
        using var root = new RootDirectory();
        Assert.Equal("", await Script.OutputAsync(Privileged.Python(root, mounts, """
            import ctypes, os, stat
            libc = ctypes.CDLL(None, use_errno=True)
            MS_REMOUNT, MS_BIND = 32, 4096
            for target in (b'/', b'/proc', b'/proc/sys', b'/proc/fs', b'/proc/irq', b'/proc/bus', b'/sys', b'/usr'):
                libc.mount(b'none', target, None, MS_REMOUNT | MS_BIND, None)
            for covered in (b'/proc/kcore', b'/proc/keys', b'/proc/sysrq-trigger', b'/proc/sys', b'/sys/firmware'):
                libc.umount2(covered, 2)
            os.makedirs('/tmp/v1', exist_ok=True)
            kinds = ((b'cgroup2', None), (b'cgroup', b'memory'), (b'cgroup', b'pids'), (b'cgroup', b'devices'))
            for number, (kind, options) in enumerate(kinds):
                path = f'/tmp/v1/{number}'
                os.makedirs(path)
                if libc.mount(b'none', path.encode(), kind, 0, options) == 0:
                    for directory, _, files in os.walk(path):
                        for name in files:
                            try:
                                os.close(os.open(os.path.join(directory, name), os.O_WRONLY))
                                print(kind, directory, name)
                            except OSError:
                                pass
                        try:
                            os.mkdir(os.path.join(directory, 'new'))
                            print('made in', directory)
                        except OSError:
                            pass
                    libc.umount2(path.encode(), 2)
            # what is the container's own, by its namespaces
            kernel = ('auto_msgmni', 'msg', 'sem', 'shm', 'ns_last_pid', 'pid_max', 'hostname', 'domainname')
            own = ['/proc/sys/net/', '/proc/sys/user/', '/proc/sys/fs/mqueue/', '/sys/class/net/']
            own += ['/sys/devices/virtual/net/', *('/proc/sys/kernel/' + name for name in kernel)]
            for path in ('/proc/sysrq-trigger', '/proc/kcore', '/proc/mtrr', '/dev/mem'):
                try:
                    os.close(os.open(path, os.O_WRONLY))
                    if os.stat(path).st_rdev != os.makedev(1, 3): print(path) # or it is masked
                except OSError:
                    pass
            for top in ('/proc/sys', '/proc/bus', '/proc/fs', '/proc/irq', '/sys'):
                for directory, _, files in os.walk(top):
                    for name in files:
                        path = os.path.join(directory, name)
                        try:
                            os.close(os.open(path, os.O_WRONLY))
                            if not path.startswith(tuple(own)): print(path)
                        except OSError:
                            pass
            for device in (os.makedev(8, 0), os.makedev(1, 1), os.makedev(1, 4)):
                try:
                    os.mknod('/tmp/device', 0o600 | stat.S_IFBLK, device)
                    print('made', device)
                except OSError:
                    pass
            """)));
    }

    [PythonFact]
    public async Task Found_while_designing_With_every_capability_the_layer_below_stays_whole()
    {
        using var root = new RootDirectory();
        Assert.Equal("", await Script.OutputAsync(Privileged.Python(root, mounts: true, """
            import ctypes, os
            libc = ctypes.CDLL(None, use_errno=True)
            libc.mount(b'none', b'/', None, 32, b'lowerdir=/etc') # MS_REMOUNT
            try:
                open('/etc/changed', 'w').close() # in the layer above, where the directory is the container's
            except OSError:
                pass
            for name in ('lower', 'changes', 'changes/upper', '..'):
                if os.path.exists(f'/{name}/canary'): print('seen', name)
            if libc.unshare(0x20000) != 0: print('not apart') # CLONE_NEWNS
            libc.umount2(b'/', 2)
            os.chroot('/tmp')
            for _ in range(9): os.chdir('..')
            os.chroot('.')
            if os.path.exists('/root') or os.path.exists('/canary'): print('out')
            """)));
        Assert.Empty(Directory.EnumerateFileSystemEntries(root["etc"]));
        root.AssertCanaryUntouched();
    }
}
