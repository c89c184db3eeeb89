/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls: a G leaves the runtime for a while, its P may be taken meanwhile.
 *
 * Invariants:
 *   I1 GoSyscallBegin and Running -> Syscall (and in the status model the P's change)
 *      stand in one section; so do every return and its event.
 *   I2 The change that takes a P out of a system call and its ProcSteal stand in one
 *      section, which ends before the P is handed on (seed 001):
 *
 *      M1 in a syscall          M2 steals                    M3 stops the trace
 *                               CAS P Syscall -> Idle
 *      returns, no P
 *      GoSyscallEndBlocked                                   gen := 0
 *                               acquire: off, no ProcSteal
 *
 *      The reader then waits for a ProcSteal that never comes. With acquire before the
 *      CAS, M3 cannot finish the generation before ProcSteal is in it.
 *      What is taken was seen before the section, this very call of the victim's (the word
 *      with its version; in the scanbit model the scan bit is held): a section that is older
 *      than the call would put the steal before it.
 *
 *      M2 steals                M1                           M3 advances
 *      acquire (gen 7)
 *                                                            gen := 8
 *                               returns, calls again (gen 8)
 *      CAS P Syscall -> Idle
 *      ProcSteal (gen 7)
 *
 *   I3 status model: while its G is in a system call the M has no P; whoever swaps the
 *      P's status out of Syscall has it. A tick tells a returning M that its P was away
 *      and is in a system call again, of another M.
 *   I4 scanbit model: the P stays Running and attached; a thief holds the G's scan bit
 *      while it detaches it, and leaves the mark `lost` in the status word.
 * Progress: a returning G without a P is queued; its M parks.
 * Cost, tracer off: enter 0 CAS, exit 1 CAS (scanbit); enter 0, exit 2 (status). The fence
 * between publishing Syscall and reading `stopping` is paid by the stopper (membarrier).
 */
#include "core/core.h"
#include "core/run.h"

/* ---- a P taken out of a system call, status model --------------------------------------- */
/*
 * For sysmon, a stop of the world, a safe-point round and the M itself alike (seed 001):
 *
 *   victim                       thief                        stop of the trace
 *   GoSyscallBegin
 *                                takes the P (no section)
 *   GoSyscallEndBlocked                                       generation off
 *                                acquire: off, no ProcSteal
 *
 * The section stands round the taking and its event, and ends before the P is handed on. It is
 * begun before the swap and ended on both outcomes. w: the P's word, of this very call (I2).
 */
static bool take_p(struct gt_m *m, struct gt_p *p, uint64_t w, enum gt_pstatus to,
                   enum gt_steal_kind by)
{
    struct gt_runtime *rt = m->rt;
    (void)rt;
    gt_tok tok = gt_trace_acquire(m); /* I2 */
    GT_PERTURB(m, steal_acquired);
    bool took = gt_p_take(m, p, tok, w, to);
    if (took) {
        GT_PERTURB(m, steal_taken);
        if (GT_FAULT(self_stop) && by == GT_STEAL_BY_SELF)
            GT_EMIT(m, tok, proc_stop, &p->t);
        else
            GT_EMIT(m, tok, proc_steal, &p->t, by);
        gt_bump(&p->syscall_tick, 1u);
    }
    gt_trace_release(m, tok);
    return took;
}

/* Seed 001 put back: the section is that of the event alone. */
static bool take_p_unguarded(struct gt_m *m, struct gt_p *p, uint64_t w, enum gt_pstatus to,
                             enum gt_steal_kind by)
{
    if (!gt_p_take(m, p, gt_tok_none(), w, to))
        return false;
    GT_PERTURB(m, steal_taken);
    gt_tok tok = gt_trace_acquire(m);
    GT_EMIT(m, tok, proc_steal, &p->t, by);
    gt_bump(&p->syscall_tick, 1u);
    gt_trace_release(m, tok);
    return true;
}

/* ---- enter --------------------------------------------------------------------------- */
/* The world is being stopped and this M is in a system call: it need not be stolen from. A
 * steal, not a stop: another M may have had the P since. */
static void give_p_to_stopper_status(struct gt_m *m, struct gt_p *p)
{
    struct gt_runtime *rt = m->rt;
    uint64_t w = gt_load_acquire(&p->t.status); /* pair: pstatus */
    if (gt_status_of(w) != GT_P_SYSCALL || rt->stop_wait <= 0)
        return;
    GT_PERTURB(m, syscall_gives);
    bool took = GT_FAULT(self_steal_unguarded)
                    ? take_p_unguarded(m, p, w, GT_P_STOPPED, GT_STEAL_BY_SELF)
                    : take_p(m, p, w, GT_P_STOPPED, GT_STEAL_BY_SELF);
    if (took && --rt->stop_wait == 0)
        gt_note_wake(&rt->stop_note);
}

static void give_p_to_stopper_scanbit(struct gt_m *m, struct gt_p *p)
{
    struct gt_runtime *rt = m->rt;
    struct gt_g *g = gt_m_g(m);
    gt_await(&g->t.status, gt_g_scan_try(m, g));
    gt_tok tok = gt_trace_acquire(m);
    GT_PERTURB(m, syscall_gives);
    if (m->t.p == &p->t && rt->stop_wait > 0) {
        GT_EMIT(m, tok, proc_stop, &p->t);
        m->t.p = NULL;
        gt_store_release(&p->m, NULL); /* pair: p-owner */
        gt_p_set(m, p, tok, GT_P_STOPPED);
        gt_bump(&p->syscall_tick, 1u);
        gt_g_scan_end_lost(m, g);
        if (--rt->stop_wait == 0)
            gt_note_wake(&rt->stop_note);
    } else {
        gt_g_scan_end(m, g);
    }
    gt_trace_release(m, tok);
}

static GT_NOINLINE void enter_meets_stop(struct gt_m *m, struct gt_p *p)
{
    struct gt_runtime *rt = m->rt;
    gt_lock(&rt->sched_lock);
    if (gt_load_relaxed(&rt->stopping) != 0) {
        if (rt->syscalls == GT_SYSCALLS_STATUS)
            give_p_to_stopper_status(m, p);
        else
            give_p_to_stopper_scanbit(m, p);
    }
    gt_unlock(&rt->sched_lock);
}

/* Fault status_in_window: the G is in Syscall, its P not yet. */
static GT_NOINLINE gt_tok enter_in_two(struct gt_m *m, struct gt_p *p, gt_tok tok)
{
    gt_section_end(m, tok);
    GT_PERTURB(m, syscall_g_changed);
    if (gt_load_relaxed(&p->safe_fn) != 0)
        gt_run_safe_fn(m, p);
    return gt_section_begin(m);
}

/* gt_syscall_enter and _enter_blocking begin in keep_<arch>.S, which takes gc_sp and gc_regs
 * (S1 of gc_scan.c) and goes on here as if it had not been there. */
void gt_syscall_enter_kept(void)
{
    struct gt_m *m = gt_pin_after_checkpoint();
    struct gt_runtime *rt = m->rt;
    struct gt_g *g = gt_m_g(m);
    struct gt_p *p = gt_m_p(m);
    g->syscall_fp = ((const uintptr_t *)__builtin_frame_address(0))[0];
    g->syscall_pc = (uintptr_t)__builtin_return_address(0);
    gt_tok tok = gt_section_begin(m);
    GT_EMIT(m, tok, go_syscall_begin);
    GT_PERTURB(m, syscall_begun);
    m->syscall_tick = gt_load_relaxed(&p->syscall_tick);
    m->oldp = p;
    gt_bump(&p->count.syscalls, 1u);
    gt_store_release(&p->sysg, g); /* pair: sysg */
    gt_g_from_running(m, g, tok, GT_G_SYSCALL);
    if (GT_FAULT(status_in_window) && rt->syscalls == GT_SYSCALLS_STATUS)
        tok = enter_in_two(m, p, tok);
    else
        GT_PERTURB(m, syscall_g_changed);
    if (rt->syscalls == GT_SYSCALLS_STATUS) {
        m->t.p = NULL;
        gt_store_release(&p->m, NULL); /* pair: p-owner */
        gt_p_set(m, p, tok, GT_P_SYSCALL);
    }
    gt_section_end(m, tok);
    GT_PERTURB(m, syscall_entered);
    gt_fence_light(rt); /* pair: asym */ /* against the stopper: stopping := 1, fence, who is in a syscall? */
    if (gt_unlikely(gt_load_relaxed(&rt->stopping) != 0))
        enter_meets_stop(m, p);
    gt_unpin(m);
}

/* The caller knows that the call will block: the P goes on at once. */
__attribute__((visibility("hidden"))) void gt_syscall_enter_blocking_kept(void);
void gt_syscall_enter_blocking_kept(void)
{
    gt_checkpoint();
    struct gt_m *m = gt_pin();
    struct gt_g *g = gt_m_g(m);
    struct gt_p *p = gt_m_p(m);
    g->syscall_fp = ((const uintptr_t *)__builtin_frame_address(0))[0];
    g->syscall_pc = (uintptr_t)__builtin_return_address(0);
    gt_tok tok = gt_trace_acquire(m);
    GT_EMIT(m, tok, go_syscall_begin);
    m->syscall_tick = gt_load_relaxed(&p->syscall_tick);
    m->oldp = p;
    gt_bump(&p->count.syscalls, 1u);
    gt_bump(&p->syscall_tick, 1u); /* whatever becomes of the P, it is not this call's */
    gt_g_to_syscall_lost(m, g, tok, GT_G_RUNNING);
    gt_trace_release(m, tok);
    GT_PERTURB(m, syscall_blocking);
    p = gt_p_release(m, GT_P_IDLE); /* ProcStop */
    gt_p_handoff(m, p);
    gt_unpin(m);
}

/* ---- steal ------------------------------------------------------------------------------- */
static bool steal_status(struct gt_m *m, struct gt_p *p, enum gt_pstatus to)
{
    struct gt_runtime *rt = m->rt;
    uint64_t w = gt_load_acquire(&p->t.status); /* pair: pstatus */
    if (gt_status_of(w) != GT_P_SYSCALL)
        return false;
    GT_PERTURB(m, steal_seen);
    if (GT_FAULT(retake_unguarded) && m == rt->sysmon_m)
        return take_p_unguarded(m, p, w, to, GT_STEAL_BY_OTHER);
    bool took = take_p(m, p, w, to, GT_STEAL_BY_OTHER);
    GT_PERTURB(m, steal_done);
    return took;
}

static bool in_syscall_with(struct gt_g *g, struct gt_p *p)
{
    uint64_t w = gt_load_relaxed(&g->t.status);
    struct gt_m *gm = gt_load_acquire(&g->m); /* pair: g-m */
    return gt_status_of(w) == GT_G_SYSCALL && !(w & GT_STATUS_LOST) && gm && gm->t.p == &p->t;
}

/* As take_p_unguarded: in this model the steal is done when the scan bit is given back. */
static void steal_scanned_unguarded(struct gt_m *m, struct gt_g *g, struct gt_p *p,
                                    enum gt_pstatus to)
{
    gt_load_acquire(&g->m)->t.p = NULL; /* pair: g-m */
    gt_store_release(&p->m, NULL); /* pair: p-owner */
    gt_p_set(m, p, gt_tok_none(), to);
    gt_g_scan_end_lost(m, g);
    GT_PERTURB(m, steal_taken);
    gt_tok tok = gt_trace_acquire(m);
    GT_EMIT(m, tok, proc_steal, &p->t, GT_STEAL_BY_OTHER);
    gt_bump(&p->syscall_tick, 1u);
    gt_trace_release(m, tok);
}

/* I4. The scan bit is held: G, M and P are looked at again, since all may have moved on. */
static bool steal_scanbit(struct gt_m *m, struct gt_p *p, enum gt_pstatus to)
{
    struct gt_runtime *rt = m->rt;
    struct gt_g *g = gt_load_acquire(&p->sysg); /* pair: sysg */
    if (!g || gt_g_status(g) != GT_G_SYSCALL || !gt_g_scan_try(m, g))
        return false;
    if (!in_syscall_with(g, p)) {
        gt_g_scan_end(m, g);
        return false;
    }
    GT_PERTURB(m, steal_seen);
    if (GT_FAULT(retake_unguarded) && m == rt->sysmon_m) {
        steal_scanned_unguarded(m, g, p, to);
        return true;
    }
    gt_tok tok = gt_trace_acquire(m); /* I2 */
    GT_PERTURB(m, steal_acquired);
    gt_load_acquire(&g->m)->t.p = NULL; /* pair: g-m */
    gt_store_release(&p->m, NULL); /* pair: p-owner */
    gt_p_set(m, p, tok, to);
    GT_PERTURB(m, steal_taken);
    GT_EMIT(m, tok, proc_steal, &p->t, GT_STEAL_BY_OTHER);
    gt_bump(&p->syscall_tick, 1u);
    gt_g_scan_end_lost(m, g);
    gt_trace_release(m, tok);
    GT_PERTURB(m, steal_done);
    return true;
}

bool gt_p_steal_syscall(struct gt_m *m, struct gt_p *p, enum gt_pstatus to)
{
    return m->rt->syscalls == GT_SYSCALLS_STATUS ? steal_status(m, p, to)
                                                 : steal_scanbit(m, p, to);
}

/* ---- exit ---------------------------------------------------------------------------------- */
/* The old P was swapped back out of Syscall. If its tick moved it had been away, and it is
 * another M's system call that just lost it: a steal, and a start on this M. */
GT_HOT void reacquired(struct gt_m *m, struct gt_g *g, struct gt_p *p, gt_tok tok)
{
    bool was_away = m->syscall_tick != gt_load_relaxed(&p->syscall_tick);
    if (was_away)
        GT_EMIT(m, tok, proc_steal, &p->t, GT_STEAL_BY_SELF);
    gt_p_wire(m, p);
    if (was_away)
        GT_EMIT(m, tok, proc_start);
    gt_g_change(m, g, tok, GT_G_SYSCALL, GT_G_RUNNING);
    GT_EMIT(m, tok, go_syscall_end, was_away);
    if (was_away) {
        GT_EMIT(m, tok, go_start);
        gt_store_relaxed(&p->async, g->async_ok);
        gt_bump(&p->sched_tick, 1u);
    }
    gt_bump(&p->syscall_tick, 1u);
}

/* Seed 001 put back, the third place. */
static GT_NOINLINE bool reacquire_unguarded(struct gt_m *m, struct gt_g *g, struct gt_p *p,
                                            uint64_t w)
{
    if (!gt_p_take(m, p, gt_tok_none(), w, GT_P_RUNNING))
        return false;
    GT_PERTURB(m, exit_taken);
    gt_tok tok = gt_section_begin(m);
    reacquired(m, g, p, tok);
    gt_section_end(m, tok);
    return true;
}

/*
 * The fast way back, seed 001's third place: the swap that takes the P back may be what
 * steals it from another M's call, and then owes its ProcSteal in the same generation.
 *
 *   M1 (here)                    M2, in a call with the same P      advance
 *   swaps P out of Syscall
 *                                returns without a P: waits
 *                                for a ProcSteal                    generation n+1
 *   acquire: n+1, ProcSteal      GoSyscallEndBlocked may be in n
 */
GT_HOT bool exit_fast(struct gt_m *m, struct gt_g *g)
{
    struct gt_runtime *rt = m->rt;
    struct gt_p *p = m->oldp;
    bool ok = false, status = rt->syscalls == GT_SYSCALLS_STATUS;
    uint64_t w = status ? gt_load_acquire(&p->t.status) : 0; /* pair: pstatus */ /* I2 */
    if (status && gt_status_of(w) != GT_P_SYSCALL)
        return false;
    GT_PERTURB(m, exit_seen);
    if (GT_FAULT(reacquire_unguarded) && status)
        return reacquire_unguarded(m, g, p, w);
    gt_tok tok = gt_section_begin(m); /* I1: across the change and its event */
    GT_PERTURB(m, exit_acquired);
    if (status) {
        ok = gt_p_take(m, p, tok, w, GT_P_RUNNING);
        if (ok) {
            GT_PERTURB(m, exit_taken);
            reacquired(m, g, p, tok);
        }
    } else if (gt_likely(gt_g_syscall_return(m, g, tok))) {
        GT_PERTURB(m, exit_taken);
        GT_EMIT(m, tok, go_syscall_end, false);
        gt_bump(&gt_m_p(m)->syscall_tick, 1u);
        ok = true;
    }
    gt_section_end(m, tok);
    return ok;
}

static struct gt_p *find_idle_p(struct gt_m *m)
{
    struct gt_runtime *rt = m->rt;
    if (gt_load_relaxed(&rt->idle_ps) == 0)
        return NULL;
    gt_lock(&rt->sched_lock);
    struct gt_p *p = NULL;
    if (m->oldp)
        p = gt_p_idle_take(rt, m->oldp->t.id);
    if (!p)
        p = gt_p_idle_get(rt, m->oldp ? m->oldp->t.id : -1);
    gt_unlock(&rt->sched_lock);
    return p;
}

/* Goes on with another P: the syscall ends blocked and the G starts again, on the same M. */
GT_NORETURN static void exit_with(struct gt_m *m, struct gt_g *g, struct gt_p *p)
{
    gt_p_acquire(m, p);
    gt_tok tok = gt_trace_acquire(m);
    GT_PERTURB(m, exit_with);
    gt_g_change(m, g, tok, GT_G_SYSCALL, GT_G_RUNNING);
    GT_EMIT(m, tok, go_syscall_end, true);
    GT_EMIT(m, tok, go_start);
    gt_trace_release(m, tok);
    gt_store_relaxed(&p->preempt, 0u);
    gt_store_relaxed(&p->async, g->async_ok);
    gt_bump(&p->sched_tick, 1u);
    gt_bump(&p->syscall_tick, 1u);
    gt_fiber_switch_begin(&m->sys_fiber, &g->stack.fiber, true);
    gt_ctx_jump_inline(&g->ctx);
}

/*
 * No P to be had: the G becomes runnable.
 */
static void make_runnable(struct gt_m *m, struct gt_g *g)
{
    gt_tok tok = gt_trace_acquire_no_p(m);
    GT_PERTURB(m, exit_counted);
    gt_g_change(m, g, tok, GT_G_SYSCALL, GT_G_RUNNABLE);
    gt_no_p_changed(m);
    GT_PERTURB(m, exit_changed);
    GT_EMIT(m, tok, go_syscall_end, true);
    gt_store_relaxed(&g->m, NULL);
    m->t.g = NULL;
    gt_trace_release(m, tok);
}

void gt_syscall_exit_slow(struct gt_m *m)
{
    struct gt_runtime *rt = m->rt;
    struct gt_g *g = gt_m_g(m);
    GT_PERTURB(m, exit_lost);
    struct gt_p *p = find_idle_p(m);
    if (p)
        exit_with(m, g, p);
    make_runnable(m, g);
    p = find_idle_p(m);
    if (p && m->lockedg == NULL) {
        gt_p_acquire(m, p);
        gt_execute(m, g, false);
    }
    if (p)
        gt_p_acquire(m, p);
    gt_sched(rt)->enqueue(rt->sched_state, NULL, &g->t, GT_ENQ_GLOBAL);
    gt_wake_maybe(rt);
    if (m->lockedg != NULL)
        gt_schedule(m);
    gt_m_stop(m);
    gt_schedule(m);
}

#if GT_FAULTS && GT_ORACLE
/* System stack. Returns if the P is gone. */
void gt_syscall_exit_with_oldp(struct gt_m *m)
{
    struct gt_g *g = gt_m_g(m);
    if (!m->oldp || !exit_fast(m, g))
        return;
    gt_fiber_switch_begin(&m->sys_fiber, &g->stack.fiber, true);
    gt_ctx_jump_inline(&g->ctx);
}
#endif

static void exit_slow(void *arg)
{
    struct gt_m *m = arg;
    gt_fiber_switch_end(&m->sys_fiber);
    gt_syscall_exit_slow(m);
}

void gt_syscall_exit(void)
{
    struct gt_m *m = gt_pin();
    struct gt_g *g = gt_m_g(m);
    if (gt_likely(exit_fast(m, g))) {
        bool asked = gt_load_relaxed(&gt_m_p(m)->preempt) != 0;
        gt_unpin(m);
        if (gt_unlikely(asked))
            gt_checkpoint();
        return;
    }
    gt_unpin(m);
    gt_mcall(exit_slow);
}
