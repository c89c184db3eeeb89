/* SPDX-License-Identifier: Apache-2.0 */
/* Did a cell see what its test is there to see? */
#include <inttypes.h>
#include <stdio.h>

#include "harness/cell.h"

#define MS 1000000ll
#define SLOWER (GT_TSAN || GT_ASAN ? 10 : 1)
#define LONG_NS (50 * MS) /* of such a generation a round may see no end */

/* Windows that a tracer without generations, or one that is never on, does not have; nor those of
 * generations where these are as long as a round. */
static bool has_window(const struct gt_stress_cell *c, enum gt_window w)
{
    const struct gt_tracer_ops *t = c->config.tracer;
    switch (w) {
    case GT_WINDOW_syscall_steal_advance:
    case GT_WINDOW_syscall_across:
    case GT_WINDOW_inject_advance:
    case GT_WINDOW_proc_reborn:
    case GT_WINDOW_advance:
    case GT_WINDOW_ready_across:
    case GT_WINDOW_foreign_advance:
        return (t->head.flags & GT_TRACER_GENERATIONS) != 0 && c->generation_ns < LONG_NS;
    case GT_WINDOW_proc_died:
    case GT_WINDOW_proc_reborn_trace:
    case GT_WINDOW_trace_start:
    case GT_WINDOW_trace_stop:
    case GT_WINDOW_syscall_trace_start:
    case GT_WINDOW_syscall_trace_stop:
        return (t->head.flags & GT_TRACER_CHECKABLE) != 0;
    default:
        return true;
    }
}

static uint64_t needed(const struct gt_stress_cell *c, const struct gt_stress_need *n)
{
    uint64_t ms = (uint64_t)(c->duration_ns / SLOWER / MS);
    uint64_t by_time = n->per_min * ms / 60000;
    uint64_t least = (n->least + SLOWER - 1) / SLOWER;
    return by_time > least ? by_time : least;
}

void gt_cell_judge_windows(struct gt_cell_life *l)
{
    const struct gt_stress_cell *c = l->cell;
    for (int i = 0; i < GT_STRESS_NEEDS_MAX && gt_stress_needs(&c->test->windows[i]); i++) {
        const struct gt_stress_need *n = &c->test->windows[i];
        if (c->config.procs < n->procs)
            continue;
        if (n->models != 0 && !(n->models >> c->config.syscalls & 1u))
            continue;
        uint64_t least = needed(c, n);
        if (!has_window(c, n->window) || l->r->windows[n->window] >= least)
            continue;
        gt_result_say(l->r, GT_STRESS_INCONCLUSIVE,
                      "the window %s was entered %" PRIu64 " times, %" PRIu64 " are needed",
                      gt_window_name(n->window), l->r->windows[n->window], least);
    }
}
