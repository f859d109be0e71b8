// What cgroups cost without a library: the same files read, or the same groups made, limited and removed. It prints the
// nanoseconds of one round; the median of five passes.
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct step {
    char *what, *path, *text;
    int file;
};

static struct step *steps;
static int count;

static long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void must(long result, const struct step *step)
{
    if (result < 0)
        err(1, "%s %s", step->what, step->path);
}

// Each line is a step: "read PATH", "mkdir PATH", "write PATH TEXT" or "rmdir PATH".
static void load(const char *list)
{
    FILE *file = fopen(list, "re");
    char *line = NULL;
    size_t size = 0;
    if (!file)
        err(1, "%s", list);
    while (getline(&line, &size, file) > 0) {
        steps = reallocarray(steps, count + 1, sizeof *steps);
        struct step *step = &steps[count++];
        char *rest = strdup(line);
        step->what = strsep(&rest, " \n");
        step->path = strsep(&rest, " \n");
        step->text = strsep(&rest, "\n");
        step->file = -1;
        if (strcmp(step->what, "read") == 0)
            must(step->file = open(step->path, O_RDONLY | O_CLOEXEC), step);
    }
    fclose(file);
}

static void write_file(const struct step *step)
{
    int file = open(step->path, O_WRONLY | O_CLOEXEC);
    must(file, step);
    must(write(file, step->text, strlen(step->text)), step);
    close(file);
}

static void round_of_all(void)
{
    static char buffer[16 << 10];
    for (struct step *step = steps; step < steps + count; step++)
        if (step->file >= 0)
            must(pread(step->file, buffer, sizeof buffer, 0), step);
        else if (*step->what == 'm')
            must(mkdir(step->path, 0755), step);
        else if (*step->what == 'w')
            write_file(step);
        else
            must(rmdir(step->path), step);
}

static int later(const void *one, const void *other)
{
    long difference = *(const long *)one - *(const long *)other;
    return (difference > 0) - (difference < 0);
}

int main(int arguments, char **argument)
{
    long times[5];
    struct rlimit files;
    if (arguments != 3)
        errx(2, "usage: cgroups ROUNDS LIST");
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    int rounds = atoi(argument[1]);
    load(argument[2]);
    round_of_all();
    for (int pass = 0; pass < 5; pass++) {
        long start = now();
        for (int i = 0; i < rounds; i++)
            round_of_all();
        times[pass] = (now() - start) / rounds;
    }
    qsort(times, 5, sizeof *times, later);
    printf("%ld\n", times[2]);
    return 0;
}
