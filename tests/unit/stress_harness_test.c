/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: workloads timeout=120 */
/*
 * The harness of the stress tests: what each way to fail comes to, with tests and tracers
 * that fail on purpose, and what is left behind.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "harness_cells.h"

/* ---- verdicts --------------------------------------------------------------- */
static void test_ok(void)
{
    struct gt_stress_ops t = test_of("yields", run_yields);
    struct gt_stress_cell c = cell_of(&t);
    c.duration_ns = 3 * c.round_ns;
    ok(drive(&c) == GT_STRESS_OK, "yields: ok");
    ok(r.rounds >= 1 && r.traces == r.rounds, "rounds, a trace each");
    ok(r.events > 100 && r.transitions > 100 && r.generations >= r.rounds, "with something in them");
    ok(r.inconsistencies == 0 && r.n_files == 0 && r.seed == 11, "and nothing left behind");
}

static void test_windows(void)
{
    struct gt_stress_ops t = test_of("windows", run_yields);
    t.windows[0] = (struct gt_stress_need){.window = GT_WINDOW_foreign_born, .least = 1};
    struct gt_stress_cell c = cell_of(&t);
    ok(drive(&c) == GT_STRESS_INCONCLUSIVE && strstr(r.why, "foreign-born"),
       "a window that was not entered is named");
    t.windows[0].procs = 3;
    ok(drive(&c) == GT_STRESS_OK, "nor is one that takes more Ps");
    t.windows[0] = (struct gt_stress_need){.window = GT_WINDOW_foreign_born, .per_min = 1};
    ok(drive(&c) == GT_STRESS_OK, "one that is entered at times only is not missed in a short run");
    t.windows[0].per_min = 60000;
    ok(drive(&c) == GT_STRESS_INCONCLUSIVE && strstr(r.why, "0 times, "), "its share of a short run is: %s", r.why);
    t.windows[0] = (struct gt_stress_need){.window = GT_WINDOW_foreign_born, .least = 1};
    t.windows[0].models = 1u << GT_SYSCALLS_STATUS;
    ok(drive(&c) == GT_STRESS_OK, "one of the other syscall model is not missed");
    t.windows[0] = (struct gt_stress_need){.window = GT_WINDOW_foreign_advance, .least = 1};
    c.generation_ns = 1000 * MS;
    ok(drive(&c) == GT_STRESS_OK, "nor one of generations that are longer than a round");
    c.generation_ns = MS;
    c.config.tracer = plugin(GT_MAGIC_TRACER, "locked");
    ok(drive(&c) == GT_STRESS_OK, "nor one of generations where there are none");
}

static void test_skips(void)
{
    struct gt_stress_ops t = test_of("large", run_yields);
    t.min_procs = 3;
    struct gt_stress_cell c = cell_of(&t);
    ok(drive(&c) == GT_STRESS_SKIPPED, "too few Ps");
    t.min_procs = 0;
    t.flags = GT_STRESS_TRACES;
    c.config.tracer = plugin(GT_MAGIC_TRACER, "none");
    ok(drive(&c) == GT_STRESS_SKIPPED, "a tracer that is never on");
    t.flags = 0;
    ok(drive(&c) == GT_STRESS_OK && r.events == 0 && r.transitions > 0, "without traces the rest");
    c.config.procs = GT_PROCS_MAX;
    c.config.bind = GT_BIND_PU;
    ok(drive(&c) == GT_STRESS_VOID, "more Ps than CPUs to bind to");
    c = cell_of(&t);
    c.config.fault = GT_FAULTS ? NULL : "stack_after_block";
    ok(GT_FAULTS || drive(&c) == GT_STRESS_VOID, "a fault that is not built in");
}

static void test_failures(void)
{
    ok(drive_one("check", run_check, STUCK_NS) == GT_STRESS_INCONSISTENT && counted("test/check"),
       "a check of the test");
    ok(strstr(r.findings[0], "five is 6") && strcmp(r.says[0], "seven is 7") == 0, "with its words");
    ok(left(".trace") && left(".journal") && left(".dump"), "trace, journal and dump are left");
    ok(strcmp(r.first.name, "test/check") == 0 && r.first.ns > 0, "found by it");
    ok(drive_one("error", run_error, STUCK_NS) == GT_STRESS_FAILED, "an error of the test");
    ok(drive_one("leaves", run_leaves, STUCK_NS) == GT_STRESS_INCONSISTENT && counted("test/left-gs"),
       "a G that is left");
    ok(drive_one("deadlock", run_deadlock, STUCK_NS) == GT_STRESS_INCONSISTENT &&
           counted("liveness/deadlock") && r.n_classes == 1, "a deadlock, and no more than that");
    ok(drive_one("endless", run_endless, 300 * MS * SLOW) == GT_STRESS_INCONSISTENT &&
           counted("liveness/no-progress"), "a round that does not end though it is over");
}

static void test_hang(void)
{
    ok(drive_one("hang", run_hang, 300 * MS * SLOW) == GT_STRESS_INCONSISTENT && counted("liveness/no-progress"),
       "a hang");
    ok(left(".dump"), "its dump is left");
    ok(drive_one("killed", run_killed, STUCK_NS) == GT_STRESS_INCOMPLETE && r.inconsistencies == 0,
       "a child that was killed says nothing about the runtime");
    ok(drive_one("after", run_yields, STUCK_NS) == GT_STRESS_OK, "and the next runs");
}

static void test_crash(void)
{
    struct gt_stress_ops t = test_of("crash", run_crash);
    struct gt_stress_cell c = cell_of(&t);
    ok(bails_out(&c, GT_STRESS_FAILED) && counted("liveness/crash"), "a crash bails out, in one line");
    ok(GT_ASAN || GT_TSAN || (left(".dump") && left(".1.trace")), "dump and trace are left");
}

static void destroy_that_crashes(struct gt_runtime *rt)
{
    (void)rt;
    abort();
}

/* No handler is there any more. */
static void test_crash_at_end(void)
{
    struct gt_stress_ops t = test_of("crash-at-end", run_yields);
    struct gt_runtime_ops ops = gt_gmp;
    struct gt_stress_cell c = cell_of(&t);
    ops.destroy = destroy_that_crashes;
    c.ops = &ops;
    c.duration_ns = 1;
    ok(bails_out(&c, GT_STRESS_FAILED) && counted("liveness/crash") && r.rounds == 1,
       "a crash as the runtime is destroyed bails out too");
    ok(r.n_files == 0, "and leaves nothing");
}

/* ---- files of others -------------------------------------------------------------- */
static void test_old_files(void)
{
    static const char *const old[] = {".dump", ".journal", ".trace", ".1.trace", ".4.trace", ".001.trace", ".192.trace"};
    struct gt_stress_ops t = test_of("old-files", run_crash);
    struct gt_stress_cell c = cell_of(&t);
    bool all = true, any = false;
    for (size_t i = 0; i < sizeof old / sizeof old[0]; i++) {
        FILE *f = fopen(own_file(&c, old[i]), "w");
        all = all && f && fclose(f) == 0 && there(&c, old[i]);
    }
    ok(all && drive(&c) == GT_STRESS_FAILED, "a crash where another run left files");
    for (size_t i = 0; i < r.n_files; i++) {
        FILE *f = fopen(r.files[i], "r");
        any = any || !f || fgetc(f) == EOF;
        if (f)
            fclose(f);
    }
    ok(!any && (r.n_files > 0) == !(GT_ASAN || GT_TSAN), "lists its own only");
    ok(!there(&c, ".journal") && !there(&c, ".trace") && !there(&c, ".4.trace") && !there(&c, ".001.trace") &&
           !there(&c, ".192.trace"), "and the others' are gone");
}

static void dump_that_kills(struct gt_runtime *rt, int fd)
{
    (void)rt;
    (void)fd;
    raise(SIGKILL);
}

/* The journal is written before the dump. */
static void test_killed_over_files(void)
{
    struct gt_stress_ops t = test_of("killed-saving", run_check);
    struct gt_runtime_ops ops = gt_gmp;
    struct gt_stress_cell c = cell_of(&t);
    ops.dump = dump_that_kills;
    c.ops = &ops;
    ok(drive(&c) == GT_STRESS_INCOMPLETE && r.n_files == 0 && !there(&c, ".journal"),
       "what a child has saved and not told of does not stay");
}

/* ---- a look that comes late ------------------------------------------------------- */
/* What the watch saw of the first round reaches it in the second. While a test's G waits here, nobody
 * but the watch asks for stats. */
enum { QUIET, IN_FIRST, SEEN, IN_SECOND, LATE, LOOKED };
static gt_a32 phase;
static uint32_t rounds_begun; /* in the child */

static void stats_that_come_late(struct gt_runtime *rt, struct gt_runtime_stats *s)
{
    gt_gmp.stats(rt, s);
    uint32_t now = gt_load_relaxed(&phase);
    if (now == LATE)
        gt_store_relaxed(&phase, (uint32_t)LOOKED);
    if (now != IN_FIRST)
        return;
    gt_store_relaxed(&phase, (uint32_t)SEEN);
    while (gt_load_relaxed(&phase) != IN_SECOND)
        usleep(100);
    gt_store_relaxed(&phase, (uint32_t)LATE);
}

/* No G yields meanwhile: transitions, too, end a round. */
static void step(uint32_t from, uint32_t to)
{
    gt_store_relaxed(&phase, from);
    while (gt_load_relaxed(&phase) != to)
        usleep(100);
}

static int run_two(struct gt_stress *s, const struct gt_stress_params *p)
{
    bool first = rounds_begun++ == 0;
    step(first ? IN_FIRST : IN_SECOND, first ? SEEN : LOOKED);
    for (int i = 0; i < LEAST; i++)
        p->ops->yield();
    gt_stress_check(s, first, gt_stress_over(s) ? "it is over" : "it goes on"); /* ends the cell */
    return 0;
}

static void test_late_look(void)
{
    struct gt_stress_ops t = test_of("late-look", run_two);
    struct gt_runtime_ops ops = gt_gmp;
    struct gt_stress_cell c = cell_of(&t);
    ops.stats = stats_that_come_late;
    c.ops = &ops;
    c.duration_ns = c.round_ns = 60000 * MS;
    c.stuck_ns = 60000 * MS;
    ok(drive(&c) == GT_STRESS_INCONSISTENT && r.rounds == 2 && strstr(r.findings[0], "it goes on"),
       "a look at a round that comes late does not end the next");
}

static void test_traces(void)
{
    struct gt_stress_ops t = test_of("traces", run_traces);
    t.flags = GT_STRESS_TRACES;
    struct gt_stress_cell c = cell_of(&t);
    c.duration_ns = 1;
    ok(drive(&c) == GT_STRESS_OK && r.rounds == 1 && r.traces == 3, "traces that the test starts");
    c.config.tracer = plugin(GT_MAGIC_TRACER, "locked");
    ok(drive(&c) == GT_STRESS_OK && r.traces == 3, "with the other tracer too");
}

/* ---- a full disk ---------------------------------------------------------------- */
static void test_full(void)
{
    struct gt_stress_ops t = test_of("full", run_makes);
    struct gt_stress_cell c = cell_of(&t);
    struct rlimit was, small;
    getrlimit(RLIMIT_FSIZE, &was);
    small = was;
    small.rlim_cur = 8192;
    (void)signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    enum gt_stress_verdict v = drive(&c);
    setrlimit(RLIMIT_FSIZE, &was);
    ok(v == GT_STRESS_INCOMPLETE && strstr(r.why, "not whole"), "a disk that is full: incomplete");
    ok(r.inconsistencies == 0, "and not inconsistent");
}

/* ---- no kernel timers --------------------------------------------------------- */
/* Each start fails when its trace has begun, and Gs run meanwhile. */
static int run_starts(struct gt_stress *s, const struct gt_stress_params *p)
{
    for (int i = 0; i < 20; i++) {
        for (int k = 0; k < 8 && p->ops->go(leaf, (void *)(uintptr_t)p->ops) == 0; k++)
            ;
        (void)gt_stress_trace_start(s);
        p->ops->yield();
    }
    return 0;
}

static void no_samples(struct gt_stress_cell *c, const char *tracer)
{
    struct rlimit was, none;
    getrlimit(RLIMIT_SIGPENDING, &was);
    none = was;
    none.rlim_cur = 0;
    c->config.tracer = plugin(GT_MAGIC_TRACER, tracer);
    c->profile_hz = 100;
    setrlimit(RLIMIT_SIGPENDING, &none);
    enum gt_stress_verdict v = drive(c);
    setrlimit(RLIMIT_SIGPENDING, &was);
    ok(v == GT_STRESS_VOID && strstr(r.why, "CPU samples"), "%s, %s: no CPU samples: void",
       c->test->head.name, tracer);
    ok(r.inconsistencies == 0 && r.traces > 0, "and what was traced is true");
}

static void test_profile(void)
{
    struct gt_stress_ops by_us = test_of("yields", run_yields), own = test_of("starts", run_starts);
    struct gt_stress_cell c = cell_of(&by_us), d = cell_of(&own);
    own.flags = GT_STRESS_TRACES;
    no_samples(&c, "gen");
    no_samples(&d, "gen");
    no_samples(&d, "locked");
}

int main(void)
{
    make_place();
    test_ok();
    test_windows();
    test_skips();
    test_failures();
    test_hang();
    test_crash();
    test_crash_at_end();
    test_old_files();
    test_killed_over_files();
    test_late_look();
    test_traces();
    test_full();
    test_profile();
    remove_place();
    return done_testing();
}
