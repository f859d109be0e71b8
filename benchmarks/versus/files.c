// Makes the files of a layer from memory, and says how many nanoseconds that took, by the clock and of the processor.
// Its list says what to make: on each line a kind, mode, user, group, seconds, nanoseconds, where the content lies in
// the archive, its size, a name and a target, divided by tabs. The list is read, and the archive is in memory, before
// the clock starts.
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

struct entry {
    char kind, *parent, *name, *target;
    unsigned mode, user, group;
    struct timespec time;
    long offset, size;
};

static long now(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * 1000000000 + time.tv_nsec;
}

static int root, directory = -1;
static const char *directory_name = "";

static long must(long result, const char *what)
{
    if (result < 0)
        err(1, "%s", what);
    return result;
}

static char *map(const char *path, size_t *size, int more)
{
    int file = must(open(path, O_RDONLY), path);
    struct stat status;
    must(fstat(file, &status), path);
    *size = status.st_size;
    char *start = mmap(NULL, *size + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | more, file, 0);
    if (start == MAP_FAILED)
        err(1, "mmap");
    return start;
}

static struct entry *read_list(char *line, char *end, size_t *count)
{
    *count = 0;
    for (char *rest = line; (rest = memchr(rest, '\n', end - rest)); rest++)
        ++*count;
    struct entry *entries = calloc(*count + 1, sizeof *entries);
    for (struct entry *entry = entries; line < end; entry++) {
        char *fields[10], *next = line;
        strsep(&next, "\n");
        for (int i = 0; i < 10; i++)
            fields[i] = strsep(&line, "\t");
        char *slash = strrchr(fields[8], '/');
        *entry = (struct entry){
            fields[0][0], slash ? fields[8] : "", slash ? slash + 1 : fields[8], fields[9],
            atol(fields[1]), atol(fields[2]), atol(fields[3]), {atol(fields[4]), atol(fields[5])},
            atol(fields[6]), atol(fields[7]),
        };
        if (slash)
            *slash = 0;
        line = next;
    }
    return entries;
}

static int open_parent(const struct entry *entry)
{
    if (directory >= 0 && !strcmp(entry->parent, directory_name))
        return directory;
    if (directory >= 0)
        close(directory);
    directory_name = entry->parent;
    return directory = must(openat(root, *entry->parent ? entry->parent : ".", O_PATH | O_DIRECTORY), entry->parent);
}

static void give(const struct entry *entry, int parent, int flags)
{
    struct timespec times[] = {{0, UTIME_OMIT}, entry->time};
    if (entry->user || entry->group)
        must(fchownat(parent, entry->name, entry->user, entry->group, AT_SYMLINK_NOFOLLOW), entry->name);
    if (!flags && entry->mode & 07000)
        must(fchmodat(parent, entry->name, entry->mode, 0), entry->name);
    must(utimensat(parent, entry->name, times, flags), entry->name);
}

static void make_file(const struct entry *entry, int parent, const char *archive)
{
    struct timespec times[] = {{0, UTIME_OMIT}, entry->time};
    int file = must(openat(parent, entry->name, O_WRONLY | O_CREAT | O_EXCL, entry->mode & 0777), entry->name);
    if (entry->size && must(write(file, archive + entry->offset, entry->size), entry->name) != entry->size)
        errx(1, "%s: not written", entry->name);
    if (entry->user || entry->group)
        must(fchown(file, entry->user, entry->group), entry->name);
    if (entry->mode & 07000)
        must(fchmod(file, entry->mode), entry->name);
    must(futimens(file, times), entry->name);
    close(file);
}

static void make(const struct entry *entry, const char *archive)
{
    int parent = open_parent(entry);
    switch (entry->kind) {
    case 'd':
        must(mkdirat(parent, entry->name, entry->mode | 0700), entry->name);
        break;
    case 'f':
        make_file(entry, parent, archive);
        break;
    case 'l':
        must(symlinkat(entry->target, parent, entry->name), entry->name);
        give(entry, parent, AT_SYMLINK_NOFOLLOW);
        break;
    case 'h':
        must(linkat(root, entry->target, parent, entry->name, 0), entry->name);
        break;
    case 'w':
        must(mknodat(parent, entry->name, S_IFCHR, 0), entry->name);
        break;
    case 'o':
        must(setxattr(entry->parent, "user.overlay.opaque", "y", 1, 0), entry->parent);
        must(setxattr(entry->parent, "trusted.overlay.opaque", "y", 1, 0), entry->parent);
        break;
    }
}

int main(int count, char **arguments)
{
    if (count != 4)
        errx(2, "usage: files LIST ARCHIVE DIRECTORY");
    size_t list_size, archive_size, entries_count;
    char *list = map(arguments[1], &list_size, 0), *archive = map(arguments[2], &archive_size, MAP_POPULATE);
    struct entry *entries = read_list(list, list + list_size, &entries_count);
    root = must(open(arguments[3], O_PATH | O_DIRECTORY), arguments[3]);
    must(chdir(arguments[3]), arguments[3]);
    umask(0);
    long start = now(CLOCK_MONOTONIC), used = now(CLOCK_PROCESS_CPUTIME_ID);
    for (size_t i = 0; i < entries_count; i++)
        make(&entries[i], archive);
    for (size_t i = entries_count; i-- > 0;)
        if (entries[i].kind == 'd')
            give(&entries[i], open_parent(&entries[i]), 0);
    printf("%ld %ld\n", now(CLOCK_MONOTONIC) - start, now(CLOCK_PROCESS_CPUTIME_ID) - used);
}
