/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Foreign threads that call in: each borrows an extra M for the time of the call.
 *
 * The M's system stack is the foreign thread's own stack below the call; its G has a
 * stack of the runtime's. The G is locked to the M, so that the callback always runs on
 * the thread that called.
 *
 * Invariants:
 *   I1 An extra M is on the list of free extra Ms, or lent to exactly one thread. While
 *      free its G is Dead and it has no P and no thread.
 *   I2 in_callback counts, under the scheduler lock, the threads inside; the runtime does
 *      not end before it is 0.
 *   I3 The M goes without its P: the callback ends by a blocking system call entry, which
 *      hands the P on with its ProcStop, before GoDestroySyscall. (A thread that left with
 *      its P attached would let another thread with the same id appear to own two.)
 *   I4 The leaving thread is flushed from the tracer's view under the scheduler lock (I3
 *      of m.c, seed 004): the M may come back under another thread id.
 * Limits: not from a signal handler. The callback must return; gt exit() inside is fatal. A
 * thread that is inside a callback of runtime A and of runtime B must not call back into A.
 */
#include <errno.h>
#include <string.h>

#include "core/core.h"

struct call {
    gt_fn fn;
    void *arg;
};

static struct gt_m *make_extra(struct gt_runtime *rt, int *err)
{
    *err = -ENOMEM;
    struct gt_m *m = gt_m_alloc(rt);
    if (!m)
        return NULL;
    m->extra = true;
    m->extra_g = gt_g_new(NULL, rt, err);
    if (!m->extra_g)
        return NULL; /* the M stays on the list of all Ms, unused */
    gt_add_relaxed(&rt->n_extra, 1u);
    return m;
}

static struct gt_m *borrow(struct gt_runtime *rt, int *err)
{
    gt_lock(&rt->sched_lock);
    bool open = rt->open && gt_load_relaxed(&rt->exiting) == 0;
    if (open)
        rt->in_callback++;
    gt_unlock(&rt->sched_lock);
    if (!open) {
        *err = -ESHUTDOWN;
        return NULL;
    }
    gt_lock(&rt->extra_lock);
    struct gt_m *m = rt->extra_ms;
    if (m)
        rt->extra_ms = m->extra_next;
    gt_unlock(&rt->extra_lock);
    if (!m)
        m = make_extra(rt, err);
    if (!m)
        gt_callback_left(rt);
    return m;
}

/* I2. The last one out may have been all that kept parked Gs from being a deadlock. */
void gt_callback_left(struct gt_runtime *rt)
{
    gt_lock(&rt->sched_lock);
    rt->in_callback--;
    gt_check_deadlock(rt);
    gt_unlock(&rt->sched_lock);
}

static void give_back(struct gt_m *m)
{
    struct gt_runtime *rt = m->rt;
    GT_PERTURB(m, dropm_home);
    gt_m_fini_thread(m); /* I4 */
    gt_lock(&rt->extra_lock);
    m->extra_next = rt->extra_ms;
    rt->extra_ms = m;
    gt_unlock(&rt->extra_lock);
    gt_callback_left(rt);
}

/*
 * Seed 004's relative put back, status model: the P stays in the system call that the callback
 * ends with, and the next thread on this M takes it back as if it had never been away.
 */
#if GT_FAULTS && GT_ORACLE
static bool keeps_p(struct gt_runtime *rt)
{
    return GT_FAULT(foreign_keeps_p) && rt->syscalls == GT_SYSCALLS_STATUS;
}
static void take_kept_p(struct gt_m *m)
{
    if (keeps_p(m->rt))
        gt_syscall_exit_with_oldp(m);
}
#else
#define keeps_p(rt_) false
#define take_kept_p(m_) ((void)0)
#endif

/* System stack; G in Syscall, P handed on: the G ends, the thread goes home. */
static void leave(void *arg)
{
    struct gt_m *m = arg;
    struct gt_g *g = gt_m_g(m);
    gt_fiber_switch_end(&m->sys_fiber);
    gt_tok tok = gt_trace_acquire_no_p(m);
    GT_PERTURB(m, dropm_counted);
    gt_g_change(m, g, tok, GT_G_SYSCALL, GT_G_DEAD);
    gt_no_p_changed(m);
    GT_PERTURB(m, dropm_changed);
    GT_EMIT(m, tok, go_destroy_syscall);
    gt_store_relaxed(&g->m, NULL);
    m->t.g = NULL;
    gt_trace_release(m, tok);
    if (gt_tracer(m->rt)->g_dies)
        gt_tracer(m->rt)->g_dies(m->rt->tracer_state, &g->t);
    g->lockedm = NULL;
    if (!keeps_p(m->rt))
        m->syscall_tick--; /* a later use of the same P shall look stolen */
    m->lockedg = NULL;
    gt_m_exit(m);
}

static void callback_entry(void *arg)
{
    struct gt_g *g = arg;
    gt_fiber_switch_end(&g->stack.fiber);
    g->fn(*gt_g_arg(g));
    if (keeps_p(g->rt))
        gt_syscall_enter();
    else
        gt_syscall_enter_blocking(); /* I3 */
    gt_mcall_last(leave);
}

/* System stack, first thing: Dead -> Syscall, then as if a system call had ended. */
static void arrive(void *arg)
{
    struct gt_m *m = arg;
    struct gt_g *g = m->extra_g;
    if (gt_tracer(m->rt)->g_born)
        gt_tracer(m->rt)->g_born(m->rt->tracer_state, &g->t);
    gt_tok tok = gt_trace_acquire_no_p(m);
    GT_PERTURB(m, needm_counted);
    gt_store_release(&g->m, m); /* pair: g-m */
    gt_g_at_top(g);
    /* With the lost mark: a thief that remembers this G from its last call on some P must
     * not take that P while this M gets it. */
    gt_g_to_syscall_lost(m, g, tok, GT_G_DEAD);
    gt_no_p_changed(m);
    GT_PERTURB(m, needm_changed);
    GT_EMIT(m, tok, go_create_syscall, &g->t);
    m->t.g = &g->t;
    gt_trace_release(m, tok);
    take_kept_p(m);
    gt_syscall_exit_slow(m);
}

static void prepare(struct gt_m *m, struct call *c)
{
    struct gt_g *g = m->extra_g;
    struct gt_runtime *rt = m->rt;
    g->t.id = gt_add_relaxed(&rt->goid_block, 1u) + 1;
    g->fn = c->fn;
    *gt_g_arg(g) = c->arg;
    *gt_g_arg2(g) = NULL; /* of its life before */
    g->created_by = 0;
    g->flags = GT_GF_EXTRA;
    g->lockedm = m;
    g->lock_depth = 0;
    g->async_ok = false;
    g->callback_depth = 0;
    g->syscall_fp = g->syscall_pc = 0;
    gt_store_relaxed(&g->permit, 0u);
    gt_store_relaxed(&g->preempt_stop, 0u);
    gt_ctx_make(&g->ctx, gt_g_top(g), callback_entry, g);
    if (!keeps_p(rt))
        m->oldp = NULL;
    m->lockedg = g;
    m->nextp = NULL;
    gt_note_clear(&m->park); /* an end of a run may have woken it while it was leaving */
    gt_m_renew(m);
}

static int from_foreign_thread(struct gt_runtime *rt, struct call *c)
{
    int err = 0;
    struct gt_m *m = borrow(rt, &err);
    if (!m)
        return err;
    struct gt_m *outer = gt_tls_m(); /* of another runtime, perhaps */
    prepare(m, c);
    gt_m_init_thread(m);
    gt_m_enter(m, arrive);
    bool done = gt_g_status(m->extra_g) == GT_G_DEAD;
    gt_add_relaxed(&rt->count.callbacks, 1u); /* before the runtime may be gone */
    if (done)
        give_back(m);
    else { /* the runtime ended under the callback: M and G are not used again */
        gt_m_fini_thread(m);
        gt_callback_left(rt);
    }
    gt_tls_set_m(outer);
    return done ? 0 : -ESHUTDOWN;
}

/* Called out through a system call, now called back: the same G goes on. What it held when it
 * called out stands still as before, this frame does not (S4 of gc_scan.c). */
static void call_back(struct gt_g *g, gt_fn fn, void *arg)
{
    void *sp = g->gc_sp, *regs[GT_GC_REGS];
    memcpy(regs, g->gc_regs, sizeof regs);
    gt_thread_lock();
    gt_syscall_exit();
    g->callback_depth++;
    fn(arg);
    g->callback_depth--;
    g->gc_sp = sp;
    memcpy(g->gc_regs, regs, sizeof regs);
    gt_syscall_enter_kept();
    gt_thread_unlock();
}

int gt_callback(struct gt_runtime *rt, gt_fn fn, void *arg)
{
    struct call c = {fn, arg};
    struct gt_m *m = gt_tls_m();
    if (!m || m->rt != rt)
        return from_foreign_thread(rt, &c);
    struct gt_g *g = gt_m_g(m);
    gt_add_relaxed(&rt->count.callbacks, 1u);
    if (g && gt_g_status(g) == GT_G_SYSCALL) {
        call_back(g, fn, arg);
        return 0;
    }
    fn(arg);
    return 0;
}
