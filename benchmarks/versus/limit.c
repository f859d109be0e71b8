// The limit: the system calls and processes of ContainerKit's start with nothing between them. The values that
// ContainerKit learns from its options stand here as constants. No libc, so that its start costs nothing either.
#include <asm/unistd.h>
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/signal.h>
#include <linux/wait.h>
#include <stddef.h>
#include <stdint.h>

#define AT_RECURSIVE 0x8000
#define RUN_ID 100000

static long call(long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    __asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return number;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c,
                  x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
#else
#error "this architecture is not supported"
#endif
}

static _Noreturn void leave(long status)
{
    for (;;)
        call(__NR_exit_group, status, 0, 0, 0, 0, 0);
}

// Every call must succeed; the line at which one did not is the exit status.
static long check(long result, int line)
{
    if (result < 0)
        leave(line % 255 + 1);
    return result;
}

#define SYS(name, a, b, c, d, e) \
    check(call(__NR_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0), __LINE__)

#define MASK_FLAGS (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

static const char map[] = "0 100000 1\n";
static char *const nothing[] = {NULL};
static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"};
static const char *const masked[] = {"/proc/acpi", "/sys/firmware"};
static const char *const masked_files[] = {"/proc/keys", "/proc/timer_list"};

static void write_map(const char *kind, long process)
{
    char path[32] = "/proc/", digits[12], *end = path + 6;
    int n = 0;
    for (; process; process /= 10)
        digits[n++] = (char)('0' + process % 10);
    while (n)
        *end++ = digits[--n];
    while ((*end++ = *kind++))
        ;
    long file = SYS(openat, AT_FDCWD, path, 02000001, 0, 0);
    SYS(write, file, map, sizeof map - 1, 0, 0);
    SYS(close, file, 0, 0, 0, 0);
}

static long filesystem(const char *type, const char *key, const char *value, unsigned attributes)
{
    long context = SYS(fsopen, type, FSOPEN_CLOEXEC, 0, 0, 0);
    if (key)
        SYS(fsconfig, context, FSCONFIG_SET_STRING, key, value, 0);
    SYS(fsconfig, context, FSCONFIG_CMD_CREATE, 0, 0, 0);
    long tree = SYS(fsmount, context, FSMOUNT_CLOEXEC, attributes, 0, 0);
    SYS(close, context, 0, 0, 0, 0);
    return tree;
}

static void attach(long tree, long directory, const char *target)
{
    SYS(move_mount, tree, "", directory, target, MOVE_MOUNT_F_EMPTY_PATH);
}

static void make_devices(long dev, const long nodes[])
{
    static const char *const links[][2] = {
        {"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"},
        {"/proc/self/fd/2", "stderr"}, {"pts/ptmx", "ptmx"},
    };
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        const char *name = devices[i] + sizeof "/dev/" - 1;
        SYS(close, SYS(openat, dev, name, 02000101, 0644, 0), 0, 0, 0, 0);
        attach(nodes[i], dev, name);
    }
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        SYS(symlinkat, links[i][0], dev, links[i][1], 0, 0);
    SYS(mkdirat, dev, "pts", 0755, 0, 0);
    SYS(mkdirat, dev, "shm", 0755, 0, 0);
    SYS(mkdirat, dev, "mqueue", 0755, 0, 0);
    attach(filesystem("devpts", "ptmxmode", "666", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC), dev, "pts");
    attach(filesystem("tmpfs", "mode", "1777", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV), dev, "shm");
    attach(filesystem("mqueue", NULL, NULL, MASK_FLAGS & ~MOUNT_ATTR_RDONLY), dev, "mqueue");
}

static void mount_everything(long root, const long nodes[])
{
    attach(filesystem("proc", NULL, NULL, MASK_FLAGS & ~MOUNT_ATTR_RDONLY), root, "proc");
    attach(filesystem("sysfs", NULL, NULL, MASK_FLAGS), root, "sys");
    long dev = filesystem("tmpfs", "mode", "755", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    attach(dev, root, "dev");
    make_devices(dev, nodes);
    attach(filesystem("tmpfs", "mode", "1777", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV), root, "tmp");
    attach(filesystem("tmpfs", "mode", "755", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV), root, "run");
}

static void mask(const long covers[])
{
    long empty = filesystem("tmpfs", "mode", "0", MASK_FLAGS);
    attach(empty, AT_FDCWD, masked[0]);
    for (size_t i = 1; i < sizeof masked / sizeof *masked; i++)
        attach(SYS(open_tree, empty, "", OPEN_TREE_CLONE | AT_EMPTY_PATH, 0, 0), AT_FDCWD, masked[i]);
    for (size_t i = 0; i < sizeof masked_files / sizeof *masked_files; i++)
        attach(covers[i], AT_FDCWD, masked_files[i]);
}

static void confine(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    for (long capability = 0; capability <= CAP_LAST_CAP; capability++)
        SYS(prctl, PR_CAPBSET_DROP, capability, 0, 0, 0);
    SYS(capset, &header, none, 0, 0, 0);
    SYS(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static _Noreturn void execute(void)
{
    static char *const command[] = {"/true", NULL};
    uint64_t no_signals = 0;
    SYS(rt_sigprocmask, 2, &no_signals, NULL, sizeof no_signals, 0);
    SYS(close_range, 3, ~0U, 4, 0, 0);
    SYS(execve, command[0], command, nothing, 0, 0);
    leave(255);
}

static _Noreturn void be_init(long program)
{
    for (;;) {
        int status;
        if (SYS(wait4, -1, &status, 0, NULL, 0) == program)
            leave(status ? 1 : 0);
    }
}

static _Noreturn void contain(long gate, const char *path, long root, const long nodes[], int init)
{
    char byte;
    SYS(read, gate, &byte, 1, 0, 0);
    SYS(move_mount, root, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH);
    SYS(setgroups, 0, NULL, 0, 0, 0);
    SYS(setresgid, 0, 0, 0, 0, 0);
    SYS(setresuid, 0, 0, 0, 0, 0);
    SYS(prctl, PR_SET_PDEATHSIG, 9, 0, 0, 0);
    mount_everything(root, nodes);
    SYS(fchdir, root, 0, 0, 0, 0);
    SYS(pivot_root, ".", ".", 0, 0, 0);
    SYS(umount2, ".", 2, 0, 0, 0);
    mask(nodes + sizeof devices / sizeof *devices);
    SYS(sethostname, "limit", 5, 0, 0, 0);
    SYS(keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0);
    SYS(setsid, 0, 0, 0, 0, 0);
    confine();
    if (init) {
        SYS(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
        struct clone_args fork = {.exit_signal = 17};
        long program = SYS(clone3, &fork, sizeof fork, 0, 0, 0);
        if (program)
            be_init(program);
    }
    execute();
}

static _Noreturn void supervise(const char *path, int init)
{
    enum { NODES = sizeof devices / sizeof *devices + sizeof masked_files / sizeof *masked_files };
    struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
    struct clone_args clone = {
        .flags = CLONE_PIDFD | CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS
            | CLONE_NEWCGROUP,
        .exit_signal = 17,
    };
    uint64_t all_signals = ~0UL;
    int gate[2], pidfd, status;
    long nodes[NODES];
    SYS(setsid, 0, 0, 0, 0, 0);
    SYS(rt_sigprocmask, 0, &all_signals, NULL, sizeof all_signals, 0);
    SYS(pipe2, gate, 02000000, 0, 0, 0);
    long root = SYS(open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC, 0, 0);
    SYS(mount_setattr, root, "", AT_EMPTY_PATH, &read_only, sizeof read_only);
    for (size_t i = 0; i < NODES; i++)
        nodes[i] = SYS(open_tree, AT_FDCWD, devices[i < NODES - 2 ? i : 0], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC, 0, 0);
    clone.pidfd = (uint64_t)&pidfd;
    long child = SYS(clone3, &clone, sizeof clone, 0, 0, 0);
    if (child == 0)
        contain(gate[0], path, root, nodes, init);
    write_map("/uid_map", child);
    write_map("/gid_map", child);
    SYS(write, gate[1], "", 1, 0, 0);
    SYS(close_range, 3, pidfd - 1, 0, 0, 0);
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    SYS(ppoll, &ended, 1, NULL, NULL, 0);
    SYS(wait4, -1, &status, 0, NULL, 0);
    leave((status & 0x7f) ? 255 : (status >> 8) & 0xff);
}

__attribute__((noreturn, used)) void enter(char **stack)
{
    long count = (long)stack[0];
    if (count < 2)
        leave(254);
    supervise(stack[2], count > 2);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start: xor %ebp, %ebp\nmov %rsp, %rdi\nand $-16, %rsp\ncall enter\n");
#else
__asm__(".globl _start\n_start: mov x29, #0\nmov x30, #0\nmov x0, sp\nbl enter\n");
#endif
