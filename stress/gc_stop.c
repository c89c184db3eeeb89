/* SPDX-License-Identifier: Apache-2.0 */
/* gc-stop: the world stops, again and again, for every reason there is but tracing. */
#include "common/loads.h"

enum { FEW = 4 };

static int run(struct gt_stress *s, const struct gt_stress_params *p)
{
    struct gt_rng r = gt_crew_rng(p);
    const struct gt_crew_item items[] = {
        {&gt_load_cycles, 1, gt_rng_between(&r, 10, 800), NULL},
        {&gt_load_looks, 1, gt_rng_between(&r, 10, 800), NULL},
        {&gt_load_same_procs, 1, gt_rng_between(&r, 100, 4000), NULL},
        {&gt_load_garbage, gt_rng_between(&r, 1, FEW), 0, NULL},
        {&gt_load_talks, gt_rng_between(&r, 1, FEW), 0, NULL},
        {&gt_load_short_calls, gt_rng_between(&r, 1, FEW), 0, NULL},
        {&gt_load_naps, gt_rng_between(&r, 1, FEW), 0, NULL},
        {&gt_load_spins, gt_rng_below(&r, 3), gt_rng_between(&r, 100, 3000), NULL},
        {&gt_load_workload, gt_rng_between(&r, 1, 2), 200, "stacks"},
    };
    return gt_crew_run(s, p, 0, items, sizeof items / sizeof *items);
}

const struct gt_stress_ops gt_stress_gc_stop = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_STRESS, struct gt_stress_ops, "gc-stop",
                           "cycles of the collector and other stops, back to back, under load", 0),
    .text =
        "Three Gs stop the world, each at a pace of its own: one by cycles of the collector, one to "
        "look around, one by setting the number of Ps to what it is. The others make garbage, talk "
        "over channels, make system calls, compute without a pause so that a signal must interrupt "
        "them, and go down to deep stacks that the collector shrinks below them. While the world "
        "stands still nobody may make a step; trees, answers, calls and every word of the stacks "
        "are checked.",
    .bugs = "golang/go CL 573155: a stack was walked that the collector was allowed to shrink\n"
            "golang/go 25895d1c: workers of the collector did not let a generation end\n"
            "golang/go ff7cf2d4: the collector and the end of a generation waited for each other\n"
            "golang/go b6b72c77: a call that met a stop reported the wrong end of its P",
    .needs = GT_RT_GC | GT_RT_WORLD | GT_RT_PROCS | GT_RT_TIMERS,
    .windows = {{.window = GT_WINDOW_world_stop, .least = 1, .per_min = 100},
                {.window = GT_WINDOW_pretend_wait, .least = 5, .per_min = 500},
                {.window = GT_WINDOW_gc_cycle, .per_min = 20},
                {.window = GT_WINDOW_syscall_steal_stop, .per_min = 12, .procs = 2},
                {.window = GT_WINDOW_preempted, .per_min = 100},
                {.window = GT_WINDOW_scan_other, .least = 3, .per_min = 200},
                {.window = GT_WINDOW_stack_scan, .least = 2, .per_min = 200},
                {.window = GT_WINDOW_suspended, .per_min = 2, .procs = 2}},
    .run = run,
};
