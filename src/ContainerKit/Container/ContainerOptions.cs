using System.Runtime.InteropServices;

namespace ContainerKit;

/// <summary>
/// What a container is; a value to keep, share and vary with <c>with</c>. With nothing but a command it is strict: the
/// host's programs read-only, no network, no capabilities, none of the host's files, sockets and processes.
/// </summary>
public sealed record ContainerOptions
{
    internal const int DefaultMaxProcesses = 1024;
    internal const string DefaultHostName = "container";

    /// <summary>
    /// The program and its arguments. A program without a slash is looked up in the container's PATH.
    /// </summary>
    public required IReadOnlyList<string> Command { get; init; }

    /// <summary>The files below the mounts; the host's programs, read-only, unless said otherwise.</summary>
    public RootFilesystem Root { get; init; } = RootFilesystem.HostSystem;

    /// <summary>
    /// What is mounted over the root and over the private /proc, /sys, /dev, /tmp and /run, in order.
    /// </summary>
    public IReadOnlyList<Mount> Mounts { get; init; } = [];

    /// <summary>
    /// Absolute paths in the container that are made, as root's directories, where they are missing: below the mounts,
    /// and in the root itself, which must be one that takes changes.
    /// </summary>
    public IReadOnlyList<string> Directories { get; init; } = [];

    /// <summary>
    /// Absolute paths in the container that are hidden, beside those of /proc and /sys that always are: a file becomes
    /// /dev/null, a directory empty and read-only. Links lead nowhere out of the container; what is not there is fine.
    /// </summary>
    public IReadOnlyList<string> MaskedPaths { get; init; } = [];

    /// <summary>
    /// Absolute paths in the container that it may only read, with all below; what is not there is fine.
    /// </summary>
    public IReadOnlyList<string> ReadOnlyPaths { get; init; } = [];

    /// <summary>All the program has of an environment, beside a PATH and a HOME where these are not set.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>The absolute path in the container where the program starts; <c>/</c> unless said otherwise.</summary>
    public string WorkingDirectory { get; init; } = "/";

    /// <summary>
    /// Whom the program runs as in the container: <c>user</c> or <c>user:group</c>, each a number or a name of the
    /// root's /etc/passwd and /etc/group; <c>0</c> unless said otherwise. A number is never looked up as a name.
    /// </summary>
    public string User { get; init; } = "0";

    /// <summary>
    /// Further groups of the program, numbers or names; they need an id map with more than one group.
    /// </summary>
    public IReadOnlyList<string> Groups { get; init; } = [];

    /// <summary>
    /// Whether the program has the groups that images mean where <see cref="User"/> names none: that of the root's
    /// /etc/passwd, or 0 for a number that is not there; and, where the id map has others, those of /etc/group that the
    /// user is in. False unless said otherwise.
    /// </summary>
    public bool GroupsOfUser { get; init; }

    /// <summary>Which ids of the host the container's are.</summary>
    public IdMap IdMap { get; init; } = IdMap.SingleId;

    /// <summary>
    /// The least that must isolate it. Null, unless said otherwise, gives it namespaces and asks no questions: where
    /// there can be none, the start is a <see cref="LaunchException"/>. With a value its host finds out once what it
    /// can do, gives the best, and refuses less. With <see cref="Isolation.Restricted"/> a program is started without
    /// namespaces where there can be none; all options that need some are then refused together. Where this user's user
    /// namespaces are used up, the kernel says the same as where there can be none; of other kinds that is a
    /// <see cref="LinuxException"/>.
    /// </summary>
    public Isolation? MinimumIsolation { get; init; }

    /// <summary>
    /// What must hold besides, whatever isolates it: a start where something of it does not is refused. Nothing unless
    /// said otherwise.
    /// </summary>
    public IsolationProperties RequiredIsolation { get; init; }

    /// <summary>
    /// The namespaces of its own. Without <see cref="NamespaceKinds.Network"/> it shares the host's network.
    /// </summary>
    public NamespaceKinds Namespaces { get; init; } = NamespaceKinds.Default;

    /// <summary>
    /// Namespaces that are there already, in which the container lives instead of new ones of their kinds, as those of
    /// a pod do: of <see cref="Container.OpenNamespaces"/> or <see cref="Namespace.CreateAsync"/>. With a user
    /// namespace, <see cref="IdMap"/> says which ids it has, and maps none;
    /// limits of processes count all that run in it. Without one only root joins. A program in somebody else's pid
    /// namespace has no init of its own, and leaves its children there when it ends.
    /// </summary>
    public IReadOnlyList<Namespace> Join { get; init; } = [];

    /// <summary>
    /// How far the container's clocks are ahead of the host's; not at all unless said otherwise. They need
    /// <see cref="NamespaceKinds.Time"/>.
    /// </summary>
    public TimeOffsets TimeOffsets { get; init; }

    /// <summary>
    /// Settings of the container's own namespaces, such as <c>net.ipv4.ip_unprivileged_port_start</c>: net.*,
    /// kernel.msg*, kernel.sem*, kernel.shm*, fs.mqueue.* and kernel.domainname; sysctl(8). Those of the IPC namespace
    /// need root before Linux 6.9.
    /// </summary>
    public IReadOnlyDictionary<string, string> Sysctls { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// The host name, at most 64 bytes; <c>container</c> unless said otherwise, and without namespaces the host's.
    /// </summary>
    public string HostName { get; init; } = DefaultHostName;

    /// <summary>
    /// Whether PID 1 is a reaping init and the program its child, as programs expect it; true unless said otherwise.
    /// Without it the program is PID 1: it must reap orphans, and signals it does not handle are lost. Without
    /// namespaces there is none.
    /// </summary>
    public bool Init { get; init; } = true;

    /// <summary>
    /// How many processes and threads there may be, with the init; 1024 unless said otherwise, null for no limit. Those
    /// that are started by <see cref="Container.ExecAsync"/> count, and are not refused. Without namespaces there is no
    /// such limit: <see cref="CgroupLimits.Pids"/> is one.
    /// </summary>
    public int? MaxProcesses { get; init; } = DefaultMaxProcesses;

    /// <summary>
    /// Whether each of its programs is one process, which may have threads: whatever else it would start fails with
    /// EPERM. It may execute another in its own place. False unless said otherwise.
    /// </summary>
    public bool SingleProcess { get; init; }

    /// <summary>
    /// Which system calls its programs may make, those of <see cref="Container.ExecAsync"/> too; null, unless said
    /// otherwise, for <see cref="SeccompProfile.Default"/>. The init may make those that it needs, and no others,
    /// unless this is <see cref="SeccompProfile.Unconfined"/>.
    /// </summary>
    public SeccompProfile? Seccomp { get; init; }

    /// <summary>
    /// How many user namespaces the program may make at a time, in which it has privileges over what it makes there; 0
    /// unless said otherwise. Sandboxes of browsers and containers within the container need some, and a
    /// <see cref="Seccomp"/> that lets them have chroot(2) and the like. In a user namespace that is joined it is 0,
    /// for all that live there.
    /// </summary>
    public int MaxUserNamespaces { get; init; }

    /// <summary>
    /// Limits of all processes of the container together, in a cgroup that is made for it and removed after it, or with
    /// a detached one. Even with no limit, as <c>new()</c>, it has a group that can be paused, and counts for its
    /// <see cref="Receipt"/>. Null, unless said otherwise, gives it none;
    /// <see cref="ContainerHostOptions.CgroupParent"/> says where.
    /// </summary>
    public CgroupLimits? Limits { get; init; }

    /// <summary>
    /// Whether the program may limit groups of its own in the container's cgroup, as systemd and container engines do:
    /// /sys/fs/cgroup is writable for its <see cref="User"/>, and the container's own limits stay what they are. Where
    /// the user is this process's own, it may still switch <see cref="CgroupLimits.OomGroup"/>, and have memory
    /// reclaimed, as /sys/kernel/cgroup/delegate lists. False unless said otherwise. It needs a host with version 2
    /// alone, mounted with nsdelegate, and an <see cref="IdMap"/> that is known before the start: as root not
    /// <see cref="IdMap.SingleId"/>. With it the container has a cgroup, as with <see cref="Limits"/>.
    /// </summary>
    public bool DelegateCgroup { get; init; }

    /// <summary>
    /// What the program may do of what root may, over what is the container's own; nothing unless said otherwise. In a
    /// user namespace that is joined it holds over all that lives there.
    /// </summary>
    public CapabilitySets Capabilities { get; init; } = CapabilitySets.None;

    /// <summary>
    /// What Landlock restricts besides, of files, ports and other processes; nothing unless said otherwise. The init
    /// is not restricted, and each program of <see cref="Container.ExecAsync"/> by itself, in the same way.
    /// </summary>
    public LandlockRules? Landlock { get; init; }

    /// <summary>
    /// Limits of each process; setrlimit(2). A program that is this process's user on the host has an eighth less open
    /// files than this process, unless RLIMIT_NOFILE is among them.
    /// </summary>
    public IReadOnlyList<ResourceLimit> ResourceLimits { get; init; } = [];

    /// <summary>The permissions that new files do not get; 022 in octal unless said otherwise.</summary>
    public int Umask { get; init; } = 0x12;

    /// <summary>
    /// How long the program may run before it is killed; no limit unless said otherwise. A detached container has no
    /// such limit.
    /// </summary>
    public TimeSpan Timeout { get; init; } = System.Threading.Timeout.InfiniteTimeSpan;

    /// <summary>
    /// How much time on CPUs all processes of the container together may take before they are killed; no limit unless
    /// said otherwise. With it the container has a cgroup, as with <see cref="Limits"/>. A detached container has no
    /// such limit: use a <see cref="Resource.RLIMIT_CPU"/> for each process.
    /// </summary>
    public TimeSpan CpuTimeout { get; init; } = System.Threading.Timeout.InfiniteTimeSpan;

    /// <summary>What the program reads; nothing unless said otherwise.</summary>
    public StandardStream StandardInput { get; init; } = StandardStream.Null;

    /// <summary>
    /// Where its output goes; unless said, a run captures up to 1 MiB, and after a start it goes nowhere.
    /// </summary>
    public StandardStream? StandardOutput { get; init; }

    /// <summary>
    /// Where its errors go; unless said, to its terminal where it has one. Otherwise a run captures up to 1 MiB, and
    /// after a start they go nowhere.
    /// </summary>
    public StandardStream? StandardError { get; init; }

    /// <summary>
    /// What a <see cref="StandardStream.Terminal"/> shows at first, 1 to 65535 columns and rows; 80 and 24 unless said
    /// otherwise.
    /// </summary>
    public TerminalSize TerminalSize { get; init; } = new(80, 24);

    /// <summary>
    /// Open files of this process that are 3, 4, … of the program, in order, beside its standard streams: at most 100
    /// of <see cref="Microsoft.Win32.SafeHandles.SafeFileHandle"/>, SafeSocketHandle and SafePipeHandle. They stay the
    /// caller's, and are copied when the container starts. A program leaves its root by a directory among them, and
    /// opens a file anew for writing where that one's permissions let it.
    /// </summary>
    public IReadOnlyList<SafeHandle> Descriptors { get; init; } = [];

    /// <summary>
    /// Whether <see cref="Descriptors"/> are announced as systemd announces sockets that it listens on for a service:
    /// LISTEN_FDS, LISTEN_PID and, with <see cref="DescriptorNames"/>, LISTEN_FDNAMES; sd_listen_fds(3). False unless
    /// said otherwise.
    /// </summary>
    public bool SocketActivation { get; init; }

    /// <summary>
    /// A name for each of <see cref="Descriptors"/>, of 1 to 255 characters of ASCII without colon; or none.
    /// </summary>
    public IReadOnlyList<string> DescriptorNames { get; init; } = [];

    /// <summary>
    /// What <see cref="ContainerProcess.StopAsync"/> asks the program to end with; SIGTERM unless said otherwise.
    /// </summary>
    public Signal StopSignal { get; init; } = Signal.SIGTERM;

    /// <summary>
    /// The longest the program may take to end after being asked to; 10 seconds unless said otherwise.
    /// </summary>
    public TimeSpan StopTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Whether its host starts it without namespaces.</summary>
    internal bool IsRestricted { get; init; }

    /// <summary>What stands in for them, once it is known; null where it has namespaces.</summary>
    internal Restriction? Restriction { get; init; }

    /// <summary>
    /// Whether it has an init: in somebody else's pid namespace that would not be PID 1, and its end no program's.
    /// </summary>
    internal bool HasInit => Init && (Join.Count == 0 || NewNamespaces.HasFlag(NamespaceKinds.Pid));

    /// <summary>The kinds of namespaces in which it is not with the host.</summary>
    internal NamespaceKinds AllNamespaces =>
        Join.Count == 0 ? Namespaces : Namespaces | JoinedNamespaces.KindsOf(Join);

    /// <summary>The kinds that are made for it.</summary>
    internal NamespaceKinds NewNamespaces =>
        Join.Count == 0 ? Namespaces : Namespaces & ~JoinedNamespaces.KindsOf(Join);
}
