using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>
/// A device of the host. The container's user may do with it what its permissions on the host allow everybody, or the
/// user that the container's is there; they cannot be changed from inside.
/// </summary>
public sealed record DeviceMount : Mount
{
    /// <summary>Shows <paramref name="source"/> of the host at <paramref name="target"/>.</summary>
    public DeviceMount(string source, string target)
        : base(target) => Source = source;

    /// <summary>
    /// The absolute path of a character or block device on the host, such as <c>/dev/fuse</c>; links are followed.
    /// </summary>
    public string Source { get; init; }

    /// <summary>The major number it must have, 0 to 4095; any unless said otherwise.</summary>
    public int? Major { get; init; }

    /// <summary>The minor number it must have, 0 to 1048575; any unless said otherwise.</summary>
    public int? Minor { get; init; }

    internal override void Validate()
    {
        base.Validate();
        HostPath.Validate(Source, "source");
        if (Major is < 0 or > 0xFFF || Minor is < 0 or > 0xFFFFF)
        {
            throw new ArgumentException(
                $"The numbers of a device are 0 to 4095 and 0 to 1048575, not {Major}:{Minor}.");
        }
    }

    internal override Descriptor AddTo(LaunchPlan plan, Descriptor root)
    {
        const MountAttributes quiet = MountAttributes.MOUNT_ATTR_NOSUID | MountAttributes.MOUNT_ATTR_NOEXEC;
        Check();
        var tree = plan.Inside.CloneTree(Descriptor.WorkingDirectory, Source);
        plan.Inside.SetMountAttributes(tree, quiet | MountAttributes.MOUNT_ATTR_RDONLY);
        return Attach(plan, root, tree, isDirectory: false);
    }

    /// <summary>
    /// The step that clones it comes a moment later; only who owns its directory can exchange it in between.
    /// </summary>
    private void Check()
    {
        var status = HostPath.Status(Source);
        if (status.Mode == 0)
        {
            throw Refusal(Errno.ENOENT, "There is no such file on the host, or this process cannot see it.");
        }

        if (!status.IsA(FileType.S_IFCHR) && !status.IsA(FileType.S_IFBLK))
        {
            throw Refusal(Errno.ENODEV, "It is no device: use a BindMount for files and directories.");
        }

        if ((Major is { } major && major != status.Major) || (Minor is { } minor && minor != status.Minor))
        {
            throw Refusal(Errno.ENODEV, $"It is the device {status.Major}:{status.Minor}, not {Major}:{Minor}.");
        }

        if (MountInfo.Of(status) is { } mount && mount.Options.Split(',').Contains("nodev"))
        {
            throw Refusal(Errno.EACCES, $"Nobody can open it: {mount.Target} is mounted nodev.");
        }
    }

    private LaunchException Refusal(Errno errno, string hint) =>
        new($"statx(\"{Source}\")", $"{this}", "statx", errno, hint);
}
