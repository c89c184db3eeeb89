/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting semaphores for the Gs of tracers and of the runtime itself.
 *
 * Invariants:
 *   I1 count and queue are guarded by the lock; a waiter is queued only while count is 0.
 *   I2 A release hands its unit to the first in the queue: who comes later cannot take it.
 *   I3 A waiter leaves the queue once: by a release, which sets ok, or by its own timer,
 *      which does not. Whoever took it off makes it ready.
 * Ordering:
 *   O1 What came before a release happens before the acquire that got its unit.
 */
#include "core/sync.h"

struct gt_sema {
    struct gt_runtime *rt;
    struct gt_rspin lock;
    /* Guarded by: lock */
    uint32_t count;
    struct gt_waitq q;
};

struct gt_sema *gt_sema_new(struct gt_runtime *rt, uint32_t count)
{
    struct gt_m *m = gt_tls_m(); /* NULL: the thread that makes the runtime */
    if (m)
        m->locks++;
    struct gt_sema *s = gt_alloc(rt->arena, sizeof *s, -1);
    if (m)
        m->locks--;
    if (!s)
        return NULL;
    s->rt = rt;
    s->count = count;
    gt_rspin_init(&s->lock, GT_RANK_WAITQ);
    return s;
}

void gt_sema_free(struct gt_sema *s)
{
    struct gt_m *m = gt_tls_m();
    if (m)
        m->locks++;
    if (s)
        gt_free(s->rt->arena, s, sizeof *s);
    if (m)
        m->locks--;
}

void gt_sema_reset(struct gt_sema *s, uint32_t count)
{
    s->count = count;
    gt_store_relaxed(&s->q.head, NULL);
    s->q.tail = NULL;
}

struct timed { /* on the waiting G's stack */
    struct gt_waiter w;
    struct gt_sema *s;
    bool expired; /* Guarded by: the semaphore's lock */
};

/* A timer function. I3. It may come before its G has queued itself: then it only leaves
 * word, since a G that is not parked must not be made ready. */
static void timed_out(void *arg)
{
    struct timed *t = arg;
    struct gt_m *m = gt_tls_m();
    gt_rspin_lock(m, &t->s->lock);
    t->expired = true;
    struct gt_g *g = t->w.queued ? t->w.g : NULL;
    if (g)
        gt_waitq_remove(&t->s->q, &t->w);
    gt_rspin_unlock(m, &t->s->lock);
    if (g)
        gt_ready(g, false);
}

static void take_or_wait(struct timed *t, bool wait, enum gt_wait_reason why)
{
    struct gt_sema *s = t->s;
    struct gt_m *m = gt_tls_m();
    gt_rspin_lock(m, &s->lock);
    if (s->count > 0 || t->expired || !wait) {
        t->w.ok = s->count > 0;
        s->count -= t->w.ok;
        gt_rspin_unlock(m, &s->lock);
        return;
    }
    t->w.g = gt_m_g(m);
    gt_waitq_push(&s->q, &t->w);
    gt_park(gt_rspin_parked, &s->lock, why);
}

bool gt_sema_acquire(struct gt_sema *s, int64_t timeout_ns)
{
    struct timed t = {.s = s};
    (void)gt_enter_op();
    if (timeout_ns <= 0) {
        take_or_wait(&t, timeout_ns < 0, GT_WAIT_SYSTEM);
        return t.w.ok;
    }
    struct gt_timer *timer = gt_timer_new(s->rt, timed_out, &t);
    if (!timer)
        return false;
    gt_timer_start(timer, gt_nanotime() + timeout_ns, 0);
    take_or_wait(&t, true, GT_WAIT_SLEEP);
    gt_timer_free(timer); /* the last use of t by others is over */
    return t.w.ok;
}

void gt_sema_release(struct gt_sema *s)
{
    struct gt_m *m = gt_tls_m();
    gt_rspin_lock(m, &s->lock);
    struct gt_waiter *w = gt_waitq_pop(&s->q);
    struct gt_g *g = w ? w->g : NULL;
    if (w)
        w->ok = true;
    else
        s->count++;
    gt_rspin_unlock(m, &s->lock);
    if (g)
        gt_ready(g, true);
}
