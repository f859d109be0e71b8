// The work whose steady state is compared inside and outside of a container. It runs in the directory that it is
// given, times itself, and prints one line per part: its name and nanoseconds.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char buffer[64 * 1024];

static long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static long part(const char *name, long since)
{
    printf("%s %ld\n", name, now() - since);
    return now();
}

static long must(long result, const char *what)
{
    if (result < 0)
        err(1, "%s", what);
    return result;
}

// Two tasks on two CPUs measure how a hypervisor delivers interrupts; on one CPU they measure the kernel's path.
static void stay_on_one_cpu(void)
{
    cpu_set_t allowed, one;
    must(sched_getaffinity(0, sizeof allowed, &allowed), "sched_getaffinity");
    int last = CPU_SETSIZE - 1;
    while (!CPU_ISSET(last, &allowed))
        last--;
    CPU_ZERO(&one);
    CPU_SET(last, &one);
    must(sched_setaffinity(0, sizeof one, &one), "sched_setaffinity");
}

static void cpu(int rounds)
{
    uint64_t hash = 14695981039346656037u;
    long start = now();
    for (int round = 0; round < rounds; round++)
        for (size_t i = 0; i < sizeof buffer; i++)
            hash = (hash ^ (unsigned char)buffer[i]) * 1099511628211u;
    buffer[0] = (char)hash;
    part("hash", start);
}

static void calls(int rounds)
{
    int pipes[2], word = 0;
    char byte = 0;
    struct stat status;
    must(pipe(pipes), "pipe");
    long start = now();
    for (int i = 0; i < rounds; i++)
        syscall(SYS_getpid);
    start = part("getpid", start);
    for (int i = 0; i < rounds; i++)
        close(must(openat(AT_FDCWD, "data", O_RDONLY | O_CLOEXEC), "openat"));
    start = part("openat+close", start);
    for (int i = 0; i < rounds; i++)
        must(stat("data", &status), "stat");
    start = part("stat", start);
    for (int i = 0; i < rounds; i++)
        if (write(pipes[1], &byte, 1) != 1 || read(pipes[0], &byte, 1) != 1)
            err(1, "pipe");
    start = part("pipe", start);
    for (int i = 0; i < rounds; i++)
        syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    part("futex", start);
}

static void stream(const char *path, int flags, int blocks)
{
    int file = must(open(path, flags, 0644), path);
    for (int i = 0; i < blocks; i++)
        if ((flags & O_CREAT ? write(file, buffer, sizeof buffer) : read(file, buffer, sizeof buffer)) != sizeof buffer)
            err(1, "%s", path);
    close(file);
}

static void files(int rounds)
{
    char name[32], moved[32];
    struct stat status;
    must(mkdir("files", 0755), "mkdir");
    long start = now();
    for (int i = 0; i < rounds; i++) {
        stream("files/large", O_RDWR | O_CREAT | O_TRUNC, 256);
        stream("files/large", O_RDONLY, 256);
    }
    start = part("large", start);
    for (int i = 0; i < rounds; i++)
        stream("data", O_RDONLY, 256);
    start = part("image", start);
    for (int i = 0; i < 50 * rounds; i++) {
        snprintf(name, sizeof name, "files/small-%d", i);
        snprintf(moved, sizeof moved, "files/moved-%d", i);
        int file = must(open(name, O_RDWR | O_CREAT | O_EXCL, 0644), name);
        must(write(file, buffer, 4096), "write");
        close(file);
        must(rename(name, moved), "rename");
        must(stat(moved, &status), "stat");
        file = must(open(moved, O_RDONLY), moved);
        must(read(file, buffer, 4096), "read");
        close(file);
        must(unlink(moved), "unlink");
    }
    part("small", start);
    must(unlink("files/large"), "unlink");
    must(rmdir("files"), "rmdir");
}

static void transfer(int socket, size_t length, int sends)
{
    for (size_t done = 0; done < length;) {
        long n = sends ? send(socket, buffer, length - done, 0) : recv(socket, buffer, length - done, 0);
        if (n <= 0)
            err(1, sends ? "send" : "recv");
        done += n;
    }
}

static void loopback(int rounds)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int blocks = 16 * rounds, echoes = 200 * rounds, one = 1;
    stay_on_one_cpu();
    int server = must(socket(AF_INET, SOCK_STREAM, 0), "socket");
    must(bind(server, (void *)&address, length), "bind");
    must(getsockname(server, (void *)&address, &length), "getsockname");
    must(listen(server, 1), "listen");
    pid_t child = must(fork(), "fork");
    int s = (int)(child ? must(socket(AF_INET, SOCK_STREAM, 0), "socket") : must(accept(server, NULL, NULL), "accept"));
    if (child)
        must(connect(s, (void *)&address, length), "connect");
    must(setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), "setsockopt");
    long start = now();
    for (int i = 0; i < echoes; i++) {
        transfer(s, 64, child != 0);
        transfer(s, 64, child == 0);
    }
    if (child)
        start = part("echo", start);
    for (int i = 0; i < blocks; i++)
        transfer(s, sizeof buffer, child != 0);
    transfer(s, 1, child == 0);
    if (!child)
        _exit(0);
    part("throughput", start);
    must(waitpid(child, NULL, 0), "waitpid");
}

static int later(const void *one, const void *other)
{
    long difference = *(const long *)one - *(const long *)other;
    return (difference > 0) - (difference < 0);
}

// The median of a command's times from start to exit, started by a process that has no descriptors to hand down.
static void starts(int rounds, char **command)
{
    long times[100];
    if (rounds > 100)
        rounds = 100;
    for (int i = 0; i < rounds; i++) {
        pid_t child;
        int status;
        usleep(10000);
        long since = now();
        if (posix_spawn(&child, *command, NULL, NULL, command, NULL) != 0 || waitpid(child, &status, 0) < 0 || status)
            errx(1, "%s does not work here", *command);
        times[i] = now() - since;
    }
    qsort(times, rounds, sizeof *times, later);
    printf("start %ld\n", times[rounds / 2]);
}

int main(int count, char **arguments)
{
    const char *what = count > 1 ? arguments[1] : "";
    int rounds = count > 2 ? atoi(arguments[2]) : 1;
    if (count > 3)
        must(chdir(arguments[3]), arguments[3]);
    if (strcmp(what, "cpu") == 0)
        cpu(rounds);
    else if (strcmp(what, "calls") == 0)
        calls(rounds);
    else if (strcmp(what, "files") == 0)
        files(rounds);
    else if (strcmp(what, "loopback") == 0)
        loopback(rounds);
    else if (strcmp(what, "starts") == 0 && count > 4)
        starts(rounds, arguments + 4);
    else if (strcmp(what, "pause") == 0)
        return write(1, "paused\n", 7) == 7 ? pause() : 1;
    else
        errx(2, "usage: work cpu|calls|files|loopback|starts|pause [rounds [directory [command]]]");
    return 0;
}
