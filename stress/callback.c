/* SPDX-License-Identifier: Apache-2.0 */
/* callback: threads that the runtime did not make come in, leave and die. */
#include "common/loads.h"

enum { FEW = 3 };

static int run(struct gt_stress *s, const struct gt_stress_params *p)
{
    struct gt_rng r = gt_crew_rng(p);
    const struct gt_crew_item items[] = {
        /* Some of them twice at least, on another M each time: thread-reused. */
        {&gt_load_foreigners, gt_rng_between(&r, 3, 8), gt_rng_between(&r, 2, 12), NULL},
        {&gt_load_foreigners, gt_rng_between(&r, 1, 3), 1, NULL},
        {&gt_load_short_calls, gt_rng_between(&r, 1, FEW), 0, NULL},
        {&gt_load_naps, gt_rng_between(&r, 1, FEW), 0, NULL},
        {&gt_load_yields, gt_rng_between(&r, 1, FEW), 0, NULL},
        {&gt_load_cycles, gt_rng_between(&r, 0, 1), gt_rng_between(&r, 100, 3000), NULL},
        {&gt_load_looks, gt_rng_between(&r, 0, 1), gt_rng_between(&r, 50, 1000), NULL},
    };
    return gt_crew_run(s, p, 0, items, sizeof items / sizeof *items);
}

const struct gt_stress_ops gt_stress_callback = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_STRESS, struct gt_stress_ops, "callback",
                           "foreign threads come in, call, leave and die", 0),
    .text =
        "Threads that the runtime did not make call in one to twelve times and die at once; the next "
        "ones come from the same few places, so that thread structs and ids serve again. On the "
        "borrowed thread a G does nothing, yields, sleeps, makes short or long system calls, or "
        "calls in once more from inside one. Others stop the world, run the collector and want "
        "every P that such a thread has left behind, also when it is gone. Each call in must have "
        "run exactly once when it returns.",
    .bugs = "golang/go CL 544396: a leaving thread was forgotten without the scheduler's lock\n"
            "golang/go #64060: a thread died and kept its P, another came with the same id\n"
            "golang/go #54458: events of borrowed threads\n"
            "golang/go #69085: a G that had come back from a foreign call was walked by stale words",
    .needs = GT_RT_CALLBACK | GT_RT_SYSCALL | GT_RT_TIMERS,
    .windows = {{.window = GT_WINDOW_foreign_born, .least = 3, .per_min = 200},
                {.window = GT_WINDOW_foreign_left, .least = 3, .per_min = 200},
                {.window = GT_WINDOW_thread_reused, .least = 1, .per_min = 60},
                {.window = GT_WINDOW_foreign_advance, .per_min = 6},
                {.window = GT_WINDOW_syscall_across, .per_min = 4}},
    .run = run,
};
