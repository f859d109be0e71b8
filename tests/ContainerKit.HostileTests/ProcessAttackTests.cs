using System.Diagnostics;

namespace ContainerKit.HostileTests;

/// <summary>Attacks on processes: the host's, a neighbour's, and those of the launch in the container.</summary>
public class ProcessAttackTests
{
    [PythonTheory]
    [MemberData(nameof(Attack.Everybody), MemberType = typeof(Attack))]
    public async Task A_process_of_the_host_or_a_neighbour_is_neither_seen_nor_signalled_nor_traced(string attacker)
    {
        await using var neighbour = await Neighbour.StartAsync(sharesIds: true);
        using var sleeper = Process.Start("sleep", "1000");
        try
        {
            var output = await Attack.OutputAsync(attacker, """
                own = {int(name) for name in os.listdir('/proc') if name.isdigit()}
                for pid in own - {1, os.getpid()}: print('sees', pid)
                memory, word = ctypes.create_string_buffer(64), ctypes.create_string_buffer(8)
                here = struct.pack('QQ', ctypes.addressof(memory), 64)
                there = struct.pack('QQ', int(os.environ['SECRET']), 64)
                for pid in map(int, os.environ['PIDS'].split()):
                    if pid in own: continue
                    attempt('kill', lambda: os.kill(pid, 9))
                    attempt('kill group', lambda: os.killpg(pid, 9))
                    attempt('tgkill', lambda: call('tgkill', pid, pid, 9))
                    attempt('queue', lambda: call('rt_sigqueueinfo', pid, 9, ctypes.create_string_buffer(128)))
                    attempt('pidfd', lambda: call('pidfd_open', pid))
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
                    for name in ('mem', 'environ', 'root', 'cwd', 'ns/mnt', 'fd', 'oom_score_adj', 'status'):
                        attempt(name, lambda: os.stat(f'/proc/{pid}/{name}'))
                # Of all with its id, which are the neighbour's, too, and a user's own.
                for user in (0, os.getuid()):
                    try: call('setpriority', 2, user, 19)
                    except OSError: pass
                    try: call('ioprio_set', 3, user, 3 << 13)
                    except OSError: pass
                try: os.kill(-1, 9)
                except OSError: pass
                """,
                options => options.Telling("PIDS", string.Join(' ',
                    neighbour.Pid, sleeper.Id, Environment.ProcessId, ProcessTree.Find(neighbour.Pid)!.Value.Parent))
                    .Telling("SECRET", neighbour.Numbers.Split(' ')[^1]) with
                { IdMap = TestIds.Map });

            Assert.Equal("", output);
            Assert.True(ProcessTree.IsAlive(sleeper.Id));
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
    [MemberData(nameof(Attack.Everybody), MemberType = typeof(Attack))]
    public async Task CVE_2016_9962_The_init_and_its_view_of_the_machine_are_closed(string attacker) =>
        Assert.Equal("", await Attack.OutputAsync(attacker, """
            for name in ('mem', 'environ', 'maps', 'fd/0', 'auxv', 'syscall', 'stack', 'pagemap'):
                attempt(name, lambda: open(f'/proc/1/{name}', 'rb').read(1))
            for name in ('fd', 'fdinfo', 'map_files', 'task/1/fd'):
                attempt(name, lambda: os.listdir(f'/proc/1/{name}'))
            for name in ('root', 'cwd', 'exe', 'ns/mnt', 'task/1/cwd', 'task/1/root'):
                attempt(name, lambda: os.stat(f'/proc/1/{name}'))
                attempt(name, lambda: os.readlink(f'/proc/1/{name}') and os.open(f'/proc/1/{name}', os.O_RDONLY))
            memory = ctypes.create_string_buffer(64)
            here, there = struct.pack('QQ', ctypes.addressof(memory), 8), struct.pack('QQ', 0x10000000, 8)
            attempt('attach', lambda: call('ptrace', 16, 1))
            attempt('seize', lambda: call('ptrace', 0x4206, 1))
            attempt('read', lambda: call('process_vm_readv', 1, here, 1, there, 1))
            attempt('write', lambda: call('process_vm_writev', 1, here, 1, there, 1))
            pidfd = call('pidfd_open', 1)
            for number in range(20):
                attempt('took', lambda: call('pidfd_getfd', pidfd, number))
            """));

    [PythonTheory]
    [MemberData(nameof(Attack.Everybody), MemberType = typeof(Attack))]
    public async Task CVE_2016_9962_CVE_2019_5736_Who_joins_can_be_taken_at_no_moment(string attacker)
    {
        const string attack = """
            open('/tmp/evil', 'w').write('#!/proc/self/exe\n'); os.chmod('/tmp/evil', 0o755)
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
            print('up', flush=True)
            while not os.path.exists('/tmp/over'):
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
        await using var container = await Container.StartAsync(
            Attack.Options(attacker, root, attack) with { StandardOutput = StandardStream.Pipe }, token);
        using var output = new StreamReader(container.StandardOutput!);
        Assert.Equal("up", await Eventually.Ends(output.ReadLineAsync(token).AsTask()));
        for (var i = 0; i < TimeFactor.Times(60, soak: 2000); i++)
        {
            await using var joined = await container.ExecAsync(
                new() { Command = [i % 2 == 0 ? "/usr/bin/true" : "/tmp/evil"] }, token);
            await Eventually.Ends(joined.WaitAsync(token));
        }

        await using var last = await container.ExecAsync(
            new() { Command = ["/usr/bin/touch", "/tmp/over"] }, token);
        Assert.Equal("True", await Eventually.Ends(output.ReadLineAsync(token).AsTask()));
        Assert.Equal("alive", await Script.OutputAsync("echo alive"));
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
