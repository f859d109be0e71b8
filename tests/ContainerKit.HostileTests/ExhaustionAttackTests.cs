using System.Diagnostics;

namespace ContainerKit.HostileTests;

/// <summary>A container that takes all it can get of something leaves enough to the host and to a neighbour.</summary>
public class ExhaustionAttackTests
{
    private static readonly string[] Processes = ["processes", "a bomb of forks", "threads"];

    /// <summary>
    /// What the kernel counts by user, by namespace or by machine: how a container takes it all, and holds it.
    /// </summary>
    private static readonly Dictionary<string, string> Takers = new()
    {
        ["inodes"] = """
            for place in ('/tmp', '/run', '/dev/shm'):
                try:
                    for number in range(200000): open(f'{place}/{number}', 'w').close()
                except OSError: pass
            """,
        ["memory for files"] = """
            for place in ('/tmp', '/run', '/dev/shm'):
                try:
                    with open(place + '/big', 'wb') as file:
                        while True: file.write(bytes(1 << 20))
                except OSError: pass
            """,
        ["processes"] = """
            import signal
            for _ in range(5000):
                try:
                    if os.fork() == 0: signal.pause()
                except OSError: break
            """,
        ["a bomb of forks"] = """
            def bomb():
                while True:
                    try: os.fork()
                    except OSError: time.sleep(0.2)
            if os.fork() == 0: bomb()
            time.sleep(0.5)
            """,
        ["threads"] = """
            import threading
            for _ in range(5000):
                try: threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
                except RuntimeError: break
            """,
        ["descriptors"] = "take(lambda: os.open('/dev/null', os.O_RDONLY))",
        ["pipes"] = """
            import fcntl
            def pipe():
                ends = os.pipe()
                fcntl.fcntl(ends[0], 1031, 1 << 20) # F_SETPIPE_SZ
                return ends
            take(pipe)
            take(os.pipe)
            """,
        ["descriptors in sockets"] = """
            null = struct.pack('253i', *[os.open('/dev/null', os.O_RDONLY)] * 253)
            pairs, kind = [], socket.SOCK_DGRAM if apart else socket.SOCK_SEQPACKET
            try:
                while True:
                    pairs.append(socket.socketpair(socket.AF_UNIX, kind))
                    try:
                        while True: pairs[-1][0].sendmsg([b'x'], [(1, socket.SCM_RIGHTS, null)], socket.MSG_DONTWAIT)
                    except BlockingIOError: pass
            except OSError: pass
            """,
        ["watches"] = """
            files = take(lambda: call('inotify_init1', 0))
            os.makedirs('/tmp/watched', exist_ok=True)
            for number in range(20000): os.makedirs(f'/tmp/watched/{number}', exist_ok=True)
            def watch(file, number):
                if libc.inotify_add_watch(file, f'/tmp/watched/{number}'.encode(), 0xfff) < 0: raise OSError
            try:
                for file in files:
                    for number in range(20000): watch(file, number)
            except OSError: pass
            """,
        ["terminals"] = "take(lambda: os.open('/dev/ptmx', os.O_RDWR | os.O_NOCTTY))",
        ["signals"] = """
            import signal
            signal.pthread_sigmask(signal.SIG_BLOCK, {40})
            def send():
                if libc.sigqueue(os.getpid(), 40, 0) < 0: raise OSError
            take(send)
            """,
        ["timers"] = """
            def timer():
                if libc.timer_create(1, 0, ctypes.byref(ctypes.c_void_p())) < 0: raise OSError
            take(timer)
            """,
        ["queues"] = """
            for number in range(10000):
                if libc.mq_open(f'/queue{number}'.encode(), os.O_CREAT | os.O_RDWR, 0o600, None) < 0: break
            """,
        ["keys"] = """
            for number in range(5000):
                try: call('add_key', b'user', f'key{number}'.encode(), b'x' * 100, 100, -3)
                except OSError: break
            """,
        ["locked memory"] = """
            def lock():
                memory = ctypes.create_string_buffer(1 << 20)
                call('mlock', ctypes.addressof(memory), 1 << 20)
                return memory
            take(lock, 200)
            """,
        ["namespaces"] = """
            def space(kind):
                child = os.fork()
                if child == 0:
                    try: call('unshare', kind)
                    except OSError: os._exit(1)
                    time.sleep(1000)
                time.sleep(0.002)
                if os.waitpid(child, os.WNOHANG)[0]: raise OSError
            for kind in (0x10000000, 0x40000000, 0x8000000, 0x4000000, 0x20000): take(lambda: space(kind), 150)
            """,
        ["memory of System V"] = """
            for number in range(5000):
                if libc.shmget(number + 1, 1 << 20, 0o1666) < 0: break
                if libc.semget(number + 1, 100, 0o1666) < 0 or libc.msgget(number + 1, 0o1666) < 0: break
            """,
    };

    /// <summary>
    /// What is limited without namespaces, too: neither what is written nor what a user may watch, and processes where
    /// there is a cgroup, which refuses them late, so that who is refused all the time has less than a processor.
    /// </summary>
    private static readonly IEnumerable<string> OfUser = Takers.Keys.Except(["inodes", "memory for files", "watches"])
        .Except(CgroupFactAttribute.Parent is null ? Processes : []);

    /// <summary>Who takes what.</summary>
    public static TheoryData<string, string> All { get; } =
    [
        .. new MatrixTheoryData<string, string>(Takers.Keys, ["an unfiltered root", Attack.Nested]),
        .. OfUser.Select(taker => new TheoryDataRow<string, string>(taker, Attack.Restricted)),
    ];

    [PythonTheory]
    [MemberData(nameof(All))]
    public async Task What_a_container_uses_up_the_host_and_a_neighbour_have(string what, string attacker)
    {
        // With the same ids on the host, where these are what is counted.
        const string take = """
            taken = []
            def take(one, most=1 << 20):
                try:
                    while len(taken) < most: taken.append(one())
                except OSError: pass
                return taken

            """;
        // What the first with these ids opens stays open.
        await Script.OutputAsync(Script.Shell("true") with { IdMap = TestIds.Map });
        var before = await Leftovers.Before();
        using (var root = new RootDirectory())
        {
            var script = $"{take}{Takers[what]}\nprint('taken', flush=True)\ntime.sleep(1000)";
            var isLimited = attacker is Attack.Restricted && Processes.Contains(what);
            var ids = Host.IsRoot ? TestIds.Map : IdMap.SingleId;
            var options = Attack.Options(attacker, root, script).WithIds(ids) with
            {
                StandardOutput = StandardStream.Pipe,
                Limits = isLimited ? new() { Pids = 1024, Cpu = CpuMax.Cpus(0.5) } : null,
            };
            await using var host = new ContainerHost(new()
            {
                WithoutNamespaces = attacker is Attack.Restricted,
                CgroupParent = isLimited ? CgroupFactAttribute.Parent : null,
            });
            await using var container = await host.StartAsync(options, TestContext.Current.CancellationToken);
            using var output = new StreamReader(container.StandardOutput!);
            var line = output.ReadLineAsync(TestContext.Current.CancellationToken).AsTask();
            Assert.Equal("taken", await Eventually.Ends(line, seconds: 60));

            await AssertEnoughAsync(options.IdMap);
            await using var joined = await container.ExecAsync(
                new() { Command = ["/usr/bin/true"] }, TestContext.Current.CancellationToken);
            await Eventually.Ends(joined.WaitAsync(TestContext.Current.CancellationToken));
        }

        await before.AssertNone(seconds: 20); // of a thousand processes
    }

    [PythonFact]
    public async Task A_limit_of_inodes_and_signals_binds_what_it_has()
    {
        var output = await Script.OutputAsync(Script.Python("""
            import ctypes, os, signal
            libc = ctypes.CDLL(None)
            inodes, places = 0, ('/tmp', '/run', '/dev/shm')
            try:
                for number in range(100000):
                    open(f'{places[number % 3]}/{number}', 'w').close()
                    inodes += 1
            except OSError: pass
            signal.pthread_sigmask(signal.SIG_BLOCK, {40})
            signals = 0
            while signals < 10000 and libc.sigqueue(os.getpid(), 40, 0) == 0: signals += 1
            print(inodes, signals)
            """));
        var counts = output.Split(' ').Select(int.Parse).ToArray();

        Assert.InRange(counts[0], 1000, 65536);
        Assert.InRange(counts[1], 1, 4096);
    }

    [PythonTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_flood_of_output_costs_the_host_no_memory_and_no_time(bool isRead)
    {
        const string flood = """
            import os, threading
            def flood(file):
                while True: os.write(file, b'x' * 65536)
            for file in (1, 2): threading.Thread(target=flood, args=(file,)).start()
            """;
        var stream = isRead ? StandardStream.Capture(ByteSize.KiB(64)) : StandardStream.Pipe;
        await using (var container = await Container.StartAsync(
            Script.Python(flood) with { StandardOutput = stream, StandardError = stream },
            TestContext.Current.CancellationToken))
        {
            GC.Collect();
            var memory = GC.GetTotalMemory(forceFullCollection: true);
            for (var i = 0; i < 20; i++)
            {
                var start = Stopwatch.GetTimestamp();
                Assert.Equal("fine", await Script.OutputAsync("echo fine"));
                Assert.InRange(Stopwatch.GetElapsedTime(start), TimeSpan.Zero, TimeFactor.Seconds(5));
            }

            Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - memory, long.MinValue, 16 << 20);
            var asked = Stopwatch.GetTimestamp();
            container.SendSignal(Signal.SIGKILL);
            Assert.Equal(Signal.SIGKILL,
                (await Eventually.Ends(container.WaitAsync(TestContext.Current.CancellationToken))).Signal);
            Assert.InRange(Stopwatch.GetElapsedTime(asked), TimeSpan.Zero, TimeFactor.Seconds(5));
        }
    }

    /// <summary>A neighbour starts in time, and has some of each; so has the host.</summary>
    private static async Task AssertEnoughAsync(IdMap ids)
    {
        const string some = """
            import ctypes, os, pty, signal, socket, struct, threading
            libc = ctypes.CDLL(None, use_errno=True)
            def check(result):
                if result < 0: raise OSError(ctypes.get_errno(), 'refused')
            signal.pthread_sigmask(signal.SIG_BLOCK, {40})
            for number in range(5):
                open(f'{os.environ["TMPDIR"]}/file{number}', 'w').write('x' * 10000)
                os.pipe(); check(libc.inotify_init())
                thread = threading.Thread(target=lambda: None); thread.start(); thread.join()
                if os.fork() == 0: os._exit(0)
                os.wait()
                pair = socket.socketpair()
                descriptors = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack('3i', *range(3)))]
                if 'SHARES' not in os.environ: pair[0].sendmsg([b'x'], descriptors)
                check(libc.timer_create(1, 0, ctypes.byref(ctypes.c_void_p())))
            file = libc.inotify_init()
            check(libc.inotify_add_watch(file, b'/tmp', 0xfff))
            pty.openpty()
            check(libc.sigqueue(os.getpid(), 40, 0))
            check(libc.mq_open(b'/enough', os.O_CREAT | os.O_RDWR, 0o600, None))
            check(libc.mq_unlink(b'/enough'))
            """;
        using var temp = new TempDirectory();
        var start = Stopwatch.GetTimestamp();
        await Script.OutputAsync(
            // Descriptors under way are counted for all who have its ids, and its limit is the attacker's.
            Script.Python(some).Telling("TMPDIR", "/tmp").Telling("SHARES", "ids") with { IdMap = ids });
        await Script.OutputAsync(Script.Python(some).Telling("TMPDIR", "/tmp") with
        { IdMap = Host.IsRoot ? IdMap.SingleId : TestIds.Map });
        Assert.InRange(Stopwatch.GetElapsedTime(start), TimeSpan.Zero, TimeFactor.Seconds(10));
        Tools.Run("env", $"TMPDIR={temp.Path}", "python3", "-c", some);
    }
}
