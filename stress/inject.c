/* SPDX-License-Identifier: Apache-2.0 */
/* inject: long lists of Gs become ready at once, by who does not run them. */
#include "common/loads.h"

enum { FEW = 3 };

static int run(struct gt_stress *s, const struct gt_stress_params *p)
{
    struct gt_rng r = gt_crew_rng(p);
    const struct gt_crew_item items[] = {
        {&gt_load_sockets, gt_rng_between(&r, 2, 6), 0, NULL},
        {&gt_load_volleys, gt_rng_between(&r, 1, FEW), gt_rng_between(&r, 100, 1000), NULL},
        {&gt_load_workload, gt_rng_below(&r, 2), 400, "netpoll-echo"},
        {&gt_load_spins, gt_rng_below(&r, 2), 2000, NULL},
        {&gt_load_garbage, gt_rng_below(&r, 2), 0, NULL},
        {&gt_load_talks, gt_rng_below(&r, FEW), 0, NULL},
    };
    return gt_crew_run(s, p, 0, items, sizeof items / sizeof *items);
}

const struct gt_stress_ops gt_stress_inject = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_STRESS, struct gt_stress_ops, "inject",
                           "the poller and timers make long lists of Gs ready", 0),
    .text =
        "Groups of 32 Gs wait for a socket each; one G writes a byte to all of them in one go, so that "
        "the poller finds a long list, makes all its Gs ready and hands them to Ps that look for "
        "work. Other groups of 32 sleep until the same instant. Meanwhile generations end, at any "
        "point of such a list, and what became ready on one side of that is picked up by other "
        "threads on both sides. Each byte and the time of each sleep is checked.",
    .bugs = "golang/go #70883: injected Gs had all their events before any had its status",
    .needs = GT_RT_NETPOLL | GT_RT_TIMERS | GT_RT_SYSCALL | GT_RT_PARK,
    .windows = {{.window = GT_WINDOW_inject, .least = 10, .per_min = 200, .procs = 2},
                {.window = GT_WINDOW_inject_advance, .per_min = 1, .procs = 2},
                {.window = GT_WINDOW_advance, .per_min = 12}},
    .run = run,
};
