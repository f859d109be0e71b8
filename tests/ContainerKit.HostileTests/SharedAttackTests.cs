using System.Net.Sockets;

namespace ContainerKit.HostileTests;

/// <summary>Attacks by what could be shared: sockets, memory, queues, and directories that are.</summary>
public class SharedAttackTests
{
    [PythonTheory]
    [MemberData(nameof(Attack.Everybody), MemberType = typeof(Attack))]
    public async Task CVE_2020_15257_Found_while_designing_No_socket_of_the_host_or_a_neighbour_can_be_reached(
        string attacker)
    {
        await using var neighbour = await Neighbour.StartAsync(sharesIds: true);
        using var temp = new TempDirectory();
        File.SetUnixFileMode(temp.Path, (UnixFileMode)0x1FF); // 0777
        using var server = Listen(temp["socket"]);
        File.SetUnixFileMode(temp["socket"], (UnixFileMode)0x1FF); // 0777
        using var hidden = Listen($"\0containerkit-{Environment.ProcessId}");
        using var tcp = new TcpListener(System.Net.IPAddress.Loopback, 0);
        tcp.Start();

        var output = await Attack.OutputAsync(attacker, """
            paths = ['\0neighbour', '/tmp/neighbour', '/run/neighbour', '/dev/shm/neighbour']
            paths.append('\0' + os.environ['HIDDEN'])
            prefixes = '', '/proc/1/root', '/proc/self/root', '/proc/self/cwd/../..'
            paths += [prefix + os.environ['SOCKET'] for prefix in prefixes]
            paths += ['/run/docker.sock', '/var/run/docker.sock', '/run/containerd/containerd.sock',
                '/run/dbus/system_bus_socket', '/run/systemd/private']
            def connect(family, kind, address):
                with socket.socket(family, kind) as one:
                    one.settimeout(1)
                    one.connect(address)
            for path in paths:
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
                    attempt(f'connected to {path!r}', lambda: connect(socket.AF_UNIX, kind, path))
            for port in (5000, int(os.environ['PORT'])):
                attempt('connected', lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ('127.0.0.1', port)))
            if os.path.exists('/proc/net/unix') and apart: # or it lists what there is
                listed = open('/proc/net/unix').read()
                if 'neighbour' in listed or os.environ['HIDDEN'] in listed: print('listed')
            """,
            options => options.Telling("SOCKET", temp["socket"])
                .Telling("HIDDEN", $"containerkit-{Environment.ProcessId}")
                .Telling("PORT", ((System.Net.IPEndPoint)tcp.LocalEndpoint).Port)
                .WithIds(TestIds.Map));

        Assert.Equal("", output);
        Assert.False(server.Poll(0, SelectMode.SelectRead) || hidden.Poll(0, SelectMode.SelectRead) || tcp.Pending());
        await neighbour.AssertUntouched();
    }

    [PythonTheory]
    [MemberData(nameof(Attack.Everybody), MemberType = typeof(Attack))]
    public async Task Memory_queues_and_semaphores_of_a_neighbour_are_not_there(string attacker)
    {
        await using var neighbour = await Neighbour.StartAsync(sharesIds: true);
        var output = await Attack.OutputAsync(attacker, """
            key, (memory, queue, semaphores) = 0x636b6974, map(int, os.environ['IDS'].split()[:3])
            attempt('memory', lambda: call('shmget', key, 0, 0))
            attempt('queue', lambda: call('msgget', key, 0))
            attempt('semaphores', lambda: call('semget', key, 0, 0))
            for number in {memory, *range(8)}: # numbers are each namespace's own
                attempt('attached', lambda: call('shmat', number, 0, 0))
                attempt('removed', lambda: call('shmctl', number, 0, 0))
            for number in {queue, *range(8)}: attempt('removed', lambda: call('msgctl', number, 0, 0))
            for number in {semaphores, *range(8)}: attempt('removed', lambda: call('semctl', number, 0, 0, 0))
            attempt('opened', lambda: call('mq_open', b'neighbour', os.O_RDWR, 0, 0))
            attempt('unlinked', lambda: call('mq_unlink', b'neighbour'))
            for place in ('/dev/shm', '/dev/mqueue', '/tmp', '/run'):
                try:
                    if 'neighbour' in os.listdir(place): print(place)
                except OSError: pass
            """,
            options => options.Telling("IDS", neighbour.Numbers).WithIds(TestIds.Map));

        Assert.Equal("", output);
        await neighbour.AssertUntouched();
    }

    [PythonTheory]
    [MemberData(nameof(Attack.InNamespaces), MemberType = typeof(Attack))] // without, it can make none: see below
    public async Task Setuid_programs_and_capabilities_of_a_shared_directory_give_a_neighbour_nothing(string attacker)
    {
        using var volume = new TempDirectory();
        File.SetUnixFileMode(volume.Path, (UnixFileMode)0x1FF); // 0777
        var shared = new BindMount(volume.Path, "/tmp/volume") { ReadOnly = false };
        await Attack.OutputAsync(attacker, """
            import shutil
            os.umask(0)
            shutil.copy('/usr/bin/id', '/tmp/volume/id')
            os.chmod('/tmp/volume/id', 0o6755)
            shutil.copy('/usr/bin/cat', '/tmp/volume/cat')
            os.chmod('/tmp/volume/cat', 0o755)
            for value in (struct.pack('<IIIIII', 0x3000001, 0xffffffff, 0, 0x1ff, 0, 0),
                struct.pack('<IIIII', 0x2000001, 0xffffffff, 0, 0x1ff, 0)):
                try: os.setxattr('/tmp/volume/cat', 'security.capability', value)
                except OSError: pass
            """, options => options with { IdMap = TestIds.Map, Mounts = [.. options.Mounts, shared] });

        // Whose it is on the host is nobody of the host's.
        Assert.True(File.GetUnixFileMode(volume["id"]).HasFlag(UnixFileMode.SetUser));
        Assert.NotEqual("0", Tools.Run("stat", "-c", "%u", volume["id"]).Trim());
        var victim = Script.Shell("/tmp/volume/id -u; /tmp/volume/id -g; /tmp/volume/cat /proc/self/status | "
            + "grep -E '^Cap(Prm|Eff)'") with
        { IdMap = TestIds.Map, User = "400:400", Mounts = [shared] };
        foreach (var capabilities in new CapabilitySets[] { CapabilitySets.None, new(Privileged.WithoutMounts) })
        {
            Assert.Equal("400\n400\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000",
                await Script.OutputAsync(victim with { Capabilities = capabilities }));
        }
    }

    [PythonFact]
    public async Task Who_has_the_hosts_user_leaves_no_setuid_program_in_a_shared_directory()
    {
        using var volume = new TempDirectory();
        var output = await Attack.OutputAsync(Attack.Restricted, """
            os.umask(0)
            place, modes = os.environ['VOLUME'] + '/', (0o4755, 0o2755)
            def make(file):
                os.write(file, b'program')
                os.close(file)
            def linked(mode):
                file = os.open(place, os.O_TMPFILE | os.O_RDWR, mode)
                os.link(f'/proc/self/fd/{file}', f'{place}linked-{mode}', follow_symlinks=True)
            for mode in modes:
                attempt('opened', lambda: make(os.open(f'{place}opened-{mode}', os.O_CREAT | os.O_WRONLY, mode)))
                attempt('without a name', lambda: linked(mode))
                attempt('made', lambda: os.mknod(f'{place}made-{mode}', stat.S_IFREG | mode))
                for old, *arguments in (('open', os.O_CREAT, mode), ('creat', mode), ('mknod', stat.S_IFREG | mode, 0)):
                    name = ctypes.create_string_buffer(f'{place}{old}-{mode}'.encode())
                    if old in NR: attempt(old, lambda: call(old, name, *arguments))
                make(os.open(f'{place}plain-{mode}', os.O_CREAT | os.O_WRONLY, 0o755))
                attempt('changed', lambda: os.chmod(f'{place}plain-{mode}', mode))
            os.mkdir(place + 'directory', 0o6755)
            """, options => options.Sharing(volume.Path));

        Assert.Equal("", output);
        Assert.Equal(["directory", "plain-1517", "plain-2541"], [.. Directory.EnumerateFileSystemEntries(volume.Path)
            .Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)]);
        const UnixFileMode setIds = UnixFileMode.SetUser | UnixFileMode.SetGroup;
        Assert.All(Directory.EnumerateFileSystemEntries(volume.Path), path =>
            Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(path) & setIds));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_is_shared_is_a_place_for_no_device_and_no_privileged_program(bool recursive)
    {
        using var volume = new TempDirectory();
        using var opened = Linux.Syscall.Open(volume.Path, Linux.OpenFlags.O_PATH);
        var lines = await Script.OutputAsync(Script.Shell("grep /tmp/volume /proc/self/mountinfo") with
        {
            Mounts =
            [
                new BindMount(volume.Path, "/tmp/volume1") { ReadOnly = false, Recursive = recursive || !Host.IsRoot },
                new BindMount(volume.Path, "/tmp/volume2"),
                new DescriptorMount(opened, "/tmp/volume3") { ReadOnly = false },
                new TmpfsMount("/tmp/volume4"),
            ],
        });

        Assert.Equal(4, lines.Split('\n').Length);
        Assert.All(lines.Split('\n'), line => Assert.Contains("nosuid,nodev", line, StringComparison.Ordinal));
    }

    private static Socket Listen(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(path));
        socket.Listen();
        return socket;
    }
}
