using ContainerKit.Launch;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>Where a container's changes to its root go: a layer of overlayfs over it.</summary>
public sealed record CopyOnWrite
{
    private CopyOnWrite(string? directory) => KeptIn = directory;

    /// <summary>Into memory, gone with the container; before Linux 6.6 into the temporary directory, which must be on a disk.</summary>
    public static CopyOnWrite Temporary { get; } = new((string?)null);

    /// <summary>
    /// Into a directory of the host, which must be there and belong to the container's user; the changes are in its
    /// directory <c>upper</c>. It serves one container at a time, of whichever process: its file <c>lock</c> sees to
    /// that.
    /// </summary>
    public static CopyOnWrite In(string directory) => new(directory);

    /// <summary>The directory of the host that keeps the changes; null when they are in memory.</summary>
    public string? KeptIn { get; private init; }

    /// <summary>How much a layer in memory may hold; 256 MiB unless said otherwise. One on a disk has no limit of its own.</summary>
    public ByteSize Size { get; init; } = ByteSize.MiB(256);

    /// <summary>A lock that the supervisor holds while it lives.</summary>
    internal SafeFileHandle? Lease { get; init; }

    /// <inheritdoc/>
    public override string ToString() => KeptIn is null ? "CopyOnWrite.Temporary" : $"CopyOnWrite.In(\"{KeptIn}\")";

    internal void Validate()
    {
        if (Size.Bytes < 64 * 1024)
        {
            throw new ArgumentException($"A layer in memory holds at least 64 KiB, not {Size}.");
        }

        if (KeptIn is not null && (!Path.IsPathRooted(KeptIn) || KeptIn.Contains('\0', StringComparison.Ordinal)))
        {
            throw new ArgumentException($"The directory '{KeptIn}' for the changes must be an absolute path without NUL.");
        }

        if (KeptIn is not null)
        {
            using var directory = Syscall.Open(KeptIn, OpenFlags.O_PATH);
            const int others = 0x3F; // 077: a container can leave setuid programs there, which are root's own on the host
            if ((Syscall.Status(directory).Mode & others) != 0)
            {
                throw new ArgumentException($"The directory '{KeptIn}' for the changes must be closed to other users: chmod 0700 it.");
            }
        }
    }

    /// <summary>
    /// Adds the steps that lay it over a directory. Overlayfs takes its layers by path, so they are put under short
    /// names below the working directory, in a tmpfs that goes with the old root.
    /// </summary>
    internal Descriptor AddTo(LaunchPlan plan, string lower)
    {
        plan.Lease = Lease;
        var stage = plan.Root;
        var layers = new TmpfsMount("/") { Size = Size, Mode = 0x1ED }.Make(stage); // 0755
        stage.AttachAside(layers);
        stage.MakeDirectory(layers, "lower", 0x1ED);
        stage.Attach(Layer(plan, lower), layers, "lower");
        stage.MakeDirectory(layers, "changes", 0x1ED);
        if (KeptIn is not null)
        {
            stage.Attach(Layer(plan, KeptIn), layers, "changes");
        }

        stage.MakeDirectory(layers, "changes/upper", 0x1ED, mayExist: true);
        stage.MakeDirectory(layers, "changes/work", 0x1ED, mayExist: true);
        stage.ChangeDirectory(layers);
        return stage.MakeFileSystem(
            "overlay", MountAttributes.MOUNT_ATTR_NOSUID | MountAttributes.MOUNT_ATTR_NODEV,
            "lowerdir=lower,upperdir=changes/upper,workdir=changes/work,userxattr");
    }

    /// <summary>A directory of the host. As root, what belongs to the user's id on disk is the container's user's own.</summary>
    private static Descriptor Layer(LaunchPlan plan, string path)
    {
        if (!plan.MapsIds)
        {
            return plan.Inside.CloneTree(Descriptor.WorkingDirectory, path);
        }

        var (place, received) = plan.HandOver.Add();
        plan.Sync.CloneTree(Descriptor.WorkingDirectory, path);
        plan.Sync.MapIdsIfPossible(plan.Sync.KeepResultAt(place), plan.ChildDirectory);
        return received;
    }
}
