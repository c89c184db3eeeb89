/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: labels=quick,reduced timeout=120 */
/*
 * What the scheduler vtable demands, of every scheduler of runtimes.def, on a host without
 * a core; then of twins with one fault each, which must fail in the check named for it.
 *
 *   sched_conformance_test [NAME | ./PATH.so]...   those instead, without the twins
 */
#include "gauntlet/plugin.h"
#include "sched_numa_checks.h"
#include "sched_threads.h"
#include "sched_twins.h"
#include "tap.h"

struct check {
    const char *name;
    bool (*run)(const struct gt_scheduler_ops *ops, struct verdict *v);
    uint64_t with, without; /* flags of the scheduler */
};

static const struct check checks[] = {
    {"single", check_single, 0, 0},
    {"has_work", check_has_work, 0, 0},
    {"batch_order", check_batch_order, 0, 0},
    {"batch_whole", check_batch_whole, 0, 0},
    {"drain_order", check_drain_order, 0, 0},
    {"procs", check_procs, 0, 0},
    {"yield", check_yield, 0, 0},
    {"fairness", check_fairness, 0, 0},
    {"churn", check_churn, 0, 0},
    {"park", check_park, 0, 0},
    {"outside", check_outside, 0, 0},
    {"steal_next", check_steal_next, GT_SCHED_STEALS, 0},
    {"steal_order", check_steal_order, GT_SCHED_NUMA | GT_SCHED_STEALS, 0},
    {"shared_order", check_shared_order, GT_SCHED_NUMA | GT_SCHED_STEALS, 0},
    {"no_stealing", check_no_stealing, GT_SCHED_NUMA, GT_SCHED_STEALS},
    {"choose_idle", check_choose_idle, GT_SCHED_NUMA, 0},
};
#define N_CHECKS (sizeof checks / sizeof checks[0])

static bool applies(const struct check *c, const struct gt_scheduler_ops *ops)
{
    return (ops->head.flags & c->with) == c->with && !(ops->head.flags & c->without);
}

static void test_scheduler(const struct gt_plugin_head *head)
{
    const struct gt_scheduler_ops *ops = (const void *)head;
    char err[256] = "";
    ok(gt_plugin_check(head, GT_MAGIC_SCHEDULER, err, sizeof err) == 0, "%s: the table%s%s",
       head->name, *err ? ": " : "", err);
    for (size_t i = 0; i < N_CHECKS; i++) {
        struct verdict v = {""};
        if (!applies(&checks[i], ops))
            continue;
        bool good = checks[i].run(ops, &v);
        ok(good, "%s: %s%s%s", head->name, checks[i].name, good ? "" : ": ", v.why);
        if (!good && i == 0)
            break; /* it does not even give back a single G: the others would wait for it */
    }
}

/* Is `why` for one of the reasons "a|b"? */
static bool is_reason(const char *why, const char *reasons)
{
    for (size_t n; *reasons; reasons += n + (reasons[n] == '|')) {
        n = strcspn(reasons, "|");
        if (strncmp(why, reasons, n) == 0)
            return true;
    }
    return false;
}

/* The twin must fail in this check, and for one of these reasons. */
static void expect_caught(const char *twin, const struct gt_scheduler_ops *ops, const char *check,
                          const char *reasons)
{
    struct verdict v = {""};
    for (size_t i = 0; i < N_CHECKS; i++) {
        if (strcmp(checks[i].name, check) != 0)
            continue;
        bool passed = checks[i].run(ops, &v);
        ok(!passed && is_reason(v.why, reasons), "twin '%s' fails in %s: %s",
           twin, check, passed ? "IT PASSED" : v.why);
    }
}

#define TWIN(title, good, op, fn, check, reason)                                                   \
    do {                                                                                           \
        struct gt_scheduler_ops t = twin_make(good);                                               \
        t.op = fn;                                                                                 \
        expect_caught(title, &t, check, reason);                                                   \
    } while (0)

static const struct gt_scheduler_ops *by_name(const char *name)
{
    char err[256];
    const void *head = gt_plugin_find(GT_MAGIC_SCHEDULER, name, err, sizeof err);
    if (!head)
        bail_out("%s", err);
    return head;
}

static void test_twins(void)
{
    const struct gt_scheduler_ops *ws = by_name("worksteal"), *numa = by_name("numa");
    const struct gt_scheduler_ops *global = by_name("global");
    TWIN("drops one in 10,000", ws, enqueue, twin_drops, "churn", "lost");
    /* Queued twice, a G cuts the list that it is on: others may be lost before it is seen. */
    TWIN("returns one in 10,000 twice", ws, pick, twin_repeats, "churn", "twice|lost");
    TWIN("returns one in 50 twice", ws, pick, twin_repeats_often, "batch_whole", "twice|has_work");
    TWIN("returns one in 50 twice", ws, pick, twin_repeats_often, "has_work", "twice|has_work");
    TWIN("lies in has_work", ws, has_work, twin_lies, "has_work", "has_work");
    TWIN("never has work", ws, has_work, twin_overlooks, "park", "has_work");
    TWIN("half a drain", ws, drain, twin_half_drain, "procs", "lost");
    TWIN("turns batches round", ws, enqueue_batch, twin_turns_batch, "batch_order", "order");
    TWIN("yields to nobody", ws, enqueue, twin_yield_next, "yield", "yield");
    TWIN("breaks chains", ws, pick, twin_breaks_chains, "fairness", "fairness");
    TWIN("no distances", numa, init, twin_flat_init, "steal_order", "order");
    TWIN("counts wrongly", ws, stats, twin_counts, "churn", "stats");
    struct gt_scheduler_ops lifo = twin_make(global);
    lifo.enqueue = twin_lifo_enqueue;
    lifo.pick = twin_lifo_pick;
    expect_caught("last in, first out", &lifo, "fairness", "fairness");
}

int main(int argc, char **argv)
{
    char err[256];
    for (int i = 1; i < argc; i++) {
        const struct gt_plugin_head *head =
            gt_plugin_find(GT_MAGIC_SCHEDULER, argv[i], err, sizeof err);
        if (!head)
            bail_out("%s", err);
        test_scheduler(head);
    }
    if (argc > 1)
        return done_testing();
    const struct gt_plugin_head *head;
    for (size_t i = 0; (head = gt_plugin_builtin(GT_MAGIC_SCHEDULER, i)); i++)
        test_scheduler(head);
    test_twins();
    return done_testing();
}
