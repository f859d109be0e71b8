/*
 * The launcher: runs the system calls that C# wrote down, in a process where no managed code can run.
 *
 * It is freestanding and single-threaded, and decides nothing. A plan has two parts at fixed addresses, so every
 * pointer in it is a number the host knows. Both come over the setup channel, which it inherits as descriptor 3; the
 * second once the host knows it. Four roles: run a plan, supervise PID 1, be PID 1 (init), stay and run parts that come
 * (resident). Build with ./build-launcher.
 */

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

#define PLAN_ADDRESS 0x10020000UL /* with the program and the results, which lie before it, in one page of the table */
#define FIRST_PART_SIZE 0x100000UL
#define SECOND_PART_ADDRESS (PLAN_ADDRESS + FIRST_PART_SIZE)
#define ABOVE_PLAN 0x200000000UL /* nothing else lies below, however long a part is */
#define RESULTS_ADDRESS (PLAN_ADDRESS - RESULTS_SIZE) /* zeros at first; no descriptor of a plan's is 0 */
#define RESULTS_SIZE 0x10000UL
#define MOVED_SETUP (*(const int *)(PLAN_ADDRESS - sizeof(int))) /* the last result: SETUP's new number, once set */
#define CHILD_STACK ((u64 *)(PLAN_ADDRESS - 64)) /* of a child that shares memory, which takes three words of it */
#define MOST_RECEIVED 4
#define MESSAGE_SIZE 0x10000UL /* a longer part comes as a file */
#define NO_STEP (~0U)

enum { SETUP = 3 };                                                 /* the inherited descriptor */
enum { STORE_NOTHING = 0, STORE_REPEAT = 1, STORE_NUMBER = 4, STORE_DIGITS = 10 }; /* what becomes of a result */
enum { ROLE_SUPERVISE = 0xfff0, ROLE_INIT, ROLE_CONTINUE, ROLE_RESIDENT }; /* numbers that no system call has */
enum { MESSAGE_PROGRAM_EXITED = 2, MESSAGE_INIT_EXITED = 3 };

/* One system call. The host's encoder writes the same layout; a test compares the two. */
struct step {
    u16 call;
    u8 load;          /* bit i: argument i is the address of a 4-byte result, and that result is meant */
    u8 store_as;
    u8 tolerated[4];  /* errnos that are no failure */
    int least;        /* a smaller result is a failure */
    u32 fork;         /* after a result above 0 (we are the parent) go on at this step; 0: at the next */
    u64 store;        /* where the result goes; or how often the call is repeated, with 1 more in argument 1 */
    u64 argument[6];
};

struct failure { u32 part, step; long result; }; /* an errno, negated; or too small */

/* What comes with a part, at the start of the results: what it calls by number, then its file if it has one. */
struct received {
    u64 length;
    int level, type, descriptor[MOST_RECEIVED];
};

struct message { u32 kind; int status; }; /* as wait4 gives it */

struct pollfd { int fd; short events, revents; };

enum { SYS_pidfd_send_signal = 424, SYS_openat2 = 437, EAGAIN = 11, LAST_ERRNO = 4095 }; /* everywhere */

#if defined(__x86_64__)

enum { SYS_read = 0, SYS_write = 1, SYS_close = 3, SYS_mmap = 9, SYS_munmap = 11, SYS_sched_yield = 24,
       SYS_recvmsg = 47, SYS_clone = 56, SYS_wait4 = 61, SYS_kill = 62, SYS_rt_sigtimedwait = 128,
       SYS_exit_group = 231, SYS_waitid = 247, SYS_ppoll = 271 };

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tcall launch\n"
        "call6:\n\tmov %rdi, %rax\n\tmov %rsi, %rdi\n\tmov %rdx, %rsi\n\tmov %rcx, %rdx\n\tmov %r8, %r10\n"
        "\tmov %r9, %r8\n\tmov 8(%rsp), %r9\n\tsyscall\n\tret\n");

#elif defined(__aarch64__)

enum { SYS_read = 63, SYS_write = 64, SYS_close = 57, SYS_mmap = 222, SYS_munmap = 215, SYS_recvmsg = 212,
       SYS_clone = 220, SYS_sched_yield = 124, SYS_wait4 = 260, SYS_kill = 129, SYS_rt_sigtimedwait = 137,
       SYS_exit_group = 94, SYS_waitid = 95, SYS_ppoll = 73 };

__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tmov x30, #0\n\tbl launch\n"
        "call6:\n\tstp x29, x30, [sp, #-16]!\n\tmov x8, x0\n\tmov x0, x1\n\tmov x1, x2\n\tmov x2, x3\n"
        "\tmov x3, x4\n\tmov x4, x5\n\tmov x5, x6\n\tsvc 0\n\tldp x29, x30, [sp], #16\n\tret\n");

#else
#error "x86_64 or aarch64"
#endif

/* A system call. It returns to what its stack says, so that a child on one of its own begins where that says. */
long call6(long number, long a, long b, long c, long d, long e, long f);
static void resume(void);

#define CALL(name, a, b, c, d, e, f) call6(SYS_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

__attribute__((noreturn)) static void leave(int status)
{
    for (;;)
        CALL(exit_group, status, 0, 0, 0, 0, 0);
}

__attribute__((noreturn)) static void fail(int setup, u32 part, u32 step, long result)
{
    struct failure failure = {part, step, result};
    CALL(write, setup, &failure, sizeof failure, 0, 0, 0);
    leave(125);
}

static void report(int control, u32 kind, int status)
{
    struct message message = {kind, status};
    CALL(write, control, &message, sizeof message, 0, 0, 0);
}

/* Waits for its child, passes signals on to it, and kills it when the host is gone; unmaps the plan, which may tell of
   secrets, once no child shares it: at the end of a channel that exec closes. By CLONE_PARENT a program has children
   made for it, whose ends are not meant. A tracer in the container can hold a dead child back: that is looked at each
   10 ms, and once it was to be killed not awaited. */
__attribute__((noreturn)) static void supervise(int control, int pidfd, int told, int shared, int yields)
{
    enum { POLLIN = 1, WNOHANG = 1, P_PIDFD = 3, WEXITED = 4, EXITED = 1, SIGKILL = 9, CODE = 2, PID = 4, STATUS = 6 };
    static const long interval[2] = {0, 10000000}; /* struct timespec, read-only: the call would write what is left */
    int is_killed = 0, is_held = 0;
    for (;;) {
        struct pollfd polled[3] = {{control, POLLIN, 0}, {is_held ? -1 : pidfd, POLLIN, 0}, {shared, 0, 0}};
        if (shared < 0)
            CALL(munmap, RESULTS_ADDRESS, ABOVE_PLAN - RESULTS_ADDRESS, 0, 0, 0, 0);
        if (CALL(ppoll, polled, 3, is_held ? interval : 0, 0, 0, 0) < 0)
            continue;
        shared = polled[2].revents ? -1 : shared; /* which poll passes over, as over control */
        if (is_held || polled[1].revents) {
            int info[32]; /* siginfo_t */
            info[CODE] = 0, info[PID] = -1, info[STATUS] = SIGKILL;
            CALL(waitid, P_PIDFD, pidfd, info, WEXITED | WNOHANG, 0, 0);
            is_held = info[PID] == 0;
            if (!is_held || is_killed) {
                report(told, MESSAGE_INIT_EXITED, is_held ? SIGKILL : info[STATUS] << 8 * (info[CODE] == EXITED));
                CALL(close, control, 0, 0, 0, 0, 0); /* the host need not wait until memory is given back */
                if (yields)
                    CALL(sched_yield, 0, 0, 0, 0, 0, 0);
                leave(0);
            }
        }
        if (polled[0].revents) {
            int signal;
            if (CALL(read, control, &signal, sizeof signal, 0, 0, 0) != sizeof signal) {
                signal = SIGKILL;
                control = -1;
            }
            is_killed |= signal == SIGKILL;
            CALL(pidfd_send_signal, pidfd, signal, 0, 0, 0, 0);
        }
    }
}

/* PID 1 beside the program: reaps orphans, forwards signals, reports how the program ended. All signals are blocked. */
__attribute__((noreturn)) static void init(int control, int program)
{
    enum { SIGCHLD = 17, WNOHANG = 1, STOPPED = 0x7f };
    u64 all = ~0UL;
    for (;;) {
        long signal = CALL(rt_sigtimedwait, &all, 0, 0, sizeof all, 0, 0);
        if (signal > 0 && signal != SIGCHLD)
            CALL(kill, program, signal, 0, 0, 0, 0);
        int status = 0;
        long child;
        while ((child = CALL(wait4, -1, &status, WNOHANG, 0, 0, 0)) > 0) {
            if (child == program && (status & 0xff) != STOPPED) { /* as who asked to be traced by its parent is */
                report(control, MESSAGE_PROGRAM_EXITED, status);
                leave(0); /* the kernel kills whatever is left in the namespace */
            }
        }
    }
}

/* Puts the arguments in place; no when one of them is a result that never came. */
static int load(const struct step *step, long argument[6])
{
    for (int i = 0; i < 6; i++) {
        argument[i] = (long)step->argument[i];
        if (step->load & (1 << i)) {
            argument[i] = *(const int *)step->argument[i];
            if (argument[i] <= 0)
                return 0;
        }
    }
    return 1;
}

/* Digits are written over the end of a text that is there already: "/proc//////////maps", "500000000". */
static void store(const struct step *step, long result)
{
    if (step->store_as == STORE_NUMBER)
        *(int *)step->store = (int)result;
    if (step->store_as == STORE_DIGITS)
        for (u8 *digit = (u8 *)step->store + STORE_DIGITS; result > 0; result /= 10)
            *--digit = (u8)('0' + result % 10);
}

static int tolerated(const struct step *step, long result)
{
    for (int i = 0; i < 4; i++)
        if (step->tolerated[i] && step->tolerated[i] == -result)
            return 1;
    return 0;
}

/* Maps memory, private and at that address, in place of a message if one came; anonymous when there is no file. */
static long map(u64 address, u64 size, int file)
{
    enum { READ_WRITE = 3, PRIVATE = 0x02, FIXED = 0x10, ANONYMOUS = 0x20 };
    return CALL(mmap, address, size, READ_WRITE, PRIVATE | FIXED | (file < 0 ? ANONYMOUS : 0), file, 0);
}

/* Waits for a part and the descriptors it uses; without a host there is nothing to do. A part that is too long for a
   message comes as a file, and the message is its size. */
static void receive_part(u64 address)
{
    enum { MSG_CTRUNC = 8, MSG_CMSG_CLOEXEC = 0x40000000, EMFILE = 24 };
    struct received *received = (struct received *)RESULTS_ADDRESS;
    u64 vector[2] = {address, MESSAGE_SIZE};
    u64 message[7] = {0, 0, (u64)vector, 1, RESULTS_ADDRESS, sizeof *received, 0}; /* struct msghdr */
    long result = CALL(recvmsg, SETUP, message, MSG_CMSG_CLOEXEC, 0, 0, 0);
    if (result == 0)
        leave(0);
    if (message[6] & MSG_CTRUNC)
        result = -EMFILE;
    if (result == sizeof(u64)) {
        int *file = (int *)(RESULTS_ADDRESS + received->length) - 1;
        result = map(address, *(const u64 *)address, *file);
        CALL(close, *file, 0, 0, 0, 0, 0);
        *file = 0;
    }
    if (result < 0)
        fail(SETUP, 0, NO_STEP, result);
}

/* Stays, and gives 0 in a process of its own for each part that comes, one after the other. */
static long reside(void)
{
    enum { POLLIN = 1, POLLHUP = 16, SIGCHLD = 17 };
    for (;;) {
        int status = 0;
        struct pollfd polled = {SETUP, POLLIN, 0};
        CALL(ppoll, &polled, 1, 0, 0, 0, 0);
        if (polled.revents & POLLHUP)
            leave(0);
        long child = CALL(clone, SIGCHLD, 0, 0, 0, 0, 0);
        if (child <= 0)
            return child;
        CALL(wait4, child, &status, 0, 0, 0, 0);
        if (status & 0x7f) /* by a signal, so it could not say so itself */
            report(SETUP, MESSAGE_PROGRAM_EXITED, status);
    }
}

#define FIRST_STEP(part) ((const struct step *)((part) + *(const u64 *)(part))) /* a part begins with its offset */

/* Writable data of its own would cost each process a page more. */
__attribute__((noreturn)) static void run(const struct step *step)
{
    u32 part = 0;
    const struct step *steps = FIRST_STEP(PLAN_ADDRESS);
    for (;;) {
        long a[6], result = 0;
        if (load(step, a)) {
            if (step->call == ROLE_SUPERVISE)
                supervise((int)a[0], (int)a[1], (int)a[2], (int)a[3], (int)a[4]);
            if (step->call == ROLE_INIT)
                init((int)a[0], (int)a[1]);
            if (step->call == ROLE_CONTINUE) {
                receive_part(SECOND_PART_ADDRESS);
                part++;
                steps = step = FIRST_STEP(SECOND_PART_ADDRESS);
                continue;
            }
            if (step->call == SYS_clone && a[1] == (long)CHILD_STACK)
                CHILD_STACK[0] = CHILD_STACK[1] = (u64)resume, CHILD_STACK[2] = (u64)(step + 1);
            for (u64 left = step->store_as == STORE_REPEAT ? 1 + step->store : 1; left > 0 && result >= 0; left--)
                result = step->call == ROLE_RESIDENT ? reside()
                    : call6(step->call, a[0], a[1]++, a[2], a[3], a[4], a[5]);
            if (result == -EAGAIN && step->call == SYS_openat2)
                continue; /* something was renamed or mounted somewhere while it went up */
            int failed = result < 0 && result >= -LAST_ERRNO;
            if (failed ? !tolerated(step, result) : result < step->least)
                fail(MOVED_SETUP ? MOVED_SETUP : SETUP, part, (u32)(step - steps), result);
            if (!failed)
                store(step, result);
        }
        step = step->fork && result > 0 ? steps + step->fork : step + 1;
    }
}

/* Where a child that shares memory begins: the first word of its stack is the return address of x86_64, the second
   that of aarch64. */
static void resume(void)
{
    run((const struct step *)CHILD_STACK[2]);
}

__attribute__((noreturn, used)) void launch(void)
{
    long result = map(RESULTS_ADDRESS, SECOND_PART_ADDRESS + MESSAGE_SIZE - RESULTS_ADDRESS, -1);
    if (result < 0)
        fail(SETUP, 0, NO_STEP, result);
    receive_part(PLAN_ADDRESS);
    run(FIRST_STEP(PLAN_ADDRESS));
}
