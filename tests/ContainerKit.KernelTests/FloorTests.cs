using System.Globalization;

namespace ContainerKit.KernelTests;

/// <summary>The security floor: what the program of a default container is, and what it sees of the machine.</summary>
public class FloorTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task CVE_2022_29162_No_set_has_any_capability(bool init)
    {
        var status = await StatusAsync(Script.Shell("cat /proc/self/status") with { Init = init });
        foreach (var set in new[] { "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb" })
        {
            Assert.Equal("0000000000000000", status[set]);
        }

        Assert.Equal("1", status["NoNewPrivs"]);
    }

    [Fact]
    public async Task CVE_2022_36109_CVE_2023_25173_The_program_has_none_of_the_hosts_groups()
    {
        using var groups = new FurtherGroups();
        var status = await StatusAsync(Script.Shell("cat /proc/self/status"));

        // An ordinary user cannot drop its groups: they are its own, or unmapped and nobody's.
        Assert.Empty(status["Groups"].Split(' ', StringSplitOptions.RemoveEmptyEntries).Except(["0", "65534"]));
        Assert.True(!Host.IsRoot || status["Groups"].Length == 0, status["Groups"]);
        Assert.Equal("0\t0\t0\t0", status["Uid"]);
        Assert.Equal("0\t0\t0\t0", status["Gid"]);
    }

    [RootFact]
    public async Task The_containers_root_is_nobody_on_the_host()
    {
        var id = (await Script.OutputAsync("cat /proc/self/uid_map /proc/self/gid_map")).Split('\n');
        foreach (var line in id)
        {
            var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal(("0", "1"), (fields[0], fields[2]));
            Assert.InRange(int.Parse(fields[1], CultureInfo.InvariantCulture), 500_000_001, 504_194_304);
        }
    }

    [PythonFact]
    public async Task Setgroups_is_denied_or_leads_nowhere()
    {
        var output = await Script.OutputAsync(Script.Python("""
            import os
            for call in (lambda: os.setgroups([0]), lambda: os.setgroups([5]), lambda: os.setuid(1), lambda: os.setgid(1)):
                try:
                    call()
                    print('allowed')
                except OSError:
                    pass
            """));

        Assert.Equal("", output);
    }

    [Theory]
    [InlineData("mnt")]
    [InlineData("pid")]
    [InlineData("net")]
    [InlineData("ipc")]
    [InlineData("uts")]
    [InlineData("user")]
    [InlineData("cgroup")]
    public async Task Each_namespace_is_its_own(string kind) =>
        Assert.NotEqual(new FileInfo($"/proc/self/ns/{kind}").LinkTarget,
            await Script.OutputAsync($"readlink /proc/self/ns/{kind}"));

    [Fact]
    public async Task A_time_namespace_is_its_own_when_asked_for() =>
        Assert.NotEqual(
            new FileInfo("/proc/self/ns/time").LinkTarget,
            await Script.OutputAsync(
                Script.Shell("readlink /proc/self/ns/time") with { Namespaces = NamespaceKinds.All }));

    [PythonFact]
    public async Task The_only_interface_is_lo_and_it_is_up()
    {
        Assert.Equal("lo", await Script.OutputAsync("ls /sys/class/net"));
        Assert.Equal("1", await Script.OutputAsync("echo $(( $(cat /sys/class/net/lo/flags) & 1 ))"));
        Assert.Equal("echoed", await Script.OutputAsync(Script.Python("""
            import socket
            server = socket.create_server(('127.0.0.1', 0))
            client = socket.create_connection(server.getsockname())
            server.accept()[0].sendall(b'echoed')
            print(client.recv(6).decode())
            """)));
    }

    [Fact]
    public async Task It_has_its_own_name_session_mask_and_limits()
    {
        Assert.Equal("container", await Script.OutputAsync("uname -n"));
        Assert.Equal("0022", await Script.OutputAsync("umask"));
        Assert.Equal("0077", await Script.OutputAsync(Script.Shell("umask") with { Umask = 0x3F }));
        Assert.Equal(
            "Max core file size 1 1 bytes", await Script.OutputAsync("echo $(grep 'Max core' /proc/self/limits)"));
        Assert.Equal("own", await Script.OutputAsync("[ $(cut -d' ' -f6 /proc/self/stat) = $$ ] && echo own"));
        Assert.Equal("123 456", await Script.OutputAsync(Script.Shell("echo $(ulimit -Sn) $(ulimit -Hn)") with
        {
            ResourceLimits = [new(Resource.RLIMIT_NOFILE, 123, 456)],
        }));
        Assert.Contains("1024", await Script.OutputAsync("grep 'Max processes' /proc/self/limits"),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_sees_no_process_but_its_own()
    {
        Assert.Equal("1 2", await Script.OutputAsync("cd /proc; echo [0-9]*"));
        Assert.Equal("1", await Script.OutputAsync(Script.Shell("cd /proc; echo [0-9]*") with { Init = false }));
    }

    [PythonFact]
    public async Task Its_keyring_is_its_own()
    {
        const string script = """
            import ctypes, platform
            keyctl = {'x86_64': 250, 'aarch64': 219}[platform.machine()]
            add_key = {'x86_64': 248, 'aarch64': 217}[platform.machine()]
            libc = ctypes.CDLL(None, use_errno=True)
            libc.syscall.restype = ctypes.c_long
            buffer = ctypes.create_string_buffer(256)
            libc.syscall(keyctl, 6, -3, buffer, 256) # KEYCTL_DESCRIBE of the session keyring
            print(buffer.value.decode().split(';')[-1], libc.syscall(keyctl, 11, -3, buffer, 256)) # KEYCTL_READ: its keys
            """;

        Assert.Equal(
            "_ses 0", await Script.OutputAsync(Script.Python(script) with { Seccomp = SeccompProfile.Unconfined }));
    }

    [Fact]
    public async Task Its_devices_are_these_by_number_and_no_others()
    {
        var output = await Script.OutputAsync("cd /dev; for f in $(find . -mindepth 1 -maxdepth 1 | sort); do [ -L $f "
            + "] && echo \"$f -> $(readlink $f)\" || stat -c '%n %F %t:%T' $f; done");

        Assert.Equal(
            """
            ./empty directory 0:0
            ./fd -> /proc/self/fd
            ./full character special file 1:7
            ./mqueue directory 0:0
            ./null character special file 1:3
            ./ptmx -> pts/ptmx
            ./pts directory 0:0
            ./random character special file 1:8
            ./shm directory 0:0
            ./stderr -> /proc/self/fd/2
            ./stdin -> /proc/self/fd/0
            ./stdout -> /proc/self/fd/1
            ./tty character special file 5:0
            ./urandom character special file 1:9
            ./zero character special file 1:5
            """, output);
        Assert.Equal("ptmx", await Script.OutputAsync("ls /dev/pts"));
    }

    [Fact]
    public async Task It_can_make_no_device()
    {
        var output = await Script.OutputAsync("for d in /tmp /run /dev/shm; do mknod $d/x c 1 3 2>/dev/null && echo "
            + "$d; mknod $d/y b 8 0 2>/dev/null && echo $d; done; true");

        Assert.Equal("", output);
    }

    [Theory]
    [InlineData("/proc/kcore")]
    [InlineData("/proc/keys")]
    [InlineData("/proc/timer_list")]
    [InlineData("/proc/interrupts")]
    public async Task CVE_2025_31133_A_masked_file_is_the_null_device(string path) =>
        Assert.Equal("1:3", await Script.OutputAsync($"[ -e {path} ] && stat -Lc %t:%T {path} || echo 1:3"));

    [Theory]
    [InlineData("/proc/acpi")]
    [InlineData("/proc/scsi")]
    [InlineData("/sys/firmware")]
    [InlineData("/sys/devices/virtual/powercap")]
    public async Task A_masked_directory_is_empty(string path) =>
        Assert.Equal("", await Script.OutputAsync($"[ ! -e {path} ] || ls -A {path}"));

    [PythonFact]
    public async Task CVE_2022_0492_CVE_2023_25809_CVE_2025_52881_Nothing_of_the_machine_can_be_written()
    {
        // Tried, not looked up in a table of mounts: opening for writing is what an attack does.
        const string script = """
            import os
            for top in ('/proc/sys', '/proc/bus', '/proc/fs', '/proc/irq', '/sys'):
                for directory, _, files in os.walk(top):
                    for name in files:
                        path = os.path.join(directory, name)
                        try:
                            os.close(os.open(path, os.O_WRONLY))
                            print(path)
                        except OSError:
                            pass
            for path in ('/proc/sysrq-trigger', '/proc/sys/kernel/core_pattern', '/proc/self/oom_adj', '/proc/mtrr', '/sys/kernel/uevent_helper'):
                try:
                    os.close(os.open(path, os.O_WRONLY))
                    if path != '/proc/self/oom_adj': print(path)
                except OSError:
                    pass
            """;

        Assert.Equal("", await Script.OutputAsync(Script.Python(script)));
    }

    [Fact]
    public async Task Every_mount_is_nosuid_and_those_of_the_host_are_read_only()
    {
        var mounts =
            (await Script.OutputAsync("cat /proc/self/mountinfo")).Split('\n').Select(line => line.Split(' ')).ToList();

        // A device by itself holds no program.
        Assert.All(mounts.Where(fields =>
            fields[3] is not ("/null" or "/zero" or "/full" or "/random" or "/urandom" or "/tty")),
            fields => Assert.Contains("nosuid", fields[5], StringComparison.Ordinal));
        Assert.All(mounts.Where(fields => fields[4].StartsWith("/usr", StringComparison.Ordinal)
            || fields[4].StartsWith("/etc", StringComparison.Ordinal) || fields[4] == "/"),
            fields => Assert.StartsWith("ro", fields[5], StringComparison.Ordinal));
        Assert.All(mounts, fields =>
            Assert.DoesNotContain(fields, field => field.StartsWith("shared:", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task The_hosts_root_is_nowhere_in_the_mount_namespace()
    {
        // Neither under the new root, nor above it.
        Assert.Equal("same",
            await Script.OutputAsync("cd /; cd ../../..; [ $(stat -c %d:%i .) = $(stat -c %d:%i /) ] && echo same"));
        Assert.Equal("refused", await Script.OutputAsync("umount / 2>/dev/null || echo refused"));
        var root = File.ReadLines("/proc/self/mountinfo").Select(line => line.Split(' ')).Last(IsOnRoot)[2..4];
        var inside = (await Script.OutputAsync("cat /proc/self/mountinfo")).Split('\n').Select(line => line.Split(' '));
        Assert.DoesNotContain(root, inside.Select(mount => mount[2..4])); // the device, and what of it is mounted

        static bool IsOnRoot(string[] mount) => mount[4] == "/";
    }

    [Fact]
    public async Task CVE_2016_9962_The_program_starts_with_no_descriptor_of_the_host() =>
        Assert.Equal("0 1 2",
            await Script.OutputAsync( // no pipeline, whose ends the shell would have open meanwhile
                "for i in $(seq 0 100); do [ -L /proc/$$/fd/$i ] && open=\"$open $i\"; done; echo $open"));

    private static async Task<Dictionary<string, string>> StatusAsync(ContainerOptions options) =>
        (await Script.OutputAsync(options)).Split('\n').Select(line => line.Split(":\t", 2))
            .Where(fields => fields.Length == 2)
            .ToDictionary(fields => fields[0], fields => fields[1].Trim());

    [PythonTheory]
    [InlineData("user 1000")]
    [InlineData("root")]
    public async Task What_the_kernel_counts_for_the_hosts_user_too_is_limited(string user)
    {
        var output = await Script.OutputAsync(Script.Python("""
            import ctypes, os, resource
            libc = ctypes.CDLL(None, use_errno=True)
            def most(make):
                got = []
                while len(got) < 1000:
                    try:
                        one = make()
                    except OSError:
                        break
                    if one is not None and one < 0:
                        break
                    got.append(one)
                return len(got)
            print(most(libc.inotify_init), most(lambda: os.open("/dev/ptmx", os.O_RDWR)),
                most(lambda: libc.fanotify_init(0x200, 0)), libc.unshare(0x10000000),
                resource.getrlimit(resource.RLIMIT_SIGPENDING) if hasattr(resource, "RLIMIT_SIGPENDING") else "",
                resource.getrlimit(12))
            """) with
        {
            User = user == "root" ? "0" : "1000",
            ResourceLimits = [new(Resource.RLIMIT_NOFILE, 900, 900)],
            Seccomp = SeccompProfile.Unconfined, // or there is none of fanotify
        });

        var numbers = output.Split(' ', 5);
        Assert.Equal(("32", "64", "16", "-1"), (numbers[0], numbers[1], numbers[2], numbers[3]));
        Assert.EndsWith("(262144, 262144)", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Limits_of_signals_and_queues_are_the_callers_to_choose()
    {
        var output = await Script.OutputAsync(Script.Shell("grep -E 'signals|queue' /proc/self/limits") with
        { ResourceLimits = [new(Resource.RLIMIT_SIGPENDING, 77, 77), new(Resource.RLIMIT_MSGQUEUE, 88, 88)] });
        Assert.Matches(@"^Max pending signals +77 +77 .*\nMax msgqueue size +88 +88 ", output);
    }
}
