/* SPDX-License-Identifier: Apache-2.0 */
/* The program: finds the verb. */
#include <string.h>

#include "cli.h"
#include "options.h"

static const struct gt_verb *const verbs[] = {
    &gt_verb_list,  &gt_verb_run,     &gt_verb_stress, &gt_verb_bench,   &gt_verb_check,
    &gt_verb_text,  &gt_verb_plan,    &gt_verb_noise,  &gt_verb_collect, &gt_verb_compare,
    &gt_verb_gate,  &gt_verb_report,  &gt_verb_export,
};
#define N_VERBS (sizeof verbs / sizeof verbs[0])

static const struct gt_verb *find_verb(const char *name)
{
    for (size_t i = 0; i < N_VERBS; i++)
        if (strcmp(verbs[i]->name, name) == 0)
            return verbs[i];
    return NULL;
}

static void print_verbs(FILE *f)
{
    fprintf(f, "usage: %s VERB [options]\n\n", GT_PROGRAM);
    for (size_t i = 0; i < N_VERBS; i++)
        fprintf(f, "  %-8s %s\n", verbs[i]->name, verbs[i]->summary);
    fprintf(f, "  %-8s %s\n", "help", "this, or what a verb does: help VERB");
}

static int unknown_verb(const char *name)
{
    fprintf(stderr, "%s: '%s' is no verb: use", GT_PROGRAM, name);
    for (size_t i = 0; i < N_VERBS; i++)
        fprintf(stderr, " %s,", verbs[i]->name);
    fprintf(stderr, " or help\n");
    return GT_EXIT_USAGE;
}

static int help_verb(const struct gt_verb *v)
{
    if (v->script) {
        char *argv[] = {(char[]){"--help"}};
        return v->run(v, 1, argv);
    }
    printf("usage: %s %s %s\n%s\n", GT_PROGRAM, v->name, v->args, v->summary);
    if (v->text)
        printf("\n%s", v->text);
    printf("\noptions:\n");
    gt_options_help(stdout, v->options);
    printf("\nexit status: 0 fine, 1 something is wrong, 2 usage, 3 inconclusive, 4 the machine\n"
           "cannot give what was asked for, 5 incomplete or broken\n");
    return gt_stdout_ok("help") ? GT_EXIT_OK : GT_EXIT_BROKEN;
}

static int help(int argc, char **argv)
{
    if (argc == 0) {
        print_verbs(stdout);
        return gt_stdout_ok("help") ? GT_EXIT_OK : GT_EXIT_BROKEN;
    }
    const struct gt_verb *v = find_verb(argv[0]);
    return v ? help_verb(v) : unknown_verb(argv[0]);
}

/* --help anywhere before a "--". */
static bool wants_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_verbs(stderr);
        return GT_EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return help(argc - 2, argv + 2);
    if (strcmp(name, "--version") == 0) {
        printf("%s %s (%s)\n", GT_PROGRAM, GT_VERSION, GT_PRESET);
        return gt_stdout_ok("--version") ? GT_EXIT_OK : GT_EXIT_BROKEN;
    }
    const struct gt_verb *v = find_verb(name);
    if (!v)
        return unknown_verb(name);
    if (wants_help(argc - 2, argv + 2))
        return help_verb(v);
    return v->run(v, argc - 2, argv + 2);
}
