/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procs-churn: Ps die while a trace is on and come back in another. What a tracer remembers of
 * a dead P is told apart by the generation, of which it knows a few only: so after how many
 * traces the P comes back is drawn, too.
 */
#include <errno.h>

#include "common/loads.h"

enum { SETTLE_US = 200, TRACES_MOST = 6, FEW = 4, LONG_TRACE_US = 100000, BUSY_ONE_IN = 12 };
enum way { FREE, REBIRTHS, ONE_TRACE, WAYS };

static void set_procs(struct gt_load *l, int32_t n)
{
    int rc = l->ops->set_procs(n);
    if (rc != 0 && rc != -ENOSPC)
        gt_load_fail(l, rc);
}

/* Up, down in a trace, some traces without those Ps, and up again in one more. */
static void rebirth(struct gt_load *l)
{
    int32_t most = gt_churn_most(l->p), low = (int32_t)gt_rng_between(&l->rng, 1, (uint32_t)most);
    if (l->ops->procs() != most)
        set_procs(l, most);
    bool begun = gt_load_trace_begin(l);
    gt_load_pause(l, SETTLE_US); /* each P is seen */
    set_procs(l, low);
    gt_load_trace_end(l, begun);
    for (uint32_t n = gt_rng_below(&l->rng, TRACES_MOST); n > 0 && !gt_load_over(l); n--) {
        begun = gt_load_trace_begin(l);
        if (gt_rng_below(&l->rng, 4) == 0)
            gt_load_pause(l, SETTLE_US);
        gt_load_trace_end(l, begun);
    }
    begun = gt_load_trace_begin(l);
    set_procs(l, most);
    gt_load_pause(l, SETTLE_US);
    gt_load_trace_end(l, begun);
}

static const struct gt_load_kind rebirths = {.name = "rebirths", .needs = GT_RT_PROCS, .step = rebirth};

static int run(struct gt_stress *s, const struct gt_stress_params *p)
{
    struct gt_rng r = gt_crew_rng(p);
    enum way way = (enum way)gt_rng_below(&r, WAYS);
    uint32_t keep = way == FREE ? gt_rng_between(&r, 200, 5000) : LONG_TRACE_US;
    uint32_t busy = gt_rng_below(&r, BUSY_ONE_IN);
    const struct gt_crew_item items[] = {
        {&rebirths, way == REBIRTHS, 0, NULL},
        {&gt_load_churn, way != REBIRTHS, gt_rng_between(&r, 10, 300), NULL},
        {&gt_load_traces, way != REBIRTHS, keep, NULL},
        {&gt_load_volleys, 1, gt_rng_between(&r, 100, 500), NULL},
        {&gt_load_naps, gt_rng_between(&r, 1, FEW), 0, NULL},
        {&gt_load_short_calls, busy == 0, 0, NULL},
        {&gt_load_errands, busy == 1, 0, NULL},
        {&gt_load_talks, busy == 2, 0, NULL},
    };
    return gt_crew_run(s, p, GT_STRESS_PROCS | GT_STRESS_TRACES, items,
                       sizeof items / sizeof *items);
}

const struct gt_stress_ops gt_stress_procs_churn = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_STRESS, struct gt_stress_ops, "procs-churn",
                           "Ps die and come back while traces start, stop and advance", 0),
    .text =
        "The number of Ps goes up and down between 1 and 4 times the CPUs. A round does so in one of "
        "three ways, drawn from the seed: at random beside traces of up to 5 ms that start and stop "
        "at random; in step with them, so that Ps die in one trace and come back none to six traces "
        "later; or under a trace of up to 100 ms, so that they die and come back between "
        "generations and while one ends. Thirty-two Gs wake at the same instant again and again, so "
        "that each P that comes back soon has work, and others nap in system calls; in some rounds one more "
        "makes short calls, spawns Gs or talks over a channel. Mostly the CPUs are idle at times: a "
        "stop is then short, and there can be many.",
    .bugs = "golang/go #65318: a trace that stops left stale state in dead Ps\n"
            "golang/go #76572: the number of Ps changed between two passes of an advance\n"
            "golang/go #64318: a P's status was told wrongly as a generation ended",
    .needs = GT_RT_PROCS | GT_RT_TIMERS,
    .flags = GT_STRESS_PROCS | GT_STRESS_TRACES,
    .windows = {{.window = GT_WINDOW_proc_died, .least = 3, .per_min = 300},
                {.window = GT_WINDOW_proc_reborn, .per_min = 12},
                {.window = GT_WINDOW_proc_reborn_trace, .per_min = 6},
                {.window = GT_WINDOW_trace_start, .least = 1, .per_min = 12},
                {.window = GT_WINDOW_trace_stop, .least = 1, .per_min = 12},
                {.window = GT_WINDOW_world_stop, .least = 2, .per_min = 300},
                {.window = GT_WINDOW_advance, .per_min = 12}},
    .run = run,
};
