using ContainerKit.KernelTests.Security;
using ContainerKit.Linux;

namespace ContainerKit.HostileTests;

/// <summary>What the profile for plugins alone closes, however the other layers hold.</summary>
public class PluginAttackTests
{
    [PythonFact]
    public async Task It_puts_no_input_into_a_terminal()
    {
        const ulong TIOCSTI = 0x5412, TIOCLINUX = 0x541C, upper = 1ul << 32;
        var errnos = await RawCalls.ErrnosAsync(
            SeccompProfile.Plugin,
            ("ioctl", [0, TIOCSTI, 0]), ("ioctl", [0, TIOCSTI | upper, 0]), ("ioctl", [0, TIOCLINUX, 0]));
        Assert.All(errnos, errno => Assert.Equal(Errno.EPERM, errno));
    }

    [PythonFact]
    public async Task It_makes_and_enters_no_namespace()
    {
        const ulong SIGCHLD = 17;
        foreach (var kind in new[]
            {
                CloneFlags.CLONE_NEWUSER, CloneFlags.CLONE_NEWNS, CloneFlags.CLONE_NEWPID, CloneFlags.CLONE_NEWNET,
                CloneFlags.CLONE_NEWIPC, CloneFlags.CLONE_NEWUTS, CloneFlags.CLONE_NEWCGROUP,
            })
        {
            var result = await Script.RunAsync(new ContainerOptions
            {
                Command = RawCalls.Command(
                    ("clone", [(ulong)kind | SIGCHLD]), ("unshare", [(ulong)kind]), ("setns", [0, (ulong)kind]),
                    ("clone3", [0, 0])),
                Seccomp = SeccompProfile.Plugin,
                MaxUserNamespaces = 5,
            });
            Assert.Equal([Errno.EPERM, Errno.EPERM, Errno.EPERM, Errno.ENOSYS], RawCalls.Errnos(result.StandardOutput));
        }
    }

    [PythonFact]
    public async Task It_traces_mounts_and_loads_nothing()
    {
        string[] calls =
        [
            "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "mount", "umount2", "move_mount",
            "open_tree", "fsopen", "mount_setattr", "pivot_root", "chroot", "bpf", "perf_event_open", "init_module",
            "finit_module", "kexec_load", "reboot", "swapon", "acct", "syslog", "userfaultfd", "io_uring_setup",
            "open_by_handle_at",
        ];
        var errnos = await RawCalls.ErrnosAsync(
            SeccompProfile.Plugin, [.. calls.Select(call => (call, Array.Empty<ulong>()))]);
        Assert.All(calls.Zip(errnos), call => Assert.True(call.Second is Errno.EPERM or Errno.ENOSYS, $"{call}"));
    }
}
