// The limit: the system calls and the processes of ContainerKit's start, in the same order, with nothing between them.
// With "init" and the directories of a cgroup it enters that; with three arguments more than a root it is that from
// layers: of a store, the changes, and the layers from the topmost on.
// What ContainerKit learns from its options and its host stands here as constants, or is defined by who compiles it.
#include "groups.h"
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <linux/openat2.h>
#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/signal.h>
#include <linux/sockios.h>

#define AT_RECURSIVE 0x8000
#define UNBINDABLE (1 << 17)
#define QUIET (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)

static const char *const masked_proc_files[] = {MASKED_PROC_FILES};
static const char *const masked_proc_directories[] = {MASKED_PROC_DIRECTORIES};
static const char *const masked_sys_directories[] = {MASKED_SYS_DIRECTORIES};
static const char *const read_only_proc[] = {READ_ONLY_PROC};
static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"};
static const char *const kinds[] = {
    "/proc/self/ns/user", "/proc/self/ns/mnt", "/proc/self/ns/pid", "/proc/self/ns/net", "/proc/self/ns/ipc",
    "/proc/self/ns/uts", "/proc/self/ns/cgroup",
};
static const char *const mount_points[] = {"proc", "dev", "sys", "tmp", "run"};
static const char *const links[][2] = {
    {"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"}, {"/proc/self/fd/2", "stderr"},
    {"pts/ptmx", "ptmx"},
};

static const char *root_path, *changes_path; // with layers the first is that of all layers of the store
static char **layers;
static int use_init, pair[2], control[2], pidfd, handed_down[2];
static long root, proc, sys, dev, tmp, run_directory, nodes[COUNT(devices)];

static void loopback_up(void)
{
    struct { char name[16]; short flags; char rest[22]; } request = {.name = "lo", .flags = 1};
    long socket = SYS(socket, 2, 2 | O_CLOEXEC, 0);
    SYS(ioctl, socket, SIOCSIFFLAGS, &request);
    SYS(close, socket);
}

// A message with descriptors; struct msghdr, whose one byte lies wherever.
static void exchange(long number, long socket, int *descriptors, uint64_t count)
{
    struct { uint64_t length; int level, type, descriptor[8]; } attached = {16 + 4 * count, 1, 1, {0}};
    uint64_t none = 0;
    struct { void *start; uint64_t length; } vector = {&none, 1};
    struct {
        uint64_t name[2]; void *vectors; uint64_t count; void *control; uint64_t control_length, flags;
    } message = {
        .vectors = &vector, .count = 1, .control = &attached, .control_length = 16 + 4 * count,
    };
    for (uint64_t i = 0; i < count; i++)
        attached.descriptor[i] = descriptors[i];
    check(call(number, socket, (long)&message, 0, 0, 0, 0), __LINE__);
    for (uint64_t i = 0; i < count; i++)
        descriptors[i] = attached.descriptor[i];
}

static void send_namespaces(void)
{
    int held[COUNT(kinds)];
    for (size_t i = 0; i < COUNT(kinds); i++)
        held[i] = (int)SYS(openat, AT_FDCWD, kinds[i], O_RDONLY | O_CLOEXEC, 0);
    exchange(__NR_sendmsg, pair[1], held, COUNT(kinds));
}

static void early(void)
{
    char byte;
    SYS(close, pair[0]);
    SYS(umask, 0);
    enter_groups();
    loopback_up();
    send_namespaces();
    proc = made(SYS(fsopen, "proc", FSOPEN_CLOEXEC), INERT);
    sys = made(SYS(fsopen, "sysfs", FSOPEN_CLOEXEC), INERT | MOUNT_ATTR_RDONLY);
    for (size_t i = 0; i < COUNT(devices); i++)
        nodes[i] = copy(AT_FDCWD, devices[i]);
    if (layers)
        exchange(__NR_recvmsg, pair[1], handed_down, COUNT(handed_down));
    else
        SYS(read, pair[1], &byte, 1);
}

// The launcher's: trees of the host whose ids are those of the child's user namespace.
static int map_tree(long directory, const char *path)
{
    long tree = copy(AT_FDCWD, path);
    struct mount_attr attr = {
        .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = SYS(openat, directory, "ns/user", O_RDONLY | O_CLOEXEC, 0),
    };
    SYS(mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof attr);
    return (int)tree;
}

static void join_layers(void)
{
    long context = SYS(fsopen, "tmpfs", FSOPEN_CLOEXEC);
    set(context, "mode", "755");
    set(context, "size", "262144");
    set(context, "nr_inodes", "65");
    long place = made(context, PLAIN);
    attach(place, AT_FDCWD, "/proc");
    SYS(mkdirat, place, "layers", 0755);
    attach(handed_down[0], place, "layers");
    SYS(mkdirat, place, "changes", 0755);
    attach(handed_down[1], place, "changes");
    SYS(fchdir, place);
    context = SYS(fsopen, "overlay", FSOPEN_CLOEXEC);
    for (char **layer = layers; *layer; layer++)
        set(context, "lowerdir+", *layer);
    set(context, "upperdir", "changes/upper");
    set(context, "workdir", "changes/work");
    set(context, "userxattr", NULL);
    root = made(context, PLAIN);
}

static void inside(void)
{
    SYS(sethostname, "container", 9);
    if (layers)
        return;
    root = SYS(open_tree, AT_FDCWD, root_path, OPEN_TREE_CLONE | AT_RECURSIVE | OPEN_TREE_CLOEXEC);
    restrict_tree(root, MOUNT_ATTR_RDONLY | PLAIN, AT_RECURSIVE, PRIVATE);
}

static void become_root(void)
{
    SYS(setgroups, 0, NULL);
    SYS(setresgid, 0, 0, 0);
    SYS(setresuid, 0, 0, 0);
}

static void fill_dev(void)
{
    for (size_t i = 0; i < COUNT(devices); i++) {
        const char *name = devices[i] + sizeof "/dev/" - 1;
        SYS(mknodat, dev, name, 0100666, 0);
        attach(nodes[i], dev, name);
    }
    for (size_t i = 0; i < COUNT(links); i++)
        SYS(symlinkat, links[i][0], dev, links[i][1]);
    SYS(mkdirat, dev, "pts", 0755);
    SYS(mkdirat, dev, "shm", 0755);
    SYS(mkdirat, dev, "mqueue", 0755);
    SYS(mkdirat, dev, "empty", 0755);
    restrict_tree(dev, MOUNT_ATTR_RDONLY | QUIET, 0, PRIVATE);
}

static void set_limit(const char *name, const char *most, long length)
{
    long file = SYS(openat, proc, name, O_WRONLY | O_CLOEXEC, 0);
    SYS(write, file, most, length);
    SYS(close, file);
}

static void mask(void)
{
    set_limit("sys/user/max_user_namespaces", "0", 1);
    set_limit("sys/user/max_inotify_instances", "32", 2);
    set_limit("sys/user/max_inotify_watches", "16384", 5);
    set_limit("sys/user/max_fanotify_groups", "16", 2);
    set_limit("sys/user/max_fanotify_marks", "16384", 5);
    for (size_t i = 0; i < COUNT(masked_proc_files); i++)
        attach(copy(dev, "null"), proc, masked_proc_files[i]);
    for (size_t i = 0; i < COUNT(masked_proc_directories); i++)
        attach(copy(dev, "empty"), proc, masked_proc_directories[i]);
    for (size_t i = 0; i < COUNT(masked_sys_directories); i++)
        attach(copy(dev, "empty"), sys, masked_sys_directories[i]);
    for (size_t i = 0; i < COUNT(read_only_proc); i++) {
        long tree = copy(proc, read_only_proc[i]);
        restrict_tree(tree, INERT | MOUNT_ATTR_RDONLY, 0, PRIVATE);
        attach(tree, proc, read_only_proc[i]);
    }
}

static void system_mounts(void)
{
    SYS(setfsgid, 0);
    SYS(setfsuid, 0);
    long memory = memory_tree();
    tmp = copy(memory, "tmp");
    run_directory = copy(memory, "run");
    dev = copy(memory, "dev");
    attach(dev, memory, "dev");
    attach(proc, memory, "proc");
    attach(sys, memory, "sys");
    show_groups(sys, memory);
    fill_dev();
    long pts = SYS(fsopen, "devpts", FSOPEN_CLOEXEC);
    set(pts, "newinstance", NULL);
    set(pts, "ptmxmode", "0666");
    set(pts, "mode", "0620");
    set(pts, "max", "64");
    attach(made(pts, QUIET), dev, "pts");
    long shm = copy(memory, "shm");
    restrict_tree(shm, QUIET, 0, PRIVATE);
    attach(shm, dev, "shm");
    attach(made(SYS(fsopen, "mqueue", FSOPEN_CLOEXEC), INERT), dev, "mqueue");
    mask();
    restrict_tree(memory, 0, 0, UNBINDABLE);
    SYS(setregid, -1, -1);
    SYS(setreuid, -1, -1);
    SYS(prctl, PR_SET_PDEATHSIG, SIGKILL);
}

static void pivot(void)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_XDEV};
    attach(root, AT_FDCWD, "/");
    SYS(fchdir, root);
    SYS(pivot_root, ".", ".");
    for (size_t i = 0; layers && i < COUNT(mount_points); i++)
        TRY(mkdirat, root, mount_points[i], 0755);
    attach(proc, root, "proc");
    attach(sys, root, "sys");
    attach(dev, root, "dev");
    attach(tmp, root, "tmp");
    attach(run_directory, root, "run");
    SYS(umount2, ".", 2);
    SYS(openat2, AT_FDCWD, "..", &how, sizeof how);
}

static void confine(void)
{
    struct __user_cap_header_struct version = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    struct rlimit64 no_core = {1, 1}, processes = {1024, 1024}, signals = {4096, 4096}, queues = {262144, 262144};
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    char byte;
    SYS(prlimit64, 0, RLIMIT_SIGPENDING, &signals, NULL);
    SYS(prlimit64, 0, RLIMIT_MSGQUEUE, &queues, NULL);
    SYS(prlimit64, 0, RLIMIT_CORE, &no_core, NULL);
    SYS(prlimit64, 0, RLIMIT_NPROC, &processes, NULL);
    for (long capability = 0; capability <= LAST_CAPABILITY; capability++)
        SYS(prctl, PR_CAPBSET_DROP, capability);
    SYS(prctl, PR_SET_DUMPABLE, 0);
    SYS(keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
    SYS(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
    SYS(capset, &version, none);
    SYS(prctl, PR_SET_NO_NEW_PRIVS, 1);
    SYS(fchdir, SYS(openat2, root, "/", &how, sizeof how));
    SYS(umask, 022);
    SYS(prctl, PR_SET_PDEATHSIG, SIGKILL);
    TRY(recvfrom, pair[1], &byte, 1, 0x40);
}

static _Noreturn void run(void)
{
    static const char *const command[] = {"/true", NULL};
    static const char *const environment[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", NULL,
    };
    uint64_t none = 0;
    SYS(setsid);
    SYS(rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
    SYS(write, 1, &none, sizeof none);
    SYS(close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC);
    SYS(execve, command[0], command, environment);
    leave(255);
}

static _Noreturn void init(long program)
{
    uint64_t all = ~0UL;
    int status = 0;
    SYS(dup3, 1, 0, O_CLOEXEC);
    SYS(close_range, 1, ~0U, 0);
    for (;;)
        if (SYS(rt_sigtimedwait, &all, NULL, NULL, sizeof all) == SIGCHLD)
            while (TRY(wait4, -1, &status, 1, NULL) == program) {
                SYS(write, 0, &status, sizeof status * 2);
                leave(status ? 1 : 0);
            }
}

static _Noreturn void child(void)
{
    early();
    system_mounts();
    inside();
    become_root();
    if (layers)
        join_layers();
    pivot();
    confine();
    if (use_init) {
        struct clone_args fork = {.flags = CLONE_PIDFD, .pidfd = (uint64_t)&pidfd, .exit_signal = SIGCHLD};
        long program = SYS(clone3, &fork, sizeof fork);
        if (program)
            init(program);
    }
    run();
}

static void write_map(long directory, const char *name)
{
    long file = SYS(openat, directory, name, O_WRONLY | O_CLOEXEC);
    SYS(write, file, "0 500000000 1", 13);
    SYS(close, file);
}

// To its own end of the channel, which it does not read: here is no host to receive it.
static void send_pidfd(void)
{
    int sent[1] = {pidfd};
    exchange(__NR_sendmsg, control[1], sent, 1);
}

static _Noreturn void supervise(void)
{
    int status = 0, held[COUNT(kinds)] = {0};
    struct pollfd polled[2] = {{.fd = -1}, {.fd = 0, .events = POLLIN}};
    SYS(close, pair[1]);
    exchange(__NR_recvmsg, pair[0], held, COUNT(kinds));
    SYS(dup3, pidfd, 0, O_CLOEXEC);
    SYS(dup3, pair[0], 2, O_CLOEXEC);
    SYS(dup3, 1, 1 + 2, O_CLOEXEC); // where ours moves its channel to the host; that is standard output here
    for (size_t i = 0; i < COUNT(kinds); i++)
        SYS(dup3, held[i], 5 + i, O_CLOEXEC);
    SYS(close_range, 5 + COUNT(kinds), ~0U, 0);
    SYS(close, 3);
    SYS(ppoll, polled, 2, NULL, NULL);
    SYS(wait4, -1, &status, 0, NULL);
    SYS(write, 1, &status, sizeof status);
    leave((status & 0x7f) ? 255 : (status >> 8) & 0xff);
}

static void directory_of(long process, char path[16])
{
    char *digit = path + 15;
    for (; process; process /= 10)
        *--digit = (char)('0' + process % 10);
}

__attribute__((used)) _Noreturn void begin(char **stack)
{
    uint64_t all = ~0UL;
    char path[] = "/proc//////////";
    struct clone_args all_namespaces = {
        .flags = CLONE_PIDFD | CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS,
        .pidfd = (uint64_t)&pidfd, .exit_signal = SIGCHLD,
    };
    root_path = stack[2];
    use_init = stack[3] && stack[3][0] != '/';
    groups = use_init ? stack + 4 : stack + 1 + (long)stack[0];
    if (stack[3] && !use_init) {
        changes_path = stack[3];
        layers = stack + 4;
    }
    SYS(setsid);
    SYS(rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof all);
    SYS(rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof all);
    SYS(socketpair, 1, 1 | O_CLOEXEC, 0, pair);
    SYS(socketpair, 1, 1 | O_CLOEXEC, 0, control); // which ours is given
    open_entrances();
    all_namespaces.flags |= groups[0] ? CLONE_INTO_CGROUP : CLONE_NEWCGROUP;
    all_namespaces.cgroup = groups[0] ? SYS(openat, AT_FDCWD, groups[0], O_PATH | O_CLOEXEC, 0) : 0;
    SYS(getpid);
    SYS(getpid);
    long process = SYS(clone3, &all_namespaces, sizeof all_namespaces);
    if (!process)
        child();
    directory_of(process, path);
    long directory = SYS(openat, AT_FDCWD, path, O_PATH | O_CLOEXEC);
    write_map(directory, "uid_map");
    write_map(directory, "gid_map");
    if (layers) {
        handed_down[0] = map_tree(directory, root_path);
        handed_down[1] = map_tree(directory, changes_path);
    }
    send_pidfd();
    if (layers)
        exchange(__NR_sendmsg, pair[0], handed_down, COUNT(handed_down));
    else
        SYS(write, pair[0], "\n", 1);
    supervise();
}
