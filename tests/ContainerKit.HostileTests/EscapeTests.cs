namespace ContainerKit.HostileTests;

/// <summary>Ways out of a default container that others have found.</summary>
public class EscapeTests
{
    [Fact]
    public async Task Found_while_designing_A_file_of_the_host_cannot_be_found()
    {
        var name = $"containerkit-canary-{Environment.ProcessId}";
        string[] places =
            ["/var/tmp", "/tmp", "/dev/shm", Environment.GetFolderPath(Environment.SpecialFolder.UserProfile),
                Path.GetTempPath(), "/run", "/srv", "/opt"];
        var canaries = new List<string>();
        try
        {
            foreach (var path in places.Where(Directory.Exists).Select(place => Path.Combine(place, name)).Distinct())
            {
                try
                {
                    File.WriteAllText(path, "secret");
                    canaries.Add(path);
                }
                catch (UnauthorizedAccessException)
                {
                    // Not this user's to write in.
                }
            }

            Assert.NotEmpty(canaries);
            Assert.Equal("", await Script.OutputAsync($"find / -name {name} 2>/dev/null; true"));
            Assert.Equal("", await Script.OutputAsync(
                $"cat {string.Join(' ', canaries)} /proc/1/root/tmp/{name} 2>/dev/null; true"));
        }
        finally
        {
            canaries.ForEach(File.Delete);
        }
    }

    [PythonTheory]
    [InlineData("HostSystem")]
    [InlineData("Directory")]
    [InlineData("EntireHost")]
    public async Task Found_while_designing_A_read_only_tree_cannot_be_remounted_from_inside(string profile)
    {
        using var root = new RootDirectory();
        using var data = Open();
        var options = profile switch
        {
            "HostSystem" => Script.Shell("true"),
            "Directory" => root.Options,
            _ => Script.Shell("true") with { Root = RootFilesystem.EntireHost },
        };

        // Without privilege, then as root of a user namespace of its own; a new flag, a bind of it, and a change of
        // attributes.
        const string attack = """
            import ctypes, os, sys
            libc = ctypes.CDLL(None, use_errno=True)
            libc.syscall.restype = ctypes.c_long
            MS_REMOUNT, MS_BIND, MS_REC = 32, 4096, 16384
            class Attributes(ctypes.Structure):
                _fields_ = [(n, ctypes.c_uint64) for n in ('set', 'clear', 'propagation', 'userns')]
            def attack(target):
                t = target.encode()
                libc.mount(b'none', t, None, MS_REMOUNT | MS_BIND, None)
                libc.mount(b'none', t, None, MS_REMOUNT, None)
                libc.syscall(442, -100, t, 0x8000, ctypes.byref(Attributes(0, 1, 0, 0)), 32) # mount_setattr, AT_RECURSIVE
                libc.mount(t, b'/tmp/copy', None, MS_BIND | MS_REC, None)
                libc.mount(b'none', b'/tmp/copy', None, MS_REMOUNT | MS_BIND, None)
                libc.syscall(442, -100, b'/tmp/copy', 0x8000, ctypes.byref(Attributes(0, 1, 0, 0)), 32)
                for path in (target, '/tmp/copy'):
                    if not os.statvfs(path).f_flag & os.ST_RDONLY and path != '/tmp/copy' or os.path.exists(path + '/canary') and os.access(path + '/canary', os.W_OK):
                        print('writable', path)
                    try:
                        open(os.path.join(path, 'new'), 'w').close()
                        if path != '/tmp/copy' or os.path.ismount(path): print('written', path)
                    except OSError:
                        pass
                libc.umount2(b'/tmp/copy', 2)
            os.makedirs('/tmp/copy', exist_ok=True)
            targets = ['/', '/usr', '/tmp/data', '/sys', '/proc/sys']
            for target in targets: attack(target)
            if libc.unshare(0x10000000 | 0x20000) == 0: # CLONE_NEWUSER | CLONE_NEWNS
                print('nested', file=sys.stderr)
                for target in targets: attack(target)
            """;
        var result = await Script.RunAsync(options with
        {
            Command = ["/usr/bin/python3", "-I", "-c", attack],
            MaxUserNamespaces = 1,
            Mounts = [.. options.Mounts, new BindMount(data.Path, "/tmp/data")],
        });

        Assert.Equal((0, ""), (result.ExitStatus.ExitCode, result.StandardOutput));
        Assert.Equal("nested\n", result.StandardError);
        Assert.Empty(Directory.EnumerateFileSystemEntries(data.Path));
    }

    [Fact]
    public async Task A_root_without_capabilities_cannot_be_root_of_a_nested_namespace_either()
    {
        var options = Script.Shell("unshare --user --map-root-user true");
        var result = await Script.RunAsync(options with { MaxUserNamespaces = 1 });
        Assert.Contains("uid_map: Operation not permitted", result.StandardError, StringComparison.Ordinal);

        // And unless said otherwise there is no nested one.
        result = await Script.RunAsync(options with { User = "1000" });
        Assert.Contains("No space left on device", result.StandardError, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_masked_cannot_be_bared_in_a_nested_namespace()
    {
        var output = await Script.OutputAsync(Script.Shell("""
            unshare --user --map-root-user --mount --pid --fork sh -c '
                umount /proc/keys 2>/dev/null && echo bared
                umount -l /proc/sys 2>/dev/null && echo bared
                umount -l /proc 2>/dev/null && echo bared
                mkdir /tmp/proc /tmp/sys
                mount -t proc proc /tmp/proc 2>/dev/null && echo mounted
                mount -t sysfs sysfs /tmp/sys 2>/dev/null && echo mounted
                mount --bind /proc /tmp/proc 2>/dev/null && echo bound
                mount --rbind /proc /tmp/proc 2>/dev/null && stat -Lc %t:%T /tmp/proc/keys
                true'
            """) with { User = "1000", MaxUserNamespaces = 1 });

        Assert.Equal("1:3", output);
    }

    [Fact]
    public async Task CVE_2022_0492_No_cgroup_can_be_written_even_in_a_nested_namespace()
    {
        var output = await Script.OutputAsync(Script.Shell("""
            [ -e /sys/fs/cgroup ] && ls -A /sys/fs/cgroup
            unshare --user --map-root-user --cgroup true 2>/dev/null && echo made a cgroup namespace
            unshare --user --map-root-user --mount sh -c '
                mkdir /tmp/v1 /tmp/v2
                for controller in memory pids rdma cpu misc; do
                    mkdir -p /tmp/v1/$controller
                    mount -t cgroup -o $controller cgroup /tmp/v1/$controller 2>/dev/null || continue
                    mkdir /tmp/v1/$controller/new 2>/dev/null && echo made in $controller
                    (echo /tmp/agent > /tmp/v1/$controller/release_agent) 2>/dev/null && [ -s /tmp/v1/$controller/release_agent ] && echo agent
                    (echo 0 > /tmp/v1/$controller/cgroup.procs) 2>/dev/null && echo joined $controller
                done
                mount -t cgroup2 cgroup2 /tmp/v2 2>/dev/null && mkdir /tmp/v2/new 2>/dev/null && echo made in v2
                find /tmp/v1 /tmp/v2 -mindepth 2 -writable 2>/dev/null | head -n 3
                true'
            """) with { User = "1000", MaxUserNamespaces = 5 });

        Assert.Equal("", output);
    }

    [PythonTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task CVE_2019_5736_The_launcher_cannot_be_overwritten_by_a_program(bool init)
    {
        // A program that is /proc/self/exe would be the launcher itself, if that lingered.
        const string attack = """
            import os
            for path in ('/proc/1/exe', '/proc/self/exe', f'/proc/{os.getppid()}/exe'):
                for flags in (os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC):
                    try:
                        os.close(os.open(path, flags))
                        print(path)
                    except OSError:
                        pass
            try:
                print('launcher' if 'memfd' in os.readlink('/proc/1/exe') else '', end='')
            except OSError:
                pass
            """;

        Assert.Equal("", await Script.OutputAsync(Script.Python(attack) with { Init = init }));

        // By this name the program is the launcher, which has nothing to do: no plan is passed on to it.
        var lingering = new InlineFile("/tmp/script", "#!/proc/self/exe 3\n") { Mode = 0x16D }; // 0555
        foreach (var program in new[] { "/proc/self/exe", "/tmp/script" })
        {
            var result =
                await Script.RunAsync(new ContainerOptions { Command = [program], Mounts = [lingering], Init = init });
            Assert.Equal(125, result.ExitStatus.ExitCode);
        }

        Assert.Equal("alive", await Script.OutputAsync("echo alive"));
    }

    [Fact]
    public async Task CVE_2022_1227_CVE_2025_23266_No_variable_of_the_container_reaches_what_runs_outside()
    {
        // Were the launcher dynamic, or run with this environment, the library would be loaded, or complained about.
        var result = await Script.RunAsync(Script.Shell("echo ran") with
        {
            Environment = new Dictionary<string, string> { ["LD_PRELOAD"] = "/tmp/evil.so", ["LD_DEBUG"] = "" },
        });

        Assert.Equal("ran\n", result.StandardOutput);
        Assert.All(result.StandardError.TrimEnd().Split('\n'),
            line => Assert.Contains("/tmp/evil.so", line, StringComparison.Ordinal));
    }

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task A_setuid_program_gives_nothing()
    {
        // Of this user, who is the container's root, which its program is not.
        using var temp = Open();
        File.Copy("/usr/bin/id", temp["id"]);
        File.SetUnixFileMode(temp["id"], (UnixFileMode)0x9ED); // 04755
        var (user, group) = (Linux.Syscall.EffectiveUser, Linux.Syscall.EffectiveGroup);
        var output = await Script.OutputAsync(Script.Shell("stat -c '%u %A' /tmp/data/id; /tmp/data/id -u") with
        {
            IdMap = IdMap.Ranges(
                [new(0, user, 1), new(1, TestIds.User, 10)], [new(0, group, 1), new(1, TestIds.Group, 10)]),
            User = "5:5",
            Mounts = [new BindMount(temp.Path, "/tmp/data")],
        });

        Assert.Equal("0 -rwsr-xr-x\n5", output);
    }

    private static TempDirectory Open()
    {
        var temp = new TempDirectory();
        File.SetUnixFileMode(temp.Path, (UnixFileMode)0x1FF); // 0777
        return temp;
    }
}
