/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler of gmp-fused, and the calls of its two hottest ops that the core inlines.
 *
 * The core's other calls go to a constant table in another file: the optimiser of the whole program
 * makes them direct, but only after it has decided what to inline. Here the table is in sight, so
 * these two are direct from the beginning, and inlined wherever the core calls them.
 */
#define GT_BOUND_OP __attribute__((always_inline)) inline
#include GT_FUSED_SCHEDULER_FILE /* the scheduler itself */

#include "core/core.h"

__attribute__((always_inline)) inline void gt_bound_enqueue(void *s, struct gt_proc *p,
                                                            struct gt_task *g,
                                                            enum gt_enqueue_kind kind)
{
    GT_BOUND_SCHEDULER.enqueue(s, p, g, kind);
}

__attribute__((always_inline)) inline struct gt_task *
gt_bound_pick(void *s, struct gt_proc *p, enum gt_pick_from from, uint32_t *flags)
{
    return GT_BOUND_SCHEDULER.pick(s, p, from, flags);
}
