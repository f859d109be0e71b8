using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>The file systems that containers are given, each made as a container's would be.</summary>
internal static class HostFileSystems
{
    private const MountAttributes Inert =
        MountAttributes.MOUNT_ATTR_NOSUID | MountAttributes.MOUNT_ATTR_NODEV | MountAttributes.MOUNT_ATTR_NOEXEC;

    /// <summary>A directory of the host that is surely there, on a disk, and with nothing mounted below it.</summary>
    private static string SomeDirectory => Directory.Exists("/usr/bin") ? "/usr/bin" : AppContext.BaseDirectory;

    public static void Proc(LaunchPlan plan) => plan.Inside.MakeFileSystem("proc", Inert);

    public static void Sys(LaunchPlan plan) =>
        plan.Inside.MakeFileSystem("sysfs", Inert | MountAttributes.MOUNT_ATTR_RDONLY);

    public static void Overlay(LaunchPlan plan) => CopyOnWrite.Temporary.AddTo(plan, SomeDirectory);

    /// <summary>Without the attributes of users: the kernel's own are for root.</summary>
    public static void OverlayOfRoot(LaunchPlan plan)
    {
        var stage = plan.Root;
        var root = stage.Open(Descriptor.WorkingDirectory, "/", OpenFlags.O_PATH);
        stage.SetMountAttributes(root, MountAttributes.None, recursive: true); // private: the host sees none of it
        var layers = stage.MakeFileSystem("tmpfs", MountAttributes.None);
        stage.Attach(layers, Descriptor.WorkingDirectory, "/");
        foreach (var name in new[] { "lower", "upper", "work" })
        {
            stage.MakeDirectory(layers, name, 0x1C0); // 0700
        }

        stage.ChangeDirectory(layers);
        stage.MakeFileSystem("overlay", MountAttributes.None, "lowerdir=lower,upperdir=upper,workdir=work");
    }

    public static void IdMapped(LaunchPlan plan)
    {
        var tree = plan.Sync.CloneTree(Descriptor.WorkingDirectory, SomeDirectory);
        plan.MapIds(tree, recursive: false);
    }

    /// <summary>
    /// Whether files in memory can have user attributes, which an overlay with its changes there marks deletions with.
    /// </summary>
    public static HostFinding TmpfsAttributes()
    {
        const string name = "overlay in memory";
        try
        {
            using var file = Syscall.MemfdCreate("attributes", MemfdFlags.MFD_CLOEXEC);
            Syscall.SetAttribute(file, "user.overlay.opaque", "y"u8);
            return HostFinding.Yes(name);
        }
        catch (LinuxException failure)
        {
            return HostFinding.No(name, new(
                $"tmpfs has no user attributes here ({failure.Errno}): temporary layers lie in the temporary directory "
                    + "instead.",
                "Run Linux 6.6 or newer, or see to it that TMPDIR or /var/tmp is on a disk."));
        }
    }

    /// <summary>Whether writable layers can be limited, which was tried.</summary>
    public static HostFinding LimitedLayers() => HostFinding.Of(
        "limits of layers", DiskRefusal.Probe() is { } refusal ? new(refusal.Reason, refusal.Remedy) : null);

    public static HostRefusal ExplainProc(LinuxException failure, HostSurroundings around) =>
        ExplainCovered("/proc", failure, around);

    public static HostRefusal ExplainSys(LinuxException failure, HostSurroundings around) =>
        ExplainCovered("/sys", failure, around);

    public static HostRefusal ExplainOverlay(LinuxException failure, HostSurroundings around) => failure switch
    {
        { Call: "fsopen", Errno: Errno.ENODEV } => new("The kernel has no overlay file system.", "modprobe overlay"),
        { Call: "fsconfig" } => new(
            $"The kernel refuses this overlay ({failure.Errno}).",
            "Run Linux 5.11 or newer, and see the kernel's log for what it dislikes."),
        _ => HostRefusals.Step(failure, around),
    };

    public static HostRefusal ExplainIdMapped(LinuxException failure, HostSurroundings around) => failure switch
    {
        { Call: "mount_setattr", Errno: Errno.EINVAL } => new(
            $"The file system of {SomeDirectory} cannot be mounted with other ids.",
            "Keep roots on ext4, xfs, btrfs or tmpfs, or run a newer kernel: more file systems can with each."),
        _ => HostRefusals.Step(failure, around),
    };

    private static HostRefusal ExplainCovered(string directory, LinuxException failure, HostSurroundings around)
    {
        var covers = around.CoversOf(directory).ToList();
        if (failure is not { Call: "fsmount", Errno: Errno.EPERM })
        {
            return HostRefusals.Step(failure, around);
        }

        var reason = around.Mounts.All(mount => mount.Target != directory)
            ? $"{directory} is not mounted in sight of this process."
            : covers.Count > 0
            ? $"Parts of {directory} are covered by other mounts, as container engines do: {Some(covers)}."
            : $"{directory} is mounted with restrictions that a fresh one would lift.";
        return new(reason,
            "Uncover it (umount), or start this container with --security-opt systempaths=unconfined in Docker, "
                + "unmask=ALL in Podman, "
            + "procMount: Unmasked in Kubernetes.");
    }

    private static string Some(List<string> paths) => string.Join(", ", paths.Take(5)) + (paths.Count > 5 ? ", …" : "");
}
