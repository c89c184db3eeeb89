/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: lean workloads */
/* Google Benchmark from C, the statistics, the names of cells, and what becomes of bad ones. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "benchmark/group.h"
#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"
#include "tap.h"

/* ---- the library, from C ------------------------------------------------------------- */
enum { CELLS = 6, REPETITIONS = 9, LOG = 4096 };
static int log_of[LOG];
static int logged;

struct counted {
    int id;
    int fails_at;        /* call; 0: never */
    double seconds_each; /* an operation */
    int calls;
};

static void measured(struct gt_gb_state *s, void *arg)
{
    struct counted *c = arg;
    uint64_t n = gt_gb_begin(s);
    if (logged < LOG)
        log_of[logged++] = c->id;
    if (++c->calls == c->fails_at) {
        gt_gb_fail(s, "the sum is wrong");
        return;
    }
    gt_gb_counter(s, "p99", 123);
    gt_gb_counter(s, "id", c->id);
    gt_gb_done(s, c->seconds_each * (double)n);
}

struct seen {
    int runs, failed;
    double p99, ns, id;
    uint64_t iterations;
    char why[64];
};
static struct seen seen[CELLS];

static void on_report(void *arg, const struct gt_gb_result *r)
{
    const struct counted *c = r->arg;
    struct seen *s = &seen[c->id];
    is_str(arg, "mine", "the caller's argument comes back");
    s->runs++;
    s->failed += r->failed;
    if (r->failed) {
        snprintf(s->why, sizeof s->why, "%s", r->why);
        return;
    }
    s->ns = r->ns;
    s->iterations = r->iterations;
    for (uint32_t i = 0; i < r->n_counters; i++)
        *(strcmp(r->counter[i], "p99") == 0 ? &s->p99 : &s->id) = r->value[i];
}

static size_t run_cells(struct counted *cells, int n, const char *filter, bool random_order,
                        uint64_t iterations)
{
    char name[64];
    logged = 0;
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "cell%d/runtime:x/procs:1", i);
        struct gt_gb_cell cell = {.name = name,
                                  .fn = measured,
                                  .arg = &cells[i],
                                  .repetitions = REPETITIONS,
                                  .iterations = iterations};
        cells[i].id = i;
        gt_gb_register(&cell);
    }
    return gt_gb_run(filter, random_order, on_report, "mine");
}

static void test_library(void)
{
    struct counted cells[CELLS] = {{.seconds_each = 1e-6}, {.seconds_each = 3e-6}};
    is_int((long)run_cells(cells, 2, NULL, true, 1000), 2, "both cells are run");
    ok(seen[0].runs == REPETITIONS && seen[1].runs == REPETITIONS, "repetitions as asked for");
    ok(seen[0].iterations == 1000 && cells[0].calls == REPETITIONS, "iterations as asked for");
    ok(seen[0].p99 == 123 && seen[1].id == 1, "counters survive, and are not summed");
    ok(fabs(seen[0].ns - 1000) < 1e-6 && fabs(seen[1].ns - 3000) < 1e-6, "our own time is the time");
    is_int((long)run_cells(cells, 2, "nothing", true, 10), 0, "a filter without a match says 0");
    is_int((long)run_cells(cells, 2, "cell1.*", true, 10), 1, "a filter chooses");
    ok(seen[0].runs == 0 && seen[1].runs == REPETITIONS, "by name");
}

static void test_min_time(void)
{
    const char *flags[] = {"--benchmark_min_time=0.002"};
    int bad = -1;
    struct counted cells[CELLS] = {{.seconds_each = 1e-6}};
    is_int(gt_gb_flags(1, flags, &bad), 0, "a flag of the library's is taken");
    run_cells(cells, 1, NULL, true, 0);
    ok(seen[0].iterations >= 2000, "the library finds how many operations fill the time");
    const char *unknown[] = {"--benchmark_min_time=0.001", "--benchmark_nonsense=1"};
    ok(gt_gb_flags(2, unknown, &bad) == -EINVAL && bad == 1, "an unknown flag is named");
}

static void test_failure(void)
{
    struct counted cells[CELLS] = {{.seconds_each = 1e-6, .fails_at = 3}, {.seconds_each = 1e-6}};
    run_cells(cells, 2, NULL, true, 10);
    ok(seen[0].runs == REPETITIONS && seen[0].failed == 1, "one repetition fails, the others stay");
    is_str(seen[0].why, "the sum is wrong", "and says why");
    is_int(seen[1].failed, 0, "its neighbour does not");
}

/* How often the cell that is called changes. */
static int changes(void)
{
    int n = 0;
    for (int i = 1; i < logged; i++)
        n += log_of[i] != log_of[i - 1];
    return n;
}

static void test_order(void)
{
    struct counted cells[CELLS] = {{0}};
    static int first[LOG];
    run_cells(cells, CELLS, NULL, false, 1);
    is_int(changes(), CELLS - 1, "in order: one cell after the other");
    run_cells(cells, CELLS, NULL, true, 1);
    ok(logged == CELLS * REPETITIONS && changes() > 2 * CELLS, "at random: they take turns");
    memcpy(first, log_of, sizeof first);
    run_cells(cells, CELLS, NULL, true, 1);
    ok(memcmp(first, log_of, (size_t)logged * sizeof *first) != 0, "another time in another order");
}

/* ---- statistics ------------------------------------------------------------------------ */
static void test_statistics(void)
{
    static const uint32_t ranks[][2] = {{1, 0},  {5, 0},  {6, 1},  {8, 1},  {9, 2},
                                        {12, 3}, {20, 6}, {25, 8}, {100, 40}};
    for (size_t i = 0; i < sizeof ranks / sizeof ranks[0]; i++)
        is_int(gt_estimate_rank(ranks[i][0]), ranks[i][1], "rank for %u samples", ranks[i][0]);
    static const double v[] = {9, 1, 8, 2, 7, 3, 6, 4, 5}, w[] = {8, 1, 7, 2, 6, 3, 5, 4, 4};
    struct gt_estimate e = gt_estimate_of(v, 9);
    ok(e.median == 5 && e.low == 2 && e.high == 8, "of nine: the second to the eighth");
    e = gt_estimate_of(v, 4);
    ok(e.median == 5 && isnan(e.low) && isnan(e.high), "of four: a median, no interval");
    ok(isnan(gt_estimate_of(v, 0).median), "of none: nothing");
    static const double holes[] = {9, NAN, 1, 8, 2, INFINITY, 7, 3, 6, NAN, 4, 5};
    e = gt_estimate_of(holes, 12);
    ok(e.median == 5 && e.low == 2 && e.high == 8, "what is no number is no sample");
    ok(isnan(gt_estimate_of(holes + 1, 1).median), "of nothing else: nothing");
    e = gt_estimate_paired(v, w, 9);
    ok(e.median == 1 && e.low == 0 && e.high == 1, "differences are taken pair by pair");
}

/* ---- cells ----------------------------------------------------------------------------- */
static const struct gt_tracer_ops *tracer(const char *name)
{
    char err[256];
    return (const void *)gt_plugin_find(GT_MAGIC_TRACER, name, err, sizeof err);
}

static struct gt_bench_choice choice_of(void)
{
    struct gt_bench_choice c = {.n_runtimes = 1, .n_schedulers = 1, .n_tracers = 2};
    c.runtimes[0] = &gt_gmp;
    c.schedulers[0] = (const void *)gt_plugin_builtin(GT_MAGIC_SCHEDULER, 0);
    c.tracers[0] = tracer("none");
    c.tracers[1] = tracer("count");
    c.row_tracers[0] = c.tracers[1];
    c.n_row_tracers = 1;
    return c;
}

static struct gt_bench_env env = {.seed = 1, .repetitions = 3, .parked = 10};

static const struct gt_bench_row *row(const char *name)
{
    const struct gt_bench_row *r;
    for (size_t i = 0; (r = gt_bench_row_at(i)) != NULL; i++)
        if (strcmp(r->name, name) == 0)
            return r;
    return NULL;
}

static void test_names(void)
{
    struct gt_bench_choice c = choice_of();
    struct gt_bench_group g = {.row = *row("yield"), .bind = GT_BIND_PU};
    is_int(gt_bench_group_make(&g, &c, &env, NULL, NULL), 0, "a group");
    is_int(g.n_cells, 4, "off, in a pair, the floor, the CAS");
    is_str(g.cells[0]->name, "yield:2/runtime:gmp/sched:worksteal/procs:1/bind:pu", "off");
    is_str(g.cells[1]->name, "yield:2/runtime:gmp/sched:worksteal/tracer:count/procs:1/bind:pu",
           "a pair");
    is_str(g.cells[2]->name, "yield:2/runtime:floor/procs:1/bind:pu", "the floor");
    ok(!g.cells[0]->tracing && g.cells[1]->tracing, "only one of them traces");
    gt_bench_group_free(&g);
    struct gt_bench_group d = {.row = *row("pingpong-2p"), .bind = GT_BIND_NONE};
    d.row.syscalls = GT_SYSCALLS_STATUS;
    (void)gt_bench_group_make(&d, &c, &env, NULL, NULL);
    is_str(d.cells[0]->name, "pingpong/runtime:gmp/sched:worksteal/syscalls:status/procs:2",
           "what is not by default is in the name, what is not bound is not");
    gt_bench_group_free(&d);
    struct gt_bench_group f = {.row = *row("cas")};
    (void)gt_bench_group_make(&f, &c, &env, NULL, NULL);
    is_str(f.cells[0]->name, "cas/runtime:floor/procs:1", "a floor as a row");
    gt_bench_group_free(&f);
}

static void test_too_many(void)
{
    struct gt_bench_choice c = choice_of();
    struct gt_bench_group g = {.row = *row("yield"), .bind = GT_BIND_NONE};
    c.n_runtimes = c.n_schedulers = GT_BENCH_LIST;
    for (uint32_t i = 1; i < GT_BENCH_LIST; i++) {
        c.runtimes[i] = c.runtimes[0];
        c.schedulers[i] = c.schedulers[0];
    }
    is_int(gt_bench_group_make(&g, &c, &env, NULL, NULL), -E2BIG, "more cells than there is room for");
    gt_bench_group_free(&g);
}

static void no_beat(void *arg)
{
    (*(int *)arg)++;
}

static int measure_badly(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    (void)c;
    s->wrong = true;
    s->value = 1;
    snprintf(s->why, sizeof s->why, "7 of 8 arrived");
    return 0;
}

static int measure_not(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    (void)c;
    (void)s;
    return -ENOTSUP;
}

static int measure_twice(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    s->value = 1;
    gt_bench_give(c, s);
    s->value = 3;
    return 0;
}

static struct gt_bench_results run_one(int (*measure)(const struct gt_bench_cell *c,
                                                      struct gt_bench_sample *s))
{
    struct gt_bench_choice c = choice_of();
    struct gt_bench_group g = {.row = {.name = "bad",
                                       .unit = "ns",
                                       .procs = 1,
                                       .once = true,
                                       .own_runtime = true,
                                       .fixed_n = true,
                                       .samples = 1,
                                       .measure = measure}};
    int beats = 0;
    (void)gt_bench_group_make(&g, &c, &env, NULL, NULL);
    is_int(gt_bench_group_run(&g, true, NULL, no_beat, &beats), 0, "it runs");
    is_int(beats, 1, "a sign of life for each call");
    struct gt_bench_results r = *g.cells[0]->results;
    r.value.v = NULL; /* goes with the group */
    gt_bench_group_free(&g);
    return r;
}

static void test_bad_cells(void)
{
    struct gt_bench_results r = run_one(measure_badly);
    ok(r.wrong && r.value.n == 0, "a failed check leaves no sample");
    is_str(r.why, "7 of 8 arrived", "but its reason");
    r = run_one(measure_not);
    ok(r.skipped && !r.wrong && r.value.n == 0, "what cannot be done is skipped");
    r = run_one(measure_twice);
    is_int(r.value.n, 2, "a row may give more than one sample");
}

/* The workload's own time, on a real runtime, off and in a pair. So many operations that the
 * events of start and end do not count among theirs, however slow the machine is. */
static void test_pair(void)
{
    struct gt_bench_choice c = choice_of();
    struct gt_bench_env thousands = env;
    struct gt_bench_group g = {.row = *row("yield"), .bind = GT_BIND_NONE};
    const char *flags[] = {"--benchmark_repetitions=3"};
    int bad, beats = 0;
    thousands.parked = 5000;
    g.row.fixed_n = true;
    is_int(gt_gb_flags(1, flags, &bad), 0, "flags");
    (void)gt_bench_group_make(&g, &c, &thousands, NULL, NULL);
    is_int(gt_bench_group_run(&g, true, NULL, no_beat, &beats), 0, "a group on gmp");
    const struct gt_bench_results *off = g.cells[0]->results, *on = g.cells[1]->results;
    ok(off->value.n == 3 && off->value.v[0] > 0 && isnan(off->base.v[0]), "off: a figure");
    ok(on->value.n == 3 && on->base.v[0] > 0, "in a pair: two of them");
    ok(on->events.v[2] > 1 && on->events.v[2] < 10, "and the events of an operation, %g",
       on->events.v[2]);
    ok(off->bound[0] >= '0' && off->bound[0] <= '9', "where it ran is read back");
    gt_bench_group_free(&g);
}

/* `count`, whose traces are torn: what it gave up to be cheaper is no figure. */
static int torn_stop(void *t)
{
    int rc = tracer("count")->stop(t);
    return rc ? rc : -ENOBUFS;
}

static void test_torn_trace(void)
{
    struct gt_tracer_ops torn = *tracer("count");
    struct gt_bench_choice c = choice_of();
    struct gt_bench_group g = {.row = *row("yield"), .bind = GT_BIND_NONE};
    int beats = 0;
    torn.stop = torn_stop;
    c.tracers[1] = &torn;
    (void)gt_bench_group_make(&g, &c, &env, NULL, NULL);
    (void)gt_bench_group_run(&g, true, NULL, no_beat, &beats);
    const struct gt_bench_results *off = g.cells[0]->results, *on = g.cells[1]->results;
    ok(off->value.n == 3, "without a trace: a figure");
    ok(on->value.n == 0 && on->rc == -ENOBUFS && !on->skipped && !on->wrong,
       "with one that lost events: none, and the error");
    ok(strstr(on->why, "the trace is not whole") != NULL, "which says why: %s", on->why);
    gt_bench_group_free(&g);
}

int main(void)
{
    test_library();
    test_min_time();
    test_failure();
    test_order();
    test_statistics();
    test_names();
    test_too_many();
    test_bad_cells();
    test_pair();
    test_torn_trace();
    return done_testing();
}
