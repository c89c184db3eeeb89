/* SPDX-License-Identifier: Apache-2.0 */
/* stress: Gs that were blocked before the trace, and one of each kind after it. */
#include <errno.h>

#include "common/loads.h"

enum { PROCS = 10, SETTLE_NS = 200000, LOOK_NS = 1000000, BUSY = 10 };

/* ---- a G that nobody ever wakes: until the end, as nothing may be left --------------------- */
struct stuck {
    struct gt_chan *never;
};

static int open_stuck(struct gt_load *l)
{
    struct stuck *k = l->own;
    k->never = l->ops->chan_new(sizeof(uint64_t), 0);
    return k->never ? 0 : -ENOMEM;
}

static void wait_at_select(struct gt_load *l, uint32_t i)
{
    struct stuck *k = l->own;
    uint64_t v = 0;
    struct gt_select_case cases[2] = {{.chan = k->never, .data = &v}, {.chan = NULL, .data = &v}};
    (void)i;
    int at = l->ops->select(cases, 2, false);
    gt_load_check(l, at == 0 && !cases[0].ok, "a select that nothing is sent to gave %d", at);
}

static void stand_by(struct gt_load *l)
{
    l->ops->sleep(LOOK_NS);
}

static void end_stuck(struct gt_load *l)
{
    struct stuck *k = l->own;
    (void)l->ops->chan_close(k->never);
}

static void close_stuck(struct gt_load *l)
{
    struct stuck *k = l->own;
    if (k->never)
        l->ops->chan_free(k->never);
}

static const struct gt_load_kind stuck = {
    .name = "stuck select",
    .needs = GT_RT_CHAN | GT_RT_TIMERS,
    .own = sizeof(struct stuck),
    .partners = 4,
    .open = open_stuck,
    .step = stand_by,
    .last = end_stuck,
    .partner = wait_at_select,
    .close = close_stuck,
};

/* ---- the whole -------------------------------------------------------------------------------- */
/* Waits for the end of the round with the trace on. */
static int trace_to_the_end(struct gt_stress *s, const struct gt_stress_params *p)
{
    int rc = gt_stress_trace_start(s);
    bool begun = rc == 0;
    while (!gt_stress_over(s) && (rc == 0 || rc == -ENOTSUP))
        p->ops->sleep(LOOK_NS);
    if (begun)
        rc = gt_stress_trace_stop(s);
    return rc == -ENOTSUP ? 0 : rc;
}

static int run(struct gt_stress *s, const struct gt_stress_params *p)
{
    struct gt_rng r = gt_crew_rng(p);
    const struct gt_crew_item before[] = {
        {&stuck, 1, 0, NULL},
        {&gt_load_pipes, gt_rng_between(&r, 1, 3), gt_rng_between(&r, 1000, 50000), NULL},
        {&gt_load_long_calls, 1, 0, NULL},
    };
    const struct gt_crew_item after[] = {
        {&gt_load_locked_yields, 1, 0, NULL},
        {&gt_load_cycles, 1, gt_rng_between(&r, 200, 5000), NULL},
        {&gt_load_blocks, 1, 0, NULL},
        {&gt_load_yields, BUSY, 0, NULL},
        {&gt_load_spins, 2, 2000, NULL},
        {&gt_load_volleys, gt_rng_below(&r, 2), 0, NULL},
        {&gt_load_workload, 1, 200, "netpoll-echo"},
        {&gt_load_workload, 1, 500, "pingpong"},
        {&gt_load_short_calls, gt_rng_between(&r, 1, 3), 0, NULL},
    };
    struct gt_crew early, late;
    int rc = p->ops->set_procs(PROCS);
    if (rc != 0 && rc != -ENOSPC)
        return rc;
    rc = gt_crew_start(&early, s, p, GT_STRESS_TRACES, before, sizeof before / sizeof *before);
    p->ops->sleep(SETTLE_NS);
    (void)gt_crew_start(&late, s, p, GT_STRESS_TRACES, after, sizeof after / sizeof *after);
    if (rc == 0)
        rc = trace_to_the_end(s, p);
    gt_crew_fail(&early, rc);
    gt_crew_fail(&late, rc);
    int second = gt_crew_end(&late), first = gt_crew_end(&early);
    return rc ? rc : first ? first : second;
}

const struct gt_stress_ops gt_stress_stress = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_STRESS, struct gt_stress_ops, "stress",
                           "Gs blocked before the trace starts, one of each kind after it", 0),
    .text =
        "With ten Ps: before the trace starts, Gs are stuck in a select that nothing is sent to, block "
        "in a read of a pipe, and sleep in a system call. Then it starts, and stays on: a G locked "
        "to its thread yields, the collector runs, blocks of 1 MiB are allocated and dropped, ten "
        "Gs are busy, some compute without a pause, timers fire, pairs talk over sockets and "
        "channels. Those that were blocked are part of the trace by their status alone.",
    .bugs = "golang/go #65196: a G that was in a call before the trace began\n"
            "golang/go #60806: a trace that could not be stopped\n"
            "golang/go #68090: stacks of Gs that were interrupted",
    .needs = GT_RT_CHAN | GT_RT_TIMERS | GT_RT_TRACE | GT_RT_PROCS,
    .flags = GT_STRESS_TRACES | GT_STRESS_PROCS,
    .windows = {{.window = GT_WINDOW_trace_start, .least = 1}},
    .run = run,
};
