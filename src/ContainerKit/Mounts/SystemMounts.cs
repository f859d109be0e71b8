using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>
/// What every container has of its own: /proc, /sys, /dev, /tmp and /run, with what is masked in them. They are made
/// whole in a plan's first part, whatever the container's root will be.
/// </summary>
internal sealed class SystemMounts
{
    private const MountAttributes Quiet = MountAttributes.MOUNT_ATTR_NOSUID | MountAttributes.MOUNT_ATTR_NOEXEC;
    private const MountAttributes Inert = Quiet | MountAttributes.MOUNT_ATTR_NODEV;

    /// <summary>What /tmp, /run and /dev/shm may hold together.</summary>
    private static readonly ByteSize MemorySize = ByteSize.MiB(256);

    /// <summary>The devices, with their numbers: Documentation/admin-guide/devices.txt of Linux.</summary>
    private static readonly (string Name, uint Major, uint Minor)[] Devices =
        [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

    // Of the machine, not of the container, and writable or telling. The lists follow what runc and crun agree on.
    private static readonly string[] MaskedFiles = Existing(
        "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
        "/proc/sched_debug", "/proc/interrupts");

    private static readonly string[] MaskedDirectories = Existing(
        "/proc/acpi", "/proc/asound", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap");

    private static readonly string[] ReadOnlyPaths = Existing(
        "/proc/bus", "/proc/fs", "/proc/irq", "/proc/pressure", "/proc/sys", "/proc/sysrq-trigger");

    private readonly Descriptor _proc, _sys, _dev, _tmp, _run;
    private Descriptor _pseudoterminals;

    /// <summary>
    /// Adds the steps that make them, attached where nobody looks. <paramref name="owned"/> are the namespaces over
    /// which the container's root has privileges, <paramref name="joined"/> those the launcher joined.
    /// </summary>
    public SystemMounts(
        LaunchPlan plan, CloneFlags owned, CloneFlags joined, CgroupView? cgroup, IReadOnlyList<KernelSetting> settings)
    {
        const MountAttributes readOnly = Inert | MountAttributes.MOUNT_ATTR_RDONLY;

        // The kernel lets a container have the two only while it sees the host's, whole.
        _proc = plan.Early.MakeFileSystem("proc", Inert);
        _sys = owned.HasFlag(CloneFlags.CLONE_NEWNET) ? plan.Early.MakeFileSystem("sysfs", readOnly)
            : joined.HasFlag(CloneFlags.CLONE_NEWNET) ? plan.Outside.MakeFileSystem("sysfs", readOnly)
            : DirectoryRoot.CloneReadOnly(plan.Early, "/sys");

        var stage = plan.Mapped;
        var memory = AddMemory(stage);
        _tmp = stage.CloneTree(memory, "tmp");
        _run = stage.CloneTree(memory, "run");
        _dev = stage.CloneTree(memory, "dev");
        stage.Attach(_dev, memory, "dev");
        stage.Attach(_proc, memory, "proc");
        stage.Attach(_sys, memory, "sys");
        cgroup?.AttachTo(stage, _sys, memory);
        FillDev(plan, memory, owned.HasFlag(CloneFlags.CLONE_NEWIPC));
        foreach (var setting in settings)
        {
            stage.WriteFile(_proc, setting);
        }

        CoverHostsOwn(stage);

        // Nor does a copy of all the host's mounts show them.
        stage.SetMountAttributes(memory, default, propagation: PropagationType.MS_UNBINDABLE);
    }

    /// <summary>The container's /dev/pts, whatever is mounted over it later.</summary>
    public Descriptor Pseudoterminals => _pseudoterminals;

    /// <summary>
    /// Adds the steps that attach them to the root, while the old one is still there. The targets are entered by name
    /// and never through a link.
    /// </summary>
    public void AttachTo(LaunchStage stage, Descriptor root)
    {
        stage.Attach(_proc, root, "proc");
        stage.Attach(_sys, root, "sys");
        stage.Attach(_dev, root, "dev");
        stage.Attach(_tmp, root, "tmp");
        stage.Attach(_run, root, "run");
    }

    /// <summary>What is private and writable, in one file system: four took a start an eighth longer.</summary>
    private static Descriptor AddMemory(LaunchStage stage)
    {
        var memory = new TmpfsMount("/tmp") { Size = MemorySize, Mode = 0x1ED }.Make(stage); // 0755
        // what is in sight of the host's /proc is still needed
        stage.Attach(memory, Descriptor.WorkingDirectory, "/proc/fs");
        foreach (var name in new[] { "dev", "proc", "run", "sys" })
        {
            stage.MakeDirectory(memory, name, 0x1ED); // 0755
        }

        stage.MakeDirectory(memory, "tmp", 0x3FF); // 1777
        stage.MakeDirectory(memory, "shm", 0x3FF); // 1777
        return memory;
    }

    private void FillDev(LaunchPlan plan, Descriptor memory, bool hasQueues)
    {
        var stage = plan.Mapped;
        foreach (var (name, major, minor) in Devices)
        {
            var path = $"/dev/{name}";
            CheckDevice(path, major, minor);
            stage.MakeFile(_dev, name, 0x1B6); // 0666
            stage.Attach(plan.Early.CloneTree(Descriptor.WorkingDirectory, path), _dev, name);
        }

        stage.MakeLink("/proc/self/fd", _dev, "fd");
        stage.MakeLink("/proc/self/fd/0", _dev, "stdin");
        stage.MakeLink("/proc/self/fd/1", _dev, "stdout");
        stage.MakeLink("/proc/self/fd/2", _dev, "stderr");
        stage.MakeLink("pts/ptmx", _dev, "ptmx");

        foreach (var name in new[] { "pts", "shm", "mqueue", "empty" })
        {
            stage.MakeDirectory(_dev, name, 0x1ED); // 0755
        }

        stage.SetMountAttributes(_dev, Quiet | MountAttributes.MOUNT_ATTR_RDONLY);
        _pseudoterminals = stage.MakeFileSystem("devpts", Quiet, "newinstance,ptmxmode=0666,mode=0620,max=64");
        stage.Attach(_pseudoterminals, _dev, "pts");
        var shm = stage.CloneTree(memory, "shm");
        stage.SetMountAttributes(shm, Quiet);
        stage.Attach(shm, _dev, "shm");
        if (hasQueues)
        {
            stage.Attach(stage.MakeFileSystem("mqueue", Inert), _dev, "mqueue");
        }
    }

    private void CoverHostsOwn(LaunchStage stage)
    {
        foreach (var path in MaskedFiles)
        {
            stage.AttachIfThere(stage.CloneTree(_dev, "null"), In(path), Below(path));
        }

        foreach (var path in MaskedDirectories)
        {
            stage.AttachIfThere(stage.CloneTree(_dev, "empty"), In(path), Below(path));
        }

        foreach (var path in ReadOnlyPaths)
        {
            var tree = stage.CloneTree(_proc, Below(path));
            stage.SetMountAttributes(tree, Inert | MountAttributes.MOUNT_ATTR_RDONLY);
            stage.Attach(tree, _proc, Below(path));
        }
    }

    /// <summary>
    /// Complains when something else lies where a device should: a container would write to it, and have it over what
    /// is masked. The step that clones it comes a moment later; only the host's root can change its /dev in between.
    /// </summary>
    private static void CheckDevice(string path, uint major, uint minor)
    {
        var status = StatusOf(path);
        var isDevice = (status.Mode & (uint)FileType.S_IFMT) == (uint)FileType.S_IFCHR;
        if (!isDevice || (status.Major, status.Minor) != (major, minor))
        {
            var found = isDevice ? $"the device {status.Major}:{status.Minor}"
                : status.Mode == 0 ? "missing"
                : "no character device";
            throw new LaunchException(
                $"statx(\"{path}\")", "the private /dev", "statx", Errno.ENODEV,
                $"On this host it is {found} instead of {major}:{minor}: unmount what covers it, or make it anew with "
                + $"mknod -m 0666 {path} c {major} {minor}.");
        }
    }

    /// <summary>What a file of the host is; nothing when there is none.</summary>
    private static FileStatus StatusOf(string path)
    {
        try
        {
            return Syscall.Status(path);
        }
        catch (LinuxException missing) when (missing.Errno is Errno.ENOENT)
        {
            return default;
        }
    }

    private static string[] Existing(params string[] paths) => [.. paths.Where(Path.Exists)];

    private Descriptor In(string path) => path.StartsWith("/proc/", StringComparison.Ordinal) ? _proc : _sys;

    /// <summary>The path below /proc or /sys.</summary>
    private static string Below(string path) => path[(path.IndexOf('/', 1) + 1)..];
}
