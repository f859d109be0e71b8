/*
 * Compiles a profile with libseccomp, as container engines do: again and again, and says what one took. The profile is
 * a file of numbers: the default action, how many rules there are, and for each its action, the call's number, how many
 * conditions it has, and for each the argument, the comparison, and two values. What it becomes is written to another.
 */

#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { MOST_RULES = 4096, BINARY_TREE = 2 };

struct rule {
    unsigned action, count;
    int call;
    struct scmp_arg_cmp conditions[6];
};

static struct rule rules[MOST_RULES];
static unsigned default_action, rule_count;

static void must(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "seccomp: %s\n", what);
        exit(1);
    }
}

static unsigned long long number(FILE *profile)
{
    unsigned long long value;
    must(fscanf(profile, "%llu", &value) == 1, "no number");
    return value;
}

static void read_profile(const char *path)
{
    FILE *profile = fopen(path, "r");
    must(profile != NULL, path);
    default_action = (unsigned)number(profile);
    rule_count = (unsigned)number(profile);
    must(rule_count <= MOST_RULES, "too many rules");
    for (unsigned i = 0; i < rule_count; i++) {
        struct rule *rule = &rules[i];
        rule->action = (unsigned)number(profile);
        rule->call = (int)number(profile);
        rule->count = (unsigned)number(profile);
        for (unsigned j = 0; j < rule->count; j++) {
            rule->conditions[j].arg = (unsigned)number(profile);
            rule->conditions[j].op = (enum scmp_compare)number(profile);
            rule->conditions[j].datum_a = number(profile);
            rule->conditions[j].datum_b = number(profile);
        }
    }

    fclose(profile);
}

static void compile(int file)
{
    scmp_filter_ctx filter = seccomp_init(default_action);
    must(filter != NULL, "seccomp_init");
    must(seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, BINARY_TREE) == 0, "no binary tree");
    for (unsigned i = 0; i < rule_count; i++)
        must(seccomp_rule_add_array(filter, rules[i].action, rules[i].call, rules[i].count, rules[i].conditions) == 0,
             "seccomp_rule_add_array");
    must(lseek(file, 0, SEEK_SET) == 0 && seccomp_export_bpf(filter, file) == 0, "seccomp_export_bpf");
    seccomp_release(filter);
}

int main(int argc, char **argv)
{
    must(argc == 4, "usage: seccomp PROFILE FILTER TIMES");
    read_profile(argv[1]);
    int file = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0600), times = atoi(argv[3]);
    must(file >= 0 && times > 0, argv[2]);
    compile(file);
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int i = 0; i < times; i++)
        compile(file);
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%.3f\n", ((end.tv_sec - start.tv_sec) * 1e9 + (end.tv_nsec - start.tv_nsec)) / 1000.0 / times);
    return 0;
}
