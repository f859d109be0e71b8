namespace ContainerKit.Linux;

/// <summary>What a new process does not share with its parent; clone3(2).</summary>
[Flags]
internal enum CloneFlags : uint
{
    CLONE_NEWTIME = 0x80,
    CLONE_VM = 0x100,
    CLONE_PIDFD = 0x1000,
    CLONE_PARENT = 0x8000,
    CLONE_THREAD = 0x10000,
    CLONE_NEWNS = 0x20000,
    CLONE_NEWCGROUP = 0x2000000,
    CLONE_NEWUTS = 0x4000000,
    CLONE_NEWIPC = 0x8000000,
    CLONE_NEWUSER = 0x10000000,
    CLONE_NEWPID = 0x20000000,
    CLONE_NEWNET = 0x40000000,
}

/// <summary>Options of prctl(2).</summary>
internal enum PrctlOption
{
    PR_SET_PDEATHSIG = 1,
    PR_SET_DUMPABLE = 4,
    PR_SET_KEEPCAPS = 8,
    PR_CAPBSET_DROP = 24,
    PR_SET_NO_NEW_PRIVS = 38,
    PR_CAP_AMBIENT = 47,
}

/// <summary>Commands of PR_CAP_AMBIENT; prctl(2).</summary>
internal enum AmbientCommand
{
    PR_CAP_AMBIENT_RAISE = 2,
    PR_CAP_AMBIENT_CLEAR_ALL = 4,
}

/// <summary>Operations of keyctl(2).</summary>
internal enum KeyctlOperation
{
    KEYCTL_JOIN_SESSION_KEYRING = 1,
}

/// <summary>What close_range(2) does with the descriptors.</summary>
[Flags]
internal enum CloseRangeFlags
{
    None = 0,
    CLOSE_RANGE_CLOEXEC = 0x4,
}

/// <summary>Kinds and flags of sockets; socket(2).</summary>
[Flags]
internal enum SocketKind
{
    SOCK_STREAM = 1,
    SOCK_DGRAM = 2,
    SOCK_SEQPACKET = 5,
    SOCK_CLOEXEC = 0x80000,
}

/// <summary>Families of addresses; socket(2).</summary>
internal enum AddressFamily
{
    AF_UNIX = 1,
    AF_INET = 2,
    AF_INET6 = 10,
    AF_NETLINK = 16,
    AF_ALG = 38,
    AF_VSOCK = 40,
}

/// <summary>Protocols of AF_NETLINK; netlink(7).</summary>
internal enum NetlinkProtocol
{
    NETLINK_AUDIT = 9,
}

/// <summary>Flags of send(2) and recv(2).</summary>
[Flags]
internal enum MessageFlags
{
    None = 0,
    MSG_DONTWAIT = 0x40,
    MSG_NOSIGNAL = 0x4000,
    MSG_CMSG_CLOEXEC = 0x40000000,
}

/// <summary>How a signal mask is changed; sigprocmask(2).</summary>
internal enum SignalMaskHow
{
    SIG_SETMASK = 2,
}
