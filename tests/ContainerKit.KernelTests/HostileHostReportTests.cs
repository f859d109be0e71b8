using System.Runtime.InteropServices;
using ContainerKit.KernelTests.Cgroups;
using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>
/// What the report says where something is missing: each test makes such surroundings for a host of its own.
/// </summary>
public class HostileHostReportTests
{
    private const string ReadOnlyCgroups = """
        while read -r _ target type _; do
            case $type in cgroup*) mount -o remount,bind,ro,nosuid,nodev,noexec "$target";; esac
        done </proc/self/mounts
        """;

    /// <summary>
    /// A program of Python that executes the rest of its arguments, after numbers of system calls, each with the errno
    /// that a filter refuses it with. PR_SET_SECCOMP wants no_new_privs.
    /// </summary>
    private const string Filter = """
        import ctypes, os, struct, sys
        def instruction(code, yes, no, value): return struct.pack("HBBI", code, yes, no, value)
        program = instruction(0x20, 0, 0, 0) # load the number of the call
        command = sys.argv[1:]
        while command[0].isdigit():
            program += instruction(0x15, 0, 1, int(command[0])) + instruction(0x06, 0, 0, 0x00050000 | int(command[1]))
            command = command[2:]
        program += instruction(0x06, 0, 0, 0x7fff0000)
        kept = ctypes.create_string_buffer(program, len(program))
        header = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(kept))
        libc = ctypes.CDLL(None)
        assert libc.prctl(38, 1, 0, 0, 0) == 0
        assert libc.prctl(22, 2, ctypes.c_char_p(header), 0, 0) == 0
        os.execv(command[0], command)
        """;

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
        // As container engines do: clone3 is unknown, mount_setattr is forbidden.
        var found = await Report.OfAsync(["python3", "-c", Filter, "435", "38", "442", "1"]);
        found.AssertNo("clone3", "A seccomp filter around this process refuses clone3 (ENOSYS)", "seccomp=unconfined");
        found.AssertNo("mount_setattr", "A seccomp filter around this process refuses mount_setattr (EPERM)",
            "seccomp=unconfined");
        found.AssertNo("launcher from memory", "A seccomp filter", "seccomp=unconfined");
        found.AssertNo("default container", "user namespace", "See user namespace");
        Assert.True(found["openat2"].IsAvailable);
    }

    [Fact(Skip = "needs python3", SkipUnless = nameof(Host.HasPython), SkipType = typeof(Host))]
    public async Task A_filter_of_unshare_is_named_where_it_is_needed()
    {
        var unshare = RuntimeInformation.ProcessArchitecture is Architecture.X64 ? "272" : "97";
        var found = await Report.OfAsync(["python3", "-c", Filter, unshare, "1"]);
        found.AssertNo("time namespace", "A seccomp filter around this process refuses unshare (EPERM)",
            "seccomp=unconfined");
        Assert.True(found["user namespace"].IsAvailable, found["user namespace"].Text);
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

    [Fact(Skip = Host.NoCgroups, SkipUnless = nameof(Host.HasCgroups), SkipType = typeof(Host))]
    public async Task Cgroups_that_cannot_be_written_are_named()
    {
        var found = await Report.InAsync(AsRoot, ReadOnlyCgroups);
        found.AssertNo("writable cgroup", "This user may not make cgroups below its own: /sys/fs/cgroup",
            "Mount /sys/fs/cgroup for writing");
        Assert.True(found["cgroups"].IsAvailable, found["cgroups"].Text);
        Assert.True(found["default container"].IsAvailable, found["default container"].Text);
    }

    [Fact(Skip = Host.NoCgroups, SkipUnless = nameof(Host.HasCgroups), SkipType = typeof(Host))]
    public async Task Cgroups_that_an_ordinary_user_cannot_write_have_a_remedy_for_it()
    {
        var found = await Report.InAsync(
            AsRoot, ReadOnlyCgroups + "\nset -- unshare --user --map-user=123456 --map-group=123456 \"$@\"");
        found.AssertNo("writable cgroup", "This user may not make cgroups below its own: /sys/fs/cgroup",
            "systemd-run --user --scope -p Delegate=yes");
    }

    [Fact(Skip = Host.NoCgroups, SkipUnless = nameof(Host.HasCgroups), SkipType = typeof(Host))]
    public async Task What_a_user_may_not_write_is_not_offered_and_what_it_may_read_is()
    {
        var found = await Report.InAsync(AsRoot, ReadOnlyCgroups);
        Assert.All(
            ["cgroup limit: memory", "cgroup limit: CPU weight", "cgroup control: freeze"],
            name => found.AssertNo(name, "This user may not make cgroups in /sys/fs/cgroup", "See writable cgroup."));
        Assert.True(
            found["cgroup statistics: memory"].IsAvailable || found["cgroup statistics: CPU time"].IsAvailable);
    }

    [Fact(Skip = Host.NoCgroups, SkipUnless = nameof(Host.HasCgroups), SkipType = typeof(Host))]
    public async Task Cgroups_are_looked_at_where_they_are_mounted()
    {
        using var directory = new TempDirectory();
        var target = CgroupFactAttribute.IsPureVersion2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
        var here = await Report.InAsync(AsRoot, "true");
        var there = await Report.InAsync(
            AsRoot, $"mount --bind {target} {directory.Path}; mount -t tmpfs none /sys/fs/cgroup");
        Assert.Equal(here["cgroup limit: swap"].IsAvailable, there["cgroup limit: swap"].IsAvailable);
        Assert.Equal(
            here["cgroup limit: swap"].Text.Replace(target, directory.Path, StringComparison.Ordinal),
            there["cgroup limit: swap"].Text);
    }

    [Fact(Skip = Host.NoCgroups, SkipUnless = nameof(Host.HasCgroups), SkipType = typeof(Host))]
    public async Task A_cgroup_that_systemd_manages_is_named()
    {
        var found = await Report.InAsync(AsRoot, "mount -t tmpfs none /run; mkdir -p /run/systemd/system");
        found.AssertNo("cgroup delegated by systemd", "systemd manages the cgroup of this process", "Delegate=yes");
    }

    [CgroupFact(OfVersion2 = true)]
    public async Task A_cgroup_that_systemd_delegated_is_a_yes()
    {
        await using var group = TestCgroups.Create();
        using (var unified = TestDevices.OpenUnified(group))
        {
            Syscall.SetAttribute(unified.Handle, "user.delegate", "1"u8);
        }

        var found = await Report.InAsync(AsRoot, $"""
            mount -t tmpfs none /run; mkdir -p /run/systemd/system
            for group in {string.Join(' ', group.Directories)}; do echo $$ >$group/cgroup.procs; done
            """);
        Assert.True(found["cgroup delegated by systemd"].IsAvailable, found["cgroup delegated by systemd"].Text);
    }

    [Fact]
    public async Task A_missing_newuidmap_is_named()
    {
        var found = await Report.InAsync(AsRoot, "mount -t tmpfs none /usr/bin");
        found.AssertNo("newuidmap", "There is no /usr/bin/newuidmap", "the package is uidmap");
        found.AssertNo("newgidmap", "There is no /usr/bin/newgidmap", "the package is uidmap");
        Assert.True(found["default container"].IsAvailable, found["default container"].Text);
    }

    [Fact(Skip = Host.NoIdMappers, SkipUnless = nameof(Host.HasIdMappers), SkipType = typeof(Host))]
    public async Task A_newuidmap_without_privileges_is_named()
    {
        using var directory = new TempDirectory();
        var found = await Report.InAsync(
            AsRoot, $"mount --bind {directory.Write("newuidmap", "")} /usr/bin/newuidmap");
        found.AssertNo("newuidmap", "/usr/bin/newuidmap is neither set-user-ID to root nor has capabilities",
            "chmod u+s /usr/bin/newuidmap");
    }

    [Fact(Skip = Host.NoIdMappers, SkipUnless = nameof(Host.HasIdMappers), SkipType = typeof(Host))]
    public async Task A_process_to_which_newuidmap_gives_nothing_is_told_so()
    {
        string[] ordinary = Host.IsRoot ? ["unshare", "--map-root-user"] : [];
        var found = await Report.OfAsync([.. ordinary, "setpriv", "--no-new-privs"]);
        found.AssertNo("newuidmap", "This process has no_new_privs", "NoNewPrivileges=no");
        found.AssertNo("newgidmap", "This process has no_new_privs", "NoNewPrivileges=no");
    }

    [Fact]
    public async Task Overlays_that_cannot_be_stacked_further_are_named()
    {
        // The kernel stacks two. Where /usr/bin lies on an overlay, the second mount fails here, and does no harm.
        const string overlay = "mount -t overlay -o lowerdir=/usr/bin:/usr/sbin none /usr/bin || true";
        var found = await Report.InAsync(AsRoot, $"{overlay}\n{overlay}");
        found.AssertNo("overlay", "The kernel refuses this overlay (EINVAL)", "see the kernel's log");
        Assert.True(found["default container"].IsAvailable, found["default container"].Text);
    }
}
