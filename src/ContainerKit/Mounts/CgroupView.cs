using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>
/// What a container sees of its own cgroup in /sys/fs/cgroup, read-only unless it is delegated: version 2, or the
/// hierarchies of version 1 by their controllers, with version 2 beside them. Runtimes look there for how much memory
/// and time they have.
/// </summary>
/// <param name="HasVersion2">Whether it has a group of version 2.</param>
/// <param name="Old">The controllers of each hierarchy of version 1 in which it has one.</param>
/// <param name="IsWritable">Whether it may be written, where its files' permissions let it.</param>
internal sealed record CgroupView(bool HasVersion2, IReadOnlyList<string[]> Old, bool IsWritable)
{
    private const string Place = "fs/cgroup";

    /// <summary>Adds the steps that attach it in a sysfs; <paramref name="memory"/> is a tmpfs, out of sight.</summary>
    public void AttachTo(LaunchStage stage, Descriptor sys, Descriptor memory)
    {
        const MountAttributes inert = MountAttributes.MOUNT_ATTR_NOSUID | MountAttributes.MOUNT_ATTR_NOEXEC
            | MountAttributes.MOUNT_ATTR_NODEV, readOnly = inert | MountAttributes.MOUNT_ATTR_RDONLY;
        if (Old.Count == 0)
        {
            stage.Attach(stage.MakeFileSystem("cgroup2", IsWritable ? inert : readOnly), sys, Place);
            return;
        }

        MakeDirectories(stage, memory);
        var places = stage.CloneTree(memory, "cgroup");
        stage.SetMountAttributes(places, readOnly);
        stage.Attach(places, sys, Place);
        foreach (var controllers in Old)
        {
            var name = string.Join(',', controllers);
            stage.Attach(stage.MakeFileSystem("cgroup", readOnly, options: name), sys, $"{Place}/{name}");
        }

        if (HasVersion2)
        {
            stage.Attach(stage.MakeFileSystem("cgroup2", readOnly), sys, $"{Place}/unified");
        }
    }

    private void MakeDirectories(LaunchStage stage, Descriptor memory)
    {
        stage.MakeDirectory(memory, "cgroup", 0x1ED); // 0755
        foreach (var controllers in Old)
        {
            var name = string.Join(',', controllers);
            stage.MakeDirectory(memory, $"cgroup/{name}", 0x1ED); // 0755
            foreach (var controller in controllers.Length > 1 ? controllers : [])
            {
                stage.MakeLink(name, memory, $"cgroup/{controller}");
            }
        }

        if (HasVersion2)
        {
            stage.MakeDirectory(memory, "cgroup/unified", 0x1ED); // 0755
        }
    }
}
