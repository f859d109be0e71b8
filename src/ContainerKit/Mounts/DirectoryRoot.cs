using ContainerKit.Launch;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>A directory of the host, read-only or below a layer of changes.</summary>
internal sealed record DirectoryRoot(string Path, CopyOnWrite? Changes) : RootFilesystem
{
    /// <inheritdoc/>
    public override string ToString() =>
        Changes is null ? $"RootFilesystem.Directory(\"{Path}\")" : $"RootFilesystem.Directory(\"{Path}\", {Changes})";

    internal override bool IsWritable => Changes is not null;

    internal override bool IsReadOnlyOfHost => Changes is null;

    internal override void Validate()
    {
        if (!System.IO.Path.IsPathRooted(Path) || Path.Contains('\0', StringComparison.Ordinal))
        {
            throw new ArgumentException($"The root '{Path}' must be an absolute path without NUL.");
        }

        Changes?.Validate();
    }

    internal override (RootFilesystem Root, IDisposable? Held) Open()
    {
        if (Changes is { KeptIn: { } directory })
        {
            var kept = KeptLayer.Take(directory);
            return (this with { Changes = Changes with { Lease = kept.Handle } }, kept);
        }

        if (Changes is null || !TemporaryLayer.IsNeeded)
        {
            return (this, null);
        }

        var temporary = TemporaryLayer.Make();
        return (this with { Changes = temporary.AsChanges() }, temporary);
    }

    internal override SafeFileHandle? OpenForLookup() => Syscall.Open(Path, OpenFlags.O_PATH);

    internal override Descriptor AddTo(LaunchPlan plan, ContainerIdentity identity) =>
        Changes is null ? CloneReadOnly(plan.Inside, Path) : Changes.AddTo(plan, Path);

    internal override void Fill(LaunchPlan plan, Descriptor root, ContainerIdentity identity)
    {
        if (Changes is not null)
        {
            foreach (var name in EmptyRoot.SystemDirectories)
            {
                plan.Pivoted.MakeDirectory(root, name, 0x1ED, mayExist: true); // 0755
            }
        }
    }

    /// <summary>A read-only copy of a tree of the host, with what is mounted below it.</summary>
    internal static Descriptor CloneReadOnly(LaunchStage stage, string path)
    {
        var tree = stage.CloneTree(Descriptor.WorkingDirectory, path, OpenTreeFlags.AT_RECURSIVE);
        stage.SetMountAttributes(
            tree, MountAttributes.MOUNT_ATTR_RDONLY | MountAttributes.MOUNT_ATTR_NOSUID
                | MountAttributes.MOUNT_ATTR_NODEV, recursive: true);
        return tree;
    }
}
