// Mounts by descriptors: what a mount is made of, copied from, restricted to and attached at.
#include "limit.h"
#include <linux/fcntl.h>
#include <linux/mount.h>

#define PRIVATE (1 << 18)
#define PLAIN (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define INERT (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

static void set(long context, const char *key, const char *value)
{
    SYS(fsconfig, context, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value, 0);
}

static long made(long context, unsigned attributes)
{
    SYS(fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
    long tree = SYS(fsmount, context, FSMOUNT_CLOEXEC, attributes);
    SYS(close, context);
    return tree;
}

static void attach(long tree, long directory, const char *target)
{
    SYS(move_mount, tree, "", directory, target, MOVE_MOUNT_F_EMPTY_PATH);
}

static long copy(long directory, const char *path)
{
    return SYS(open_tree, directory, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

static void restrict_tree(long tree, unsigned attributes, unsigned flags, unsigned propagation)
{
    struct mount_attr attr = {.attr_set = attributes, .propagation = propagation};
    SYS(mount_setattr, tree, "", AT_EMPTY_PATH | flags, &attr, sizeof attr);
}

static long memory_tree(void)
{
    long context = SYS(fsopen, "tmpfs", FSOPEN_CLOEXEC);
    set(context, "mode", "755");
    set(context, "size", "268435456");
    set(context, "nr_inodes", "65537");
    long memory = made(context, PLAIN);
    attach(memory, AT_FDCWD, "/proc/fs");
    SYS(mkdirat, memory, "dev", 0755);
    SYS(mkdirat, memory, "proc", 0755);
    SYS(mkdirat, memory, "run", 0755);
    SYS(mkdirat, memory, "sys", 0755);
    SYS(mkdirat, memory, "tmp", 01777);
    SYS(mkdirat, memory, "shm", 01777);
    return memory;
}
