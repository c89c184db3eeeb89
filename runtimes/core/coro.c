/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Direct switch between two Gs: the caller blocks, the other starts, on the same M and P,
 * without a run queue in between. GoSwitch in the trace.
 *
 * Invariants:
 *   I1 A coroutine holds at most one G, which is Waiting with reason CORO: the side that
 *      does not run. Swapping it out is the right to switch to it.
 *   I2 The switch is one section: the caller goes Running -> Waiting, the other Waiting ->
 *      Runnable -> Running, one GoSwitch (GoSwitchDestroy when the body has returned).
 *   I3 The caller's G goes into the coroutine only after its context is saved and it is
 *      Waiting (I5 of core.h): the swap is done on the system stack.
 *   I4 A G locked to a thread does not switch directly: it would run the other on its
 *      thread, or be run on another's. It parks and is readied instead.
 */
#include "core/core.h"
#include "core/gc.h"

struct gt_coro {
    GT_APTR(struct gt_g) other; /* I1 */
    struct gt_runtime *rt;
    gt_fn fn;
    void *arg;
    bool done;
};

static void body(void *arg)
{
    struct gt_coro *c = arg;
    c->fn(c->arg);
    c->done = true;
    struct gt_m *m = gt_tls_m();
    m->park_fn_arg = c;
    gt_mcall_last(gt_coro_finish);
}

struct gt_coro *gt_coro_new(gt_fn fn, void *arg)
{
    int err = 0;
    struct gt_m *m = gt_pin();
    struct gt_coro *c = gt_alloc(m->rt->arena, sizeof *c, -1);
    if (c) {
        c->rt = m->rt;
        c->fn = fn;
        c->arg = arg;
        struct gt_g *g = gt_spawn_blocked(m, body, c, (uintptr_t)__builtin_return_address(0), &err);
        if (g) {
            *gt_g_arg2(g) = arg; /* c is memory that the collector does not look at */
            if (gt_gc_marking(m->rt))
                gt_gc_shade(m, (uintptr_t)arg);
            gt_init(&c->other, g);
        } else {
            gt_free(m->rt->arena, c, sizeof *c);
            c = NULL;
        }
    }
    gt_unpin(m);
    return c;
}

/* Waiting -> Running on m, whose P goes with it. The section is the caller's. */
static void start_other(struct gt_m *m, struct gt_g *to, gt_tok tok)
{
    gt_g_change(m, to, tok, GT_G_WAITING, GT_G_RUNNABLE);
    gt_store_release(&to->m, m); /* pair: g-m */
    m->t.g = &to->t;
    gt_g_change(m, to, tok, GT_G_RUNNABLE, GT_G_RUNNING);
    gt_store_relaxed(&gt_m_p(m)->async, to->async_ok);
    gt_bump(&gt_m_p(m)->count.switches, 1u);
}

GT_NORETURN static void go_on_as(struct gt_m *m, struct gt_g *to)
{
    gt_fiber_switch_begin(&m->sys_fiber, &to->stack.fiber, true);
    gt_ctx_jump_inline(&to->ctx);
}

/* I2, I3. */
GT_OFTEN static void switch_on_system(void *arg)
{
    struct gt_m *m = arg;
    gt_fiber_switch_end(&m->sys_fiber);
    struct gt_coro *c = m->park_fn_arg;
    struct gt_g *from = gt_m_g(m);
    struct gt_g *to = gt_swap_acquire(&c->other, NULL); /* pair: coro */
    if (!to)
        gt_throw(m->rt, "coroutine switched to from two goroutines at once");
    gt_store_relaxed(&from->t.wait_reason, (uint32_t)GT_WAIT_CORO);
    gt_tok tok = gt_trace_acquire(m);
    if (m->lockedg || to->lockedm) {
        GT_EMIT(m, tok, go_block, GT_WAIT_CORO);
        gt_store_relaxed(&from->m, NULL);
        gt_g_from_running(m, from, tok, GT_G_WAITING);
        m->t.g = NULL;
        gt_trace_release(m, tok);
        gt_store_release(&c->other, from); /* pair: coro */
        gt_ready(to, true);
        gt_schedule(m);
    }
    GT_EMIT(m, tok, go_switch, &to->t, false);
    GT_PERTURB(m, switch_event);
    gt_store_relaxed(&from->m, NULL);
    gt_g_from_running(m, from, tok, GT_G_WAITING);
    GT_PERTURB(m, switch_changed);
    start_other(m, to, tok);
    gt_store_release(&c->other, from); /* pair: coro */
    gt_trace_release(m, tok);
    go_on_as(m, to);
}

bool gt_coro_switch(struct gt_coro *c)
{
    if (c->done)
        return false;
    gt_checkpoint();
    struct gt_m *m = gt_tls_m();
    m->park_fn_arg = c;
    gt_mcall(switch_on_system);
    return !c->done;
}

/* The body has returned: its G dies, the side that waits goes on. */
void gt_coro_finish(void *arg)
{
    struct gt_m *m = arg;
    gt_fiber_switch_end(&m->sys_fiber);
    struct gt_coro *c = m->park_fn_arg;
    struct gt_g *from = gt_m_g(m);
    struct gt_g *to = gt_swap_acquire(&c->other, NULL); /* pair: coro */
    if (!to)
        gt_throw(m->rt, "coroutine ended with nobody to go on");
    bool direct = !m->lockedg && !to->lockedm;
    gt_tok tok = gt_trace_acquire(m);
    if (direct)
        GT_EMIT(m, tok, go_switch, &to->t, true);
    else
        GT_EMIT(m, tok, go_destroy);
    gt_store_relaxed(&from->m, NULL);
    gt_g_from_running(m, from, tok, GT_G_DEAD);
    m->t.g = NULL;
    if (direct)
        start_other(m, to, tok);
    gt_trace_release(m, tok);
    gt_g_bury(m, from);
    if (direct)
        go_on_as(m, to);
    gt_ready(to, true);
    if (m->lockedg == from)
        gt_m_end_locked(m);
    gt_schedule(m);
}

/* Done, or never switched to: then its G is put back unborn. */
void gt_coro_free(struct gt_coro *c)
{
    struct gt_m *m = gt_pin();
    struct gt_g *g = gt_swap_acquire(&c->other, NULL); /* pair: coro */
    if (g) {
        /* It never ran, so it holds nothing; the trace sees it end by being switched to. */
        gt_unpin(m);
        c->fn = gt_coro_nothing;
        gt_store_release(&c->other, g); /* pair: coro */
        (void)gt_coro_switch(c);
        m = gt_pin();
    }
    gt_free(m->rt->arena, c, sizeof *c);
    gt_unpin(m);
}

void gt_coro_nothing(void *arg)
{
    (void)arg;
}
