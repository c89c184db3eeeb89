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

/* The entry of an operation on a G. */
GT_HOT struct gt_m *gt_pin_after_checkpoint(void)
{
    struct gt_m *m = gt_tls_m();
    if (gt_unlikely(gt_load_relaxed(&gt_m_p(m)->preempt) != 0))
        gt_checkpoint_slow();
    return gt_pin();
}

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
    gt_tok tok = gt_section_begin(m);
    GT_PERTURB(m, run_acquired);
    gt_store_release(&g->m, m); /* pair: g-m */
    m->t.g = &g->t;
    gt_g_change(m, g, tok, GT_G_RUNNABLE, GT_G_RUNNING);
    GT_PERTURB(m, run_changed);
    GT_EMIT(m, tok, go_start);
    gt_section_end(m, tok);
    gt_store_relaxed(&p->async, g->async_ok);
    gt_account_run(p, inherit);
    gt_fiber_switch_begin(&m->sys_fiber, &g->stack.fiber, true);
    gt_ctx_jump_inline(&g->ctx);
}

GT_HOT struct gt_g *gt_pick(struct gt_m *m, enum gt_pick_from from, bool *inherit)
{
    struct gt_runtime *rt = m->rt;
    uint32_t flags = 0;
    struct gt_task *t = gt_sched_pick(rt, m->t.p, from, &flags);
    *inherit = (flags & GT_PICK_INHERIT) != 0;
    return gt_g_of(t); /* the face is first: NULL stays NULL */
}

GT_HOT void gt_enqueue(struct gt_m *m, struct gt_g *g, enum gt_enqueue_kind kind)
{
    struct gt_runtime *rt = m->rt;
    struct gt_proc *p = m->t.p;
    gt_sched_enqueue(rt, p, &g->t, gt_likely(p != NULL) ? kind : GT_ENQ_GLOBAL);
}

/* The same by who has a P. */
GT_HOT void gt_enqueue_own(struct gt_m *m, struct gt_g *g, enum gt_enqueue_kind kind)
{
    struct gt_runtime *rt = m->rt;
    gt_sched_enqueue(rt, m->t.p, &g->t, kind);
}

/* gt_ready for a pinned caller. */
GT_HOT void gt_ready_inline(struct gt_m *m, struct gt_g *g, bool next)
{
    gt_tok tok = gt_section_begin(m);
    GT_PERTURB(m, ready_acquired);
    gt_g_change(m, g, tok, GT_G_WAITING, GT_G_RUNNABLE);
    GT_PERTURB(m, ready_changed);
    GT_EMIT(m, tok, go_unblock, &g->t);
    gt_section_end(m, tok);
    GT_PERTURB(m, ready_done);
    if (gt_likely(m->t.p != NULL))
        gt_bump(&gt_m_p(m)->count.readies, 1u);
    gt_enqueue(m, g, next ? GT_ENQ_NEXT : GT_ENQ_LOCAL);
    gt_wake_maybe(m->rt);
}

/* ---- leaving a G's stack --------------------------------------------------------------- */
/*
 * gt_mcall and gt_park without a call: in a hot operation the caller's own call is then the
 * only one that the G leaves open on its stack. The CPU predicts a return from the calls
 * it has seen last, whichever G made them; each open call of one G is a missed prediction
 * of another.
 */
GT_HOT void gt_mcall_inline(struct gt_m *m, struct gt_g *g, void (*fn)(void *m))
{
    gt_fiber_switch_begin(&g->stack.fiber, &m->sys_fiber, false);
    gt_ctx_call_inline(&g->ctx, m->sys_top, fn, m);
    gt_fiber_switch_end(&g->stack.fiber);
}

/* The same, and the G will not run again: its context is not saved, so fn takes no stack. */
GT_NORETURN GT_HOT void gt_mcall_last_inline(struct gt_m *m, struct gt_g *g, void (*fn)(void *m))
{
    gt_fiber_switch_begin(&g->stack.fiber, &m->sys_fiber, true);
    gt_ctx_start_inline(m->sys_top, fn, m);
}

/* First thing in such a function. */
GT_HOT struct gt_m *gt_on_system(void *arg)
{
    struct gt_m *m = arg;
    gt_fiber_switch_end(&m->sys_fiber);
    return m;
}

GT_HOT void gt_set_wait_reason(struct gt_g *g, enum gt_wait_reason r)
{
    gt_store_relaxed(&g->t.wait_reason, (uint32_t)r);
}

struct gt_g *gt_stop_to_wait_late(struct gt_m *m); /* fault stack_after_block */

/* m's G stops and waits: event and change. Context: system stack. */
GT_HOT struct gt_g *gt_stop_to_wait(struct gt_m *m)
{
    struct gt_runtime *rt = m->rt;
    (void)rt;
    if (GT_FAULT(stack_after_block))
        return gt_stop_to_wait_late(m);
    struct gt_g *g = gt_m_g(m);
    gt_bump(&gt_m_p(m)->count.parks, 1u);
    gt_tok tok = gt_section_begin(m);
    GT_EMIT(m, tok, go_block, (enum gt_wait_reason)gt_load_relaxed(&g->t.wait_reason));
    GT_PERTURB(m, park_event);
    gt_store_relaxed(&g->m, NULL);
    gt_g_from_running(m, g, tok, GT_G_WAITING);
    m->t.g = NULL;
    GT_PERTURB(m, park_changed);
    gt_section_end(m, tok);
    return g;
}

/* Nothing to wait for after all: g goes on. Context: system stack. */
GT_NORETURN GT_HOT void gt_wait_not(struct gt_m *m, struct gt_g *g)
{
    gt_tok tok = gt_section_begin(m);
    gt_g_change(m, g, tok, GT_G_WAITING, GT_G_RUNNABLE);
    GT_EMIT(m, tok, go_unblock, &g->t);
    gt_section_end(m, tok);
    gt_execute(m, g, true);
}

/* m's G has stopped and is accounted for. Context: system stack, no lock, m has a P and
 * no G. */
GT_NORETURN GT_HOT void gt_next(struct gt_m *m)
{
    struct gt_p *p = gt_m_p(m);
    bool inherit;
    if (gt_likely(gt_load_relaxed(&p->preempt) == 0 && m->lockedg == NULL &&
                  gt_load_relaxed(&p->timer_next) == 0 &&
                  gt_load_relaxed(&m->rt->loop_hint) == 0)) {
        struct gt_g *g = gt_pick(m, GT_PICK_QUEUES, &inherit);
        if (gt_likely(g && g->lockedm == NULL))
            gt_run(m, g, inherit);
        if (g)
            gt_m_start_locked(m, g);
    }
    gt_schedule(m);
}
