using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>What every container has of its own: /proc, /sys, /dev, /tmp and /run, with what is masked in them.</summary>
internal static class SystemMounts
{
    /// <summary>What /tmp, /run and /dev/shm may hold together.</summary>
    private static readonly ByteSize MemorySize = ByteSize.MiB(256);

    /// <summary>The devices, with their numbers: Documentation/admin-guide/devices.txt of Linux.</summary>
    private static readonly (string Name, uint Major, uint Minor)[] Devices =
        [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

    // Of the machine, not of the container, and writable or telling. The lists follow what runc and crun agree on.
    private static readonly string[] MaskedFiles = Existing(
        "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/interrupts");

    private static readonly string[] MaskedDirectories = Existing(
        "/proc/acpi", "/proc/asound", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap");

    private static readonly string[] ReadOnlyPaths = Existing(
        "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger");

    /// <summary>Adds the steps. The targets are entered by name below the root and never through a link.</summary>
    public static void AddTo(LaunchPlan plan, Descriptor root)
    {
        const MountAttributes inert = MountAttributes.MOUNT_ATTR_NOSUID | MountAttributes.MOUNT_ATTR_NODEV | MountAttributes.MOUNT_ATTR_NOEXEC;

        // The kernel lets a container have them only while it sees the host's, hence before the pivot.
        var proc = plan.Early.MakeFileSystem("proc", inert);
        var sys = plan.Namespaces.HasFlag(CloneFlags.CLONE_NEWNET)
            ? plan.Early.MakeFileSystem("sysfs", inert | MountAttributes.MOUNT_ATTR_RDONLY)
            : DirectoryRoot.CloneReadOnly(plan, "/sys");
        plan.Pivoted.Attach(proc, root, "proc");
        plan.Pivoted.Attach(sys, root, "sys");
        var memory = AddMemory(plan.Root);
        var dev = AddDevices(plan, root, memory);
        plan.Pivoted.Attach(plan.Root.CloneTree(memory, "tmp"), root, "tmp");
        plan.Pivoted.Attach(plan.Root.CloneTree(memory, "run"), root, "run");

        // With a cgroup namespace of its own, a nested user namespace could mount the cgroup that the container is in,
        // which for an ordinary user's container is that user's.
        plan.Pivoted.WriteFile(proc, "sys/user/max_cgroup_namespaces", "0");
        foreach (var path in MaskedFiles)
        {
            plan.Pivoted.AttachIfThere(plan.Pivoted.CloneTree(dev, "null"), In(path, proc, sys), Below(path));
        }

        foreach (var path in MaskedDirectories)
        {
            plan.Pivoted.AttachIfThere(plan.Pivoted.CloneTree(dev, "empty"), In(path, proc, sys), Below(path));
        }

        foreach (var path in ReadOnlyPaths)
        {
            var tree = plan.Pivoted.CloneTree(proc, Below(path));
            plan.Pivoted.SetMountAttributes(tree, inert | MountAttributes.MOUNT_ATTR_RDONLY);
            plan.Pivoted.Attach(tree, proc, Below(path));
        }
    }

    /// <summary>What is private and writable, in one file system: four took a start an eighth longer.</summary>
    private static Descriptor AddMemory(LaunchStage stage)
    {
        var memory = new TmpfsMount("/tmp") { Size = MemorySize, Mode = 0x1ED }.Make(stage); // 0755
        stage.AttachAside(memory);
        stage.MakeDirectory(memory, "dev", 0x1ED); // 0755
        stage.MakeDirectory(memory, "run", 0x1ED); // 0755
        stage.MakeDirectory(memory, "tmp", 0x3FF); // 1777
        stage.MakeDirectory(memory, "shm", 0x3FF); // 1777
        return memory;
    }

    private static Descriptor AddDevices(LaunchPlan plan, Descriptor root, Descriptor memory)
    {
        var stage = plan.Pivoted;
        const MountAttributes quiet = MountAttributes.MOUNT_ATTR_NOSUID | MountAttributes.MOUNT_ATTR_NOEXEC;
        var dev = plan.Root.CloneTree(memory, "dev");
        stage.Attach(dev, root, "dev");
        foreach (var (name, major, minor) in Devices)
        {
            var path = $"/dev/{name}";
            CheckDevice(path, major, minor);
            stage.MakeFile(dev, name, 0x1B6); // 0666
            stage.Attach(plan.Inside.CloneTree(Descriptor.WorkingDirectory, path), dev, name);
        }

        stage.MakeLink("/proc/self/fd", dev, "fd");
        stage.MakeLink("/proc/self/fd/0", dev, "stdin");
        stage.MakeLink("/proc/self/fd/1", dev, "stdout");
        stage.MakeLink("/proc/self/fd/2", dev, "stderr");
        stage.MakeLink("pts/ptmx", dev, "ptmx");

        foreach (var name in new[] { "pts", "shm", "mqueue", "empty" })
        {
            stage.MakeDirectory(dev, name, 0x1ED); // 0755
        }

        stage.SetMountAttributes(dev, quiet | MountAttributes.MOUNT_ATTR_RDONLY);
        stage.Attach(plan.Root.MakeFileSystem("devpts", quiet, "newinstance,ptmxmode=0666,mode=0620"), dev, "pts");
        var shm = plan.Root.CloneTree(memory, "shm");
        plan.Root.SetMountAttributes(shm, quiet);
        stage.Attach(shm, dev, "shm");
        if (plan.Namespaces.HasFlag(CloneFlags.CLONE_NEWIPC))
        {
            stage.Attach(plan.Root.MakeFileSystem("mqueue", quiet | MountAttributes.MOUNT_ATTR_NODEV), dev, "mqueue");
        }

        return dev;
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
            var found = isDevice ? $"the device {status.Major}:{status.Minor}" : status.Mode == 0 ? "missing" : "no character device";
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

    private static Descriptor In(string path, Descriptor proc, Descriptor sys) =>
        path.StartsWith("/proc/", StringComparison.Ordinal) ? proc : sys;

    /// <summary>The path below /proc or /sys.</summary>
    private static string Below(string path) => path[(path.IndexOf('/', 1) + 1)..];
}
