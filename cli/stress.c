/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stress: stress tests with every oracle, or workloads alone. What the names are decides;
 * a name that is both means the stress test, unless an option is given that only workloads
 * have. Tests need the oracle program: the lean one hands over to it.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/registry.h"
#include "harness/seer.h"
#include "stress_trace.h"
#include "stress_verb.h"

#ifndef GT_ORACLE
#define GT_ORACLE 0
#endif

/* ---- what the names are ------------------------------------------------- */
enum meaning { MEANS_TESTS, MEANS_WORKLOADS, MEANS_NOTHING };

static bool workloads_only(const struct gt_options *o)
{
    bool peers = o->n_runtimes > 1 || o->runtime != &gt_gmp; /* they keep no journal to judge by */
    return peers || o->lean || o->ops || o->gs || o->check_owner || !gt_stress_at(0);
}

static const char *tests_only(const struct gt_options *o)
{
    return o->fault     ? "--fault"
           : o->runs    ? "--runs"
           : o->perturb ? "--perturb"
           : o->oracles ? "--oracle"
           : o->json    ? "--json"
                        : NULL;
}

static int say_unknown(const char *name)
{
    char tests[2048], workloads[2048];
    (void)gt_stress_find(name, tests, sizeof tests);
    (void)gt_workload_find(name, workloads, sizeof workloads);
    const char *list = strstr(tests, "use ");
    gt_say("stress", "%s; stress tests are: %s", workloads, list ? list + 4 : "none");
    return MEANS_NOTHING;
}

static enum meaning meaning_of(const struct gt_options *o, struct gt_stress_plan *p)
{
    char err[2048];
    for (int i = 0; i < o->n_args; i++) {
        const struct gt_stress_ops *t = gt_stress_find(o->args[i], err, sizeof err);
        if (t && p->n_tests < GT_TESTS_MAX)
            p->tests[p->n_tests++] = t;
        else if (!gt_workload_find(o->args[i], err, sizeof err))
            return (enum meaning)say_unknown(o->args[i]);
    }
    if (p->n_tests == (uint32_t)o->n_args)
        return MEANS_TESTS;
    if (p->n_tests == 0)
        return MEANS_WORKLOADS;
    gt_say("stress", "%s is a stress test and others are workloads: run them apart",
           p->tests[0]->head.name);
    return MEANS_NOTHING;
}

/* No names: all tests, or the one that the fault is for. */
static int default_tests(struct gt_stress_plan *p)
{
    const struct gt_fault_info *f = gt_fault_named(p->o.fault);
    char err[2048];
    if (p->n_tests > 0)
        return 0;
    if (f) {
        p->tests[0] = gt_stress_find(f->test, err, sizeof err);
        p->n_tests = p->tests[0] != NULL;
        if (!p->tests[0])
            gt_say("stress", "the fault %s is for a test that is not there: %s", f->name, err);
        return p->tests[0] ? 0 : -EINVAL;
    }
    for (size_t i = 0; gt_stress_at(i) && i < GT_TESTS_MAX; i++)
        p->tests[p->n_tests++] = gt_stress_at(i);
    return 0;
}

/* ---- the oracle program ------------------------------------------------- */
static const char *own_path(void)
{
    static char path[PATH_MAX];
    return gt_self(path, sizeof path) ? path : GT_PROGRAM;
}

/* Comes back only if it cannot. */
static int hand_over(int argc, char **argv)
{
    char path[PATH_MAX + 16];
    char **args = calloc((size_t)argc + 3, sizeof *args);
    const char *own = own_path(), *slash = strrchr(own, '/');
    if (!args)
        return GT_EXIT_BROKEN;
    snprintf(path, sizeof path, "%.*sgauntlet-oracle", slash ? (int)(slash - own) + 1 : 0, own);
    args[0] = path;
    args[1] = (char *)(uintptr_t) "stress";
    memcpy(args + 2, argv, (size_t)argc * sizeof *args);
    fflush(NULL);
    execv(path, args);
    gt_say("stress", "stress tests run in %s: %s", path, strerror(errno));
    free(args);
    return GT_EXIT_BROKEN;
}

static int run_tests(struct gt_stress_plan *p)
{
    char err[2048];
    bool all = p->o.fault && (strcmp(p->o.fault, "all") == 0 || strcmp(p->o.fault, "seeds") == 0);
    if (!all && default_tests(p) != 0)
        return GT_EXIT_USAGE;
    if (gt_stress_aim(p, err, sizeof err) != 0 || gt_traced_refuse(&p->o, err, sizeof err) != 0) {
        gt_say("stress", "%s", err);
        return GT_EXIT_USAGE;
    }
    if (p->o.fault && !GT_FAULTS) {
        gt_say("stress", "--fault=%s: this build (%s) has no faults: build the preset faults and "
                         "use build/faults/gauntlet", p->o.fault, GT_PRESET);
        return GT_EXIT_VOID;
    }
    if (all)
        return gt_stress_faults(p);
    gt_stress_fill_in(p);
    return gt_stress_tests(p);
}

/* ---- the verb ------------------------------------------------------------ */
/* argv: as parsed; original: in the order given, for another program. */
static int run_parsed(struct gt_stress_plan *p, int argc, char **original)
{
    enum meaning m = MEANS_WORKLOADS;
    if (!workloads_only(&p->o))
        m = meaning_of(&p->o, p);
    if (m == MEANS_NOTHING)
        return GT_EXIT_USAGE;
    if (m == MEANS_WORKLOADS && tests_only(&p->o)) {
        gt_say("stress", "%s is for stress tests, not for workloads", tests_only(&p->o));
        return GT_EXIT_USAGE;
    }
    if (m == MEANS_TESTS && !GT_ORACLE)
        return hand_over(argc, original); /* a signal on the way ends us, and is not forgotten */
    gt_stop_install();
    if (p->o.out && gt_save_possible("stress", p->o.out) != 0)
        return GT_EXIT_BROKEN;
    return m == MEANS_TESTS ? run_tests(p) : gt_stress_workloads(&p->o);
}

static int run(const struct gt_verb *v, int argc, char **argv)
{
    char err[4096], program[PATH_MAX + 16];
    struct gt_stress_plan p = {.program = program};
    snprintf(program, sizeof program, "%s stress", own_path());
    char **original = calloc((size_t)argc + 1, sizeof *original);
    if (!original)
        return GT_EXIT_BROKEN;
    memcpy(original, argv, (size_t)argc * sizeof *original);
    int rc = gt_options_parse(&p.o, v->name, v->options, argc, argv, err, sizeof err);
    if (rc == 0) {
        rc = run_parsed(&p, argc, original);
    } else {
        gt_say(v->name, "%s", err);
        rc = gt_options_status(rc);
    }
    free(original);
    return rc;
}

const struct gt_verb gt_verb_stress = {
    .name = "stress",
    .args = "[TEST...|WORKLOAD...] [options]",
    .summary = "runs stress tests and says where a trace contradicts what happened, as TAP",
    .text =
        "Each cell (test x scheduler x tracer x syscall model x Ps) is a child process of the\n"
        "oracle program. It runs in rounds: a trace, the test, then with the world quiet all\n"
        "oracles: order (the trace by the strict rules, see help check), truth (the trace against\n"
        "the runtime's journal, transition by transition), ownership and locks (the runtime's own\n"
        "rules), liveness, conservation (of bytes and buffers). A test whose windows were entered\n"
        "too seldom is inconclusive. Without names all tests and all schedulers; gen; scanbit;\n"
        "4 Ps; 1 s a cell. With --duration the cells share about that time. Generations are\n"
        "of mixed length, drawn for each round, unless --generation says otherwise.\n"
        "What a failing round leaves (traces, journal, dump) goes to --out, or to $TMPDIR;\n"
        "--out also keeps stress.tap, stress.xml (JUnit) and stress.json. A cell that begins removes\n"
        "what an earlier run left there under its names.\n"
        "--fault=NAME plants a fault (preset faults): 1 says it was found, 3 that it was not.\n"
        "What is not given, the test too, is then as the fault's line in faults.def has it.\n"
        "--fault=all prints a table of all, --fault=seeds of the five seeds: 0 says that each was\n"
        "found, 1 that one was missed.\n"
        "A WORKLOAD (see list workloads) runs alone, in either program: with --ops, --gs,\n"
        "--check-owner, --lean or another --runtime than gmp all names are of workloads. A peer\n"
        "has its own scheduler: one cell for each number of Ps. It fails when its own check fails,\n"
        "a G is left behind, the runtime counted a broken rule, or its trace is inconsistent.\n"
        "--trace=FILE keeps the trace, of several cells as FILE-1, FILE-2, ... before the\n"
        "suffix, of several rounds the last. FILE may be a pipe or a device. --trace,\n"
        "--generation, --header and --profile turn a tracer on: gen, unless --tracer says\n"
        "otherwise. --profile needs a kernel timer for each thread (ulimit -i).\n",
    .options = GT_OPT_RUNTIME | GT_OPT_SCHEDULER | GT_OPT_TRACER | GT_OPT_PROCS | GT_OPT_SYSCALLS |
               GT_OPT_BIND | GT_OPT_DURATION | GT_OPT_OPS | GT_OPT_GS | GT_OPT_SEED | GT_OPT_OUT |
               GT_OPT_TRACE | GT_OPT_GENERATION | GT_OPT_HEADER | GT_OPT_PROFILE |
               GT_OPT_CHECK_OWNER | GT_OPT_GC | GT_OPT_FAULT | GT_OPT_PERTURB | GT_OPT_ORACLE |
               GT_OPT_LEAN | GT_OPT_JSON,
    .run = run,
};

/* ---- one test ------------------------------------------------------------ */
#define ONE_OPTIONS                                                                               \
    (GT_OPT_RUNTIME | GT_OPT_SCHEDULER | GT_OPT_TRACER | GT_OPT_PROCS | GT_OPT_SYSCALLS |          \
     GT_OPT_BIND | GT_OPT_DURATION | GT_OPT_SEED | GT_OPT_OUT | GT_OPT_TRACE | GT_OPT_GENERATION | \
     GT_OPT_HEADER | GT_OPT_PROFILE | GT_OPT_GC | GT_OPT_FAULT | GT_OPT_PERTURB | GT_OPT_ORACLE |  \
     GT_OPT_JSON)

static int help_one(const struct gt_stress_ops *test)
{
    printf("usage: %s [options]\n%s\n\n%s\n\noptions:\n", test->head.name, test->head.summary,
           test->text);
    gt_options_help(stdout, ONE_OPTIONS);
    return gt_stdout_ok("stress") ? GT_EXIT_OK : GT_EXIT_BROKEN;
}

int gt_stress_one(const struct gt_stress_ops *test, int argc, char **argv)
{
    char err[4096];
    struct gt_stress_plan p = {.program = own_path(), .one = true};
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return help_one(test);
    int rc = gt_options_parse(&p.o, test->head.name, ONE_OPTIONS, argc, argv, err, sizeof err);
    if (rc == 0 && p.o.n_args > 0) {
        rc = -EINVAL;
        snprintf(err, sizeof err, "this is one test: no names, not '%.100s'", p.o.args[0]);
    }
    if (rc != 0) {
        gt_say("stress", "%s", err);
        return gt_options_status(rc);
    }
    p.tests[p.n_tests++] = test;
    gt_stop_install();
    if (p.o.out && gt_save_possible("stress", p.o.out) != 0)
        return GT_EXIT_BROKEN;
    return run_tests(&p);
}
