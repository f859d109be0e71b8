using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>Why a writable layer can have no limit here, and what would change that: a sentence each.</summary>
internal sealed record DiskRefusal(string Reason, string Remedy)
{
    /// <summary>Why a host has none for a user, by what failed; null when it has.</summary>
    public static DiskRefusal? Probe()
    {
        using var file = Syscall.MemfdCreate("disk", MemfdFlags.MFD_CLOEXEC);
        try
        {
            Ext4Format.Write(file, Ext4Layout.Least, hasJournal: false);
            using var device = LoopDevice.Attach(file);
            Syscall.MountDisk(LimitedDisk.Type, device.Path, MountAttributes.MOUNT_ATTR_RDONLY).Dispose();
            return null;
        }
        catch (LinuxException refused)
        {
            return Explain(refused) ?? new($"{refused.Message}.", "See the kernel's log for what it dislikes.");
        }
    }

    /// <summary>The refusal as it is thrown; any other error as it is.</summary>
    public static Exception Of(LinuxException refused) =>
        Explain(refused) is { } why ? new LimitNotSupportedException($"{why.Reason} {why.Remedy}") : refused;

    /// <summary>A limit that no file can have.</summary>
    public static LimitNotSupportedException TooLarge(ByteSize size, string limit) => new(
        $"A writable layer limited to {size} is a file of that size, which {limit} does not allow: choose a lower "
            + "limit, or another place for the store.");

    private static DiskRefusal? Explain(LinuxException refused) => refused switch
    {
        { Errno: Errno.EPERM or Errno.EACCES } => new(
            "A limit takes a file system of its own, which only the host's root may mount.",
            "Run this as root of the host, or limit what this user may take on the disk, such as by quotas."),
        { Path: ['/', 'd', 'e', 'v', ..], Errno: Errno.ENOENT or Errno.ENODEV or Errno.ENXIO } => new(
            $"A limit takes a loop device, and there is no {refused.Path}.",
            "modprobe loop, or give this process's /dev the host's loop devices: --device in Docker and Podman."),
        { Call: "fsopen", Errno: Errno.ENODEV } => new("The kernel has no ext4.", "modprobe ext4"),
        { Errno: Errno.ENOSYS or Errno.ENOTTY } => new(
            $"The kernel is too old for it, or a filter refuses it ({refused.Call}).", "Run Linux 5.12 or newer."),
        _ => null,
    };
}
