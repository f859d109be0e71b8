// The cgroup that a start may be in: entered at birth, and shown, as ContainerKit does it.
#include "mounts.h"
#include <linux/sched.h>

#define MOST_GROUPS 16

static char **groups; // its directories, that of version 2 first; NULL ends them
static int entrances[MOST_GROUPS];

// What comes of a path "/sys/fs/cgroup/memory/some/group" for its hierarchy: "memory".
static const char *hierarchy(const char *group, char name[64])
{
    const char *start = group + sizeof "/sys/fs/cgroup/" - 1;
    size_t length = 0;
    for (; start[length] && start[length] != '/' && length < 63; length++)
        name[length] = start[length];
    name[length] = '\0';
    return name;
}

static void open_entrances(void)
{
    for (size_t i = 1; i < MOST_GROUPS && groups[0] && groups[i]; i++) {
        long directory = SYS(openat, AT_FDCWD, groups[i], O_PATH | O_CLOEXEC, 0);
        entrances[i] = (int)SYS(openat, directory, "tasks", O_WRONLY | O_CLOEXEC, 0);
    }
}

static void enter_groups(void)
{
    for (size_t i = 1; entrances[i]; i++)
        SYS(write, entrances[i], "0", 1);
    if (groups[0])
        SYS(unshare, CLONE_NEWCGROUP);
}

static long cgroup_tree(const char *type, const char *name)
{
    long context = SYS(fsopen, type, FSOPEN_CLOEXEC);
    if (name)
        set(context, name, NULL);
    return made(context, INERT | MOUNT_ATTR_RDONLY);
}

static void show_groups(long sys, long memory)
{
    char place[80] = "cgroup/", name[64];
    if (!groups[0])
        return;
    if (!groups[1]) {
        attach(cgroup_tree("cgroup2", NULL), sys, "fs/cgroup");
        return;
    }
    SYS(mkdirat, memory, "cgroup", 0755);
    for (size_t i = 0; groups[i]; i++) {
        hierarchy(groups[i], place + sizeof "cgroup/" - 1);
        SYS(mkdirat, memory, place, 0755);
    }
    long places = copy(memory, "cgroup");
    restrict_tree(places, INERT | MOUNT_ATTR_RDONLY, 0, PRIVATE);
    attach(places, sys, "fs/cgroup");
    for (size_t i = 1; groups[i]; i++)
        attach(cgroup_tree("cgroup", hierarchy(groups[i], name)), places, name);
    attach(cgroup_tree("cgroup2", NULL), places, hierarchy(groups[0], name));
}
