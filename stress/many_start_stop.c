/* SPDX-License-Identifier: Apache-2.0 */
/* many-start-stop: traces one after the other, with a cycle of the collector in each. */
#include <errno.h>

#include "common/loads.h"

enum { SHORT_TRACES = 10, LONG_US = 4000 };

static void trace_with(struct gt_load *l, bool collects)
{
    int rc = gt_stress_trace_start(l->s);
    bool begun = rc == 0;
    if (rc == -EBUSY || rc == -ENOTSUP)
        rc = 0;
    if (rc == 0 && collects)
        rc = l->ops->gc();
    else
        gt_load_pause(l, LONG_US);
    if (begun) {
        int stopped = gt_stress_trace_stop(l->s);
        rc = rc ? rc : stopped;
    }
    if (rc != 0)
        gt_load_fail(l, rc);
}

static void ten_and_one(struct gt_load *l)
{
    for (uint32_t i = 0; i < SHORT_TRACES && !gt_load_over(l); i++)
        trace_with(l, true);
    trace_with(l, false);
}

static const struct gt_load_kind series = {.name = "series", .needs = GT_RT_GC, .step = ten_and_one};

static int run(struct gt_stress *s, const struct gt_stress_params *p)
{
    struct gt_rng r = gt_crew_rng(p);
    const struct gt_crew_item items[] = {
        {&series, 1, 0, NULL},
        {&gt_load_short_calls, gt_rng_below(&r, 3), 0, NULL},
        {&gt_load_naps, gt_rng_below(&r, 3), 0, NULL},
        {&gt_load_garbage, gt_rng_between(&r, 1, 2), 0, NULL},
        {&gt_load_talks, gt_rng_below(&r, 3), 0, NULL},
    };
    return gt_crew_run(s, p, GT_STRESS_TRACES, items, sizeof items / sizeof *items);
}

const struct gt_stress_ops gt_stress_many_start_stop = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_STRESS, struct gt_stress_ops, "many-start-stop",
                           "trace after trace, the collector in each", 0),
    .text =
        "Ten times in a row: a trace starts, the collector runs a whole cycle, the trace stops. Then "
        "one trace of up to 4 ms, and again from the beginning, while others make garbage, system "
        "calls and conversation. What one trace has left behind in Gs, Ms and Ps, the next one "
        "meets: generations are counted on from trace to trace.",
    .bugs = "golang/go #65318: state of one trace was taken for that of the next",
    .needs = GT_RT_TRACE | GT_RT_GC | GT_RT_TIMERS,
    .flags = GT_STRESS_TRACES,
    .windows = {{.window = GT_WINDOW_trace_start, .least = 1},
                {.window = GT_WINDOW_world_stop, .least = 1}},
    .run = run,
};
