using ContainerKit.Linux;

namespace ContainerKit;

/// <content>The profiles that come with the library.</content>
public sealed partial record SeccompProfile
{
    private const CloneFlags NewNamespaces =
        CloneFlags.CLONE_NEWNS | CloneFlags.CLONE_NEWCGROUP | CloneFlags.CLONE_NEWUTS | CloneFlags.CLONE_NEWIPC
        | CloneFlags.CLONE_NEWUSER | CloneFlags.CLONE_NEWPID | CloneFlags.CLONE_NEWNET; // clone(2) has no NEWTIME

    /// <summary>What personality(2) takes for a question.</summary>
    private const ulong AskPersonality = uint.MaxValue;

    private static readonly SeccompAction
        NotPermitted = SeccompAction.Errno(Errno.EPERM), NotThere = SeccompAction.Errno(Errno.ENOSYS),
        NoFamily = SeccompAction.Errno(Errno.EAFNOSUPPORT);

    /// <summary>
    /// What container engines allow by default: nearly all calls that a program without privileges makes. As in theirs,
    /// some depend on capabilities; beyond it, sockets of AF_ALG and AF_VSOCK, io_uring, userfaultfd and the kernel's
    /// keys are closed.
    /// </summary>
    public static SeccompProfile Default => LazyInitializer.EnsureInitialized(ref field, MakeDefault);

    /// <summary>
    /// What a plugin needs that computes, has files and child processes, and talks over pipes, unix sockets or TCP, in
    /// any runtime: .NET, Python and Node run. Of <see cref="Default"/> it closes besides: tracing, mounting,
    /// namespaces, System V, other families of sockets, other personalities, and what puts input into a terminal.
    /// </summary>
    public static SeccompProfile Plugin => LazyInitializer.EnsureInitialized(ref field, MakePlugin);

    /// <summary>
    /// Nothing is denied, and programs of other tables of calls run, such as those of 32 bits: the container has no
    /// filter.
    /// </summary>
    public static SeccompProfile Unconfined { get; } = new() { DefaultAction = SeccompAction.Allow };

    private static SeccompProfile MakeDefault() => new()
    {
        DefaultAction = NotThere,
        Rules =
        [
            Without(AddressFamily.AF_ALG), Without(AddressFamily.AF_VSOCK),
            new(["socket"], SeccompAction.Errno(Errno.EINVAL))
            {
                Arguments = [IsFamily(AddressFamily.AF_NETLINK), IsInt(2, (ulong)NetlinkProtocol.NETLINK_AUDIT)],
                WithoutCapabilities = [Capability.CAP_AUDIT_WRITE],
            },
            new(
                SeccompCalls.In(
                    SeccompCalls.Files, SeccompCalls.Waits, SeccompCalls.Memory, SeccompCalls.Processes,
                    SeccompCalls.Time, SeccompCalls.Sockets, SeccompCalls.Old, SeccompCalls.Privileged,
                    "clone clone3 ioctl socket socketpair"),
                SeccompAction.Allow),
            Personality(0), Personality(0x8), Personality(0x20000), Personality(0x20008), Personality(AskPersonality),
            new(["arch_prctl", "modify_ldt"], SeccompAction.Allow),
            .. With(Capability.CAP_DAC_READ_SEARCH, "open_by_handle_at"),
            .. With(
                Capability.CAP_SYS_ADMIN,
                "bpf", "fanotify_init", "lookup_dcookie", "perf_event_open", "quotactl", "setdomainname",
                "sethostname"),
            .. With(Capability.CAP_SYS_CHROOT, "chroot"),
            .. With(Capability.CAP_SYS_MODULE, "delete_module", "finit_module", "init_module", "query_module"),
            .. With(Capability.CAP_SYS_PACCT, "acct"),
            .. With(Capability.CAP_SYS_PTRACE, "kcmp", "process_madvise"),
            .. With(Capability.CAP_SYS_RAWIO, "ioperm", "iopl"),
            .. With(Capability.CAP_SYS_TIME, "clock_settime", "settimeofday"),
            .. With(Capability.CAP_SYS_TTY_CONFIG, "vhangup"),
            new(
                [
                    "io_pgetevents", "kexec_file_load", "kexec_load", "migrate_pages", "move_pages", "nfsservctl",
                    "swapoff", "swapon", "sysfs", "uselib", "userfaultfd", "ustat", "vmsplice",
                    "add_key", "keyctl", "request_key",
                ],
                NotPermitted),
        ],
    };

    private static SeccompProfile MakePlugin() => new()
    {
        DefaultAction = NotThere,
        Rules =
        [
            new(["socket", "socketpair"], SeccompAction.Allow) { Arguments = [IsFamily(AddressFamily.AF_UNIX)] },
            new(["socket"], SeccompAction.Allow) { Arguments = [IsFamily(AddressFamily.AF_INET)] },
            new(["socket"], SeccompAction.Allow) { Arguments = [IsFamily(AddressFamily.AF_INET6)] },
            new(["socket", "socketpair"], NoFamily),
            new(["ioctl"], NotPermitted) { Arguments = [IsInt(1, (ulong)TerminalRequest.TIOCSTI)] },
            new(["ioctl"], NotPermitted) { Arguments = [IsInt(1, (ulong)TerminalRequest.TIOCLINUX)] },
            new(["clone"], SeccompAction.Allow)
            {
                Arguments = [new(0, SeccompComparison.Equal, 0) { Mask = (ulong)NewNamespaces }],
            },
            new(["clone3"], NotThere), // its flags are in memory, where a filter cannot see them
            new(
                SeccompCalls.In(
                    SeccompCalls.Files, SeccompCalls.Waits, SeccompCalls.Memory, SeccompCalls.Processes,
                    SeccompCalls.Time, SeccompCalls.Sockets, "ioctl arch_prctl"),
                SeccompAction.Allow),
            Personality(AskPersonality),
            new(
                [
                    .. SeccompCalls.In(SeccompCalls.Old, SeccompCalls.Privileged, "clone personality"),
                    .. Default.Rules.Where(rule => rule.Action == NotPermitted).SelectMany(rule => rule.Calls),
                    "io_uring_enter", "io_uring_register", "io_uring_setup", "modify_ldt",
                ],
                NotPermitted),
        ],
    };

    private static SeccompRule Without(AddressFamily family) =>
        new(["socket"], NoFamily) { Arguments = [IsFamily(family)] };

    private static SeccompArgument IsFamily(AddressFamily family) => IsInt(0, (ulong)family);

    /// <summary>The kernel passes over the upper half of an int, so it must not matter here either.</summary>
    private static SeccompArgument IsInt(int index, ulong value) =>
        new(index, SeccompComparison.Equal, value) { Mask = uint.MaxValue };

    private static SeccompRule Personality(ulong personality) =>
        new(["personality"], SeccompAction.Allow) { Arguments = [new(0, SeccompComparison.Equal, personality)] };

    /// <summary>Calls that are allowed with a capability, and not permitted without.</summary>
    private static SeccompRule[] With(Capability capability, params string[] calls) =>
    [
        new(calls, SeccompAction.Allow) { Capabilities = [capability] },
        new(calls, NotPermitted) { WithoutCapabilities = [capability] },
    ];
}
