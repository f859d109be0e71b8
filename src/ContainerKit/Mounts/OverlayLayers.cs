using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>
/// Directories of the host on their way to an overlay. Overlayfs takes its layers by path, so they are put under short
/// names below the working directory, in a tmpfs that goes with the old root.
/// </summary>
internal static class OverlayLayers
{
    /// <summary>What the files of a container's root do not have.</summary>
    public const MountAttributes Attributes = MountAttributes.MOUNT_ATTR_NOSUID | MountAttributes.MOUNT_ATTR_NODEV;

    /// <summary>Adds the steps that make the place for them.</summary>
    public static Descriptor Begin(LaunchPlan plan, ByteSize size)
    {
        var layers = new TmpfsMount("/") { Size = size, Mode = 0x1ED }.Make(plan.Root); // 0755
        plan.Root.AttachAside(layers);
        return layers;
    }

    /// <summary>
    /// Adds the steps that put a directory there. As root, what belongs to the user's id on disk is the container's
    /// user's own.
    /// </summary>
    public static void Add(LaunchPlan plan, Descriptor layers, string name, string path)
    {
        plan.Root.MakeDirectory(layers, name, 0x1ED);
        plan.Root.Attach(Clone(plan, path, MountAttributes.None, plan.MapsIds), layers, name);
    }

    /// <summary>Adds the steps that put a disk of the host there; its owners are mapped the same.</summary>
    public static void AddDisk(LaunchPlan plan, Descriptor layers, string name, string type, string disk)
    {
        plan.Root.MakeDirectory(layers, name, 0x1ED);
        plan.WithHost.MakeFileSystem(type, MountAttributes.None, $"source={disk}", last: true);
        plan.Root.Attach(HandDown(plan, MountAttributes.None), layers, name);
    }

    /// <summary>Adds the steps that lay them over each other; without <c>upperdir</c> it is read-only.</summary>
    public static Descriptor Join(LaunchPlan plan, Descriptor layers, string options, MountAttributes more = default)
    {
        const string type = "overlay", at = "joined";
        const int mostOfText = 255;
        var attributes = more | Attributes;
        plan.Root.ChangeDirectory(layers);

        // With userxattr the kernel neither redirects directories nor copies metadata alone, whatever its defaults are,
        // and refuses redirect_dir=off beside it: an upper directory holds all of what was changed.
        if (options.Split(',').All(option => option.Length <= mostOfText))
        {
            return plan.Root.MakeFileSystem(type, attributes, $"{options},userxattr");
        }

        plan.Root.MakeDirectory(layers, at, 0x1C0); // 0700
        return plan.Root.MakeFileSystemAt(at, type, attributes, $"{options},userxattr");
    }

    /// <summary>
    /// Complains about a place for changes that others can enter: setuid programs left there are root's own.
    /// </summary>
    public static void CheckClosed(string path)
    {
        using var directory = Syscall.Open(path, OpenFlags.O_PATH);
        if (!Syscall.Status(directory).IsClosedToOthers)
        {
            throw new ArgumentException(
                $"The directory '{path}' for the changes must be closed to other users: chmod 0700 it.");
        }
    }

    /// <summary>
    /// Adds the steps that copy the mount of a directory, attached nowhere; its owners may be mapped.
    /// </summary>
    public static Descriptor Clone(LaunchPlan plan, string path, MountAttributes attributes, bool mapsIds)
    {
        if (mapsIds)
        {
            plan.WithHost.CloneTree(Descriptor.WorkingDirectory, path);
            return HandDown(plan, attributes);
        }

        var tree = plan.Inside.CloneTree(Descriptor.WorkingDirectory, path);
        if (attributes != MountAttributes.None)
        {
            plan.Inside.SetMountAttributes(tree, attributes);
        }

        return tree;
    }

    private static Descriptor HandDown(LaunchPlan plan, MountAttributes attributes)
    {
        var (outside, received) = plan.HandDown();
        if (attributes != MountAttributes.None)
        {
            plan.WithHost.SetMountAttributes(outside, attributes);
        }

        if (plan.MapsIds)
        {
            plan.MapIdsIfPossible(outside);
        }

        return received;
    }
}
