namespace ContainerKit.Linux;

/// <summary>How a tree is picked up; open_tree(2).</summary>
[Flags]
internal enum OpenTreeFlags
{
    OPEN_TREE_CLONE = 0x1,
    AT_SYMLINK_NOFOLLOW = 0x100,
    AT_EMPTY_PATH = 0x1000,
    AT_RECURSIVE = 0x8000,
    OPEN_TREE_CLOEXEC = 0x80000,
}

/// <summary>How a tree is put down; move_mount(2).</summary>
[Flags]
internal enum MoveMountFlags
{
    MOVE_MOUNT_F_EMPTY_PATH = 0x4,
    MOVE_MOUNT_T_EMPTY_PATH = 0x40,
}

/// <summary>Which mounts mount_setattr(2) changes.</summary>
[Flags]
internal enum SetAttributesFlags
{
    AT_EMPTY_PATH = 0x1000,
    AT_RECURSIVE = 0x8000,
}

/// <summary>Attributes of a mount; mount_setattr(2).</summary>
[Flags]
internal enum MountAttributes
{
    None = 0,
    MOUNT_ATTR_RDONLY = 0x1,
    MOUNT_ATTR_NOSUID = 0x2,
    MOUNT_ATTR_NODEV = 0x4,
    MOUNT_ATTR_NOEXEC = 0x8,
    MOUNT_ATTR_IDMAP = 0x100000,
}

/// <summary>Where else later mounts below a mount appear; mount_namespaces(7).</summary>
internal enum PropagationType : ulong
{
    None = 0,
    MS_UNBINDABLE = 1 << 17,
    MS_PRIVATE = 1 << 18,
    MS_SLAVE = 1 << 19,
}

/// <summary>Commands of fsconfig(2).</summary>
internal enum FsConfigCommand
{
    FSCONFIG_SET_FLAG = 0,
    FSCONFIG_SET_STRING = 1,
    FSCONFIG_CMD_CREATE = 6,
}

/// <summary>Flags of fsopen(2).</summary>
[Flags]
internal enum FsOpenFlags
{
    FSOPEN_CLOEXEC = 0x1,
}

/// <summary>Flags of fsmount(2).</summary>
[Flags]
internal enum FsMountFlags
{
    FSMOUNT_CLOEXEC = 0x1,
}

/// <summary>Flags of mount(2), which have the values of the attributes.</summary>
[Flags]
internal enum MountFlags
{
    MS_RDONLY = 0x1,
    MS_NOSUID = 0x2,
    MS_NODEV = 0x4,
    MS_NOEXEC = 0x8,
}

/// <summary>Flags of umount2(2).</summary>
[Flags]
internal enum UnmountFlags
{
    MNT_DETACH = 0x2,
}
