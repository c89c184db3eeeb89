/* SPDX-License-Identifier: Apache-2.0 */
/* gomaxprocs: the number of Ps goes up and down in steps, the collector beside it. */
#include <errno.h>

#include "common/loads.h"

enum { STEP_US = 1000 };

/* Twice the same in the middle and at the ends: a stop that changes nothing. */
static const int32_t steps[] = {1, 2, 4, 8, 16, 16, 8, 4, 2, 1};

static void up_and_down(struct gt_load *l)
{
    for (size_t i = 0; i < sizeof steps / sizeof *steps && !gt_load_over(l); i++) {
        int rc = l->ops->set_procs(steps[i]);
        if (rc != 0 && rc != -ENOSPC)
            gt_load_fail(l, rc);
        gt_load_check(l, rc != 0 || l->ops->procs() == steps[i], "set %d Ps, there are %d",
                      steps[i], l->ops->procs());
        gt_load_pause(l, gt_load_param(l, STEP_US));
    }
}

static const struct gt_load_kind stairs = {.name = "stairs", .needs = GT_RT_PROCS, .step = up_and_down};

static int run(struct gt_stress *s, const struct gt_stress_params *p)
{
    struct gt_rng r = gt_crew_rng(p);
    const struct gt_crew_item items[] = {
        {&stairs, 1, gt_rng_between(&r, 20, STEP_US), NULL},
        {&gt_load_cycles, 1, gt_rng_between(&r, 100, STEP_US), NULL},
        {&gt_load_yields, gt_rng_between(&r, 1, 8), 0, NULL},
        {&gt_load_short_calls, gt_rng_below(&r, 3), 0, NULL},
        {&gt_load_naps, gt_rng_below(&r, 3), 0, NULL},
    };
    return gt_crew_run(s, p, GT_STRESS_PROCS, items, sizeof items / sizeof *items);
}

const struct gt_stress_ops gt_stress_gomaxprocs = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_STRESS, struct gt_stress_ops, "gomaxprocs",
                           "1, 2, 4, 8, 16, 16, 8, 4, 2, 1 Ps under the collector", 0),
    .text =
        "The number of Ps goes from 1 to 16 in doublings and back, up to 1 ms a step, twice the same "
        "at the top and at the bottom, while the collector runs cycle after cycle and other Gs "
        "yield and make system calls. One trace is on all along: Ps die and come back inside it.",
    .bugs = "golang/go #65318 and #76572: what a dead P left behind was taken for new\n"
            "golang/go #74054: a change of the number of Ps early in a generation",
    .needs = GT_RT_PROCS | GT_RT_GC | GT_RT_TIMERS,
    .flags = GT_STRESS_PROCS,
    .windows = {{.window = GT_WINDOW_proc_died, .least = 1},
                {.window = GT_WINDOW_world_stop, .least = 1}},
    .run = run,
};
