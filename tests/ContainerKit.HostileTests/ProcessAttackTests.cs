using System.Diagnostics;

namespace ContainerKit.HostileTests;

/// <summary>Attacks on processes: the host's, a neighbour's, and those of the launch in the container.</summary>
public class ProcessAttackTests
{
    [PythonTheory]
    [MemberData(nameof(Attack.WithoutSignals), MemberType = typeof(Attack))]
    public async Task A_process_of_the_host_or_a_neighbour_is_neither_signalled_nor_traced(string attacker)
    {
        await using var neighbour = await Neighbour.StartAsync(sharesIds: true);
        await using var bare = await Attack.HostOf(Attack.Restricted).StartAsync(
            Script.Shell("exec sleep 1000") with { MinimumIsolation = Isolation.Restricted },
            TestContext.Current.CancellationToken);
        using var sleeper = Process.Start("env", ["--block-signal=URG", "sleep", "1000"]);
        try
        {
            var output = await Attack.OutputAsync(attacker, """
                own, signal = {1, os.getpid()}, int(os.environ['SIGNAL'])
                memory, word = ctypes.create_string_buffer(64), ctypes.create_string_buffer(8)
                here = struct.pack('QQ', ctypes.addressof(memory), 64)
                there = struct.pack('QQ', int(os.environ['SECRET']), 64)
                for pid in map(int, os.environ['PIDS'].split()):
                    if pid in own: continue
                    attempt('kill', lambda: os.kill(pid, signal))
                    attempt('kill group', lambda: os.killpg(pid, signal))
                    attempt('tgkill', lambda: call('tgkill', pid, pid, signal))
                    attempt('queue', lambda: call('rt_sigqueueinfo', pid, signal, ctypes.create_string_buffer(128)))
                    attempt('descriptor', lambda: call('pidfd_getfd', call('pidfd_open', pid), 0))
                    attempt('attach', lambda: call('ptrace', 16, pid))
                    attempt('seize', lambda: call('ptrace', 0x4206, pid))
                    attempt('read', lambda: call('process_vm_readv', pid, here, 1, there, 1))
                    attempt('write', lambda: call('process_vm_writev', pid, here, 1, there, 1))
                    attempt('limit', lambda: call('prlimit64', pid, 7, 0, ctypes.create_string_buffer(16)))
                    attempt('affinity', lambda: call('sched_setaffinity', pid, 8, struct.pack('Q', 1)))
                    attempt('nice', lambda: call('setpriority', 0, pid, 19))
                    attempt('scheduler', lambda: call('sched_setscheduler', pid, 5, struct.pack('i', 0)))
                    attempt('compare', lambda: call('kcmp', os.getpid(), pid, 2, 0, 0))
                    attempt('pages', lambda: call('move_pages', pid, 0, 0, 0, 0, 0))
                    attempt('robust', lambda: call('get_robust_list', pid, word, word))
                    attempt('io', lambda: call('ioprio_set', 1, pid, 3 << 13))
                    for name in ('environ', 'maps', 'auxv', 'syscall', 'stack', 'pagemap'):
                        attempt(name, lambda: open(f'/proc/{pid}/{name}', 'rb').read(1))
                    for name in ('mem', 'fd/0', 'ns/mnt', 'root', 'cwd', 'exe'):
                        attempt(name, lambda: os.open(f'/proc/{pid}/{name}', os.O_RDONLY))
                    for name in ('mem', 'oom_score_adj', 'comm', 'clear_refs', 'timens_offsets', 'autogroup', 'sched'):
                        attempt(name, lambda: os.open(f'/proc/{pid}/{name}', os.O_WRONLY))
                # Of all with its id, which are the neighbour's, too, and a user's own.
                for user in (0, os.getuid()):
                    try: call('setpriority', 2, user, 19)
                    except OSError: pass
                    try: call('ioprio_set', 3, user, 3 << 13)
                    except OSError: pass
                try: os.kill(-1, signal)
                except OSError: pass
                """,
                options => options.Telling("PIDS", string.Join(' ',
                    neighbour.Pid, bare.Pid, sleeper.Id, Environment.ProcessId,
                    ProcessTree.Find(neighbour.Pid)!.Value.Parent, ProcessTree.Find(bare.Pid)!.Value.Parent))
                    .Telling("SECRET", neighbour.Numbers.Split(' ')[^1])
                    // Of what is not in a pid namespace -1 means the machine: a signal that does nothing is enough.
                    .Telling("SIGNAL", attacker is Attack.Restricted ? 23 : 9)
                    .WithIds(TestIds.Map));

            Assert.Equal("", output);
            Assert.True(ProcessTree.IsAlive(sleeper.Id) && bare.IsRunning);
            Assert.Contains("ShdPnd:\t0000000000000000\n", File.ReadAllText($"/proc/{sleeper.Id}/status"));
            Assert.Equal("0", File.ReadAllText($"/proc/{sleeper.Id}/stat").Split(' ')[18]); // its nice value
            await neighbour.AssertUntouched();
        }
        finally
        {
            sleeper.Kill();
            await sleeper.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
    }

    [PythonTheory]
    [MemberData(nameof(Attack.InNamespaces), MemberType = typeof(Attack))] // without, /proc shows them
    public async Task A_process_of_the_host_or_a_neighbour_is_not_seen(string attacker)
    {
        await using var neighbour = await Neighbour.StartAsync(sharesIds: true);
        Assert.Equal("", await Attack.OutputAsync(attacker, """
            own = {int(name) for name in os.listdir('/proc') if name.isdigit()}
            for pid in own - {1, os.getpid()}: print('sees', pid)
            for pid in map(int, os.environ['PIDS'].split()):
                if pid in own: continue
                attempt('pidfd', lambda: call('pidfd_open', pid))
                attempt('signal', lambda: os.kill(pid, 0))
                for name in ('mem', 'environ', 'root', 'cwd', 'ns/mnt', 'fd', 'oom_score_adj', 'status'):
                    attempt(name, lambda: os.stat(f'/proc/{pid}/{name}'))
            for name in ('fd', 'task/1/fd'):
                attempt(name, lambda: os.listdir(f'/proc/1/{name}'))
            """,
            options => options.Telling("PIDS", string.Join(' ',
                neighbour.Pid, Environment.ProcessId, ProcessTree.Find(neighbour.Pid)!.Value.Parent))
                .WithIds(TestIds.Map)));
    }

    [PythonTheory]
    [MemberData(nameof(Attack.Everybody), MemberType = typeof(Attack))]
    public async Task CVE_2016_9962_The_init_and_its_view_of_the_machine_are_closed(string attacker) =>
        Assert.Equal("", await Attack.OutputAsync(attacker, """
            memory = ctypes.create_string_buffer(64)
            here, there = struct.pack('QQ', ctypes.addressof(memory), 8), struct.pack('QQ', 0x10020000, 8)
            for init in {1, os.getppid() or 1}: # where there is no pid namespace, also who watches it
                for name in ('mem', 'environ', 'maps', 'fd/0', 'auxv', 'syscall', 'stack', 'pagemap'):
                    attempt(name, lambda: open(f'/proc/{init}/{name}', 'rb').read(1))
                for name in ('fdinfo', 'map_files'):
                    attempt(name, lambda: os.listdir(f'/proc/{init}/{name}'))
                for name in ('root', 'cwd', 'exe', 'ns/mnt', f'task/{init}/cwd', f'task/{init}/root'):
                    path = f'/proc/{init}/{name}'
                    attempt(name, lambda: os.stat(path))
                    attempt(name, lambda: os.readlink(path) and os.open(path, os.O_RDONLY))
                attempt('attach', lambda: call('ptrace', 16, init))
                attempt('seize', lambda: call('ptrace', 0x4206, init))
                attempt('read', lambda: call('process_vm_readv', init, here, 1, there, 1))
                attempt('write', lambda: call('process_vm_writev', init, here, 1, there, 1))
                pidfd = call('pidfd_open', init)
                for number in range(20):
                    attempt('took', lambda: call('pidfd_getfd', pidfd, number))
            """));

    [PythonTheory]
    [MemberData(nameof(Attack.Everybody), MemberType = typeof(Attack))]
    public async Task CVE_2016_9962_CVE_2019_5736_Who_joins_can_be_taken_at_no_moment(string attacker)
    {
        const string attack = """
            evil = os.open(tmp + '/evil', os.O_CREAT | os.O_WRONLY, 0o755)
            os.write(evil, b'#!/proc/self/exe\n'); os.close(evil)
            gained, seen, held = set(), set(), {}
            own, root = {1, os.getpid()}, os.stat('/')
            launcher = lambda link: link and not link.startswith('/usr/')
            def look(link):
                try: return os.readlink(link)
                except OSError: return None
            def numbers(pid):
                try: return os.listdir(f'/proc/{pid}/fd')
                except OSError: return []
            def watch(pid):
                exe = look(f'/proc/{pid}/exe')
                for number in numbers(pid):
                    link = look(f'/proc/{pid}/fd/{number}') or '/'
                    if int(number) > 2 and not link.startswith('/'): gained.add(f'descriptor {link}')
                there = os.stat(f'/proc/{pid}/root/')
                if (there.st_dev, there.st_ino) != (root.st_dev, root.st_ino): gained.add('another root')
                if not launcher(exe): return
                # The launcher, by the name that the container gave it: has it anything of the host's?
                for flags in (os.O_WRONLY, os.O_RDWR, os.O_RDONLY):
                    try: held.setdefault((pid, flags), os.open(f'/proc/{pid}/exe', flags))
                    except OSError: pass
            print(tmp, flush=True)
            while not os.path.exists(tmp + '/over'):
                for pid in {int(name) for name in os.listdir('/proc') if name.isdigit()} - own:
                    seen.add(pid)
                    try: watch(pid)
                    except OSError: pass
                    try:
                        pidfd = call('pidfd_open', pid)
                        for number in range(3, 9):
                            try:
                                taken = call('pidfd_getfd', pidfd, number)
                                link = os.readlink(f'/proc/self/fd/{taken}')
                                if not link.startswith('/'): gained.add(f'took {link}')
                                os.close(taken)
                            except OSError: pass
                        os.close(pidfd)
                    except OSError: pass
            for (pid, flags), file in held.items():
                for way in (lambda: os.write(file, b'x'), lambda: os.ftruncate(file, 0),
                    lambda: os.write(os.open(f'/proc/self/fd/{file}', os.O_WRONLY | os.O_TRUNC), b'x')):
                    try:
                        way()
                        gained.add('wrote the launcher')
                    except OSError: pass
            print(len(seen) > 0, *gained, flush=True)
            """;
        using var root = new RootDirectory();
        var token = TestContext.Current.CancellationToken;
        await using var container = await Attack.HostOf(attacker).StartAsync(
            Attack.Options(attacker, root, attack) with { StandardOutput = StandardStream.Pipe }, token);
        using var output = new StreamReader(container.StandardOutput!);
        var place = await Eventually.Ends(output.ReadLineAsync(token).AsTask());
        Assert.StartsWith("/tmp", place, StringComparison.Ordinal);
        for (var i = 0; i < TimeFactor.Times(60, soak: 2000); i++)
        {
            await using var joined = await container.ExecAsync(
                new() { Command = [i % 2 == 0 ? "/usr/bin/true" : $"{place}/evil"] }, token);
            await Eventually.Ends(joined.WaitAsync(token));
        }

        await using var last = await container.ExecAsync(
            new() { Command = ["/usr/bin/touch", $"{place}/over"] }, token);
        Assert.Equal("True", await Eventually.Ends(output.ReadLineAsync(token).AsTask()));
        Assert.Equal("alive", await Script.OutputAsync(
            Script.Shell("echo alive") with { MinimumIsolation = NestedHosts.Least }));
    }

    [PythonTheory]
    [MemberData(nameof(Attack.Everybody), MemberType = typeof(Attack))]
    public async Task No_namespace_but_its_own_can_be_entered(string attacker) =>
        Assert.Equal("", await Attack.OutputAsync(attacker, """
            import fcntl, glob
            def identity(file):
                status = os.fstat(file)
                return status.st_dev, status.st_ino
            own = set()
            for path in glob.glob('/proc/self/ns/*'):
                own.add(identity(os.open(path, os.O_RDONLY)))
            found = []
            for path in glob.glob('/proc/[0-9]*/ns/*') + glob.glob('/proc/[0-9]*/fd/*'):
                try: found.append(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
                except OSError: pass
            for file in list(found):
                for request in (0xb701, 0xb702): # NS_GET_USERNS, NS_GET_PARENT
                    try: found.append(fcntl.ioctl(file, request))
                    except OSError: pass
            for file in found:
                if identity(file) in own: continue
                link = os.readlink(f'/proc/self/fd/{file}')
                if re.match(r'\w+:\[', link):
                    attempt('entered ' + link, lambda: call('setns', file, 0))
            """));
}
