using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit.Tests;

/// <summary>Steps print as strace would print them.</summary>
public class StageTests
{
    private static readonly Descriptor Root = Descriptor.Number(9);

    [Fact]
    public void A_bind_mount_is_read_only_unless_said_otherwise()
    {
        using var plan = new LaunchPlan();
        new BindMount("/", "/data").AddTo(plan, Root);

        Assert.Equal("""
            $200 = open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | AT_RECURSIVE | OPEN_TREE_CLOEXEC)
            mount_setattr($200, "", AT_EMPTY_PATH | AT_RECURSIVE, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, MS_PRIVATE)
            """, plan.Inside.ToString());
        Assert.Equal("""
            mkdirat(9, "data", 0755)
            $201 = openat2(9, "/data", O_CLOEXEC | O_PATH, RESOLVE_NO_MAGICLINKS | RESOLVE_IN_ROOT)
            move_mount($200, "", $201, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)
            """, plan.Pivoted.ToString());
    }

    [Fact]
    public void A_writable_bind_mount_still_has_no_devices_and_no_setuid_programs()
    {
        using var plan = new LaunchPlan();
        new BindMount("/", "/data") { ReadOnly = false }.AddTo(plan, Root);

        Assert.EndsWith("AT_EMPTY_PATH | AT_RECURSIVE, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, MS_PRIVATE)",
            plan.Inside.ToString());
    }

    [Fact]
    public void Owners_are_changed_by_descriptors_that_no_link_leads_to()
    {
        using var stage = new LaunchStage();
        var file = stage.OpenBelow(Root, "usr/bin/su"u8, OpenFlags.O_PATH);
        stage.ChangeOwner(file, 7, 8);
        stage.ChangeMode(file, 0x9ED);
        stage.SetAttribute(file, "security.capability", [1]);

        Assert.Equal("""
            $8 = openat2(9, "usr/bin/su", O_CLOEXEC | O_PATH | O_NOFOLLOW, RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH)
            fchownat($8, "", 7, 8, 0x1000)
            fchmod($8, 04755)
            fsetxattr($8, "security.capability", 1)
            """, stage.ToString());
    }

    [Fact]
    public void A_tmpfs_is_bounded_in_bytes_and_files()
    {
        using var plan = new LaunchPlan();
        new TmpfsMount("/a") { Size = ByteSize.KiB(8), Mode = 0x1C0 }.AddTo(plan, Root);

        Assert.Equal("""
            $200 = fsopen("tmpfs", FSOPEN_CLOEXEC)
            fsconfig($200, FSCONFIG_SET_STRING, "mode", "700", 0)
            fsconfig($200, FSCONFIG_SET_STRING, "size", "8192", 0)
            fsconfig($200, FSCONFIG_SET_STRING, "nr_inodes", "3", 0)
            fsconfig($200, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
            $201 = fsmount($200, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
            close($200)
            """, plan.Root.ToString());
    }

    [Fact]
    public void Each_part_of_a_target_is_looked_up_from_the_root_anew()
    {
        using var plan = new LaunchPlan();
        new TmpfsMount("/a/b/c").AddTo(plan, Root);

        Assert.Equal("""
            mkdirat(9, "a", 0755)
            $202 = openat2(9, "/a", O_CLOEXEC | O_PATH, RESOLVE_NO_MAGICLINKS | RESOLVE_IN_ROOT)
            mkdirat($202, "b", 0755)
            $203 = openat2(9, "/a/b", O_CLOEXEC | O_PATH, RESOLVE_NO_MAGICLINKS | RESOLVE_IN_ROOT)
            mkdirat($203, "c", 0755)
            $204 = openat2(9, "/a/b/c", O_CLOEXEC | O_PATH, RESOLVE_NO_MAGICLINKS | RESOLVE_IN_ROOT)
            move_mount($201, "", $204, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)
            """, plan.Pivoted.ToString());
    }

    [Fact]
    public void Identities_limits_and_privileges_print_by_name()
    {
        using var stage = new LaunchStage();
        stage.SetGroups([]);
        stage.SetGroups([1, 2]);
        stage.SetIds(5, 6);
        stage.SetLimit(Resource.RLIMIT_NOFILE, 10, ulong.MaxValue);
        stage.DropFromBoundingSet(38, 40);
        stage.SetCapabilities(0, 0, 0);
        stage.SetUmask(0x12);
        stage.UnblockSignals();
        stage.Unshare(CloneFlags.CLONE_NEWTIME | CloneFlags.CLONE_NEWUTS);
        stage.CloseFrom(3, CloseRangeFlags.CLOSE_RANGE_CLOEXEC);

        Assert.Equal("""
            setgroups(0, [])
            setgroups(2, […])
            setresgid(6, 6, 6)
            setresuid(5, 5, 5)
            prlimit64(0, RLIMIT_NOFILE, 10:unlimited)
            prctl(PR_CAPBSET_DROP, 38 to 40)
            capset({})
            umask(022)
            rt_sigprocmask(SIG_SETMASK, [])
            unshare(CLONE_NEWTIME | CLONE_NEWUTS)
            close_range(3, 0xffffffff, CLOSE_RANGE_CLOEXEC)
            """, stage.ToString());
    }

    [Fact]
    public void A_program_is_looked_for_in_each_place_and_its_secrets_do_not_print()
    {
        using var stage = new LaunchStage();
        stage.Execute(["/bin/a", "/usr/bin/a"], ["a", "two words", "\"quoted\"\n\\"], ["NAME=secret"]);

        Assert.Equal("""
            execve("/bin/a", ["a", "two words", "\"quoted\"\n\\"], [NAME])
            execve("/usr/bin/a", ["a", "two words", "\"quoted\"\n\\"], [NAME])
            """, stage.ToString());
    }

    [Theory]
    [InlineData("\u001b[31mred", @"\x1b[31mred")]
    [InlineData("bell\a", @"bell\x07")]
    [InlineData("\u009b31m", @"\x9b31m")]
    [InlineData("tab\tand é", @"tab\tand é")]
    public void A_control_character_prints_as_its_number(string text, string printed)
    {
        using var stage = new LaunchStage();
        stage.MakeDirectory(Descriptor.WorkingDirectory, text, 0x1C0);

        Assert.Equal($"mkdirat(AT_FDCWD, \"{printed}\", 0700)", stage.ToString());
    }

    [Fact]
    public void Every_result_prints_where_it_comes_from()
    {
        using var stage = new LaunchStage();
        var pidfd = stage.Fork(CloneFlags.CLONE_NEWUSER);
        stage.Duplicate(pidfd, 0);
        stage.Close(stage.Open(Descriptor.WorkingDirectory, "a", OpenFlags.O_RDWR));

        Assert.Equal("""
            clone3(CLONE_PIDFD | CLONE_NEWUSER, pidfd=$8)
            dup3($8, 0, O_CLOEXEC)
            $9 = openat(AT_FDCWD, "a", O_RDWR | O_CLOEXEC, 0)
            close($9)
            """, stage.ToString());
    }

    [Fact]
    public void A_step_keeps_its_cause()
    {
        using var plan = new LaunchPlan();
        plan.Because("the weather");
        plan.Root.NewSession();

        Assert.Equal("the weather", plan.Root.Last.Cause);
    }
}
