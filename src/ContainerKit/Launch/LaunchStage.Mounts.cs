using ContainerKit.Linux;

namespace ContainerKit.Launch;

internal sealed partial class LaunchStage
{
    /// <summary>open_tree(2) of a copy, which is attached nowhere yet.</summary>
    public Descriptor CloneTree(Descriptor directory, string path, OpenTreeFlags flags = default) =>
        Keep(ref Add(
            Call.open_tree, directory, Data.Add(path),
            (long)(flags | OpenTreeFlags.OPEN_TREE_CLONE | OpenTreeFlags.OPEN_TREE_CLOEXEC)));

    /// <summary>
    /// mount_setattr(2): adds attributes, and cuts off the propagation of later mounts unless said otherwise.
    /// </summary>
    public void SetMountAttributes(
        Descriptor tree, MountAttributes attributes, bool recursive = false,
        PropagationType propagation = PropagationType.MS_PRIVATE)
    {
        var flags = SetAttributesFlags.AT_EMPTY_PATH | (recursive ? SetAttributesFlags.AT_RECURSIVE : 0);
        var change = Data.Add(new MountAttributesChange((ulong)attributes, 0, (ulong)propagation, 0));
        Add(Call.mount_setattr, tree, Data.Add(""), (long)flags, change, 32);
    }

    /// <summary>
    /// mount_setattr(2): mounts in this mount namespace are passed on to no other; those of its origin come.
    /// </summary>
    public void CutPropagation()
    {
        const long recursive = (long)SetAttributesFlags.AT_RECURSIVE;
        var change = Data.Add(new MountAttributesChange(0, 0, (ulong)PropagationType.MS_SLAVE, 0));
        Add(Call.mount_setattr, Descriptor.WorkingDirectory, Data.Add("/"), recursive, change, 32);
    }

    /// <summary>mount_setattr(2): the ids of a tree's files are those of the child's user namespace.</summary>
    public void MapIds(Descriptor tree, Descriptor childDirectory, bool recursive)
    {
        const int userNamespaceField = 24;
        var change = Data.Add(new MountAttributesChange((ulong)MountAttributes.MOUNT_ATTR_IDMAP, 0, 0, 0));
        Add(Call.openat, childDirectory, Data.Add("ns/user"), (long)OpenFlags.O_CLOEXEC);
        KeepResultAt(change + userNamespaceField);
        MapIds(tree, change, recursive);
    }

    /// <summary>
    /// mount_setattr(2): the ids of a tree's files are those of a user namespace the launcher inherits.
    /// </summary>
    public void MapIdsOf(Descriptor tree, Descriptor userNamespace, bool recursive) =>
        MapIds(
            tree,
            Data.Add(
                new MountAttributesChange((ulong)MountAttributes.MOUNT_ATTR_IDMAP, 0, 0, (ulong)userNamespace.Value)),
            recursive);

    private void MapIds(Descriptor tree, long change, bool recursive)
    {
        var flags = SetAttributesFlags.AT_EMPTY_PATH | (recursive ? SetAttributesFlags.AT_RECURSIVE : 0);
        Add(Call.mapIds, tree, Data.Add(""), (long)flags, change, 32);
    }

    /// <summary>move_mount(2) to a path below a directory; the last component is not followed.</summary>
    public void Attach(Descriptor tree, Descriptor directory, string path) =>
        Add(Call.move_mount, tree, Data.Add(""), directory, Data.Add(path),
            (long)MoveMountFlags.MOVE_MOUNT_F_EMPTY_PATH);

    /// <summary>move_mount(2) to a path that may not be there.</summary>
    public void AttachIfThere(Descriptor tree, Descriptor directory, string path)
    {
        Attach(tree, directory, path);
        Last.Tolerate(Errno.ENOENT);
    }

    /// <summary>move_mount(2) onto an open directory or file.</summary>
    public void Attach(Descriptor tree, Descriptor target) =>
        Add(Call.move_mount, tree, Data.Add(""), target, Data.Add(""),
            (long)(MoveMountFlags.MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags.MOVE_MOUNT_T_EMPTY_PATH));

    /// <summary>
    /// A new file system that is attached nowhere yet: fsopen(2), fsconfig(2), fsmount(2). Options are as mount(8)
    /// writes them: <c>mode=0755,size=1m</c>. As the <paramref name="last"/> step it can be handed down.
    /// </summary>
    public Descriptor MakeFileSystem(string type, MountAttributes attributes, string options = "", bool last = false)
    {
        var context = Keep(ref Add(Call.fsopen, Data.Add(type), (long)FsOpenFlags.FSOPEN_CLOEXEC));
        foreach (var option in options.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = option.IndexOf('=', StringComparison.Ordinal);
            if (equals < 0)
            {
                Add(Call.fsconfig, context, (long)FsConfigCommand.FSCONFIG_SET_FLAG, Data.Add(option));
                continue;
            }

            var (key, value) = (Data.Add(option[..equals]), Data.Add(option[(equals + 1)..]));
            Add(Call.fsconfig, context, (long)FsConfigCommand.FSCONFIG_SET_STRING, key, value);
        }

        Add(Call.fsconfig, context, (long)FsConfigCommand.FSCONFIG_CMD_CREATE);
        var mount = Keep(ref Add(Call.fsmount, context, (long)FsMountFlags.FSMOUNT_CLOEXEC, (long)attributes));
        if (!last)
        {
            Close(context);
        }

        return mount;
    }

    /// <summary>
    /// The same by mount(2), on a directory below the working directory: fsconfig(2) takes texts of up to 255 bytes,
    /// this a page in all.
    /// </summary>
    public Descriptor MakeFileSystemAt(string path, string type, MountAttributes attributes, string options)
    {
        Add(Call.mount, Data.Add(type), Data.Add(path), Data.Add(type), (long)attributes, Data.Add(options));
        return CloneTree(Descriptor.WorkingDirectory, path);
    }

    /// <summary>Attaches a tree in the old root, out of the way: it goes when the old root goes.</summary>
    public void AttachAside(Descriptor tree) => Attach(tree, Descriptor.WorkingDirectory, "/proc");

    /// <summary>Makes a tree the root and the working directory, below what was the root; pivot_root(2).</summary>
    public void Pivot(Descriptor root)
    {
        Attach(root, Descriptor.WorkingDirectory, "/");
        ChangeDirectory(root);
        Add(Call.pivot_root, Data.Add("."), Data.Add("."));
    }

    /// <summary>umount2(2) of what a descriptor stands for, by its name in a directory of /proc/PID/fd.</summary>
    public void Unmount(Descriptor descriptors, Descriptor mount)
    {
        ChangeDirectory(descriptors);
        Add(Call.umount2, Data.Add(FormattableString.Invariant($"{mount.Value}")), (long)UnmountFlags.MNT_DETACH);
    }

    /// <summary>Takes away what was the root; the working directory is the new one.</summary>
    public void LeaveOldRoot()
    {
        Add(Call.umount2, Data.Add("."), (long)UnmountFlags.MNT_DETACH);

        // Were anything of the old root still mounted over the new one, ".." would lead into it.
        var how = new OpenHow((ulong)(OpenFlags.O_PATH | OpenFlags.O_CLOEXEC), 0, (ulong)ResolveFlags.RESOLVE_NO_XDEV);
        Add(Call.openat2, Descriptor.WorkingDirectory, Data.Add(".."), Data.Add(how), 24);
    }

    /// <summary>How mount_setattr(2) changes a mount; struct mount_attr.</summary>
    internal readonly record struct MountAttributesChange(
        ulong Set, ulong Clear, ulong Propagation, ulong UserNamespace);
}
