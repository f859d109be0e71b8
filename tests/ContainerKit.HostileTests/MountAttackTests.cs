using System.Diagnostics;

namespace ContainerKit.HostileTests;

/// <summary>Attacks on files and mounts: ways from the container's to the host's.</summary>
public class MountAttackTests
{
    [PythonTheory]
    [MemberData(nameof(Attack.Everybody), MemberType = typeof(Attack))]
    public async Task A_file_of_the_host_is_not_opened_by_its_handle(string attacker)
    {
        using var volume = new TempDirectory();
        File.SetUnixFileMode(volume.Path, (UnixFileMode)0x1FF); // 0777
        using var secret = new TempDirectory();
        File.SetUnixFileMode(secret.Path, (UnixFileMode)0x1FF); // 0777
        secret.Write("canary", "secret");

        // As "shocker" did, but with the true handles: of the file, of its directory, and of the root's usual inode.
        var output = await Attack.OutputAsync(attacker, """
            handles = [bytes.fromhex(text) for text in os.environ['HANDLES'].split()]
            handles += [struct.pack('IiII', 8, 1, inode, 0) for inode in (1, 2, 64, 128, 256)]
            for path in ('/usr', os.environ['VOLUME'], tmp, '/proc', '/', '/etc'):
                try: mount = os.open(path, os.O_RDONLY)
                except PermissionError: continue
                for handle in handles:
                    def read():
                        file = call('open_by_handle_at', mount, ctypes.create_string_buffer(handle), os.O_RDONLY)
                        if stat.S_ISDIR(os.fstat(file).st_mode):
                            names = os.listdir(file)
                            if not {'canary', 'root', 'lost+found'} & set(names): raise OSError # its own
                            return names
                        return os.read(file, 100)
                    attempt(path, read)
            """,
            options => options.Telling("HANDLES", Handles(secret["canary"], secret.Path, "/"))
                .Sharing(volume.Path, readOnly: attacker is not Attack.Capable));

        Assert.Equal("", output);
    }

    [PythonTheory]
    [MemberData(nameof(Attack.Everybody), MemberType = typeof(Attack))]
    public async Task The_directory_of_a_neighbour_without_namespaces_is_closed(string attacker)
    {
        const string keep = "echo secret >$TMPDIR/file; echo $TMPDIR; read line; cat $TMPDIR/*; ls -A $TMPDIR";
        await using var neighbour = await Attack.HostOf(Attack.Restricted).StartAsync(
            Script.Shell(keep) with
            {
                MinimumIsolation = Isolation.Restricted,
                StandardInput = StandardStream.Pipe,
                StandardOutput = StandardStream.Pipe,
            },
            TestContext.Current.CancellationToken);
        using var lines = new StreamReader(neighbour.StandardOutput!);
        var place = await Eventually.Ends(lines.ReadLineAsync(TestContext.Current.CancellationToken).AsTask());

        var output = await Attack.OutputAsync(attacker, """
            import fcntl
            place, own = os.environ['PLACE'], tmp + '/own'
            os.mkdir(own)
            for prefix in ('', '/proc/1/root', '/proc/self/root', '/proc/self/cwd/..', f'/proc/{os.getppid()}/root'):
                there = prefix + place
                attempt('listed', lambda: os.listdir(there))
                attempt('locked', lambda: fcntl.flock(os.open(there, os.O_RDONLY), fcntl.LOCK_SH | fcntl.LOCK_NB))
                attempt('removed', lambda: os.rmdir(there))
                attempt('moved', lambda: os.rename(there, tmp + '/taken'))
                attempt('replaced', lambda: os.rename(own, there))
                attempt('read', lambda: open(there + '/file').read())
                attempt('written', lambda: open(there + '/file', 'a'))
                attempt('truncated', lambda: os.truncate(there + '/file', 0))
                attempt('linked', lambda: os.link(there + '/file', tmp + '/link'))
                attempt('unlinked', lambda: os.unlink(there + '/file'))
                attempt('opened', lambda: os.chmod(there, 0o777))
                for name in ('new', 'file/new'):
                    attempt('made', lambda: os.mkdir(f'{there}/{name}'))
                    attempt('made', lambda: os.symlink('/', f'{there}/{name}'))
                    attempt('made', lambda: os.mkfifo(f'{there}/{name}'))
            """, options => options.Telling("PLACE", place!).WithIds(TestIds.Map));

        Assert.Equal("", output);
        await neighbour.StandardInput!.DisposeAsync();
        var kept = lines.ReadToEndAsync(TestContext.Current.CancellationToken);
        Assert.Equal("secret\nfile\n", await Eventually.Ends(kept));
    }

    [PythonTheory]
    [MemberData(nameof(Attack.Everybody), MemberType = typeof(Attack))]
    public async Task No_file_system_of_the_machine_can_be_mounted(string attacker) =>
        Assert.Equal("", await Attack.OutputAsync(attacker, """
            import glob
            here = f'{tmp}/here'.encode()
            os.makedirs(here, exist_ok=True)
            disks = [b'/dev/' + name for name in (b'sda', b'vda', b'vda1', b'loop0', b'nvme0n1')]
            machine = (b'debugfs', b'tracefs', b'securityfs', b'configfs', b'efivarfs', b'pstore', b'devtmpfs',
                b'selinuxfs', b'nfsd', b'rpc_pipefs', b'hugetlbfs', b'autofs', b'bdev', b'sockfs', b'smackfs')
            for kind in machine:
                attempt(f'mounted {kind}', lambda: call('mount', b'none', here, kind, 0, 0))
                attempt(f'opened {kind}', lambda: call('fsconfig', call('fsopen', kind, 0), 6, 0, 0, 0))
            for disk in disks:
                for kind in (b'ext4', b'xfs', b'btrfs', b'vfat', b'squashfs', b'iso9660'):
                    attempt(f'mounted {disk}', lambda: call('mount', disk, here, kind, 0, 0))
            # A new /proc or /sys has what is masked and closed in the old one.
            for kind in (b'proc', b'sysfs'):
                try: call('mount', b'none', here, kind, 0, 0)
                except OSError: continue
                for path in ('sys/kernel/core_pattern', 'sysrq-trigger', 'kcore', 'kernel/uevent_helper'):
                    attempt(path, lambda: os.open(os.fsdecode(here) + f'/{path}', os.O_WRONLY))
                call('umount2', here, 2)
            """));

    [PythonTheory]
    [MemberData(nameof(Attack.Everybody), MemberType = typeof(Attack))]
    public async Task The_kernel_runs_no_program_of_the_containers_on_the_host(string attacker) =>
        Assert.Equal("", await Attack.OutputAsync(attacker, """
            helpers = ('/proc/sys/kernel/core_pattern', '/proc/sys/kernel/modprobe', '/proc/sys/kernel/hotplug',
                '/proc/sys/kernel/poweroff_cmd', '/proc/sys/fs/binfmt_misc/register', '/proc/sysrq-trigger',
                '/sys/kernel/uevent_helper', '/proc/sys/kernel/usermodehelper/bset', '/proc/sys/vm/panic_on_oom')
            task = f'/proc/{os.getpid()}/task/{os.getpid()}/root'
            for prefix in ('', '/proc/self/root', '/proc/1/root', '/proc/self/cwd/..', task):
                for helper in helpers:
                    attempt(prefix + helper, lambda: os.open(prefix + helper, os.O_WRONLY)) # which is enough
            for target in (b'/proc', b'/proc/sys', b'/sys', b'/proc/sysrq-trigger'):
                try: call('mount', b'none', target, 0, 32 | 4096, 0) # MS_REMOUNT | MS_BIND
                except OSError: pass
                try: call('mount_setattr', -100, target, 0x8000, struct.pack('QQQQ', 0, 1, 0, 0), 32)
                except OSError: pass
                try: call('umount2', target, 2)
                except OSError: pass
            for helper in helpers: attempt(helper, lambda: os.open(helper, os.O_WRONLY))
            """));

    [PythonTheory]
    [MemberData(nameof(Attack.Everybody), MemberType = typeof(Attack))]
    public async Task CVE_2022_0492_The_cgroup_of_a_neighbour_cannot_be_frozen_joined_or_removed(string attacker)
    {
        await using var host = new ContainerHost(new() { CgroupParent = CgroupFactAttribute.Parent });
        await using var own = new ContainerHost(
            new() { CgroupParent = CgroupFactAttribute.Parent, WithoutNamespaces = attacker is Attack.Restricted });
        var limits = CgroupFactAttribute.Parent is null ? null : new CgroupLimits();
        await using var neighbour = await host.StartAsync(
            Script.Shell("exec sleep 1000") with { Limits = limits, MinimumIsolation = NestedHosts.Least },
            TestContext.Current.CancellationToken);
        var group = File.ReadAllText($"/proc/{neighbour.Pid}/cgroup");

        var output = await Attack.OutputAsync(attacker, """
            places = ['/sys/fs/cgroup']
            controllers = (b'freezer', b'pids', b'memory', b'devices', b'cpu')
            kinds = [(b'cgroup2', 0)] + [(b'cgroup', name) for name in controllers]
            for number, (kind, options) in enumerate(kinds):
                place = f'{tmp}/cgroup{number}'
                os.makedirs(place, exist_ok=True)
                try:
                    call('mount', b'none', place.encode(), kind, 0, options)
                    places.append(place)
                except OSError: pass
            for place in places:
                for directory, _, files in os.walk(place):
                    if apart and 'containerkit' in directory: print('seen', directory)
                    for name in files:
                        attempt(name, lambda: os.open(os.path.join(directory, name), os.O_WRONLY))
                    attempt('made', lambda: os.mkdir(os.path.join(directory, 'evil')))
            """, options => options with { Limits = limits }, own);

        Assert.Equal("", output);
        Assert.Equal(group, File.ReadAllText($"/proc/{neighbour.Pid}/cgroup"));
        Assert.True(neighbour.IsRunning);
    }

    [PythonTheory]
    [MemberData(nameof(Attack.Everybody), MemberType = typeof(Attack))]
    public async Task No_device_but_the_harmless_can_be_made_or_opened(string attacker) =>
        Assert.Equal("", await Attack.OutputAsync(attacker, """
            harmless = {(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2)}
            devices = (8, 0), (7, 0), (253, 0), (259, 0), (254, 0), (1, 1), (1, 2), (1, 4), (10, 229), (5, 1), (4, 1)
            number = lambda path: (os.major(os.stat(path).st_rdev), os.minor(os.stat(path).st_rdev))
            for place in (tmp, '/run', '/dev/shm', '/dev'):
                for kind, name in ((stat.S_IFBLK, 'block'), (stat.S_IFCHR, 'character')):
                    for device in devices:
                        path = f'{place}/{name}-{device[0]}-{device[1]}'
                        attempt(path, lambda: os.mknod(path, 0o666 | kind, os.makedev(*device)))
            known = '/dev', '', ('mem kmsg port ptmx console tty tty0 tty1 ttyS0 hvc0 sda vda nvme0n1 loop0 '
                'loop-control fuse kvm net/tun userfaultfd cpu_dma_latency rtc0 hpet snapshot nvram watchdog').split()
            for directory, _, files in [known, *os.walk('/', onerror=lambda _: None)]:
                if directory.startswith(('/proc', '/sys', '/usr')): continue
                for name in files:
                    path = os.path.join(directory, name)
                    try: status = os.lstat(path)
                    except OSError: continue
                    if stat.S_ISBLK(status.st_mode) or stat.S_ISCHR(status.st_mode) and number(path) not in harmless:
                        if path.startswith('/dev/pts/'): continue
                        attempt(path, lambda: os.open(path, os.O_RDONLY | os.O_NONBLOCK))
            """));

    [RootFact]
    public async Task A_device_in_a_shared_directory_is_none()
    {
        using var volume = new TempDirectory();
        File.SetUnixFileMode(volume.Path, (UnixFileMode)0x1FF); // 0777
        Tools.Run("mknod", "-m", "0666", volume["null"], "c", "1", "3");
        Tools.Run("mknod", "-m", "0666", volume["disk"], "b", "7", "0");
        using var root = new RootDirectory();
        Tools.Run("mknod", "-m", "0666", root["device"], "c", "1", "3");
        foreach (var readOnly in (bool[])[true, false])
        {
            var output = await Script.OutputAsync(root.Options with
            {
                Command = ["sh", "-c", "for file in /device /v/null /v/disk /tmp/made; do "
                    + "(: <$file) 2>/dev/null && echo $file; (: >$file) 2>/dev/null && echo $file; done; true"],
                Mounts = [.. root.Options.Mounts, new BindMount(volume.Path, "/v") { ReadOnly = readOnly }],
                Root = RootFilesystem.Directory(root.Path, CopyOnWrite.Temporary),
                Seccomp = SeccompProfile.Unconfined,
            });
            Assert.Equal("/tmp/made", output); // an ordinary file can be
        }
    }

    /// <summary>What the kernel calls these files, as an attacker who knows them would.</summary>
    private static string Handles(params string[] paths)
    {
        const string script = """
            import ctypes, sys
            libc = ctypes.CDLL(None, use_errno=True)
            for path in sys.argv[1:]:
                handle, mount = ctypes.create_string_buffer(136), ctypes.c_int()
                ctypes.c_uint.from_buffer(handle).value = 128
                if libc.name_to_handle_at(-100, path.encode(), handle, ctypes.byref(mount), 0) == 0:
                    print(handle.raw[:8 + ctypes.c_uint.from_buffer(handle).value].hex())
            """;
        using var process = Process.Start(new ProcessStartInfo("python3", ["-c", script, .. paths])
        { RedirectStandardOutput = true })!;
        var handles = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        process.StandardOutput.Dispose();
        return handles.Replace('\n', ' ');
    }
}
