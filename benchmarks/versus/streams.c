// Bytes between a host and a program, in either direction. As "source" and "sink" this is the program; as "bare" it is
// both, with nothing between them but a pipe or a pseudoterminal, and prints the nanoseconds that the host's end saw.
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static char block[64 * 1024];

static long must(long result, const char *what)
{
    if (result < 0)
        err(1, "%s", what);
    return result;
}

static void take(int from, long count)
{
    for (long length; count > 0; count -= length)
        if ((length = must(read(from, block, sizeof block), "read")) == 0)
            errx(1, "the end came %ld bytes early", count);
}

static void give(int to, long count)
{
    for (long length; count > 0; count -= length)
        length = must(write(to, block, count < (long)sizeof block ? (size_t)count : sizeof block), "write");
}

// Both say with a byte that they are there; the source waits for one to begin, the sink says with one that it has all.
static void program(const char *role, long count)
{
    struct termios settings;
    if (tcgetattr(0, &settings) == 0) {
        cfmakeraw(&settings);
        must(tcsetattr(0, TCSANOW, &settings), "tcsetattr");
    }
    give(1, 1);
    if (strcmp(role, "source") == 0) {
        take(0, 1);
        give(1, count);
        take(0, 1);
    } else {
        take(0, count);
        give(1, 1);
    }
}

static long measure(const char *role, int in, int out, long count)
{
    struct timespec start, end;
    take(in, 1);
    clock_gettime(CLOCK_MONOTONIC, &start);
    if (strcmp(role, "source") == 0) {
        give(out, 1);
        take(in, count);
    } else {
        give(out, count);
        take(in, 1);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    if (strcmp(role, "source") == 0)
        give(out, 1);
    return (end.tv_sec - start.tv_sec) * 1000000000L + end.tv_nsec - start.tv_nsec;
}

static void bare(const char *kind, const char *role, long count)
{
    int to_program[2], from_program[2];
    if (strcmp(kind, "pty") == 0) {
        int unlock = 0, master = (int)must(open("/dev/ptmx", O_RDWR | O_NOCTTY), "/dev/ptmx");
        must(ioctl(master, TIOCSPTLCK, &unlock), "TIOCSPTLCK");
        int slave = (int)must(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY), "TIOCGPTPEER");
        to_program[0] = from_program[1] = slave;
        to_program[1] = from_program[0] = master;
    } else {
        must(pipe(to_program), "pipe");
        must(pipe(from_program), "pipe");
    }
    if (must(fork(), "fork") == 0) {
        dup2(to_program[0], 0);
        dup2(from_program[1], 1);
        closefrom(3);
        program(role, count);
        exit(0);
    }
    close(to_program[0]);
    if (from_program[1] != to_program[0])
        close(from_program[1]);
    printf("%s %ld\n", role, measure(role, from_program[0], to_program[1], count));
    int status;
    wait(&status);
    exit(status != 0);
}

int main(int count, char **arguments)
{
    if (count == 5 && strcmp(arguments[1], "bare") == 0)
        bare(arguments[2], arguments[3], atol(arguments[4]));
    if (count != 3)
        errx(2, "usage: streams source|sink BYTES, or streams bare pipe|pty source|sink BYTES");
    program(arguments[1], atol(arguments[2]));
    return 0;
}
