/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worksteal: Go's policy. A ring per P with a next slot, one shared queue, stealing
 * of half a ring from victims in random order. Rings, their invariants I1..I5 and
 * orderings O1..O4, and the races of pop, steal and next: ring.h.
 *
 *   I6 A G made ready by the running G goes to next and inherits its time slice; what
 *      was there goes behind the ring. A yield goes behind the ring, a preempted G to
 *      the shared queue.
 *   I7 Every 61st pick of a P, chains of inherited ones as one, looks at the shared queue
 *      first.
 * Locked atomics: enqueue 0 (next occupied: 1; preempted or a full ring: the lock,
 * one CAS, once per 129 Gs for the latter), pick 1. No op but the shared queue's lock
 * ever waits for another M.
 *
 * Fairness: see worksteal_fairness. A chain of inherited picks counts as one, as the
 * slice that the core gives it is one.
 *
 * Progress: a G in a ring or in next is stolen by any P that looks; one in next of a
 * running P after RING_NEXT_GRACE_NS, until when a thief finds has_work true and
 * comes back. Limits: while a steal or an overflow is on its way (a few hundred ns),
 * its Gs are seen by no has_work; the M that moves them is awake and, after it, wakes
 * others. The fences between enqueue and a look at the idle Ps, and between going
 * idle and has_work, are the core's.
 */
#include "ring.h"

/* How a core that this scheduler is compiled into wants its hottest ops. */
#ifndef GT_BOUND_OP
#define GT_BOUND_OP
#endif

struct ws {
    const struct gt_scheduler_host *host;
    struct shared global;
};

struct ws_p {
    struct ring ring;
    struct ring_grace grace RING_ALIGNED; /* Written by: the owner */
};

static struct ring *ring_of(struct gt_proc *p)
{
    return &((struct ws_p *)p->sched)->ring;
}

static int ws_init(void *s, const struct gt_scheduler_host *host)
{
    struct ws *w = s;
    w->host = host;
    return 0;
}

static void ws_fini(void *s)
{
    (void)s;
}

GT_BOUND_OP static void ws_enqueue(void *s, struct gt_proc *p, struct gt_task *g, enum gt_enqueue_kind kind)
{
    struct ws *w = s;
    if (p)
        ring_enqueue(ring_of(p), &w->global, g, kind);
    else
        ring_push_shared(&w->global, g, 1);
}

static void ws_enqueue_batch(void *s, struct gt_proc *p, struct gt_tasks *batch)
{
    struct ws *w = s;
    if (p)
        ring_enqueue_batch(ring_of(p), &w->global, batch);
    else
        shared_append(&w->global, batch, batch->n);
}

RING_COLD static struct gt_task *take_share(struct ws *w, struct ring *r, uint32_t most)
{
    if (!shared_has_work(&w->global))
        return NULL;
    return ring_refill(r, &w->global, (uint32_t)w->host->procs(w->host), most);
}

/* I7. */
RING_COLD static struct gt_task *pick_shared_first(struct ws *w, struct ring *r, uint32_t *flags)
{
    struct gt_task *g = take_share(w, r, 1);
    if (!g)
        g = ring_pick_local(r, flags);
    return g ? g : take_share(w, r, RING_SIZE / 2u);
}

/* Visits every other P once, from a random one on: by a stride that is prime and
 * does not divide n, each is met once. */
struct walk {
    uint32_t at, stride, left, n;
};

static struct walk walk_begin(struct ws *w, struct gt_proc *p)
{
    static const uint8_t stride[8] = {1, 3, 5, 7, 11, 13, 17, 19};
    uint32_t n = (uint32_t)w->host->procs(w->host);
    uint32_t bits = w->host->random(w->host, p);
    struct walk k = {(bits >> 3) % n, stride[bits & 7u], n, n};
    if (n % k.stride == 0)
        k.stride = 1;
    return k;
}

static struct gt_proc *walk_next(struct walk *k, struct ws *w, struct gt_proc *self)
{
    while (k->left) {
        struct gt_proc *v = w->host->p(w->host, (int32_t)k->at);
        k->at = (k->at + k->stride) % k->n;
        k->left--;
        if (v && v != self)
            return v;
    }
    return NULL;
}

static struct gt_task *steal_rings(struct ws *w, struct gt_proc *p)
{
    struct ring *r = ring_of(p);
    struct walk k = walk_begin(w, p);
    for (struct gt_proc *v; (v = walk_next(&k, w, p));) {
        struct gt_task *g = ring_steal(r, ring_of(v));
        if (g)
            return g;
    }
    return NULL;
}

static struct gt_task *steal_nexts(struct ws *w, struct gt_proc *p)
{
    struct ws_p *own = p->sched;
    struct walk k = walk_begin(w, p);
    for (struct gt_proc *v; (v = walk_next(&k, w, p));) {
        bool runs = gt_status_of(gt_load_relaxed(&v->status)) == GT_P_RUNNING;
        struct gt_task *g = ring_steal_next(&own->grace, ring_of(v), runs, w->host);
        if (g)
            return g;
    }
    return NULL;
}

RING_COLD static struct gt_task *pick_steal(struct ws *w, struct gt_proc *p, uint32_t *flags)
{
    struct ring *r = ring_of(p);
    struct gt_task *g = ring_pick_local(r, flags); /* a poll may have filled it */
    if (g || (g = take_share(w, r, RING_SIZE / 2u)))
        return g;
    gt_bump(&r->stats.steal_attempts, 1);
    g = steal_rings(w, p);
    if (!g)
        g = steal_nexts(w, p);
    if (g)
        gt_bump(&r->stats.stolen, 1);
    return g;
}

GT_BOUND_OP static struct gt_task *ws_pick(void *s, struct gt_proc *p, enum gt_pick_from from,
                                           uint32_t *flags)
{
    struct ring *r = ring_of(p);
    if (from != GT_PICK_QUEUES)
        return pick_steal(s, p, flags);
    if (ring_shared_turn(r))
        return pick_shared_first(s, r, flags);
    struct gt_task *g = ring_pick_local(r, flags);
    return g ? g : take_share(s, r, RING_SIZE / 2u);
}

static bool ws_p_has_work(void *s, struct gt_proc *p)
{
    (void)s;
    return ring_has_work(ring_of(p));
}

static bool ws_has_work(void *s, struct gt_proc *p)
{
    struct ws *w = s;
    if ((p && ring_has_work(ring_of(p))) || shared_has_work(&w->global))
        return true;
    int32_t n = w->host->procs(w->host);
    for (int32_t i = 0; i < n; i++) {
        struct gt_proc *v = w->host->p(w->host, i);
        if (v && ring_has_work(ring_of(v)))
            return true;
    }
    return false;
}

static int64_t ws_spin(void *s, const struct gt_idle_view *v)
{
    (void)s;
    return ring_spin_ns(v);
}

static void ws_drain(void *s, struct gt_proc *p, struct gt_tasks *out)
{
    (void)s;
    ring_drain(ring_of(p), out);
}

static void ws_drain_shared(void *s, struct gt_tasks *out)
{
    struct ws *w = s;
    shared_drain(&w->global, out);
}

static void ws_stats(void *s, struct gt_scheduler_stats *out)
{
    struct ws *w = s;
    out->enqueued += gt_load_relaxed(&w->global.enqueued);
    for (int32_t i = 0; i < GT_PROCS_MAX; i++) { /* dead Ps have counted too */
        struct gt_proc *p = w->host->p(w->host, i);
        if (p)
            ring_add_stats(ring_of(p), out);
    }
}

/*
 * The longest way of a G: the whole ring (at most 256 picks, one in 61 of them spent
 * on the shared queue: 262), then, shed with the older half, the shared queue, which
 * moves up by one in 61 picks at least, then once more a ring.
 */
static uint64_t ws_fairness(uint64_t k)
{
    return RING_SHARED_EVERY * k + 2u * 262u;
}

const struct gt_scheduler_ops gt_scheduler_worksteal = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_SCHEDULER, struct gt_scheduler_ops, "worksteal",
                           "Go's: a queue per P with runnext, work stealing, a global queue",
                           GT_SCHED_STEALS),
    .runtime_state = sizeof(struct ws),
    .p_state = sizeof(struct ws_p),
    .init = ws_init,
    .fini = ws_fini,
    .enqueue = ws_enqueue,
    .enqueue_batch = ws_enqueue_batch,
    .pick = ws_pick,
    .has_work = ws_has_work,
    .p_has_work = ws_p_has_work,
    .spin = ws_spin,
    .drain = ws_drain,
    .drain_shared = ws_drain_shared,
    .stats = ws_stats,
    .fairness = ws_fairness,
};
