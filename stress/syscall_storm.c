/* SPDX-License-Identifier: Apache-2.0 */
/* syscall-storm: every way in which a P can be taken from a system call, and be missed. */
#include "common/loads.h"

enum { FEW = 6, GS_MOST = 32 };

static int run(struct gt_stress *s, const struct gt_stress_params *p)
{
    struct gt_rng r = gt_crew_rng(p);
    uint32_t procs = p->procs < GS_MOST ? (uint32_t)p->procs : GS_MOST;
    const struct gt_crew_item items[] = {
        {&gt_load_short_calls, procs + gt_rng_between(&r, 1, FEW), 0, NULL},
        {&gt_load_naps, procs + gt_rng_below(&r, FEW), gt_rng_between(&r, 40, 400), NULL},
        {&gt_load_pipes, gt_rng_between(&r, 1, FEW), gt_rng_between(&r, 100, 4000), NULL},
        {&gt_load_long_calls, gt_rng_between(&r, 1, 3), gt_rng_between(&r, 2000, 30000), NULL},
        {&gt_load_yields, gt_rng_between(&r, 1, 2), 0, NULL},
        {&gt_load_looks, 1, gt_rng_between(&r, 20, 600), NULL},
    };
    return gt_crew_run(s, p, 0, items, sizeof items / sizeof *items);
}

const struct gt_stress_ops gt_stress_syscall_storm = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_STRESS, struct gt_stress_ops, "syscall-storm",
                           "Ps taken from short and long system calls, and missed on return", 0),
    .text =
        "Gs make system calls of four kinds: getpid in short rows, naps of 20 to 400 us, naps of up "
        "to 30 ms that last over whole generations, and reads of a pipe that block until a byte "
        "comes. One or two only yield, so that a P whose G is in a call is always wanted. One G stops "
        "the world again and again, at most 600 us apart. So the monitor, who stops the world and who "
        "ends a generation all take Ps from calls, calls begin while a stop is pending, and calls "
        "that return race with whoever takes their P. Each call's result and each byte that goes "
        "through a pipe are checked.",
    .bugs = "golang/go #65181: a P was stolen outside the section that its event stands in\n"
            "golang/go b6b72c77: a P that had been stolen meanwhile was stopped as if it were one's own\n"
            "golang/go #64318: a P was told as running while its G was in a call already\n"
            "golang/go #64061: a steal was matched with the wrong one of two calls\n"
            "golang/go #65196: a G in a call for a whole generation was given the wrong thread",
    .needs = GT_RT_SYSCALL | GT_RT_TIMERS | GT_RT_WORLD,
    .windows = {{.window = GT_WINDOW_syscall_steal, .least = 8, .per_min = 200},
                {.window = GT_WINDOW_syscall_steal_sysmon, .per_min = 30},
                {.window = GT_WINDOW_syscall_steal_stop, .least = 1, .per_min = 30, .procs = 2},
                {.window = GT_WINDOW_syscall_steal_safe, .per_min = 6, .procs = 2},
                {.window = GT_WINDOW_syscall_steal_advance, .per_min = 6, .procs = 2},
                {.window = GT_WINDOW_syscall_gives, .per_min = 6, .procs = 2},
                {.window = GT_WINDOW_syscall_lost, .least = 8, .per_min = 200},
                {.window = GT_WINDOW_syscall_reacquire, .per_min = 6},
                {.window = GT_WINDOW_syscall_across, .per_min = 4},
                {.window = GT_WINDOW_world_stop, .least = 1, .per_min = 100},
                {.window = GT_WINDOW_advance, .per_min = 12}},
    .run = run,
};
