using ContainerKit.Launch;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Tests;

/// <summary>The steps of mounts, masks and passed descriptors.</summary>
public class MountPlanTests
{
    private static readonly Descriptor Root = Descriptor.Number(9);

    [Fact]
    public void A_bind_mount_can_be_without_programs_and_follow_the_host()
    {
        using var plan = new LaunchPlan();
        new BindMount("/missing", "/data") { NoExec = true, Propagation = MountPropagation.Slave }.AddTo(plan, Root);

        Assert.Equal("""
            $200 = open_tree(AT_FDCWD, "/missing", OPEN_TREE_CLONE | AT_RECURSIVE | OPEN_TREE_CLOEXEC)
            mount_setattr($200, "", AT_EMPTY_PATH | AT_RECURSIVE, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, MS_SLAVE)
            """, plan.Inside.ToString());
    }

    [Fact]
    public void A_mapped_bind_mount_is_made_outside_and_handed_over()
    {
        using var plan = new LaunchPlan();
        new BindMount("/", "/data") { MapIds = true }.AddTo(plan, Root);

        Assert.Equal("", plan.Inside.ToString());
        Assert.False(plan.CanBePrepared);
        Assert.Equal("""
            [+32] = open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | AT_RECURSIVE | OPEN_TREE_CLOEXEC)
            mount_setattr([+32], "", AT_EMPTY_PATH | AT_RECURSIVE, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, MS_PRIVATE)
            [+368] = openat(0, "ns/user", O_CLOEXEC, 0)
            mount_setattr([+32], "", AT_EMPTY_PATH | AT_RECURSIVE, MOUNT_ATTR_IDMAP)
            """, plan.Sync.ToString());
    }

    [Fact]
    public void Where_a_user_namespace_is_joined_a_mapped_bind_mount_is_made_before_that()
    {
        using var plan = new LaunchPlan
        { Init = false, Namespaces = CloneFlags.CLONE_NEWUSER | CloneFlags.CLONE_NEWNS };
        using var userNamespace = File.OpenHandle("/dev/null");
        plan.Begin();
        plan.JoinUserNamespace(userNamespace);
        new BindMount("/", "/data") { MapIds = true }.AddTo(plan, Root);
        plan.End();

        Assert.Equal("""
            rt_sigprocmask(SIG_SETMASK, ~[])
            $9 = open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | AT_RECURSIVE | OPEN_TREE_CLOEXEC)
            mount_setattr($9, "", AT_EMPTY_PATH | AT_RECURSIVE, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, MS_PRIVATE)
            mount_setattr($9, "", AT_EMPTY_PATH | AT_RECURSIVE, MOUNT_ATTR_IDMAP)
            setns(7, CLONE_NEWUSER)
            close(7)
            digits = clone3(CLONE_PIDFD | CLONE_NEWNS | CLONE_NEWUSER, pidfd=[+32])
            """, plan.Outside.ToString());
    }

    [Fact]
    public void A_mapped_bind_mount_is_any_other_where_the_caller_is_the_containers_user()
    {
        using var plan = new LaunchPlan { KeepsOwner = true };
        new BindMount("/", "/data") { MapIds = true }.AddTo(plan, Root);

        Assert.Equal("", plan.Sync.ToString());
        Assert.True(plan.CanBePrepared);
    }

    [Fact]
    public void A_device_keeps_being_one_and_cannot_be_changed()
    {
        using var plan = new LaunchPlan();
        new DeviceMount("/dev/null", "/dev/other").AddTo(plan, Root);

        Assert.Equal("""
            $200 = open_tree(AT_FDCWD, "/dev/null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)
            mount_setattr($200, "", AT_EMPTY_PATH, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, MS_PRIVATE)
            """, plan.Inside.ToString());
    }

    [Fact]
    public void A_second_sys_is_a_copy_of_the_masked_one()
    {
        using var plan = new LaunchPlan();
        new SysfsMount("/sys2").AddTo(plan, Root);

        Assert.Equal("""
            $200 = open_tree(9, "sys", OPEN_TREE_CLONE | AT_SYMLINK_NOFOLLOW | AT_RECURSIVE | OPEN_TREE_CLOEXEC)
            mkdirat(9, "sys2", 0755)
            $201 = openat2(9, "/sys2", O_CLOEXEC | O_PATH, RESOLVE_NO_MAGICLINKS | RESOLVE_IN_ROOT)
            move_mount($200, "", $201, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)
            """, plan.Pivoted.ToString());
    }

    [Fact]
    public void Message_queues_and_terminals_are_new_file_systems()
    {
        using var plan = new LaunchPlan();
        new MqueueMount("/a").AddTo(plan, Root);
        new DevptsMount("/b").AddTo(plan, Root);

        Assert.Equal("""
            $200 = fsopen("mqueue", FSOPEN_CLOEXEC)
            fsconfig($200, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
            $201 = fsmount($200, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)
            close($200)
            $203 = fsopen("devpts", FSOPEN_CLOEXEC)
            fsconfig($203, FSCONFIG_SET_FLAG, "newinstance", NULL, 0)
            fsconfig($203, FSCONFIG_SET_STRING, "ptmxmode", "0666", 0)
            fsconfig($203, FSCONFIG_SET_STRING, "mode", "0620", 0)
            fsconfig($203, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
            $204 = fsmount($203, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)
            close($203)
            """, plan.Root.ToString());
    }

    [Fact]
    public void An_overlay_names_its_layers_by_number()
    {
        using var plan = new LaunchPlan();
        new OverlayMount(["/a", "/b,c:d"], "/data")
        { Upper = "/changes/a,b", Work = "/changes/work" }.AddTo(plan, Root);

        Assert.Equal("""
            $202 = open_tree(AT_FDCWD, "/a", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)
            $203 = open_tree(AT_FDCWD, "/b,c:d", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)
            $204 = open_tree(AT_FDCWD, "/changes", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)
            """, plan.Inside.ToString());
        Assert.Equal("""
            $200 = fsopen("tmpfs", FSOPEN_CLOEXEC)
            fsconfig($200, FSCONFIG_SET_STRING, "mode", "755", 0)
            fsconfig($200, FSCONFIG_SET_STRING, "size", "262144", 0)
            fsconfig($200, FSCONFIG_SET_STRING, "nr_inodes", "65", 0)
            fsconfig($200, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
            $201 = fsmount($200, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
            close($200)
            move_mount($201, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH)
            mkdirat($201, "0", 0755)
            move_mount($202, "", $201, "0", MOVE_MOUNT_F_EMPTY_PATH)
            mkdirat($201, "1", 0755)
            move_mount($203, "", $201, "1", MOVE_MOUNT_F_EMPTY_PATH)
            mkdirat($201, "changes", 0755)
            move_mount($204, "", $201, "changes", MOVE_MOUNT_F_EMPTY_PATH)
            symlinkat("changes/a,b", $201, "upper")
            symlinkat("changes/work", $201, "work")
            fchdir($201)
            $205 = fsopen("overlay", FSOPEN_CLOEXEC)
            fsconfig($205, FSCONFIG_SET_STRING, "lowerdir", "0:1", 0)
            fsconfig($205, FSCONFIG_SET_STRING, "upperdir", "upper", 0)
            fsconfig($205, FSCONFIG_SET_STRING, "workdir", "work", 0)
            fsconfig($205, FSCONFIG_SET_FLAG, "userxattr", NULL, 0)
            fsconfig($205, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
            $206 = fsmount($205, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
            close($205)
            """, plan.Root.ToString());
    }

    [Fact]
    public void A_masked_path_is_refused_where_no_mask_lies_in_the_end()
    {
        using var plan = new LaunchPlan();
        PathMasks.Hide(plan, Root, "/etc/secret");

        Assert.Equal("""
            $203 = openat2(9, "/etc/secret", O_CLOEXEC | O_PATH, RESOLVE_NO_MAGICLINKS | RESOLVE_IN_ROOT)
            move_mount($200, "", $203, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)
            $204 = openat2(9, "/etc/secret/", O_CLOEXEC | O_PATH, RESOLVE_NO_MAGICLINKS | RESOLVE_IN_ROOT)
            move_mount($202, "", $204, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)
            $205 = openat2(9, "/etc/secret", O_CLOEXEC | O_PATH, RESOLVE_NO_MAGICLINKS | RESOLVE_IN_ROOT)
            mount_setattr($205, "", AT_EMPTY_PATH, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, MS_PRIVATE)
            close($200)
            close($202)
            close($203)
            close($204)
            close($205)
            """, plan.Pivoted.ToString());
    }

    [Fact]
    public void A_read_only_path_is_mounted_over_itself()
    {
        using var plan = new LaunchPlan();
        PathMasks.MakeReadOnly(plan, Root, "/etc");

        Assert.Equal("""
            $200 = openat2(9, "/etc", O_CLOEXEC | O_PATH, RESOLVE_NO_MAGICLINKS | RESOLVE_IN_ROOT)
            $201 = open_tree($200, "", OPEN_TREE_CLONE | AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLOEXEC)
            mount_setattr($201, "", AT_EMPTY_PATH | AT_RECURSIVE, MOUNT_ATTR_RDONLY)
            move_mount($201, "", $200, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)
            close($201)
            close($200)
            """, plan.Pivoted.ToString());
    }

    [Fact]
    public void Passed_descriptors_are_numbered_once_nothing_else_has_their_numbers()
    {
        using var plan = new LaunchPlan();
        using var file = new SafeFileHandle(1, ownsHandle: false);
        plan.Inherit(file); // a mount's
        plan.Pass(file);
        plan.Pass(file);
        plan.Execute(["/x"], ["x"], []);

        Assert.False(plan.CanBePrepared);
        Assert.Equal("""
            rt_sigprocmask(SIG_SETMASK, [])
            write(4, "\x01", 8)
            $16383 = dup3(3, 10, O_CLOEXEC)
            dup3(8, 3, 0)
            dup3(9, 4, 0)
            close_range(5, 0xffffffff, CLOSE_RANGE_CLOEXEC)
            execve("/x", ["x"], [])
            """, plan.Program.ToString());
    }
}
