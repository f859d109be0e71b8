using System.Runtime.InteropServices;

namespace ContainerKit.Linux;

/// <summary>The numbers of a system call; calls that came after the tables were joined have one for all.</summary>
internal readonly record struct SyscallNumber(ushort X64, ushort Arm64)
{
    public static readonly SyscallNumber
        read = new(0, 63), write = new(1, 64), close = new(3, 57), ioctl = new(16, 29), socket = new(41, 198),
        recvfrom = new(45, 207), connect = new(42, 203), bind = new(49, 200), listen = new(50, 201),
        setsockopt = new(54, 208), exit_group = new(231, 94), sendmsg = new(46, 211), recvmsg = new(47, 212),
        fchdir = new(81, 50),
        umask = new(95, 166), setsid = new(112, 157), setpgid = new(109, 154), setgroups = new(116, 159),
        setresuid = new(117, 147),
        setresgid = new(119, 149), setreuid = new(113, 145), setregid = new(114, 143), setfsuid = new(122, 151),
        setfsgid = new(123, 152), rt_sigprocmask = new(14, 135), pivot_root = new(155, 41), prctl = new(157, 167),
        sethostname = new(170, 161), umount2 = new(166, 39), execve = new(59, 221), capset = new(126, 91),
        getpid = new(39, 172), keyctl = new(250, 219), openat = new(257, 56),
        mkdirat = new(258, 34), mknodat = new(259, 33), symlinkat = new(266, 36),
        unshare = new(272, 97), setns = new(308, 268), dup3 = new(292, 24), prlimit64 = new(302, 261),
        splice = new(275, 76), mount = new(165, 40), renameat = new(264, 38), fchownat = new(260, 54),
        fchmod = new(91, 52),
        fsetxattr = new(190, 7), getxattr = new(191, 8), memfd_create = new(319, 279), copy_file_range = new(326, 285),
        statx = new(332, 291), getdents64 = new(217, 61), capget = new(125, 90),
        pidfd_send_signal = new(424), open_tree = new(428), move_mount = new(429), fsopen = new(430),
        fsconfig = new(431), fsmount = new(432), pidfd_open = new(434), clone3 = new(435), close_range = new(436),
        openat2 = new(437), mount_setattr = new(442), seccomp = new(317, 277), landlock_create_ruleset = new(444),
        landlock_add_rule = new(445), landlock_restrict_self = new(446),
        bpf = new(321, 280), clone = new(56, 220), ppoll = new(271, 73), kill = new(62, 129),
        wait4 = new(61, 260), rt_sigtimedwait = new(128, 137);

    private SyscallNumber(ushort number)
        : this(number, number)
    {
    }

    /// <summary>The number on this machine.</summary>
    public ushort Here => On(RuntimeInformation.ProcessArchitecture);

    /// <summary>The number on an architecture.</summary>
    public ushort On(Architecture architecture) => architecture switch
    {
        Architecture.X64 => X64,
        Architecture.Arm64 => Arm64,
        _ => throw new PlatformNotSupportedException($"ContainerKit runs on x64 and arm64, not on {architecture}."),
    };
}
