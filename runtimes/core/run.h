/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hot middle of the scheduler loop, inlined into every way a G stops: pick the next
 * G and run it, when nobody asked this P for anything else.
 *
 * Invariants:
 *   I1 Whoever wants something of a P that runs (stop the world, a safe-point function, a
 *      long runner's place) says so elsewhere first and then sets p->preempt, and asks
 *      again until it is served. So a P with preempt clear may take the short way once
 *      more; the long way (gt_schedule) looks at everything.
 */
#pragma once
#include "core/core.h"

/* Picks that may inherit a time slice before the G on the P must queue behind the others. */
#define GT_INHERIT_MAX 256u
#define GT_HOT static inline __attribute__((always_inline))

GT_HOT void gt_account_run(struct gt_p *p, bool inherit)
{
    gt_bump(&p->count.switches, 1u);
    if (!inherit) {
        gt_bump(&p->sched_tick, 1u);
        p->inherited = 0;
    } else if (gt_unlikely(++p->inherited >= GT_INHERIT_MAX)) {
        p->inherited = 0;
        gt_store_relaxed(&p->preempt, 1u);
    }
}

/* Runs g on m. Context: system stack, m has a P. Trace: GoStart after the change. */
GT_NORETURN GT_HOT void gt_run(struct gt_m *m, struct gt_g *g, bool inherit)
{
    struct gt_p *p = gt_m_p(m);
    gt_tok tok = gt_trace_acquire(m);
    gt_store_relaxed(&g->m, m);
    m->t.g = &g->t;
    gt_g_change(m, g, tok, GT_G_RUNNABLE, GT_G_RUNNING);
    GT_EMIT(m, tok, go_start);
    gt_trace_release(m, tok);
    gt_store_relaxed(&p->async, g->async_ok);
    gt_account_run(p, inherit);
    gt_fiber_switch_begin(&m->sys_fiber, &g->stack.fiber, true);
    gt_ctx_jump_inline(&g->ctx);
}

GT_HOT struct gt_g *gt_pick(struct gt_m *m, enum gt_pick_from from, bool *inherit)
{
    struct gt_runtime *rt = m->rt;
    uint32_t flags = 0;
    struct gt_task *t = rt->sched->pick(rt->sched_state, m->t.p, from, &flags);
    *inherit = (flags & GT_PICK_INHERIT) != 0;
    return gt_g_of(t); /* the face is first: NULL stays NULL */
}

/* m's G has stopped and is accounted for. Context: system stack, no lock, m has a P and
 * no G. */
GT_NORETURN GT_HOT void gt_next(struct gt_m *m)
{
    struct gt_p *p = gt_m_p(m);
    bool inherit;
    if (gt_likely(gt_load_relaxed(&p->preempt) == 0 && m->lockedg == NULL &&
                  gt_load_relaxed(&p->timer_next) == 0 && gt_load_relaxed(&m->rt->reader) == NULL)) {
        struct gt_g *g = gt_pick(m, GT_PICK_QUEUES, &inherit);
        if (gt_likely(g && g->lockedm == NULL))
            gt_run(m, g, inherit);
        if (g)
            gt_m_start_locked(m, g);
    }
    gt_schedule(m);
}
