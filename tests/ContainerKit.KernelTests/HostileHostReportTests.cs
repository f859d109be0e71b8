namespace ContainerKit.KernelTests;

/// <summary>
/// What the report says where something is missing: each test makes such surroundings for a host of its own.
/// </summary>
public class HostileHostReportTests
{
    private static readonly string[] AsRoot = ["unshare", "--map-root-user", "--mount"];

    [Fact]
    public async Task A_limit_of_no_user_namespaces_is_named()
    {
        var found = await Report.InAsync(AsRoot, "echo 0 >/proc/sys/user/max_user_namespaces");
        found.AssertNo("user namespace", "user.max_user_namespaces is 0", "sysctl -w user.max_user_namespaces=");
        found.AssertNo("default container", "user namespace", "See user namespace");
    }

    [Fact]
    public async Task A_limit_of_no_network_namespaces_is_named_and_spares_the_others()
    {
        var found = await Report.InAsync(AsRoot, "echo 0 >/proc/sys/user/max_net_namespaces");
        found.AssertNo("network namespace", "user.max_net_namespaces is 0", "sysctl -w user.max_net_namespaces=");
        found.AssertNo("default container", "network namespace", "See network namespace");
        Assert.True(found["user namespace"].IsAvailable);
        Assert.True(found["fresh /proc"].IsAvailable, found["fresh /proc"].Text);
    }

    [Fact]
    public async Task A_chroot_is_named()
    {
        using var directory = new TempDirectory();
        var found = await Report.InAsync(AsRoot, $$"""
            root={{directory.Path}}
            for entry in /*; do
                if [ -h "$entry" ]; then cp -P "$entry" "$root"; continue; fi
                [ ! -d "$entry" ] || { mkdir "$root$entry" && mount --rbind "$entry" "$root$entry"; }
            done
            set -- /usr/sbin/chroot "$root" "$@"
            """);
        found.AssertNo("user namespace", "This process is in a chroot", "Start it outside");
    }

    [Fact]
    public async Task A_chroot_that_looks_like_the_root_is_guessed()
    {
        using var directory = new TempDirectory();
        var found = await Report.InAsync(AsRoot, $$"""
            mount --rbind / {{directory.Path}}
            set -- /usr/sbin/chroot {{directory.Path}} "$@"
            """);
        found.AssertNo("user namespace", "it is a chroot or a security module", "outside of a chroot");
    }

    [Fact]
    public async Task A_covered_proc_is_named_with_its_covers()
    {
        var found = await Report.InAsync(AsRoot, "mount --bind /dev/null /proc/uptime");
        found.AssertNo("fresh /proc", "/proc/uptime", "systempaths=unconfined");
        found.AssertNo("default container", "fresh /proc", "See fresh /proc");
        Assert.True(found["fresh /sys"].IsAvailable, found["fresh /sys"].Text);
    }

    [Fact]
    public async Task A_user_without_subordinate_ids_is_named()
    {
        var found = await Report.OfAsync(["unshare", "--user", "--map-user=123456", "--map-group=123456"]);
        found.AssertNo("subordinate users", "/etc/subuid has no range for user 123456", "usermod --add-subuids");
        found.AssertNo("subordinate groups", "/etc/subgid has no range for user 123456", "usermod --add-subgids");
        Assert.True(found["default container"].IsAvailable, found["default container"].Text);
    }

    [Fact]
    public async Task A_user_without_an_id_is_told_so()
    {
        var found = await Report.OfAsync(["unshare", "--user"]);
        found.AssertNo("user namespace", "own id is not mapped", "uid_map");
    }

    [Fact]
    public async Task A_root_with_one_id_can_run_containers()
    {
        var found = await Report.OfAsync(["unshare", "--map-root-user"]);
        Assert.True(found["default container"].IsAvailable, found["default container"].Text);
        found.AssertNo("id-mapped mounts", "Only root", "Nothing needs to be done");
    }

    [RootFact]
    public async Task Memory_that_must_not_be_executed_is_named_and_a_launcher_from_a_file_helps()
    {
        using var directory = new TempDirectory();
        Launcher.Save(directory["launcher"]);
        // the setting is one of the pid namespace
        string[] newPids = ["unshare", "--mount", "--pid", "--fork", "--mount-proc"];
        const string forbid = "echo 2 >/proc/sys/vm/memfd_noexec || true";
        var fromMemory = await Report.InAsync(newPids, forbid);
        var fromFile = await Report.InAsync(newPids, forbid, directory["launcher"]);

        Assert.True(fromFile["default container"].IsAvailable, fromFile["default container"].Text);
        if (File.Exists("/proc/sys/vm/memfd_noexec")) // from 6.3 on
        {
            fromMemory.AssertNo("launcher from memory", "vm.memfd_noexec is 2", "Launcher.Save");
            fromMemory.AssertNo("user namespace", "launcher from memory", "See launcher from memory");
        }
    }

    [Fact(Skip = "needs python3", SkipUnless = nameof(Host.HasPython), SkipType = typeof(Host))]
    public async Task A_filter_of_system_calls_is_named()
    {
        // As container engines do: clone3 is unknown, mount_setattr is forbidden. PR_SET_SECCOMP wants no_new_privs.
        const string filter = """
            import ctypes, os, struct, sys
            def instruction(code, yes, no, value): return struct.pack("HBBI", code, yes, no, value)
            program = b"".join([
                instruction(0x20, 0, 0, 0),                 # load the number of the call
                instruction(0x15, 0, 1, 435), instruction(0x06, 0, 0, 0x00050000 | 38),
                instruction(0x15, 0, 1, 442), instruction(0x06, 0, 0, 0x00050000 | 1),
                instruction(0x06, 0, 0, 0x7fff0000)])
            kept = ctypes.create_string_buffer(program, len(program))
            header = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(kept))
            libc = ctypes.CDLL(None)
            assert libc.prctl(38, 1, 0, 0, 0) == 0
            assert libc.prctl(22, 2, ctypes.c_char_p(header), 0, 0) == 0
            os.execv(sys.argv[1], sys.argv[1:])
            """;
        var found = await Report.OfAsync(["python3", "-c", filter]);
        found.AssertNo("clone3", "A seccomp filter around this process refuses clone3 (ENOSYS)", "seccomp=unconfined");
        found.AssertNo("mount_setattr", "A seccomp filter around this process refuses mount_setattr (EPERM)",
            "seccomp=unconfined");
        found.AssertNo("launcher from memory", "A seccomp filter", "seccomp=unconfined");
        found.AssertNo("default container", "user namespace", "See user namespace");
        Assert.True(found["openat2"].IsAvailable);
    }

    [Fact]
    public async Task Few_descriptors_are_named()
    {
        var found = await Report.InAsync(["env"], "ulimit -n 300");
        found.AssertNo("open files", "RLIMIT_NOFILE is 300, at most 300", "ulimit -n");
    }

    [Fact]
    public async Task Hidden_cgroups_are_named()
    {
        var found = await Report.InAsync(AsRoot, "mount -t tmpfs none /sys/fs/cgroup");
        found.AssertNo("cgroups", "No cgroup hierarchy", "mount -t cgroup2");
        Assert.True(found["default container"].IsAvailable, found["default container"].Text);
    }
}
