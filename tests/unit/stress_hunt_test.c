/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: workloads timeout=120 */
/*
 * The hunt for a planted fault in one cell: it goes on until the oracle of faults.def has seen it, and
 * what it then says and leaves is of that round alone. The fault is none: the cell's runtime is made
 * without, and claims in the round that the scene chooses what the oracle is meant to see.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/seer.h"
#include "harness_cells.h"

#define TRACES 8

/* In the child: rounds that have begun; what the runtime claims of them. */
static uint32_t rounds_begun;
static gt_a32 claims; /* written on a G, read by the watch too */
static unsigned claimed = GT_VIOLATION_STACK; /* a class */
static uint64_t *broken;

static int create_without(const struct gt_config *c, struct gt_runtime **rt, char *err, size_t size)
{
    struct gt_config without = *c;
    without.fault = NULL;
    broken = c->broken;
    return gt_gmp.create(&without, rt, err, size);
}

static void stats_that_claim(struct gt_runtime *rt, struct gt_runtime_stats *s)
{
    gt_gmp.stats(rt, s);
    if (gt_load_relaxed(&claims)) {
        s->violations_by[claimed]++;
        s->violations++;
    }
}

static void destroy_that_claims(struct gt_runtime *rt)
{
    gt_gmp.destroy(rt);
    broken[GT_VIOLATION_LOCK]++;
}

static void destroy_that_crashes(struct gt_runtime *rt)
{
    (void)rt;
    abort();
}

static int traces(struct gt_stress *s, const struct gt_stress_params *p, int n)
{
    int rc = 0;
    for (int i = 0; i < n && rc == 0; i++) {
        rc = gt_stress_trace_start(s);
        p->ops->yield();
        rc = rc == 0 ? gt_stress_trace_stop(s) : rc;
    }
    return rc;
}

/* First a round of many traces in which only the test sees something, then one of one trace. */
static int others_first(struct gt_stress *s, const struct gt_stress_params *p)
{
    bool first = rounds_begun++ == 0;
    (void)gt_stress_check(s, !first, "seen by another");
    gt_store_relaxed(&claims, !first);
    return traces(s, p, first ? TRACES : 1);
}

static int others_then_crash(struct gt_stress *s, const struct gt_stress_params *p)
{
    int rc = others_first(s, p);
    if (rounds_begun > 1)
        abort();
    return rc;
}

static struct gt_stress_cell hunting(struct gt_stress_ops *t, const struct gt_runtime_ops *ops, const char *fault)
{
    t->flags = GT_STRESS_TRACES;
    struct gt_stress_cell c = cell_of(t);
    c.ops = ops;
    c.config.fault = fault;
    c.duration_ns = 60000 * MS; /* two rounds */
    c.generation_ns = 3600ll * 1000 * MS;
    c.stuck_ns = STUCK_NS;
    return c;
}

static bool traces_of_the_first(const struct gt_stress_cell *c)
{
    bool any = false;
    char suffix[32];
    for (int i = 1; i <= TRACES; i++) {
        snprintf(suffix, sizeof suffix, ".%03d.trace", i);
        any = any || there(c, suffix);
    }
    return any;
}

static void test_goes_on(void)
{
    struct gt_stress_ops t = test_of("goes-on", others_first);
    struct gt_runtime_ops ops = gt_gmp;
    ops.create = create_without;
    ops.stats = stats_that_claim;
    struct gt_stress_cell c = hunting(&t, &ops, "stack_of_form_waiter");
    ok(drive(&c) == GT_STRESS_INCONSISTENT && r.rounds == 2 && strcmp(r.first.name, "test/check") == 0 &&
           strcmp(r.due.name, "ownership/unowned-stack") == 0,
       "what another sees does not end the hunt, what ownership sees does");
    ok(r.due.window == 1, "with the windows of that round, in which one trace stopped: %llu",
       (unsigned long long)r.due.window);
    ok(strstr(r.why, "ownership/unowned-stack saw") && strstr(r.why, "entered 1 times"), "and it says so");
    ok(r.due.ns > r.first.ns && r.due.events > r.first.events, "events are counted on though order looks no more");
    ok(there(&c, ".trace") && there(&c, ".journal") && there(&c, ".dump") && r.n_files == 3,
       "trace, journal and dump of that round are left");
    ok(!traces_of_the_first(&c), "and none of the %d traces of the first", TRACES);
}

/* The same round with a fault whose window it does not enter: no foreign thread is there. */
static void test_never_entered(void)
{
    struct gt_stress_ops t = test_of("not-entered", others_first);
    struct gt_runtime_ops ops = gt_gmp;
    ops.create = create_without;
    ops.stats = stats_that_claim;
    struct gt_stress_cell c = hunting(&t, &ops, "destroy_unlocked");
    claimed = GT_VIOLATION_LOCK;
    ok(drive(&c) == GT_STRESS_INCONCLUSIVE && r.due.window == 0 && strstr(r.why, "never entered foreign-left"),
       "what is seen in a round that did not enter the window is no find");
    claimed = GT_VIOLATION_STACK;
}

static void test_only_others(void)
{
    struct gt_stress_ops t = test_of("only-others", others_first);
    struct gt_runtime_ops ops = gt_gmp;
    ops.create = create_without;
    struct gt_stress_cell c = hunting(&t, &ops, "stack_of_form_waiter");
    c.duration_ns = 1;
    ok(drive(&c) == GT_STRESS_INCONCLUSIVE && strstr(r.why, "not by ownership"),
       "what only another saw is not found");
    ok(traces_of_the_first(&c) && there(&c, ".journal"), "and its files stay");
}

static void test_as_it_is_destroyed(void)
{
    struct gt_stress_ops t = test_of("destroyed", others_first);
    struct gt_runtime_ops ops = gt_gmp;
    ops.create = create_without;
    ops.destroy = destroy_that_claims;
    struct gt_stress_cell c = hunting(&t, &ops, "destroy_unlocked");
    c.duration_ns = 1;
    ok(drive(&c) == GT_STRESS_INCONSISTENT && strcmp(r.due.name, "locks/lock") == 0 && r.due.window == UINT64_MAX,
       "what is seen as the runtime is destroyed is found, in no round's windows");
    ok(r.n_files == 0 && !traces_of_the_first(&c), "and files of a round that others saw are none of it");
}

static void test_crash(void)
{
    struct gt_stress_ops t = test_of("crashes", others_then_crash);
    struct gt_runtime_ops ops = gt_gmp;
    ops.create = create_without;
    struct gt_stress_cell c = hunting(&t, &ops, "next_taken_twice");
    ok(drive(&c) == GT_STRESS_FAILED && strcmp(r.due.name, "liveness/crash") == 0 && r.due.window == UINT64_MAX,
       "a crash in the second round is found");
    ok(!there(&c, ".journal") && !traces_of_the_first(&c), "the first round's journal and traces are gone");
    ok(GT_ASAN || GT_TSAN ? r.n_files == 0 : left(".dump"), "its last words are what is left");
    ok(GT_ASAN || GT_TSAN || (left(".1.trace") && there(&c, ".1.trace")), "with the trace of its round");
    gt_cell_forget_files(&c, &r, true);
    ok(!there(&c, ".1.trace") && !there(&c, ".dump") && r.n_files == 0, "and they can be forgotten, all of them");
}

/* The watch has gone by then: the files of the round that others saw are no last words. */
static void test_crash_as_it_is_destroyed(void)
{
    struct gt_stress_ops t = test_of("no-words", others_first);
    struct gt_runtime_ops ops = gt_gmp;
    ops.create = create_without;
    ops.destroy = destroy_that_crashes;
    struct gt_stress_cell c = hunting(&t, &ops, "next_taken_twice");
    c.duration_ns = 1;
    ok(bails_out(&c, GT_STRESS_FAILED) && strcmp(r.due.name, "liveness/crash") == 0,
       "a crash as the runtime is destroyed is found, and said");
    ok(r.n_files == 0 && !there(&c, ".dump") && !there(&c, ".journal") && !traces_of_the_first(&c),
       "and the files of an earlier round are none of it");
}

int main(void)
{
    make_place();
    test_goes_on();
    test_never_entered();
    test_only_others();
    test_as_it_is_destroyed();
    test_crash();
    test_crash_as_it_is_destroyed();
    remove_place();
    return done_testing();
}
