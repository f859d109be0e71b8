using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>
/// Paths of a container that are hidden or kept from changes, beside those of every container. Each look-up is confined
/// to its root and follows no magic link; a path that is not there is fine.
/// </summary>
internal static class PathMasks
{
    private const MountAttributes Inert =
        MountAttributes.MOUNT_ATTR_RDONLY | MountAttributes.MOUNT_ATTR_NOSUID | MountAttributes.MOUNT_ATTR_NOEXEC;

    /// <summary>Complains about a path that is not absolute and plain.</summary>
    public static void Validate(string path, string option)
    {
        if (path is null || !MountPoint.IsPlain(path))
        {
            throw new ArgumentException(
                $"{option} holds '{path?.Replace('\0', '␀')}', which must be an absolute path without '.', '..' and "
                + "'//', and not the root itself.");
        }
    }

    /// <summary>Adds the steps that mount a path, with what is below it, read-only over itself.</summary>
    public static void MakeReadOnly(LaunchPlan plan, Descriptor root, string path)
    {
        var stage = plan.Pivoted;
        var place = OpenIfThere(stage, root, path);
        var tree = stage.CloneTree(place, "", OpenTreeFlags.AT_EMPTY_PATH | OpenTreeFlags.AT_RECURSIVE);
        stage.SetMountAttributes(tree, MountAttributes.MOUNT_ATTR_RDONLY, recursive: true, PropagationType.None);
        stage.Attach(tree, place);
        stage.Close(tree);
        stage.Close(place);
    }

    /// <summary>
    /// Adds the steps that lay the null device or an empty directory over a path. No step can ask what is there: the
    /// device is refused by a directory, and who exchanges the two meanwhile meets the last step, which fails on all
    /// but a mount.
    /// </summary>
    public static void Hide(LaunchPlan plan, Descriptor root, string path)
    {
        var stage = plan.Pivoted;
        var device = plan.Inside.CloneTree(Descriptor.WorkingDirectory, "/dev/null"); // checked for the private /dev
        var nothing = new TmpfsMount(path) { Size = ByteSize.KiB(4), Mode = 0x16D }.Make(plan.Root); // 0555
        var anything = OpenIfThere(stage, root, path);
        stage.Attach(device, anything);
        stage.Last.Tolerate(Errno.EINVAL);
        var directory = OpenIfThere(stage, root, path + "/");
        stage.Attach(nothing, directory);
        var mask = OpenIfThere(stage, root, path);
        stage.SetMountAttributes(mask, Inert);
        foreach (var opened in new[] { device, nothing, anything, directory, mask })
        {
            stage.Close(opened);
        }
    }

    private static Descriptor OpenIfThere(LaunchStage stage, Descriptor root, string path)
    {
        var opened = stage.OpenInRoot(root, path, OpenFlags.O_PATH);
        stage.Last.Tolerate(Errno.ENOENT);
        stage.Last.Tolerate(Errno.ENOTDIR);
        return opened;
    }
}
