using ContainerKit.Linux;

namespace ContainerKit;

/// <content>What stands in for namespaces, where there are none.</content>
public sealed partial record SeccompProfile
{
    private static readonly SeccompProfile?[] Restricting = new SeccompProfile?[4];

    /// <summary>
    /// Of <see cref="Default"/> what a program in none but the host's namespaces may call, whom Landlock restricts:
    /// without what reaches other processes and sockets, and what changes files in ways that Landlock does not ask
    /// about, whatever the paths.
    /// </summary>
    /// <param name="hasNetwork">Whether it may have sockets of IP.</param>
    /// <param name="restrictsTruncation">Whether Landlock asks about truncation.</param>
    internal static SeccompProfile WithoutNamespaces(bool hasNetwork, bool restrictsTruncation) =>
        LazyInitializer.EnsureInitialized(
            ref Restricting[(hasNetwork ? 1 : 0) + (restrictsTruncation ? 2 : 0)],
            () => Default with { Rules = [.. OfHost(hasNetwork, restrictsTruncation), .. Default.Rules] });

    /// <summary>Makes no process, and any number of threads.</summary>
    internal static SeccompProfile SingleProcess => LazyInitializer.EnsureInitialized(ref field, () => new()
    {
        DefaultAction = SeccompAction.Allow,
        Rules =
        [
            new(["clone"], NotPermitted)
            {
                Arguments = [new(0, SeccompComparison.Equal, 0) { Mask = (ulong)CloneFlags.CLONE_THREAD }],
            },
            new(["fork", "vfork"], NotPermitted),
            new(["clone3"], NotThere), // its flags are in memory, where a filter cannot see them
        ],
    });

    private static IEnumerable<SeccompRule> OfHost(bool hasNetwork, bool restrictsTruncation) =>
    [
        .. Sockets(hasNetwork),
        .. Attributes(),
        .. Requests(),
        .. NoMode(),
        .. SetIds(),
        .. restrictsTruncation ? [] : Truncation(),
        .. OtherProcesses(),
        new(["clone"], NotPermitted) // the supervisor's child: its end could be taken for the program's
        {
            Arguments = [new(0, SeccompComparison.NotEqual, 0) { Mask = (ulong)CloneFlags.CLONE_PARENT }],
        },
        new(["clone"], NotPermitted)
        {
            Arguments = [new(0, SeccompComparison.NotEqual, 0) { Mask = (ulong)NewNamespaces }],
        },
        new(["clone3"], NotThere),
        new(
            SeccompCalls.In(
                "chroot fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree pivot_root setns "
                + "umount2 unshare"),
            NotPermitted),
    ];

    /// <summary>
    /// No socket of a path or name: Landlock asks about none with a path. A pair of datagrams would do, for those can
    /// be sent elsewhere.
    /// </summary>
    private static IEnumerable<SeccompRule> Sockets(bool hasNetwork)
    {
        foreach (var kind in (SocketKind[])[SocketKind.SOCK_STREAM, SocketKind.SOCK_SEQPACKET])
        {
            yield return new(["socketpair"], SeccompAction.Allow)
            {
                Arguments = [IsFamily(AddressFamily.AF_UNIX), IsKind(kind)],
            };
        }

        foreach (var rule in hasNetwork ? SocketsOfNetwork() : [])
        {
            yield return rule;
        }

        yield return new(["socket", "socketpair"], NoFamily);
    }

    /// <summary>TCP and UDP: what else speaks IP is kernel code that few programs need.</summary>
    private static IEnumerable<SeccompRule> SocketsOfNetwork()
    {
        const ulong unsaid = 0, IPPROTO_TCP = 6, IPPROTO_UDP = 17;
        (SocketKind Kind, ulong Protocol)[] sockets =
        [
            (SocketKind.SOCK_STREAM, unsaid), (SocketKind.SOCK_STREAM, IPPROTO_TCP),
            (SocketKind.SOCK_DGRAM, unsaid), (SocketKind.SOCK_DGRAM, IPPROTO_UDP),
        ];
        return
            from family in (AddressFamily[])[AddressFamily.AF_INET, AddressFamily.AF_INET6]
            from socket in sockets
            select new SeccompRule(["socket"], SeccompAction.Allow)
            {
                Arguments =
                [
                    IsFamily(family), IsKind(socket.Kind),
                    new(2, SeccompComparison.Equal, socket.Protocol) { Mask = uint.MaxValue },
                ],
            };
    }

    /// <summary>Flags such as SOCK_CLOEXEC stand beside it.</summary>
    private static SeccompArgument IsKind(SocketKind kind) =>
        new(1, SeccompComparison.Equal, (ulong)kind) { Mask = 0xF };

    /// <summary>Landlock asks about none of them; those of an open file's times change little.</summary>
    private static IEnumerable<SeccompRule> Attributes() =>
    [
        new(
            SeccompCalls.In(
                "chmod chown fchmod fchmodat fchmodat2 fchown fchownat file_setattr fremovexattr fsetxattr futimesat "
                + "lchown lremovexattr lsetxattr removexattr removexattrat setxattr setxattrat utime utimes"),
            NotPermitted),
        new(
            SeccompCalls.In("getxattr getxattrat lgetxattr listxattr listxattrat llistxattr"),
            SeccompAction.Errno(Errno.ENOTSUP)), // which programs take for a file system without any
        new(["utimensat"], NotPermitted) { Arguments = [new(1, SeccompComparison.NotEqual, 0)] },
    ];

    /// <summary>
    /// Of terminals and sockets, and what copies files and asks for their flags: others change files that were opened
    /// for reading, or make subvolumes and snapshots.
    /// </summary>
    private static IEnumerable<SeccompRule> Requests()
    {
        const ulong kind = 0xFFFFFF00, ofTerminals = 0x5400, ofSockets = 0x8900;
        const ulong FICLONE = 0x40049409, FICLONERANGE = 0x4020940D, FS_IOC_GETFLAGS = 0x80086601;
        return
        [
            Rule(NotPermitted, (ulong)TerminalRequest.TIOCSTI), Rule(NotPermitted, (ulong)TerminalRequest.TIOCLINUX),
            Rule(SeccompAction.Allow, ofTerminals, kind), Rule(SeccompAction.Allow, ofSockets, kind),
            Rule(SeccompAction.Allow, FICLONE), Rule(SeccompAction.Allow, FICLONERANGE),
            Rule(SeccompAction.Allow, FS_IOC_GETFLAGS),
            new(["ioctl"], SeccompAction.Errno(Errno.ENOTTY)),
        ];

        static SeccompRule Rule(SeccompAction action, ulong request, ulong mask = uint.MaxValue) =>
            new(["ioctl"], action)
            {
                Arguments = [new(1, SeccompComparison.Equal, request) { Mask = mask }],
            };
    }

    /// <summary>
    /// Both bits of an access mode open for neither reading nor writing, of which Landlock asks nothing: a device's
    /// driver is opened, a terminal can be set, an attribute be read.
    /// </summary>
    private static IEnumerable<SeccompRule> NoMode()
    {
        const ulong both = (ulong)(OpenFlags.O_WRONLY | OpenFlags.O_RDWR);
        static SeccompArgument IsNone(int index) => new(index, SeccompComparison.Equal, both) { Mask = both };
        return
        [
            new(["open"], NotPermitted) { Arguments = [IsNone(1)] },
            new(["openat"], NotPermitted) { Arguments = [IsNone(2)] },
            new(["openat2"], NotThere), // its flags are in memory, where a filter cannot see them
        ];
    }

    /// <summary>What makes a file that is set-user-ID: whoever of the host runs it would be this user.</summary>
    private static IEnumerable<SeccompRule> SetIds()
    {
        const ulong creates = 0x400040, setIds = 0xC00; // O_CREAT and O_TMPFILE; S_ISUID and S_ISGID
        return
        [
            new(["open"], NotPermitted) { Arguments = [Has(1, creates), Has(2, setIds)] },
            new(["openat"], NotPermitted) { Arguments = [Has(2, creates), Has(3, setIds)] },
            new(["creat", "mknod"], NotPermitted) { Arguments = [Has(1, setIds)] },
            new(["mknodat"], NotPermitted) { Arguments = [Has(2, setIds)] },
        ];

        static SeccompArgument Has(int index, ulong mask) => new(index, SeccompComparison.NotEqual, 0) { Mask = mask };
    }

    /// <summary>What truncates a file that is not opened for writing.</summary>
    private static IEnumerable<SeccompRule> Truncation()
    {
        const ulong mask = (ulong)(OpenFlags.O_TRUNC | OpenFlags.O_WRONLY | OpenFlags.O_RDWR);
        SeccompArgument Truncates(int index) => new(index, SeccompComparison.Equal, (ulong)OpenFlags.O_TRUNC)
        {
            Mask = mask,
        };
        return
        [
            new(["truncate"], NotPermitted),
            new(["open"], NotPermitted) { Arguments = [Truncates(1)] },
            new(["openat"], NotPermitted) { Arguments = [Truncates(2)] },
        ];
    }

    /// <summary>
    /// What is done to other processes of the same user, and what is shared with them by a number or name.
    /// </summary>
    private static IEnumerable<SeccompRule> OtherProcesses()
    {
        const ulong self = 0, thisProcess = 1; // IOPRIO_WHO_PROCESS
        return
        [
            Unless("prlimit64", 0, self),
            Unless("sched_setaffinity", 0, self), Unless("sched_setattr", 0, self),
            Unless("sched_setparam", 0, self), Unless("sched_setscheduler", 0, self),
            Unless("setpriority", 0, self), Unless("setpriority", 1, self), // PRIO_PROCESS, this one
            Unless("ioprio_set", 0, thisProcess), Unless("ioprio_set", 1, self),
            new(
                SeccompCalls.In(
                    "mq_open mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop shmat shmctl shmget"),
                NotPermitted),
        ];

        static SeccompRule Unless(string call, int index, ulong value) => new([call], NotPermitted)
        {
            Arguments = [new(index, SeccompComparison.NotEqual, value) { Mask = uint.MaxValue }],
        };
    }
}
