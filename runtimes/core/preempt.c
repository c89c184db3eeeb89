/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preemption: a flag on the P for every G, a signal for those that opted in; and the
 * report of a stack overflow.
 *
 * A G that opted in may be stopped between any two instructions of its own code. The
 * handler does not switch stacks: it makes the G runnable, hands the P on, and sleeps in
 * the handler until the G has been picked again. So the red zone, the vector state and
 * the signal mask are the kernel's business, and the G resumes on the same M: a lock of
 * libc that it held and an address of TLS that it cached are still its own.
 *
 * Invariants:
 *   I1 The handler acts only if the M is not pinned, has a current G that opted in, was
 *      interrupted on that G's stack, and its P was asked to give way. Core code that
 *      keeps a P across statements, or holds any lock, is pinned; other core code may be
 *      stopped, since it will find its M unchanged.
 *   I2 While it sleeps in the handler the M is locked to its G, like a thread-locked one.
 *   I3 A G that opted in holds no lock that another G's thread may want (malloc, stdio):
 *      its thread would sleep with it. That is the contract of async_preempt(true).
 * Limits: off under ThreadSanitizer, which delays signals to its own points.
 */
#include <signal.h>

#include "core/core.h"
#include "core/owner.h"

/* A struct gt_p is read here without a lock: I7 of core.h. */
void gt_preempt_p(struct gt_runtime *rt, struct gt_p *p)
{
    (void)rt;
    gt_store_relaxed(&p->preempt, 1u);
    if (GT_TSAN || gt_load_relaxed(&p->async) == 0)
        return;
    struct gt_m *m = gt_load_acquire(&p->m); /* pair: p-owner */
    if (m && gt_tls_m() != m)
        (void)gt_thread_signal(m->t.tid, gt_signal_preempt());
}

static bool on_stack_of(struct gt_g *g, uintptr_t sp)
{
    return sp >= (uintptr_t)g->stack.lo && sp < (uintptr_t)g->stack.hi;
}

/* Every register of the interrupted G lies in the kernel's frame of the signal, from ctx->raw
 * up: on the thread's other stack, or where it has none below the G's sp. */
static void keep_registers(struct gt_m *m, struct gt_g *g, const struct gt_sigctx *ctx)
{
    uintptr_t lo = (uintptr_t)ctx->raw & ~(uintptr_t)7, base = (uintptr_t)m->altstack.base;
    bool other = lo >= base && lo < base + m->altstack.size;
    g->sig_lo = lo;
    g->sig_hi = other ? base + m->altstack.size : ctx->sp & ~(uintptr_t)7;
}

static bool may_stop(struct gt_m *m, const struct gt_sigctx *ctx)
{
    struct gt_g *g = gt_m_g(m);
    return m->locks == 0 && m->t.p && g && g->async_ok && on_stack_of(g, ctx->sp) &&
           gt_g_status(g) == GT_G_RUNNING && gt_load_relaxed(&gt_m_p(m)->preempt) != 0;
}

/* Running -> Runnable with its event, queued, P handed on: what a checkpoint does, but on
 * the handler's stack and with the M locked to the G. */
static void stop_here(struct gt_m *m, struct gt_g *g, const struct gt_sigctx *ctx)
{
    struct gt_runtime *rt = m->rt;
    struct gt_p *p = gt_m_p(m);
    m->locks++;
    gt_store_relaxed(&p->preempt, 0u);
    gt_bump(&p->count.preempted_async, 1u);
    if (!g->lockedm)
        gt_m_set_lockedg(m, g);
    m->async_saved = g->lockedm;
    g->lockedm = m;
    /* For who walks the stack meanwhile. The G may be inside gt_mcall, with its context
     * already saved: that comes back. */
    m->async_ctx = g->ctx;
    g->ctx = (struct gt_ctx){.sp = (void *)ctx->sp, .fp = (void *)ctx->fp, .pc = (void *)ctx->pc};
    g->flags |= GT_GF_IN_HANDLER;
    keep_registers(m, g, ctx);
    gt_tok tok = gt_trace_acquire(m);
    GT_EMIT(m, tok, go_stop, GT_STOP_PREEMPTED);
    gt_store_relaxed(&g->m, NULL);
    gt_g_stop_running(m, g, tok, GT_STOP_PREEMPTED);
    m->t.g = NULL;
    gt_trace_release(m, tok);
    gt_sched(rt)->enqueue(rt->sched_state, &p->t, &g->t, GT_ENQ_PREEMPTED);
    m->locks--;
    gt_m_stop_locked(m); /* hands the P on; returns with one */
}

static void go_on_here(struct gt_m *m, struct gt_g *g)
{
    m->locks++;
    gt_tok tok = gt_trace_acquire(m);
    gt_store_release(&g->m, m); /* pair: g-m */
    m->t.g = &g->t;
    gt_g_change(m, g, tok, GT_G_RUNNABLE, GT_G_RUNNING);
    GT_EMIT(m, tok, go_start);
    gt_trace_release(m, tok);
    g->flags &= (uint8_t)~GT_GF_IN_HANDLER;
    g->lockedm = m->async_saved;
    g->ctx = m->async_ctx;
    if (!g->lockedm)
        gt_m_set_lockedg(m, NULL);
    struct gt_p *p = gt_m_p(m);
    gt_store_relaxed(&p->preempt, 0u);
    gt_store_relaxed(&p->async, 1u);
    gt_bump(&p->sched_tick, 1u);
    gt_bump(&p->count.switches, 1u);
    m->locks--;
}

static bool on_preempt_signal(struct gt_sigctx *ctx)
{
    struct gt_m *m = gt_tls_m();
    if (!m)
        return false;
    if (may_stop(m, ctx)) {
        struct gt_g *g = gt_m_g(m);
        GT_PERTURB_PAUSE(m);
        stop_here(m, g, ctx);
        go_on_here(m, g);
        GT_PERTURB_RESUME(m);
    }
    return true;
}

/* ---- stack overflow ------------------------------------------------------------------ */
bool gt_stack_overflow(struct gt_sigctx *ctx)
{
    if (gt_sealed_touched(ctx))
        return true;
    struct gt_m *m = gt_tls_m();
    struct gt_g *g = m ? gt_m_g(m) : NULL;
    struct gt_stack st;
    if (!g || !gt_stacks_find(m->rt->stacks, ctx->fault_addr, &st) || st.lo != g->stack.lo)
        return false;
    gt_report_overflow(m->rt, g, ctx);
    gt_os_abort();
}

int gt_preempt_init(void)
{
    int rc = GT_TSAN ? 0 : gt_signal_claim(gt_signal_preempt(), on_preempt_signal);
    if (rc != 0)
        return rc;
    rc = gt_signal_claim(SIGSEGV, gt_stack_overflow);
    if (rc != 0 && !GT_TSAN)
        gt_signal_release(gt_signal_preempt(), on_preempt_signal);
    return rc;
}

void gt_preempt_fini(void)
{
    if (!GT_TSAN)
        gt_signal_release(gt_signal_preempt(), on_preempt_signal);
    gt_signal_release(SIGSEGV, gt_stack_overflow);
}
