/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stopping the world, safe points, suspending one G.
 *
 * Invariants:
 *   I1 The world semaphore orders all stops, procs changes and safe-point rounds. It is
 *      taken first, by a G, which parks for it.
 *   I2 While the world is stopped every P but the stopper's is Stopped, Idle ones too;
 *      no G of user code runs. Ms in system calls go on without a P.
 *   I3 stop_wait counts, under the scheduler lock, the Ps not yet stopped. Each P is
 *      stopped by exactly one of: its own M, the stopper, an M that had it in its hands.
 *   I4 A G that waits for others to stop is modelled as waiting-but-running, so that a
 *      suspender that runs meanwhile gets its scan bit instead of waiting for it (two
 *      stoppers would wait for each other); that comes before the first event.
 * The race that the heavy fence closes:
 *
 *      M1 stops the world                  M2 enters a system call
 *      stopping := 1                       G: Running -> Syscall
 *      fence (heavy)                       fence (light)
 *      is a P in a syscall? steal    |     stopping? give the P to the stopper
 *
 *   One of the two sees the other; both at once is settled by the swap (status) or the
 *   scan bit (scanbit).
 * Progress: requests are repeated every 100 us; a G that makes no runtime call and did not
 * opt in to preemption by signal delays the stop, and sysmon names it.
 */
#include "core/gc.h"

#define RETRY_NS (100 * GT_NS_PER_US)

void gt_world_lock(struct gt_runtime *rt)
{
    gt_mutex_lock(rt->world_sema);
}

void gt_world_unlock(struct gt_runtime *rt)
{
    gt_mutex_unlock(rt->world_sema);
}

/* ---- waiting-but-running ------------------------------------------------------------ */
/* gt_g_pretend_wait, which keep_<arch>.S begins: it takes gc_sp and gc_regs first. */
__attribute__((visibility("hidden"))) void gt_g_pretend_wait_kept(struct gt_m *m,
                                                                  enum gt_wait_reason why);
void gt_g_pretend_wait_kept(struct gt_m *m, enum gt_wait_reason why)
{
    struct gt_g *g = gt_m_g(m);
    m->locks++;
    gt_signal_fence();
    gt_store_relaxed(&g->t.wait_reason, (uint32_t)why);
    gt_g_from_running(m, g, gt_tok_none(), GT_G_WAITING);
    GT_PERTURB(m, pretend_wait);
}

void gt_g_pretend_end(struct gt_m *m)
{
    gt_g_change(m, gt_m_g(m), gt_tok_none(), GT_G_WAITING, GT_G_RUNNING);
    m->locks--;
}

/* ---- asking Ps to stop ------------------------------------------------------------------ */
void gt_preempt_all(struct gt_runtime *rt)
{
    int32_t n = gt_load_relaxed(&rt->procs);
    for (int32_t i = 0; i < n; i++) {
        struct gt_p *p = gt_load_acquire(&rt->allp[i]); /* pair: allp */
        if (gt_p_status(p) == GT_P_RUNNING)
            gt_preempt_p(rt, p);
    }
}

static void steal_syscalling(struct gt_m *m, struct gt_p *own)
{
    struct gt_runtime *rt = m->rt;
    int32_t n = gt_load_relaxed(&rt->procs);
    for (int32_t i = 0; i < n && rt->stop_wait > 0; i++) {
        struct gt_p *p = gt_load_acquire(&rt->allp[i]); /* pair: allp */
        if (p != own && gt_p_steal_syscall(m, p, GT_P_STOPPED))
            rt->stop_wait--;
    }
}

static void stop_idle(struct gt_m *m)
{
    struct gt_runtime *rt = m->rt;
    for (struct gt_p *p; (p = gt_p_idle_get(rt, -1)) != NULL; rt->stop_wait--)
        gt_p_set(m, p, gt_tok_none(), GT_P_STOPPED);
}

/* Waits until stop_wait is 0. The M is pinned; its P is already stopped. */
static void wait_for_stop(struct gt_m *m, struct gt_p *own)
{
    struct gt_runtime *rt = m->rt;
    for (;;) {
        if (gt_note_sleep(&rt->stop_note, RETRY_NS)) {
            gt_note_clear(&rt->stop_note);
            return;
        }
        gt_preempt_all(rt);
        gt_lock(&rt->sched_lock);
        bool waiting = rt->stop_wait > 0;
        if (waiting)
            steal_syscalling(m, own);
        waiting = waiting && rt->stop_wait == 0;
        gt_unlock(&rt->sched_lock);
        if (waiting)
            return; /* ours was the last: nobody will wake the note */
    }
}

static void check_all_stopped(struct gt_runtime *rt)
{
    int32_t n = gt_load_relaxed(&rt->procs);
    for (int32_t i = 0; i < n; i++) {
        struct gt_p *p = gt_load_acquire(&rt->allp[i]); /* pair: allp */
        if (gt_p_status(p) != GT_P_STOPPED)
            gt_throw(rt, "world stopped, but P %d has status %d", i, (int)gt_p_status(p));
    }
    if (rt->stop_wait != 0)
        gt_throw(rt, "world stopped with %d Ps to wait for", rt->stop_wait);
}

/* Context: on a G that holds the world semaphore. Leaves the M pinned. */
static void stop_with_sema(struct gt_m *m, enum gt_world_kind kind)
{
    struct gt_runtime *rt = m->rt;
    bool pretends = !GT_FAULT(stop_unsuspendable);
    if (pretends)
        gt_g_pretend_wait(m, GT_WAIT_STOP_WORLD); /* I4 */
    else
        m->locks++;
    struct gt_p *own = gt_m_p(m);             /* after the pin: a signal may change it before */
    gt_tok tok = gt_trace_acquire(m);
    GT_EMIT(m, tok, stw_begin, kind);
    gt_trace_release(m, tok);
    GT_PERTURB(m, stop_asked);
    rt->world_kind = kind;
    rt->world_asked = gt_nanotime();
    gt_lock(&rt->sched_lock);
    gt_note_clear(&rt->stop_note);
    rt->stop_wait = gt_load_relaxed(&rt->procs);
    gt_store_seqcst(&rt->stopping, 1u); /* pair: stopping */
    gt_jnote(m, GT_J_WORLD, kind, 0, 0, 1);
    gt_fence_heavy(rt); /* pair: asym */
    GT_PERTURB(m, stop_stopping);
    gt_preempt_all(rt);
    gt_p_set(m, own, gt_tok_none(), GT_P_STOPPED);
    rt->stop_wait--;
    steal_syscalling(m, own);
    GT_PERTURB(m, stop_swept);
    stop_idle(m);
    bool wait = rt->stop_wait > 0;
    gt_unlock(&rt->sched_lock);
    if (wait)
        wait_for_stop(m, own);
    check_all_stopped(rt);
    gt_jnote(m, GT_J_WORLD, kind, 0, 1, 2);
    GT_PERTURB(m, stop_done);
    gt_store_relaxed(&own->preempt, 0u);
    int64_t took = gt_nanotime() - rt->world_asked;
    gt_store_relaxed(&rt->stop_ns_last, took);
    if (took > gt_load_relaxed(&rt->stop_ns_max))
        gt_store_relaxed(&rt->stop_ns_max, took);
    gt_add_relaxed(&rt->count.world_stops, 1u);
    if (pretends) {
        m->locks++; /* the pin that outlives the pretence */
        gt_g_pretend_end(m);
    }
}

void gt_world_stop(struct gt_runtime *rt, enum gt_world_kind kind)
{
    gt_world_lock(rt);
    stop_with_sema(gt_tls_m(), kind);
}

void gt_world_stop_held(struct gt_runtime *rt, enum gt_world_kind kind)
{
    (void)rt; /* the caller's own */
    stop_with_sema(gt_tls_m(), kind);
}

/* An M meets a stop between two Gs. */
void gt_m_stop_for_world(struct gt_m *m)
{
    struct gt_runtime *rt = m->rt;
    if (m->spinning) {
        m->spinning = false;
        gt_sub_acq_rel(&rt->spinning, 1); /* pair: spinning */
    }
    GT_PERTURB(m, stop_met);
    gt_lock(&rt->sched_lock);
    if (gt_load_relaxed(&rt->stopping) == 0) {
        gt_unlock(&rt->sched_lock);
        return;
    }
    gt_p_release(m, GT_P_STOPPED);
    if (--rt->stop_wait == 0)
        gt_note_wake(&rt->stop_note);
    gt_unlock(&rt->sched_lock);
    gt_m_stop(m);
}

/* ---- start ---------------------------------------------------------------------------------- */
/* Ps with work of their own are given an M each; the others go on the idle mask. Returns
 * the list of the former. Scheduler lock held. */
static struct gt_p *distribute(struct gt_m *m)
{
    struct gt_runtime *rt = m->rt;
    struct gt_p *list = NULL;
    for (int32_t i = gt_load_relaxed(&rt->procs) - 1; i >= 0; i--) {
        struct gt_p *p = gt_load_acquire(&rt->allp[i]); /* pair: allp */
        if (p == gt_m_p(m)) {
            gt_p_set(m, p, gt_tok_none(), GT_P_RUNNING);
            continue;
        }
        gt_p_set(m, p, gt_tok_none(), GT_P_IDLE);
        bool work = gt_sched(rt)->p_has_work ? gt_sched(rt)->p_has_work(rt->sched_state, &p->t)
                                          : gt_sched(rt)->has_work(rt->sched_state, &p->t);
        if (work) {
            p->runnable_next = list;
            list = p;
        } else {
            gt_p_idle_put(rt, p);
        }
    }
    return list;
}

void gt_world_start_held(struct gt_runtime *rt)
{
    struct gt_m *m = gt_tls_m();
    gt_lock(&rt->sched_lock);
    struct gt_p *list = distribute(m);
    gt_jnote(m, GT_J_WORLD, rt->world_kind, 0, 2, 0);
    gt_store_seqcst(&rt->stopping, 0u); /* pair: stopping */
    rt->world_started = gt_nanotime();
    gt_sysmon_wake(rt);
    gt_unlock(&rt->sched_lock);
    while (list) {
        struct gt_p *p = list;
        list = p->runnable_next;
        p->runnable_next = NULL;
        gt_m_start(rt, p, false);
    }
    GT_PERTURB(m, start_done);
    gt_tok tok = gt_trace_acquire(m);
    GT_EMIT(m, tok, stw_end);
    gt_trace_release(m, tok);
    gt_fence_heavy(rt); /* pair: asym */
    if (gt_load_relaxed(&rt->idle_ps) != 0 &&
        (gt_sched(rt)->has_work(rt->sched_state, NULL) || gt_gc_idle_work(rt)))
        gt_wake(rt); /* not for nothing: an M that wakes delays the next stop */
    gt_unpin(m);
}

void gt_world_start(struct gt_runtime *rt)
{
    gt_world_start_held(rt);
    gt_world_unlock(rt);
}

/* ---- safe points --------------------------------------------------------------------------------- */
void gt_run_safe_fn(struct gt_m *m, struct gt_p *p)
{
    struct gt_runtime *rt = m->rt;
    if (gt_swap_acq_rel(&p->safe_fn, 0u) == 0) /* pair: safefn */
        return;
    GT_PERTURB(m, safe_point);
    rt->safe_fn(p, rt->safe_fn_arg);
    gt_lock(&rt->sched_lock);
    if (--rt->safe_wait == 0)
        gt_note_wake(&rt->safe_note);
    gt_unlock(&rt->sched_lock);
}

/* Idle Ps cannot get an M while the scheduler lock is held. */
static void safe_fn_idle(struct gt_runtime *rt)
{
    for (int32_t i = 0; i < gt_load_relaxed(&rt->procs); i++) {
        struct gt_p *p = gt_load_acquire(&rt->allp[i]); /* pair: allp */
        bool idle = (rt->idle_mask[i / 64] >> (i % 64)) & 1u;
        if (idle && gt_swap_acq_rel(&p->safe_fn, 0u) != 0) { /* pair: safefn */
            rt->safe_fn(p, rt->safe_fn_arg);
            rt->safe_wait--;
        }
    }
}

/* A P in a system call is taken and handed on; the hand-off runs the function. */
static void safe_fn_syscalls(struct gt_m *m)
{
    struct gt_runtime *rt = m->rt;
    for (int32_t i = 0; i < gt_load_relaxed(&rt->procs); i++) {
        struct gt_p *p = gt_load_acquire(&rt->allp[i]); /* pair: allp */
        if (p != gt_m_p(m) && gt_load_relaxed(&p->safe_fn) != 0 &&
            gt_p_steal_syscall(m, p, GT_P_IDLE))
            gt_p_handoff(m, p);
    }
}

static bool safe_done(struct gt_runtime *rt)
{
    gt_lock(&rt->sched_lock);
    bool done = rt->safe_wait == 0;
    gt_unlock(&rt->sched_lock);
    return done;
}

void gt_each_p_safe(struct gt_runtime *rt, enum gt_wait_reason why,
                    void (*fn)(struct gt_p *, void *), void *arg)
{
    struct gt_m *m = gt_tls_m();
    gt_g_pretend_wait(m, why);
    struct gt_p *own = gt_m_p(m); /* after the pin */
    gt_lock(&rt->sched_lock);
    rt->safe_fn = fn;
    rt->safe_fn_arg = arg;
    rt->safe_wait = gt_load_relaxed(&rt->procs) - 1;
    gt_note_clear(&rt->safe_note);
    for (int32_t i = 0; i < gt_load_relaxed(&rt->procs); i++) {
        struct gt_p *p = gt_load_acquire(&rt->allp[i]); /* pair: allp */
        if (p != own)
            gt_store_release(&p->safe_fn, 1u); /* pair: safefn */
    }
    gt_fence_heavy(rt); /* pair: asym */
    gt_preempt_all(rt);
    safe_fn_idle(rt);
    gt_unlock(&rt->sched_lock);
    GT_PERTURB(m, safe_asked);
    fn(own, arg);
    safe_fn_syscalls(m);
    while (!safe_done(rt)) {
        gt_note_sleep(&rt->safe_note, RETRY_NS);
        gt_note_clear(&rt->safe_note);
        gt_preempt_all(rt);
        safe_fn_syscalls(m);
    }
    gt_store_relaxed(&own->preempt, 0u);
    gt_g_pretend_end(m);
}

/* ---- one G ------------------------------------------------------------------------------------------- */
/*
 * The request names the very stretch of running that it saw, by the version of the status
 * word: a G that died and came back meanwhile is not asked by mistake.
 */
static void ask_to_stop(struct gt_runtime *rt, struct gt_g *g, uint64_t word)
{
    struct gt_m *gm = gt_load_acquire(&g->m); /* pair: g-m */
    gt_store_release(&g->preempt_stop, gt_stop_tag(word)); /* pair: preempt-stop */
    int32_t n = gt_load_relaxed(&rt->procs);
    for (int32_t i = 0; gm && i < n; i++) {
        struct gt_p *p = gt_load_acquire(&rt->allp[i]); /* pair: allp */
        if (gt_load_acquire(&p->m) == gm) /* pair: p-owner */
            gt_preempt_p(rt, p);
    }
}

static void view_g(struct gt_g *g, struct gt_trace_g_view *v)
{
    struct gt_runtime *rt = g->rt;
    struct gt_m *gm = gt_load_acquire(&g->m); /* pair: g-m */
    (void)rt;
    v->status = gt_g_status(g);
    v->reason = (enum gt_wait_reason)gt_load_relaxed(&g->t.wait_reason);
    v->tid = gm ? gm->t.tid : -1;
    if (GT_FAULT(status_names_m) && gm)
        v->tid = (int32_t)gm->t.serial;
    v->system = (g->flags & GT_GF_SYSTEM) != 0;
    v->assisting = g->gc_assisting;
}

static bool wait_for_scan(struct gt_m *m, struct gt_g *g)
{
    for (uint32_t spins = 0;; spins++) {
        if (gt_g_scan_try(m, g))
            return true;
        uint64_t w = gt_load_relaxed(&g->t.status);
        if (gt_status_of(w) == GT_G_DEAD)
            return false;
        if (gt_status_of(w) == GT_G_RUNNING && spins % 16 == 0)
            ask_to_stop(m->rt, g, w);
        if (spins < 64)
            gt_thread_yield();
        else
            gt_sleep_ns(20 * GT_NS_PER_US);
    }
}

/* The caller is modelled as waiting from its first wait for a scan bit until it has given
 * the last one back: a suspender that waits for it can then go on, and two that hold each
 * other's Gs still both resume them. */
static void suspend_begin(struct gt_m *m)
{
    if (m->suspends++ == 0 && gt_g_status(gt_m_g(m)) == GT_G_RUNNING) {
        m->suspend_pretends = true;
        gt_m_g(m)->gc_sp = NULL; /* gt_suspend_g returns before the end: S2 of gc_scan.c */
        gt_g_pretend_wait_kept(m, GT_WAIT_TRACE_STATUS);
    }
}

static void suspend_end(struct gt_m *m)
{
    if (--m->suspends == 0 && m->suspend_pretends) {
        m->suspend_pretends = false;
        gt_g_pretend_end(m);
    }
}

/*
 * Holds g still by its scan bit; false when it is dead. Context: on a G. Until
 * gt_resume_g(g) the caller stays on its M, does not block, does not switch, takes no core
 * lock of a rank below LEAF and holds no second G: who holds a bit must not wait for another
 * holder.
 */
bool gt_suspend_g(struct gt_runtime *rt, struct gt_g *g, struct gt_trace_g_view *v)
{
    struct gt_m *m = gt_pin();
    gt_assert(rt, m->rt == rt && m->suspends == 0);
    if (g == gt_m_g(m)) { /* owns itself: nothing to hold */
        view_g(g, v);
        v->status = GT_G_RUNNING;
        return true;
    }
    suspend_begin(m);
    if (wait_for_scan(m, g)) {
        gt_store_relaxed(&g->preempt_stop, 0u);
        GT_PERTURB(m, suspend_got);
        view_g(g, v);
        return true;
    }
    suspend_end(m);
    gt_unpin(m);
    return false;
}

static void make_ready(struct gt_m *m, struct gt_g *g)
{
    struct gt_runtime *rt = m->rt;
    gt_tok tok = gt_trace_acquire(m);
    gt_g_change_scanned(m, g, tok, GT_G_RUNNABLE);
    GT_EMIT(m, tok, go_unblock, &g->t);
    gt_trace_release(m, tok);
    gt_sched(rt)->enqueue(rt->sched_state, m->t.p, &g->t, m->t.p ? GT_ENQ_LOCAL : GT_ENQ_GLOBAL);
    gt_wake_maybe(rt);
}

/* Who was stopped for this suspender is made ready by it. The pin of gt_suspend_g goes
 * last: who holds a scan bit must not be stopped itself. */
void gt_resume_g(struct gt_runtime *rt, struct gt_g *g)
{
    struct gt_m *m = gt_tls_m();
    gt_assert(rt, m->rt == rt);
    GT_PERTURB(m, resume);
    if (g == gt_m_g(m))
        ;
    else if (gt_g_status(g) == GT_G_WAITING &&
             gt_load_relaxed(&g->t.wait_reason) == GT_WAIT_PREEMPTED)
        make_ready(m, g);
    else
        gt_g_scan_end(m, g);
    if (g != gt_m_g(m))
        suspend_end(m);
    gt_unpin(m);
}
