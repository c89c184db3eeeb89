/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mutexes and wait groups for Gs. A G that waits gives up its P.
 *
 * Mutex, invariants (with those of sync.h):
 *   I1 LOCKED: somebody owns it. WAITERS: the queue is not empty; set and cleared under
 *      the queue's lock. WOKEN: one waiter was taken off the queue to try again.
 *   I2 WAITERS without LOCKED implies WOKEN: somebody is on the way who takes the mutex,
 *      or clears WOKEN and queues itself again in one step that finds LOCKED set.
 *   I3 A waiter that has waited for a millisecond gets the mutex handed over: LOCKED
 *      stays set, so nobody can overtake. Otherwise the one that runs takes it first.
 *   I4 The unlock's last access to a mutex is the one that lets another lock it: its next
 *      owner may free it.
 *   I5 A mutex that is free is taken by one CAS, whoever is queued or on the way: no clock, no
 *      queue's lock. Else all pay for a single waiter, which is WOKEN for as long as others
 *      are faster.
 *   O1 Critical sections are ordered by release and acquire on the state, a hand-over by
 *      gt_ready.
 * Wait group:
 *   I6 state is twice the counter, plus 1 when somebody is queued. The bit is set under
 *      the lock while the counter is not 0; who takes the counter to 0 with the bit set
 *      wakes everybody.
 *   O2 What came before a done happens before the wait that it lets go.
 * Progress: I3 bounds the wait by the queue's length times (1 ms + one critical section + the
 *   time until a G that was made ready runs: nobody else is woken meanwhile).
 * Limits: the counter of a wait group fits 31 bits.
 */
#include "core/sync.h"

#define LOCKED 1u
#define WAITERS 2u
#define WOKEN 4u

#define STARVES_AFTER_NS GT_NS_PER_MS
#define SPIN_ROUNDS 4
#define SPIN_PAUSES 30

bool gt_rspin_parked(struct gt_g *g, void *arg)
{
    (void)g;
    gt_rspin_unlock(gt_tls_m(), arg);
    return true;
}

GT_OFTEN void gt_rspin_park_on_system(void *arg)
{
    struct gt_m *m = gt_on_system(arg);
    (void)gt_stop_to_wait(m);
    gt_rspin_unlock(m, m->park_fn_arg);
    gt_next(m);
}

/* ---- mutex ----------------------------------------------------------------------- */
struct mutex_wait { /* on the waiting G's stack */
    struct gt_waiter w;
    int64_t since;
};

void gt_mutex_init(struct gt_mutex *mu)
{
    gt_init(&mu->state, 0u);
    gt_init(&mu->owner, NULL);
    gt_rspin_init(&mu->lock, GT_RANK_WAITQ);
    gt_init(&mu->q.head, NULL);
    mu->q.tail = NULL;
}

static void *alloc_pinned(struct gt_runtime *rt, size_t size)
{
    struct gt_m *m = gt_tls_m(); /* NULL: the thread that makes the runtime */
    if (m)
        m->locks++;
    void *p = gt_alloc(rt->arena, size, -1);
    if (m)
        m->locks--;
    return p;
}

static void free_pinned(struct gt_runtime *rt, void *p, size_t size)
{
    struct gt_m *m = gt_tls_m();
    if (m)
        m->locks++;
    gt_free(rt->arena, p, size);
    if (m)
        m->locks--;
}

struct gt_mutex *gt_mutex_new(struct gt_runtime *rt)
{
    struct gt_mutex *mu = alloc_pinned(rt, sizeof *mu);
    if (mu)
        gt_mutex_init(mu);
    return mu;
}

void gt_mutex_free(struct gt_runtime *rt, struct gt_mutex *mu)
{
    free_pinned(rt, mu, mu ? sizeof *mu : 0);
}

/* w: what the state was just seen to be. Whoever is queued, or on the way, stays so. */
static inline bool take_free(struct gt_mutex *mu, uint32_t w)
{
    while (!(w & LOCKED))
        if (gt_cas_acquire(&mu->state, &w, w | LOCKED)) /* pair: mutex */
            return true;
    return false;
}

static inline void own(struct gt_mutex *mu)
{
    gt_store_release(&mu->owner, gt_m_g(gt_tls_m())); /* pair: mutex-owner */
}

bool gt_mutex_try(struct gt_mutex *mu)
{
    if (!take_free(mu, gt_load_relaxed(&mu->state)))
        return false;
    own(mu);
    return true;
}

/* Worth spinning while the owner makes progress on another P. Its struct stays valid
 * (I7 of core.h) even when it is the owner no longer. The acquire is for its making: a G's
 * struct is zeroed by whoever spawned it, perhaps just now and on another P.
 *
 *   spawner                     new G                    spinner
 *   zero G, queue it
 *                               run, owner = G (release)
 *                                                        owner (acquire), G's status */
static bool owner_runs(struct gt_mutex *mu, struct gt_runtime *rt)
{
    struct gt_g *g = gt_load_acquire(&mu->owner); /* pair: mutex-owner */
    return gt_load_relaxed(&rt->procs) > 1 && g && gt_g_status(g) == GT_G_RUNNING;
}

static bool spin_for(struct gt_mutex *mu)
{
    struct gt_runtime *rt = gt_tls_m()->rt;
    for (int round = 0; round < SPIN_ROUNDS && owner_runs(mu, rt); round++) {
        for (int i = 0; i < SPIN_PAUSES; i++)
            gt_cpu_relax();
        if (take_free(mu, gt_load_relaxed(&mu->state)))
            return true;
    }
    return false;
}

/* Queue's lock held. true: taken; false: the state says that somebody is queued, which
 * the caller makes true before it gives the lock back. woken: WOKEN is the caller's. */
static bool take_or_wait(struct gt_mutex *mu, bool woken)
{
    uint32_t w = gt_load_relaxed(&mu->state);
    for (;;) {
        uint32_t to = (woken ? w & ~WOKEN : w) | LOCKED;
        if (w & LOCKED)
            to |= WAITERS;
        if (gt_cas_acq_rel(&mu->state, &w, to)) /* pair: mutex */
            return !(w & LOCKED);
    }
}

static GT_NOINLINE void lock_slow(struct gt_mutex *mu, enum gt_wait_reason reason)
{
    struct mutex_wait mw;
    bool woken = false;
    if (spin_for(mu))
        return;
    mw.since = gt_nanotime();
    for (;;) {
        struct gt_m *m = gt_tls_m();
        gt_rspin_lock(m, &mu->lock);
        if (take_or_wait(mu, woken)) {
            gt_rspin_unlock(m, &mu->lock);
            return;
        }
        mw.w.g = gt_m_g(m);
        mw.w.ok = false;
        if (woken)
            gt_waitq_push_front(&mu->q, &mw.w);
        else
            gt_waitq_push(&mu->q, &mw.w);
        gt_rspin_park(m, &mu->lock, reason);
        if (mw.w.ok)
            return; /* handed over: I3 */
        woken = true;
    }
}

void gt_mutex_lock_for(struct gt_mutex *mu, enum gt_wait_reason reason)
{
    gt_enter_op();
    uint32_t w = 0;
    if (gt_unlikely(!gt_cas_acquire(&mu->state, &w, LOCKED))) /* pair: mutex */
        if (!take_free(mu, w))                                /* I5 */
            lock_slow(mu, reason);
    own(mu);
}

void gt_mutex_lock(struct gt_mutex *mu)
{
    gt_mutex_lock_for(mu, GT_WAIT_SYNC);
}

/*
 * The state has LOCKED (ours) and WAITERS, and not WOKEN. LOCKED and the queue's lock
 * together keep everybody else from changing it.
 *
 *   M1 unlocks                          M2 (the waiter)            M3 locks
 *   pops it, sets WOKEN
 *   queue's lock back
 *   clears LOCKED (last access: I4)                                takes it
 *   gt_ready ------------------------->
 *                                       finds LOCKED: clears WOKEN,
 *                                       sets WAITERS, queues in front
 *                                                                  unlock finds WAITERS
 */
static void pass_on(struct gt_mutex *mu)
{
    struct gt_m *m = gt_tls_m();
    gt_rspin_lock(m, &mu->lock);
    struct gt_waiter *w = gt_waitq_pop(&mu->q);
    struct mutex_wait *mw = gt_container(w, struct mutex_wait, w);
    struct gt_g *g = w->g;
    bool hand_over = gt_nanotime() - mw->since >= STARVES_AFTER_NS;
    w->ok = hand_over;
    if (!gt_waitq_first(&mu->q))
        gt_and_acq_rel(&mu->state, ~WAITERS); /* pair: mutex */
    if (!hand_over)
        gt_or_acq_rel(&mu->state, WOKEN); /* pair: mutex */
    gt_rspin_unlock(m, &mu->lock);
    if (!hand_over)
        gt_and_acq_rel(&mu->state, ~LOCKED); /* pair: mutex */
    gt_ready(g, true);
}

static GT_NOINLINE void unlock_slow(struct gt_mutex *mu, uint32_t w)
{
    for (;;) {
        if (gt_unlikely(!(w & LOCKED)))
            gt_throw(gt_tls_m()->rt, "unlock of a mutex that is not locked");
        if ((w & WAITERS) && !(w & WOKEN)) {
            pass_on(mu);
            return;
        }
        if (gt_cas_release(&mu->state, &w, w & ~LOCKED)) /* pair: mutex */
            return;
    }
}

void gt_mutex_unlock(struct gt_mutex *mu)
{
    uint32_t w = LOCKED;
    gt_store_relaxed(&mu->owner, NULL);
    if (gt_unlikely(!gt_cas_release(&mu->state, &w, 0u))) /* pair: mutex */
        unlock_slow(mu, w);
}

/* ---- wait group --------------------------------------------------------------------- */
struct gt_wg {
    gt_ai64 state; /* I6 */
    struct gt_rspin lock;
    struct gt_waitq q; /* Guarded by: lock */
};

struct gt_wg *gt_wg_new(struct gt_runtime *rt)
{
    struct gt_wg *wg = alloc_pinned(rt, sizeof *wg);
    if (wg)
        gt_rspin_init(&wg->lock, GT_RANK_WAITQ);
    return wg;
}

void gt_wg_free(struct gt_runtime *rt, struct gt_wg *wg)
{
    free_pinned(rt, wg, wg ? sizeof *wg : 0);
}

static void wake_all(struct gt_wg *wg)
{
    struct gt_m *m = gt_tls_m();
    gt_rspin_lock(m, &wg->lock);
    gt_and_acq_rel(&wg->state, ~(int64_t)1); /* pair: wg */
    struct gt_waiter *w = gt_waitq_first(&wg->q);
    gt_store_relaxed(&wg->q.head, NULL);
    wg->q.tail = NULL;
    gt_rspin_unlock(m, &wg->lock);
    while (w) {
        struct gt_waiter *next = w->next; /* w is gone once its G is ready */
        gt_ready(w->g, !next);
        w = next;
    }
}

void gt_wg_add(struct gt_wg *wg, int32_t n)
{
    int64_t by = 2 * (int64_t)n;
    int64_t now = gt_add_acq_rel(&wg->state, by) + by; /* pair: wg */
    if (gt_unlikely(now < 0))
        gt_throw(gt_tls_m()->rt, "wait group counter is negative");
    if (now == 1)
        wake_all(wg);
}

void gt_wg_done(struct gt_wg *wg)
{
    gt_wg_add(wg, -1);
}

/* Lock held. false: the counter is 0. */
static bool announce(struct gt_wg *wg)
{
    int64_t s = gt_load_acquire(&wg->state); /* pair: wg */
    while (s > 1) {
        if (gt_cas_acq_rel(&wg->state, &s, s | 1)) /* pair: wg */
            return true;
    }
    return false;
}

void gt_wg_wait(struct gt_wg *wg)
{
    struct gt_m *m = gt_enter_op();
    if (gt_load_acquire(&wg->state) <= 1) /* pair: wg */
        return;
    gt_rspin_lock(m, &wg->lock);
    if (!announce(wg)) {
        gt_rspin_unlock(m, &wg->lock);
        return;
    }
    struct gt_g *g = gt_m_g(m);
    g->waiter.g = g;
    gt_waitq_push(&wg->q, &g->waiter);
    gt_rspin_park(m, &wg->lock, GT_WAIT_SYNC);
}
