/* SPDX-License-Identifier: Apache-2.0 */
/* stacks: who may look at a stack, or take from it, while its G parks, wakes and is scanned. */
#include "common/loads.h"

enum { FEW = 3 };

static int run(struct gt_stress *s, const struct gt_stress_params *p)
{
    struct gt_rng r = gt_crew_rng(p);
    const struct gt_crew_item items[] = {
        {&gt_load_workload, gt_rng_between(&r, 1, 3), gt_rng_between(&r, 100, 400), "stacks"},
        {&gt_load_cycles, 1, gt_rng_between(&r, 20, 500), NULL},
        {&gt_load_lists, gt_rng_below(&r, 4) > 0, 0, NULL},
        {&gt_load_looks, gt_crew_one_in(&r, 2), 100, NULL},
        {&gt_load_talks, gt_rng_between(&r, 1, FEW), 0, NULL},
        {&gt_load_selects, gt_rng_between(&r, 1, FEW), 0, NULL},
        {&gt_load_locks, 1, 0, NULL},
        {&gt_load_errands, gt_rng_between(&r, 1, FEW), 0, NULL},
        {&gt_load_pipes, 1, 0, NULL},
        {&gt_load_sockets, 1, 200, NULL},
        {&gt_load_volleys, gt_rng_below(&r, 2), 0, NULL},
        {&gt_load_garbage, gt_rng_between(&r, 1, FEW), 0, NULL},
        {&gt_load_spins, gt_rng_below(&r, 2), 1000, NULL},
    };
    return gt_crew_run(s, p, 0, items, sizeof items / sizeof *items);
}

const struct gt_stress_ops gt_stress_stacks = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_STRESS, struct gt_stress_ops, "stacks",
                           "stacks are wanted while their Gs park, wake, are scanned and shrunk", 0),
    .text =
        "Gs block and wake in every way there is: at channels, in select, at a lock, in a sleep, at a "
        "socket, in a system call, by a direct switch, by a signal; many of them deep down on their "
        "stacks. The collector runs cycle after cycle, scans each stack and takes back what lies "
        "below; in most rounds a long list makes it last over whole generations, and the world "
        "stops. Each event wants a stack too. Every word of every frame is looked at on the way "
        "up, and the runtime checks who takes a stack.",
    .bugs = "golang/go CL 573155: the stack of a G was walked after its status said that it was "
            "another's; that of a G made ready; that of a G that waited for form's sake\n"
            "golang/go #66889: the stack of a G in a system call was walked from the wrong frame",
    .needs = GT_RT_GC | GT_RT_CORO | GT_RT_SYSCALL | GT_RT_TIMERS | GT_RT_PARK | GT_RT_CHAN,
    .windows = {{.window = GT_WINDOW_switch_direct, .least = 20, .per_min = 600},
                {.window = GT_WINDOW_pretend_wait, .least = 10, .per_min = 300},
                {.window = GT_WINDOW_stack_scan, .least = 5, .per_min = 300},
                {.window = GT_WINDOW_scan_other, .least = 10, .per_min = 300},
                {.window = GT_WINDOW_ready_across, .per_min = 12},
                {.window = GT_WINDOW_advance, .per_min = 12}},
    .run = run,
};
