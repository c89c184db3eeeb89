/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Gs wait on, as the rest of the core and the table of operations see it: spin
 * locks that carry a rank, wait queues, and the calls of chan.c, sync.c, timer.c and
 * netpoll.c. Private to core/.
 *
 * Invariants:
 *   I1 A ranked spin lock is held by a pinned M (its count of locks includes it) and
 *      for a bounded number of steps: no system call, no switch to another G, no
 *      gt_ready and no allocation under it. Who is to be woken is collected and woken
 *      after the unlock.
 *   I2 The one exception to "no switch": a G that queued itself parks with the lock held,
 *      and the park function gives back the lock and the pin. It runs on the same M,
 *      which cannot lose its P in between, so lock and unlock meet on one M:
 *
 *        G on M1                       M1, system stack             M2
 *        pin, lock                                                  lock: spins
 *        enqueue own waiter
 *        gt_park(fn) ---------------->
 *                                      G: Running -> Waiting
 *                                      fn: unlock, unpin --------> pops the waiter, unlock
 *                                      schedules another            gt_ready: finds G Waiting
 *
 *      After the unlock the park function does not touch the G, its stack or what the
 *      lock guards: all may be gone.
 *   I3 A waiter is linked in at most one queue, and `queued` says whether it is; both
 *      change under that queue's lock. A waiter that was popped belongs to the popper
 *      until it calls gt_ready.
 */
#pragma once
#include "core/core.h"
#include "core/run.h"

/* ---- ranked spin lock ------------------------------------------------------------- */
struct gt_rspin {
    struct gt_spin spin;
#if GT_CHECKS
    struct gt_lock check; /* what stands in m->held; its word is not used */
#endif
};

static inline void gt_rspin_init(struct gt_rspin *s, enum gt_rank rank)
{
    gt_init(&s->spin.w, 0u);
#if GT_CHECKS
    gt_lock_init(&s->check, rank);
#else
    (void)rank;
#endif
}

/* Pins m, the calling M. */
static inline void gt_rspin_lock(struct gt_m *m, struct gt_rspin *s)
{
    m->locks++;
    gt_signal_fence();
#if GT_CHECKS
    gt_lock_check_order(m, &s->check);
#endif
    gt_spin_lock(&s->spin);
#if GT_CHECKS
    gt_lock_check_taken(m, &s->check);
#endif
}

/* The pin stays. */
static inline void gt_rspin_unlock_pinned(struct gt_m *m, struct gt_rspin *s)
{
#if GT_CHECKS
    gt_lock_check_given(m, &s->check);
#else
    (void)m;
#endif
    gt_spin_unlock(&s->spin);
}

static inline void gt_rspin_unlock(struct gt_m *m, struct gt_rspin *s)
{
    gt_rspin_unlock_pinned(m, s);
    gt_unpin(m);
}

/* A park function: arg is the ranked spin lock that the parking G holds (I2). */
bool gt_rspin_parked(struct gt_g *g, void *arg);

/* gt_park(gt_rspin_parked, s, reason), inlined for the reason that stands at
 * gt_mcall_inline. */
void gt_rspin_park_on_system(void *m);
GT_HOT void gt_rspin_park(struct gt_m *m, struct gt_rspin *s, enum gt_wait_reason reason)
{
    struct gt_g *g = gt_m_g(m);
    gt_set_wait_reason(g, reason);
    m->park_fn_arg = s;
    gt_mcall_inline(m, g, gt_rspin_park_on_system);
}

/* ---- wait queue ----------------------------------------------------------------------- */
/* First in, first out. Guarded by: its owner's lock; head may be peeked at without. */
struct gt_waitq {
    GT_APTR(struct gt_waiter) head;
    struct gt_waiter *tail;
};

static inline struct gt_waiter *gt_waitq_first(struct gt_waitq *q)
{
    return gt_load_relaxed(&q->head);
}

static inline void gt_waitq_push(struct gt_waitq *q, struct gt_waiter *w)
{
    w->next = NULL;
    w->prev = q->tail;
    w->queued = true;
    if (q->tail)
        q->tail->next = w;
    else
        gt_store_relaxed(&q->head, w);
    q->tail = w;
}

static inline void gt_waitq_push_front(struct gt_waitq *q, struct gt_waiter *w)
{
    struct gt_waiter *first = gt_waitq_first(q);
    w->next = first;
    w->prev = NULL;
    w->queued = true;
    if (first)
        first->prev = w;
    else
        q->tail = w;
    gt_store_relaxed(&q->head, w);
}

/* The release lets a peek that finds the queue empty see why (chan.c, O2). */
static inline void gt_waitq_remove(struct gt_waitq *q, struct gt_waiter *w)
{
    if (w->next)
        w->next->prev = w->prev;
    else
        q->tail = w->prev;
    if (w->prev)
        w->prev->next = w->next;
    else
        gt_store_release(&q->head, w->next); /* pair: chanpeek */
    w->queued = false;
}

static inline struct gt_waiter *gt_waitq_pop(struct gt_waitq *q)
{
    struct gt_waiter *w = gt_waitq_first(q);
    if (w)
        gt_waitq_remove(q, w);
    return w;
}

/* ---- entry of an operation --------------------------------------------------------------- */
/* The cooperative checkpoint of each operation; a timer function (no G) has none.
 * Returns the M the caller is on afterwards. */
static inline struct gt_m *gt_enter_op(void)
{
    struct gt_m *m = gt_tls_m();
    if (gt_unlikely(gt_load_relaxed(&gt_m_p(m)->preempt) != 0) && m->t.g) {
        gt_checkpoint_slow();
        m = gt_tls_m();
    }
    return m;
}

/* ---- chan.c --------------------------------------------------------------------------------- */
/* A channel with a buffer, as the collector knows it. */
struct gt_chan_root {
    struct gt_chan_root *next, *prev; /* Guarded by: the roots' lock (gc_roots.c) */
    bool listed;  /* it is; constant once the channel is known to others */
    gt_a32 users; /* somebody copies elements out */
};
/* How far a copy of a channel's elements has come. Zero: not begun. */
struct gt_chan_scan {
    bool begun;
    size_t at, within; /* slot, byte in it */
    uint64_t left;     /* elements */
};
/* The next at most `size` bytes of what the buffer held when s was zero, whole words of
 * elements, to buf; 0: all seen. What was received since may be missing, what was sent may
 * show. Pinned; the channel is kept alive. */
size_t gt_chan_scan(struct gt_m *m, struct gt_chan_root *r, struct gt_chan_scan *s, void *buf,
                    size_t size);
struct gt_chan *gt_chan_new(struct gt_runtime *rt, size_t elem_size, size_t capacity);
void gt_chan_free(struct gt_runtime *rt, struct gt_chan *c);
int gt_chan_send(struct gt_chan *c, const void *elem);
bool gt_chan_recv(struct gt_chan *c, void *elem); /* elem NULL: thrown away */
int gt_chan_try_send(struct gt_chan *c, const void *elem);
int gt_chan_try_recv(struct gt_chan *c, void *elem);
int gt_chan_close(struct gt_chan *c);
int gt_select(struct gt_select_case *cases, uint32_t n, bool dflt);

/* ---- sync.c --------------------------------------------------------------------------------- */
struct gt_mutex {
    gt_a32 state;
    GT_APTR(struct gt_g) owner; /* of late; for spinning and dumps */
    struct gt_rspin lock;
    struct gt_waitq q; /* Guarded by: lock */
};
void gt_mutex_init(struct gt_mutex *mu);
/* gt_mutex_lock with another reason in the trace. */
void gt_mutex_lock_for(struct gt_mutex *mu, enum gt_wait_reason reason);
struct gt_wg *gt_wg_new(struct gt_runtime *rt);
void gt_wg_free(struct gt_runtime *rt, struct gt_wg *w);
void gt_wg_add(struct gt_wg *w, int32_t n);
void gt_wg_done(struct gt_wg *w);
void gt_wg_wait(struct gt_wg *w);

/* ---- sema.c --------------------------------------------------------------------------------- */
struct gt_sema;
struct gt_sema *gt_sema_new(struct gt_runtime *rt, uint32_t count); /* NULL: no memory */
void gt_sema_free(struct gt_sema *s);                                /* nobody waits */
/* Takes a unit. timeout_ns < 0: waits for ever, 0: not at all. On a G; switches. */
bool gt_sema_acquire(struct gt_sema *s, int64_t timeout_ns);
/* Gives a unit, to who waits longest if anybody does. From a G. */
void gt_sema_release(struct gt_sema *s);
/* As new, who waited forgotten. No M runs. */
void gt_sema_reset(struct gt_sema *s, uint32_t count);

/* ---- timer.c -------------------------------------------------------------------------------- */
struct gt_timer *gt_timer_new(struct gt_runtime *rt, gt_fn fn, void *arg); /* NULL: no memory */
/* when: on gt_nanotime's clock, past: at once. period 0: once. From a G or a timer
 * function. Starting an armed timer moves it. While its fn runs, it is armed when fn
 * has returned. */
void gt_timer_start(struct gt_timer *t, int64_t when, int64_t period);
/* true: it was armed and will not fire. Afterwards fn is not running, unless fn itself
 * calls. May spin for as long as fn runs: fn must not stop another timer whose fn may
 * stop this one. */
bool gt_timer_stop(struct gt_timer *t);
void gt_timer_free(struct gt_timer *t); /* stops it; fn may free its own */
/* Forgets everything armed on p, for the next run. No M runs. */
void gt_timers_reset(struct gt_p *p);

/* ---- netpoll.c ------------------------------------------------------------------------------ */
struct gt_fd *gt_fd_open(struct gt_runtime *rt, int fd, int *err);
int64_t gt_fd_read(struct gt_fd *f, void *buf, size_t n);
int64_t gt_fd_write(struct gt_fd *f, const void *buf, size_t n);
void gt_fd_close(struct gt_fd *f);
/* Forgets which Gs wait and closes every file still open, for the next run. No M runs. */
void gt_netpoll_reset(struct gt_runtime *rt);
