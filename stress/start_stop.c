/* SPDX-License-Identifier: Apache-2.0 */
/* start-stop: traces that hardly begin before they end, and several that want to begin. */
#include "common/loads.h"

enum { FEW = 3 };

static int run(struct gt_stress *s, const struct gt_stress_params *p)
{
    struct gt_rng r = gt_crew_rng(p);
    const struct gt_crew_item items[] = {
        {&gt_load_traces, 1, gt_rng_between(&r, 10, 2000), NULL},
        {&gt_load_traces, gt_rng_between(&r, 1, FEW), 20, NULL},
        {&gt_load_naps, gt_rng_between(&r, 1, FEW), 0, NULL},
        {&gt_load_long_calls, gt_rng_below(&r, FEW), 5000, NULL},
        {&gt_load_short_calls, gt_crew_one_in(&r, 2), 0, NULL},
        {&gt_load_blocking_calls, gt_crew_one_in(&r, 3) * 8, 0, NULL},
        {&gt_load_looks, gt_crew_one_in(&r, 3), gt_rng_between(&r, 1, 300), NULL},
        {&gt_load_talks, gt_crew_one_in(&r, 4), 0, NULL},
        {&gt_load_errands, gt_crew_one_in(&r, 4), 0, NULL},
        {&gt_load_sockets, gt_crew_one_in(&r, 3), 500, NULL},
        {&gt_load_spins, gt_crew_one_in(&r, 8), 1000, NULL},
        {&gt_load_foreigners, gt_rng_below(&r, FEW), 0, NULL},
        {&gt_load_cycles, gt_crew_one_in(&r, 4), 2000, NULL},
    };
    return gt_crew_run(s, p, GT_STRESS_TRACES, items, sizeof items / sizeof *items);
}

const struct gt_stress_ops gt_stress_start_stop = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_STRESS, struct gt_stress_ops, "start-stop",
                           "traces start and stop as fast as they can, from several Gs", 0),
    .text =
        "Two to four Gs start traces and stop them, half of them at once, the rest after up to 2 ms; "
        "who finds one on already tries again. So a trace begins while Gs are in calls long and "
        "short, while calls return without a P, while lists of Gs become ready, threads come in "
        "and leave and the world stops, and it ends the same way. Each trace is judged by itself.",
    .bugs = "golang/go #65181: the trace stopped between a steal and the look whether to report it\n"
            "golang/go #38794: the monitor missed that a trace had begun\n"
            "golang/go #39004: nobody was left to run the reader when a trace stopped\n"
            "golang/go #74045: the reader was woken for nothing for ever while a trace stopped\n"
            "golang/go e4ea6283: the reader let a G go that wanted the lock it held\n"
            "golang/go 3073f3f9: a timer of the last trace rang in the next",
    .needs = GT_RT_TRACE | GT_RT_TIMERS | GT_RT_SYSCALL,
    .flags = GT_STRESS_TRACES,
    .windows = {{.window = GT_WINDOW_trace_start, .least = 1, .per_min = 60},
                {.window = GT_WINDOW_trace_stop, .least = 1, .per_min = 60},
                {.window = GT_WINDOW_syscall_trace_start, .per_min = 30},
                {.window = GT_WINDOW_syscall_trace_stop, .per_min = 30},
                {.window = GT_WINDOW_advance, .per_min = 6}},
    .run = run,
};
