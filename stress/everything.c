/* SPDX-License-Identifier: Apache-2.0 */
/* everything: all that the other tests do, as much of each as the seed says. */
#include "common/loads.h"

static int run(struct gt_stress *s, const struct gt_stress_params *p)
{
    struct gt_rng r = gt_crew_rng(p);
    static const uint32_t keeps[] = {100, 1000, 20000, 200000};
    const struct gt_crew_item items[] = {
        {&gt_load_traces, gt_rng_between(&r, 1, 2), keeps[gt_rng_below(&r, 4)], NULL},
        {&gt_load_churn, gt_rng_below(&r, 2), gt_rng_between(&r, 50, 5000), NULL},
        {&gt_load_looks, gt_rng_below(&r, 2), gt_rng_between(&r, 50, 3000), NULL},
        {&gt_load_cycles, gt_rng_below(&r, 2), gt_rng_between(&r, 50, 3000), NULL},
        {&gt_load_short_calls, gt_rng_below(&r, 5), 0, NULL},
        {&gt_load_naps, gt_rng_below(&r, 5), gt_rng_between(&r, 30, 1000), NULL},
        {&gt_load_long_calls, gt_rng_below(&r, 3), 0, NULL},
        {&gt_load_pipes, gt_rng_below(&r, 4), gt_rng_between(&r, 50, 5000), NULL},
        {&gt_load_sockets, gt_rng_below(&r, 3), gt_rng_below(&r, 500), NULL},
        {&gt_load_volleys, gt_rng_below(&r, 3), gt_rng_between(&r, 100, 2000), NULL},
        {&gt_load_foreigners, gt_rng_below(&r, 5), gt_rng_between(&r, 1, 8), NULL},
        {&gt_load_yields, gt_rng_below(&r, 4), 0, NULL},
        {&gt_load_locked_yields, gt_rng_below(&r, 2), 0, NULL},
        {&gt_load_talks, gt_rng_below(&r, 4), 0, NULL},
        {&gt_load_selects, gt_rng_below(&r, 3), 0, NULL},
        {&gt_load_locks, gt_rng_below(&r, 2), 0, NULL},
        {&gt_load_errands, gt_rng_below(&r, 3), 0, NULL},
        {&gt_load_garbage, gt_rng_below(&r, 3), 0, NULL},
        {&gt_load_spins, gt_rng_below(&r, 2), gt_rng_between(&r, 100, 10000), NULL},
        {&gt_load_workload, gt_rng_below(&r, 2), 200, "stacks"},
    };
    return gt_crew_run(s, p, GT_STRESS_PROCS | GT_STRESS_TRACES, items,
                       sizeof items / sizeof *items);
}

const struct gt_stress_ops gt_stress_everything = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_STRESS, struct gt_stress_ops, "everything",
                           "all of the others at once, in a mixture drawn from the seed", 0),
    .text =
        "Each round draws from the seed how many Gs do what, and how often: system calls of all "
        "lengths, sockets, timers, foreign threads, channels, locks, spawning, garbage, deep stacks, "
        "computing; stops of the world, cycles of the collector, changes of the number of Ps; "
        "traces of up to 0.1 to 200 ms. The mixture is printed with the result. It finds what nobody "
        "thought of putting together; the other tests find faster what they are there for.",
    .bugs = "golang/go CL 708397: an inner section was of another generation than its outer one\n"
            "golang/go #67379: a nested event lost a buffer\n"
            "and those of all other tests",
    .flags = GT_STRESS_PROCS | GT_STRESS_TRACES,
    .windows = {{.window = GT_WINDOW_trace_start, .least = 1},
                {.window = GT_WINDOW_world_stop, .least = 2, .per_min = 20},
                {.window = GT_WINDOW_inject, .least = 2, .per_min = 20},
                {.window = GT_WINDOW_advance, .per_min = 6}},
    .run = run,
};
