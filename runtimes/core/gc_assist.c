/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assists: who allocates while marking pays for it, by marking.
 *
 * Invariants:
 *   A1 gc_credit < 0 is a debt, in bytes of marking. A G in debt takes from what workers did in
 *      the background, then marks itself, then waits to be paid. It allocates when it owes
 *      nothing, or when marking is over, which cancels all debts. What is left is of its cycle
 *      (gc_credit_in): in the next it counts for nothing. A G that takes a dead one's place
 *      has its credit, since the work was done.
 *   A2 Who waits is queued only while marking goes on, with nothing to take: both are looked at
 *      under the queue's lock. Whoever makes either true looks at the queue afterwards:
 *
 *      a G in debt                         a worker
 *      no credit
 *                                          pays: nobody waits, credit += n
 *      lock: credit? it is taken     |
 *      else queued, parked                 pays: somebody waits: lock, pays it
 *
 *      The worker adds first and looks then, the G queues first and looks then; a fence on
 *      both sides, so one of them sees the other.
 *   A3 While queued, a G's gc_credit is written under the queue's lock by who pays.
 *   A4 With the heap at its goal nobody allocates on credit: who finds nothing to mark waits for
 *      the end of the cycle. Else, with all marked and the collector's G late (a busy machine),
 *      those who allocate would live on what the workers did, for nothing left to do costs
 *      nothing.
 * Progress: workers pay all they do; the last to leave pokes the collector, which either finds
 * work for them or ends the cycle and wakes everybody.
 */
#include "core/gc_state.h"

#define ASSIST_LEAST (64ll << 10) /* less is not worth the way */
#define WAKE_BATCH 64u

/* ---- credit ---------------------------------------------------------------------------- */
/* A4. */
static bool on_credit(struct gt_gc *gc)
{
    return gt_load_relaxed(&gc->credit) > 0 &&
           gt_load_relaxed(&gc->pace.live) < gt_load_relaxed(&gc->pace.goal);
}

/* At most `want` of what nobody was paid for. */
static int64_t take_credit(struct gt_gc *gc, int64_t want)
{
    int64_t have = on_credit(gc) ? gt_load_relaxed(&gc->credit) : 0;
    while (have > 0) {
        int64_t n = have < want ? have : want;
        if (gt_cas_relaxed(&gc->credit, &have, have - n)) /* a number, nothing behind it */
            return n;
    }
    return 0;
}

/* The queue's lock is held. Whoever is paid in full goes on the list; the first that is not
 * goes to the end: one large debt must not keep the small ones waiting. */
static void pay_queue(struct gt_gc *gc, struct gt_tasks *list)
{
    int64_t have = take_credit(gc, INT64_MAX);
    while (have > 0 && gt_waitq_first(&gc->assists)) {
        struct gt_waiter *w = gt_waitq_pop(&gc->assists);
        struct gt_g *g = w->g;
        int64_t n = have < -g->gc_credit ? have : -g->gc_credit;
        g->gc_credit += n;
        have -= n;
        if (g->gc_credit < 0) {
            gt_waitq_push(&gc->assists, w);
            continue;
        }
        gt_tasks_push(list, &g->t);
    }
    if (have > 0)
        gt_add_relaxed(&gc->credit, have);
}

void gt_gc_pay(struct gt_runtime *rt, int64_t bytes)
{
    struct gt_gc *gc = rt->gc;
    struct gt_tasks list = {0};
    gt_add_seqcst(&gc->credit, bytes); /* pair: gc-assist */ /* A2 */
    gt_fence_seqcst();                 /* pair: gc-assist */
    if (gt_likely(gt_waitq_first(&gc->assists) == NULL))
        return;
    struct gt_m *m = gt_pin();
    gt_rspin_lock(m, &gc->assist_lock);
    pay_queue(gc, &list);
    gt_rspin_unlock(m, &gc->assist_lock);
    gt_inject(m, &list);
    gt_unpin(m);
}

void gt_gc_wake_all(struct gt_rspin *lock, struct gt_waitq *q)
{
    struct gt_m *m = gt_pin();
    for (bool more = true; more;) {
        struct gt_tasks list = {0};
        struct gt_waiter *w;
        gt_rspin_lock(m, lock);
        while (list.n < WAKE_BATCH && (w = gt_waitq_pop(q)) != NULL)
            gt_tasks_push(&list, &w->g->t);
        gt_rspin_unlock(m, lock);
        more = list.n != 0;
        gt_inject(m, &list);
    }
    gt_unpin(m);
}

/* ---- the assist -------------------------------------------------------------------------- */
/* A2. Nothing to mark that one could see: waits until paid. Switches. */
static void wait_for_pay(struct gt_runtime *rt, struct gt_g *g)
{
    struct gt_gc *gc = rt->gc;
    struct gt_m *m = gt_tls_m();
    gt_rspin_lock(m, &gc->assist_lock);
    g->waiter.g = g;
    gt_waitq_push(&gc->assists, &g->waiter);
    gt_fence_seqcst(); /* pair: gc-assist */
    if (!gt_gc_marking(rt) || gt_gc_idle_work(rt) || on_credit(gc)) {
        gt_waitq_remove(&gc->assists, &g->waiter);
        gt_rspin_unlock(m, &gc->assist_lock);
        return;
    }
    gt_add_relaxed(&gc->count.assist_waits, 1u);
    gt_rspin_park(m, &gc->assist_lock, GT_WAIT_GC_ASSIST);
}

/* One try: marks what is owed, or waits. */
static void mark_or_wait(struct gt_runtime *rt, struct gt_g *g)
{
    struct gt_m *m = gt_tls_m();
    int64_t owed = -g->gc_credit;
    bool empty = false;
    g->gc_credit += gt_gc_mark_some(m, gt_gc_asked, owed < ASSIST_LEAST ? ASSIST_LEAST : owed, &empty);
    if (g->gc_credit >= 0)
        return;
    if (empty)
        wait_for_pay(rt, g);
    else
        gt_checkpoint();
}

void gt_gc_assist(struct gt_runtime *rt)
{
    struct gt_gc *gc = rt->gc;
    struct gt_g *g = gt_m_g(gt_tls_m());
    if (gt_tls_m()->locks != 0)
        return; /* it has stopped the world, or keeps its P: it pays later */
    g->gc_credit += take_credit(gc, -g->gc_credit);
    if (g->gc_credit >= 0)
        return;
    gt_add_relaxed(&gc->count.assists, 1u);
    gt_trace_assist(gt_tls_m(), true);
    while (g->gc_credit < 0 && gt_gc_marking(rt)) {
        mark_or_wait(rt, g);
        if (g->gc_credit < 0)
            g->gc_credit += take_credit(gc, -g->gc_credit);
    }
    gt_trace_assist(gt_tls_m(), false);
    gt_gc_pace_revise(gc);
    if (!gt_gc_marking(rt))
        g->gc_credit = 0; /* A1 */
}
