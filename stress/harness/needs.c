/* SPDX-License-Identifier: Apache-2.0 */
/* Did a cell see what its test is there to see? */
#include <inttypes.h>
#include <stdio.h>

#include "harness/cell.h"

/* Windows that a tracer without generations, or one that is never on, does not have. */
static bool has_window(const struct gt_tracer_ops *t, enum gt_window w)
{
    switch (w) {
    case GT_WINDOW_syscall_steal_advance:
    case GT_WINDOW_syscall_across:
    case GT_WINDOW_inject_advance:
    case GT_WINDOW_proc_reborn:
    case GT_WINDOW_advance:
    case GT_WINDOW_foreign_advance:
        return (t->head.flags & GT_TRACER_GENERATIONS) != 0;
    case GT_WINDOW_proc_died:
    case GT_WINDOW_proc_reborn_trace:
    case GT_WINDOW_trace_start:
        return (t->head.flags & GT_TRACER_CHECKABLE) != 0;
    default:
        return true;
    }
}

void gt_cell_judge_windows(struct gt_cell_life *l)
{
    const struct gt_stress_cell *c = l->cell;
    for (int i = 0; i < GT_STRESS_NEEDS_MAX && c->test->windows[i].least > 0; i++) {
        const struct gt_stress_need *n = &c->test->windows[i];
        if (n->models != 0 && !(n->models >> c->config.syscalls & 1u))
            continue;
        if (!has_window(c->config.tracer, n->window) || l->r->windows[n->window] >= n->least)
            continue;
        gt_result_say(l->r, GT_STRESS_INCONCLUSIVE,
                      "the window %s was entered %" PRIu64 " times, %" PRIu64 " are needed",
                      gt_window_name(n->window), l->r->windows[n->window], n->least);
    }
}
