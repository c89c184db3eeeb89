/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ms: threads that run Ps. Start, park, lock to a G, leave.
 *
 * Invariants:
 *   I1 A parked M has no P, no G, no lock; it is on the idle list, or waits locked for its
 *      G, or waits inside a preemption handler. Whoever wakes it has taken it from there
 *      under the scheduler lock and given it a P, or the runtime ends.
 *   I2 Structs of Ms stay on the list of all Ms until the runtime is destroyed; `gone`
 *      says that the thread has left. Serials are never reused, thread ids are.
 *   I3 An M leaves the view of the tracer (m_dies) and hands its journal over under the
 *      scheduler lock (seed 004).
 *   I4 The system stack is entered afresh at sys_top: nothing on it survives a G.
 *   I5 A P that is given to a parked M goes to the one that parked last, the warmest. Where
 *      threads are bound, to the last that parked at the P's place, of the first few: any
 *      other has to be moved there first, by two system calls and often to another CPU.
 */
#include <errno.h>

#include "core/core.h"

/* Kept free above sys_top for the frame that waits in exit_ctx. */
#define SYS_STACK_GAP 1024u
#define M_STACK_SIZE (256u * 1024u)
#define ALTSTACK_SIZE (32u * 1024u)
/* Idle Ms that are looked at for one at the right place. */
#define IDLE_LOOKS 16

struct gt_m *gt_m_alloc(struct gt_runtime *rt)
{
    size_t state = gt_tracer(rt)->m_state;
    struct gt_m *m = gt_alloc(rt->arena, sizeof *m + state, -1);
    if (!m)
        return NULL;
    m->rt = rt;
    m->gone = true; /* until its thread is there */
    m->t.trace = state ? m + 1 : NULL;
    gt_lock(&rt->sched_lock);
    m->t.serial = ++rt->m_serial;
    m->rng = (rt->config.seed ^ (m->t.serial * 0x9e3779b97f4a7c15ull)) | 1u;
    m->all_next = rt->all_ms;
    rt->all_ms = m;
    gt_unlock(&rt->sched_lock);
    return m;
}

void gt_m_renew(struct gt_m *m)
{
    struct gt_runtime *rt = m->rt;
    gt_lock(&rt->sched_lock);
    gt_assert(rt, m->gone);
    m->t.serial = ++rt->m_serial;
    gt_unlock(&rt->sched_lock);
}

/* On the new thread: what belongs to the thread. */
void gt_m_init_thread(struct gt_m *m)
{
    gt_tls_set_m(m);
    m->bound_to = NULL; /* a new thread has the binding of who started it */
    if (!m->altstack.base)
        (void)gt_altstack_install(&m->altstack, ALTSTACK_SIZE);
    gt_signal_allow(gt_signal_preempt(), &m->signal_mask);
    gt_lock(&m->rt->sched_lock);
    m->t.tid = gt_thread_id();
    if (gt_tracer(m->rt)->m_born)
        gt_tracer(m->rt)->m_born(m->rt->tracer_state, &m->t);
    m->gone = false;
    gt_jnote(m, GT_J_THREAD, (uint64_t)m->t.tid, m->t.serial, 0, 1);
    (void)gt_profile_join(m); /* without samples of this thread if need be */
    gt_unlock(&m->rt->sched_lock);
}

static void leave_tracer(struct gt_m *m)
{
    struct gt_runtime *rt = m->rt;
    if (gt_tracer(rt)->m_dies)
        gt_tracer(rt)->m_dies(rt->tracer_state, &m->t);
}

void gt_m_fini_thread(struct gt_m *m)
{
    struct gt_runtime *rt = m->rt;
    GT_PERTURB(m, m_leaves);
    bool early = GT_FAULT(destroy_unlocked) && m->extra;
    if (early)
        leave_tracer(m);
    gt_lock(&rt->sched_lock);
    gt_assert_held(&rt->sched_lock); /* I3 */
    gt_profile_leave(m);
    if (!early)
        leave_tracer(m);
    gt_jnote(m, GT_J_THREAD, (uint64_t)m->t.tid, m->t.serial, 1, 0);
    gt_journal_leave(m);
    m->gone = true;
    gt_unlock(&rt->sched_lock);
    gt_signal_restore(&m->signal_mask);
    if (m->altstack.base)
        gt_altstack_remove(&m->altstack);
    gt_tls_set_m(NULL);
}

/* First thing on the system stack: take the P that was given, then schedule. */
static void m_main(void *arg)
{
    struct gt_m *m = arg;
    if (m->nextp) {
        struct gt_p *p = m->nextp;
        m->nextp = NULL;
        m->spinning = m->next_spinning;
        gt_p_acquire(m, p);
    } else {
        gt_m_stop(m);
    }
    gt_schedule(m);
}

/* Runs the M on the calling thread until it exits. */
void gt_m_enter(struct gt_m *m, void (*fn)(void *))
{
    char *here = __builtin_frame_address(0);
    m->sys_top = (void *)((uintptr_t)(here - SYS_STACK_GAP) & ~(uintptr_t)63);
    gt_fiber_create_thread(&m->sys_fiber);
    /* Same stack, further down: no fiber switch. */
    gt_ctx_call(&m->exit_ctx, m->sys_top, fn, m);
    gt_fiber_destroy(&m->sys_fiber);
}

/*
 * m can be used again when its thread has ended and who started it is done with m as well:
 * the thread may be gone before its start has returned. Scheduler lock held.
 */
static void free_if_done(struct gt_m *m)
{
    struct gt_runtime *rt = m->rt;
    gt_assert_held(&rt->sched_lock);
    if (!m->has_thread || !m->ended)
        return;
    m->idle_next = rt->free_ms;
    rt->free_ms = m;
}

static void thread_main(void *arg)
{
    struct gt_m *m = arg;
    gt_thread_name("gt-m");
    gt_m_init_thread(m);
    gt_m_enter(m, m_main);
    struct gt_runtime *rt = m->rt;
    gt_m_fini_thread(m);
    GT_PERTURB(m, m_left);
    gt_lock(&rt->sched_lock);
    rt->n_ms--;
    m->ended = true;
    free_if_done(m);
    gt_check_deadlock(rt);
    if (rt->n_ms == 0)
        gt_note_wake(&rt->done);
    gt_unlock(&rt->sched_lock);
}

void gt_m_exit(struct gt_m *m)
{
    gt_assert(m->rt, m->t.p == NULL && m->locks == 0);
    gt_ctx_jump(&m->exit_ctx);
}

/* A thread for m, which carries a P. false: no thread to be had. */
static bool start_thread(struct gt_m *m)
{
    struct gt_runtime *rt = m->rt;
    int rc = gt_thread_start(&m->thread, thread_main, m, M_STACK_SIZE);
    if (rc == 0) {
        gt_lock(&rt->sched_lock);
        m->has_thread = true;
        free_if_done(m);
        gt_unlock(&rt->sched_lock);
        gt_add_relaxed(&rt->count.ms_started, 1u);
        return true;
    }
    gt_add_relaxed(&rt->count.thread_failures, 1u);
    gt_lock(&rt->sched_lock);
    m->idle_next = rt->free_ms;
    rt->free_ms = m;
    rt->n_ms--;
    gt_unlock(&rt->sched_lock);
    return false;
}

/* p stays with nobody: idle again, or stopped. Sysmon tries again while work waits. */
static void put_back(struct gt_runtime *rt, struct gt_m *self, struct gt_p *p, bool spinning)
{
    gt_lock(&rt->sched_lock);
    if (!gt_p_stopper_takes(self, p))
        gt_p_idle_put(rt, p);
    gt_sysmon_wake(rt);
    gt_check_deadlock(rt); /* whoever parked meanwhile counted on the thread */
    gt_unlock(&rt->sched_lock);
    if (spinning)
        gt_sub_acq_rel(&rt->spinning, 1); /* pair: spinning */
}

/*
 * An M whose thread has ended. A thread may still be in the destructors of its own data,
 * which may call back and wait for the very P that the caller carries: such a one is
 * passed over, not waited for. Scheduler lock held.
 */
static struct gt_m *unlink_free_m(struct gt_runtime *rt)
{
    for (struct gt_m **at = &rt->free_ms; *at; at = &(*at)->idle_next) {
        struct gt_m *m = *at;
        if (m->has_thread && gt_thread_try_join(&m->thread) != 0)
            continue;
        *at = m->idle_next;
        m->idle_next = NULL;
        return m;
    }
    return NULL;
}

/* For a new thread, under a new serial. */
static struct gt_m *take_free_m(struct gt_runtime *rt)
{
    gt_lock(&rt->sched_lock);
    struct gt_m *m = unlink_free_m(rt);
    if (m)
        m->t.serial = ++rt->m_serial;
    gt_unlock(&rt->sched_lock);
    if (!m)
        return NULL;
    m->has_thread = m->ended = m->spinning = m->next_spinning = m->idle = false;
    m->lockedg = NULL;
    m->t.g = NULL;
    m->t.p = NULL;
    m->nextp = NULL;
    m->bound_to = NULL;
    m->locks = 0;
    gt_note_clear(&m->park);
    return m;
}

static void start_new(struct gt_runtime *rt, struct gt_p *p, bool spinning)
{
    struct gt_m *self = gt_tls_m();
    struct gt_m *m = take_free_m(rt);
    if (!m)
        m = gt_m_alloc(rt);
    if (m) {
        m->nextp = p;
        m->next_spinning = spinning;
    }
    if (!m) {
        gt_lock(&rt->sched_lock);
        rt->n_ms--;
        gt_unlock(&rt->sched_lock);
    }
    if (!m || !start_thread(m))
        put_back(rt, self, p, spinning);
}

/* I5. */
struct gt_m **gt_m_idle_for(struct gt_runtime *rt, const struct gt_p *p)
{
    struct gt_m **at = &rt->idle_ms;
    if (rt->config.bind != GT_BIND_NONE)
        for (int i = 0; *at && i < IDLE_LOOKS; i++, at = &(*at)->idle_next)
            if (gt_m_is_bound_to(*at, p))
                return at;
    return &rt->idle_ms;
}

/* Scheduler lock held. */
static struct gt_m *idle_m_get(struct gt_runtime *rt, struct gt_p *p)
{
    struct gt_m **at = gt_m_idle_for(rt, p), *m = *at;
    if (m) {
        *at = m->idle_next;
        m->idle_next = NULL;
        m->idle = false;
        rt->n_idle_ms--;
    }
    return m;
}

static int32_t p_of_caller(const struct gt_runtime *rt)
{
    struct gt_m *self = gt_tls_m();
    struct gt_proc *p = self && self->rt == rt ? self->t.p : NULL;
    return p ? p->id : -1;
}

/*
 * Some M shall run p; p NULL: an idle P, if there is one. With `spinning` the caller has
 * counted the M in rt->spinning. Context: pinned or without an M; no core locks.
 */
void gt_m_start(struct gt_runtime *rt, struct gt_p *p, bool spinning)
{
    gt_lock(&rt->sched_lock);
    if (!p && gt_load_relaxed(&rt->exiting) == 0)
        p = gt_p_idle_get(rt, p_of_caller(rt));
    if (!p) {
        gt_unlock(&rt->sched_lock);
        if (spinning)
            gt_sub_acq_rel(&rt->spinning, 1); /* pair: spinning */
        return;
    }
    struct gt_m *m = idle_m_get(rt, p);
    if (!m) {
        bool full = rt->n_ms >= rt->config.max_ms;
        if (!full)
            rt->n_ms++;
        struct gt_m *self = gt_tls_m();
        if (self)
            self->locks++; /* p is in our hands: I4 of p.c */
        gt_unlock(&rt->sched_lock);
        if (full)
            put_back(rt, self, p, spinning);
        else
            start_new(rt, p, spinning);
        if (self)
            self->locks--;
        return;
    }
    m->nextp = p;
    m->next_spinning = spinning;
    gt_unlock(&rt->sched_lock);
    gt_note_wake(&m->park);
}

/* Sleeps until given a P; takes it. Does not return when the runtime ends. */
static void sleep_for_p(struct gt_m *m)
{
    gt_note_sleep(&m->park, -1);
    gt_note_clear(&m->park);
    GT_PERTURB(m, m_woken);
    if (!m->nextp) {
        if (gt_load_acquire(&m->rt->exiting) == 0) /* pair: exiting */
            gt_throw(m->rt, "M %llu woken without a P", (unsigned long long)m->t.serial);
        gt_m_exit(m);
    }
    struct gt_p *p = m->nextp;
    m->nextp = NULL;
    m->spinning = m->next_spinning;
    m->next_spinning = false;
    gt_p_acquire(m, p);
}

void gt_m_stop(struct gt_m *m)
{
    struct gt_runtime *rt = m->rt;
    gt_assert(rt, m->t.p == NULL && m->locks == 0);
    if (m->spinning)
        gt_throw(rt, "M %llu parks while spinning", (unsigned long long)m->t.serial);
    GT_PERTURB(m, m_parks);
    gt_lock(&rt->sched_lock);
    if (gt_load_relaxed(&rt->exiting) != 0) {
        gt_unlock(&rt->sched_lock);
        gt_m_exit(m);
    }
    m->idle_next = rt->idle_ms;
    rt->idle_ms = m;
    m->idle = true;
    rt->n_idle_ms++;
    gt_check_deadlock(rt);
    gt_unlock(&rt->sched_lock);
    sleep_for_p(m);
}

/* ---- Ms locked to a G -------------------------------------------------------------------- */
void gt_m_set_lockedg(struct gt_m *m, struct gt_g *g)
{
    struct gt_runtime *rt = m->rt;
    gt_lock(&rt->sched_lock);
    m->lockedg = g;
    gt_unlock(&rt->sched_lock);
}

void gt_m_end_locked(struct gt_m *m)
{
    gt_m_set_lockedg(m, NULL);
    gt_p_handoff(m, gt_p_release(m, GT_P_IDLE));
    gt_m_exit(m);
}

/* m may run only its G: its P goes on without it until the G is runnable and comes with a
 * P. On return m has that P. */
void gt_m_stop_locked(struct gt_m *m)
{
    struct gt_runtime *rt = m->rt;
    if (m->t.p) {
        struct gt_p *p = gt_p_release(m, GT_P_IDLE);
        gt_p_handoff(m, p);
    }
    gt_lock(&rt->sched_lock);
    if (gt_load_relaxed(&rt->exiting) != 0) {
        gt_unlock(&rt->sched_lock);
        gt_m_exit(m);
    }
    rt->n_locked_idle++;
    gt_check_deadlock(rt);
    gt_unlock(&rt->sched_lock);
    sleep_for_p(m);
}

/* m picked g, which is locked to another M: that one gets m's P, m parks. */
void gt_m_start_locked(struct gt_m *m, struct gt_g *g)
{
    struct gt_runtime *rt = m->rt;
    struct gt_m *other = g->lockedm;
    gt_assert(rt, other != m);
    struct gt_p *p = gt_p_release(m, GT_P_IDLE);
    gt_lock(&rt->sched_lock);
    rt->n_locked_idle--;
    other->nextp = p;
    other->next_spinning = false;
    gt_unlock(&rt->sched_lock);
    gt_note_wake(&other->park);
    gt_m_stop(m);
}

/* ---- deadlock ---------------------------------------------------------------------------------- */
/*
 * Every M is parked and nothing can wake one: no file, timer or foreign thread. Whoever
 * finds it wakes the thread in run(). Scheduler lock held.
 */
void gt_check_deadlock(struct gt_runtime *rt)
{
    if (!rt->open) /* between runs the rest is not guarded by the lock */
        return;
    int32_t awake = rt->n_ms - rt->n_idle_ms - rt->n_locked_idle;
    if (awake > 0 || gt_load_relaxed(&rt->exiting) != 0 || rt->in_callback > 0 ||
        rt->expected_callbacks > 0 ||
        rt->sysmon_polls ||
        gt_load_relaxed(&rt->poll_waiters) > 0 || gt_load_relaxed(&rt->n_timers) > 0 ||
        gt_load_relaxed(&rt->stopping) != 0)
        return;
    if (gt_load_relaxed(&rt->run_status) != 1 || gt_sched(rt)->has_work(rt->sched_state, NULL))
        return;
    rt->deadlocked = true;
    gt_store_release(&rt->run_status, -EDEADLK); /* pair: run-status */
    gt_note_wake(&rt->done);
}
