using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace ContainerKit.HostileTests;

/// <summary>Attacks on what the kernel keeps for all: modules, programs, keys, clocks, terminals, interfaces.</summary>
public partial class KernelAttackTests
{
    [PythonTheory]
    [MemberData(nameof(Attack.Everybody), MemberType = typeof(Attack))]
    public async Task Nothing_is_loaded_into_the_kernel_nor_measured_nor_set(string attacker)
    {
        var (start, clock) = (Stopwatch.GetTimestamp(), DateTime.UtcNow);
        Assert.Equal("", await Attack.OutputAsync(attacker, """
            # A program that returns 0, of kinds that look at the kernel or at others.
            program = ctypes.create_string_buffer(struct.pack('BBhiBBhi', 0xb7, 0, 0, 0, 0x95, 0, 0, 0))
            text = ctypes.create_string_buffer(b'GPL')
            addresses = ctypes.addressof(program), ctypes.addressof(text)
            for kind in (2, 3, 5, 6, 7, 8, 13, 15, 17, 20, 26, 28, 29):
                attributes = struct.pack('IIQQIIQII', kind, 2, *addresses, 0, 0, 0, 0, 0)
                attempt(f'bpf {kind}', lambda: call('bpf', 5, ctypes.create_string_buffer(attributes, 128), 128))
            for command in (11, 12, 13, 14, 19, 23): # others' programs and maps, by number
                attempt(f'bpf command {command}', lambda: call('bpf', command, ctypes.create_string_buffer(128), 16))
            for kind, config in ((0, 0), (1, 0), (2, 1)): # of hardware, of software, a tracepoint
                attributes = ctypes.create_string_buffer(struct.pack('IIQ', kind, 112, config), 112)
                attempt('perf of a processor', lambda: call('perf_event_open', attributes, -1, 0, -1, 0))
                attempt('perf of the kernel', lambda: call('perf_event_open', attributes, 0, -1, -1, 0))
            attempt('module', lambda: call('init_module', b'\x7fELF', 4, b''))
            attempt('module', lambda: call('finit_module', os.open('/usr/bin/env', os.O_RDONLY), b'', 0))
            attempt('module', lambda: call('delete_module', b'loop', 0o4000))
            attempt('kexec', lambda: call('kexec_load', 0, 0, 0, 0))
            attempt('swap', lambda: call('swapon', b'/tmp/swap', 0))
            attempt('accounting', lambda: call('acct', 0))
            attempt('quota', lambda: call('quotactl', 0x80000700, b'/dev/sda', 0, ctypes.create_string_buffer(128)))
            attempt('clock', lambda: call('settimeofday', struct.pack('qq', 0, 0), 0))
            attempt('clock', lambda: call('clock_settime', 0, struct.pack('qq', 0, 0)))
            attempt('clock', lambda: call('adjtimex', ctypes.create_string_buffer(struct.pack('I', 0x4000), 208)))
            attempt('log cleared', lambda: call('syslog', 5, 0, 0))
            attempt('console off', lambda: call('syslog', 6, 0, 0))
            attempt('cookie', lambda: call('lookup_dcookie', 0, ctypes.create_string_buffer(64), 64))
            for file in ('/dev/mem', '/dev/kmem', '/dev/port', '/proc/kcore', '/proc/kallsyms', '/dev/kmsg'):
                try: text = open(file, 'rb').read(4096)
                except OSError: continue
                if text and not (file == '/proc/kallsyms' and set(text.split()[0]) == {ord('0')}): print('read', file)
            attempt('ports', lambda: libc.ioperm(0x80, 1, 1) and (_ for _ in ()).throw(OSError()))
            attempt('privilege', lambda: libc.iopl(3) and (_ for _ in ()).throw(OSError()))
            """));

        var set = DateTime.UtcNow - clock - Stopwatch.GetElapsedTime(start);
        Assert.InRange(set.TotalSeconds, -60, 60);
    }

    [PythonTheory]
    [MemberData(nameof(Attack.Everybody), MemberType = typeof(Attack))]
    public async Task A_reboot_ends_at_most_who_asks_for_it(string attacker)
    {
        await using var neighbour = await Neighbour.StartAsync();
        using var root = new RootDirectory();
        var result = await Eventually.Ends(Attack.HostOf(attacker).RunAsync(Attack.Options(attacker, root, """
            for command in (0x1234567, 0x4321fedc, 0xcdef0123, 0xd000fce2, 0x45584543, 0x89abcdef, 0):
                try: call('reboot', 0xfee1dead - (1 << 32), 672274793, command, 0)
                except OSError: pass
            print('went on')
            """)));

        Assert.True(attacker is Attack.Capable || result.StandardOutput == "went on\n", $"{result.ExitStatus}");
        await neighbour.AssertUntouched();
    }

    [PythonTheory]
    [MemberData(nameof(Attack.Everybody), MemberType = typeof(Attack))]
    public async Task Keys_of_the_host_and_a_neighbour_are_neither_found_nor_read(string attacker)
    {
        // By number, a process of the same user on the host may come by them, so nobody without a filter has that one.
        await using var neighbour = await Neighbour.StartAsync(sharesIds: !Host.IsRoot);
        var ring = Tools.Run("python3", "-c", KeyOfHost, Number("add_key"), Number("keyctl")).Trim();
        var output = await Attack.OutputAsync(attacker, """
            numbers = [int(number) for number in os.environ['KEYS'].split() if int(number) > 0]
            buffer = ctypes.create_string_buffer(256)
            found = lambda number: os.fsdecode(buffer.raw[:number])
            for name in (b'containerkit-canary', b'neighbour'):
                attempt('requested', lambda: call('request_key', b'user', name, 0, 0))
                for place in (-1, -2, -3, -4, -5, -6, *numbers):
                    attempt(f'found in {place}', lambda: call('keyctl', 10, place, b'user', name, 0)) # SEARCH
            for number in numbers:
                attempt('linked', lambda: call('keyctl', 8, number, -3))
                attempt('read', lambda: found(call('keyctl', 11, number, buffer, 256)))
                attempt('described', lambda: found(call('keyctl', 6, number, buffer, 256)))
                attempt('revoked', lambda: call('keyctl', 3, number))
                attempt('changed', lambda: call('keyctl', 2, number, b'evil', 4))
                attempt('permitted', lambda: call('keyctl', 5, number, 0x3f3f3f3f))
            if os.path.exists('/proc/keys') and apart: # or it lists what there is
                text = open('/proc/keys').read()
                if 'canary' in text or 'neighbour' in text: print('listed')
            """,
            options => options.Telling("KEYS", $"{ring} {neighbour.Numbers.Split(' ')[3]}").WithIds(Host.IsRoot
                ? options.IdMap
                : TestIds.Of(new IdRange(0, attacker is Attack.Root or Attack.Plugin ? 0u : 2000, 1000))));

        Assert.Equal("", output);
        Assert.Equal("whole\n", Tools.Run("python3", "-c", KeyOfHost, Number("add_key"), Number("keyctl"), "look"));
    }

    [PythonTheory]
    [MemberData(nameof(Attack.Everybody), MemberType = typeof(Attack))]
    public async Task A_key_of_the_hosts_session_is_not_the_containers(string attacker)
    {
        // A thread has a session of its own, which what it starts would have too.
        var output = new TaskCompletionSource<string>();
        new Thread(() =>
        {
            Assert.NotEqual(-1, Call(NumberOf("keyctl"), 1, 0, 0, 0, 0)); // KEYCTL_JOIN_SESSION_KEYRING
            Assert.NotEqual(-1, AddKey(NumberOf("add_key"), "user", "containerkit-session", "secret", 6, -3));
            using var root = new RootDirectory();
            var options = Attack.Options(attacker, root, """
                buffer = ctypes.create_string_buffer(256)
                attempt('requested', lambda: call('request_key', b'user', b'containerkit-session', 0, 0))
                for place in (-1, -2, -3, -4, -5):
                    attempt('found', lambda: call('keyctl', 10, place, b'user', b'containerkit-session', 0))
                """);
            try
            {
                var result = Attack.HostOf(attacker).RunAsync(options).GetAwaiter().GetResult();
                output.SetResult(result.EnsureSuccess().StandardOutput);
            }
            catch (Exception failure)
            {
                output.SetException(failure);
            }
        }).Start();

        Assert.Equal("", await Eventually.Ends(output.Task));
    }

    [PythonTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Calls_for_keys_are_closed(bool isPlugin)
    {
        var errnos = await KernelTests.Security.RawCalls.ErrnosAsync(
            isPlugin ? SeccompProfile.Plugin : SeccompProfile.Default with { },
            ("keyctl", [0, unchecked((ulong)-4), 1]), ("add_key", [0, 0, 0, 0, 0]), ("request_key", [0, 0, 0, 0]));
        Assert.All(errnos, errno => Assert.Equal(Errno.EPERM, errno));
    }

    [PythonTheory]
    [MemberData(nameof(Attack.Everybody), MemberType = typeof(Attack))]
    public async Task Interfaces_sockets_and_events_of_the_host_are_not_seen(string attacker) =>
        Assert.Equal("", await Attack.OutputAsync(attacker, """
            def dump(family, kind, body, flags=0x301):
                with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, family) as channel:
                    channel.settimeout(2)
                    channel.send(struct.pack('IHHII', 16 + len(body), kind, flags, 1, 0) + body)
                    found = b''
                    while True:
                        data = channel.recv(1 << 16)
                        if struct.unpack_from('H', data, 4)[0] in (2, 3): return found # an error, or the end
                        found += data
                        if struct.unpack_from('H', data[-20:], 4)[0] == 3: return found
            try:
                names = set(re.findall(rb'\x03\x00([\w.-]+)\x00', dump(0, 18, bytes(16)))) # RTM_GETLINK
                made = re.compile(rb'lo$|(ip6?_?)?(tunl|tnl|gre|gretap|vti)0|sit0|erspan0') # by the kernel, everywhere
                names = {name for name in names if not made.match(name)}
                if names: print('interfaces', names)
                if dump(4, 20, struct.pack('BBHIIIII', 1, 0, 0, 0xffffffff, 0, 0, 0, 0)): # unix_diag, of its own alone
                    print('sockets')
            except OSError: pass
            for family in (9, 11): # NETLINK_AUDIT, NETLINK_CONNECTOR with the processes' events
                def listen():
                    channel = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, family)
                    channel.bind((0, 1))
                    if family == 11:
                        channel.send(struct.pack('IHHIIIIIIHHI', 40, 3, 0, 0, 0, 1, 1, 0, 0, 4, 0, 1))
                    channel.settimeout(0.2)
                    for _ in range(3):
                        if os.fork() == 0: os._exit(0)
                        os.wait()
                    return channel.recv(100)
                attempt(f'listened to {family}', listen)
            packet = lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x300)
            for name in ('eth0', 'ens3', 'wlan0'): attempt('raw', lambda: packet().bind((name, 0)))
            """));

    [PythonTheory]
    [MemberData(nameof(Attack.Everybody), MemberType = typeof(Attack))]
    public async Task CVE_2017_5226_No_terminal_of_a_neighbour_is_seen_or_typed_into(string attacker)
    {
        await using var victim = await Typist.StartAsync("stty -echo; echo up; read line; echo read $line");
        await victim.SeesAsync("up");
        var output = await Attack.OutputAsync(attacker, """
            import fcntl
            paths = ['/dev/tty', '/dev/console', '/dev/tty0', '/dev/tty1', '/dev/ttyS0', '/dev/vcs', '/dev/hvc0']
            paths += [f'/dev/pts/{number}' for number in range(20)]
            for path in paths:
                def push():
                    file = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
                    for byte in b'evil\n': fcntl.ioctl(file, 0x5412, bytes([byte])) # TIOCSTI
                attempt(path, push)
                attempt(path, lambda: os.write(os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK), b'evil\n'))
            # Its own terminals' numbers are those of the neighbour's, which is another file system.
            try: os.write(os.openpty()[0], b'evil\n')
            except OSError: pass # as who has no terminals
            """);
        await victim.TypeAsync("good\n");
        await victim.SeesAsync("read good");

        Assert.Equal("", output);
    }

    private const string KeyOfHost = """
        import ctypes, sys
        libc = ctypes.CDLL(None, use_errno=True)
        ring = libc.syscall(int(sys.argv[2]), 0, -4, 1) # KEYCTL_GET_KEYRING_ID of the user's
        if len(sys.argv) > 3:
            found = libc.syscall(int(sys.argv[2]), 10, -4, b'user', b'containerkit-canary', 0)
            print('whole' if found > 0 else 'gone')
        else:
            print(ring, libc.syscall(int(sys.argv[1]), b'user', b'containerkit-canary', b'secret', 6, -4))
        """;

    private static string Number(string call) => NumberOf(call).ToString(CultureInfo.InvariantCulture);

    private static int NumberOf(string call) =>
        Linux.SyscallTable.NumberOf(call, RuntimeInformation.ProcessArchitecture)!.Value;

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Call(nint number, nint first, nint second, nint third, nint fourth, nint fifth);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint AddKey(nint number, string type, string name, string content, nint length, nint ring);
}
