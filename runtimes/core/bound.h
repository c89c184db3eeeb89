/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler and the tracer of a runtime, as all of core/ calls them. Included by core.h.
 *
 * Two builds of the same files:
 *   vtable   what the runtime was created with: a load of the table's address and one of the op
 *   fused    GT_FUSED_SCHEDULER and GT_FUSED_TRACER name one of each (cmake/GauntletFused.cmake):
 *            the table is a constant that the compiler sees, so each op is a direct call, or
 *            inline, and an op that is not there no code at all
 *
 * A fused runtime is created with its own two, or with the null tracer, which then stands for
 * "never on": the bound tracer has its states, and nobody starts it.
 */
#pragma once
#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"

#ifdef GT_FUSED_SCHEDULER
#define GT_FUSED 1
#define GT_BOUND_JOIN_(a, b) a##b
#define GT_BOUND_JOIN(a, b) GT_BOUND_JOIN_(a, b)
#define GT_BOUND_SCHEDULER GT_BOUND_JOIN(gt_scheduler_, GT_FUSED_SCHEDULER)
#define GT_BOUND_TRACER GT_BOUND_JOIN(gt_tracer_, GT_FUSED_TRACER)
extern const struct gt_scheduler_ops GT_BOUND_SCHEDULER;
extern const struct gt_tracer_ops GT_BOUND_TRACER;
#define gt_sched(rt_) ((void)sizeof(rt_), &GT_BOUND_SCHEDULER)
#define gt_tracer(rt_) ((void)sizeof(rt_), &GT_BOUND_TRACER)
/* peers/gmp_fused/bound.c, inlined. */
extern void gt_bound_enqueue(void *s, struct gt_proc *p, struct gt_task *g,
                             enum gt_enqueue_kind kind);
extern struct gt_task *gt_bound_pick(void *s, struct gt_proc *p, enum gt_pick_from from,
                                     uint32_t *flags);
#define gt_sched_enqueue(rt_, ...) gt_bound_enqueue((rt_)->sched_state, __VA_ARGS__)
#define gt_sched_pick(rt_, ...) gt_bound_pick((rt_)->sched_state, __VA_ARGS__)
#else
#define GT_FUSED 0
#define gt_sched(rt_) ((rt_)->sched)
#define gt_tracer(rt_) ((rt_)->tracer)
#define gt_sched_enqueue(rt_, ...) (rt_)->sched->enqueue((rt_)->sched_state, __VA_ARGS__)
#define gt_sched_pick(rt_, ...) (rt_)->sched->pick((rt_)->sched_state, __VA_ARGS__)
#endif
