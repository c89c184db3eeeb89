/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queues that schedulers here are made of: a ring per P with a next slot that
 * thieves may rob, and a locked list that any M may fill. SDK headers only.
 *
 * Ring. One owner (the M that holds the P) pushes at the tail; the owner and any
 * thief take at the head. The owner also keeps one G in `next`, ahead of the ring.
 *   I1 head <= tail <= head + RING_SIZE, at every moment; both only grow (64 bits:
 *      they do not come round within a program's life, so a CAS on head meets no ABA).
 *   I2 slot[i mod RING_SIZE] holds the G number i for head <= i < tail.
 *   I3 Only the owner writes slots, tail, and a non-NULL next.
 *   I4 Whoever moves head from a to b owns the Gs a..b-1; whoever swaps a G out of
 *      next owns it. Nobody else does.
 *   O1 The slot is written before tail (ring.tail): who sees the tail sees the G and
 *      all that its last M did.
 *   O2 A thief reads the slots before it moves head (ring.head), and the owner reads
 *      head before it writes a slot again: a thief whose CAS succeeds read what it got.
 *   O3 next is written with release and taken with acquire (ring.next).
 * Locked atomics per call, the uncontended path:
 *      push 0   pop 1   put next: 0 when the slot is empty, 1 when it pushes a G out
 *      take next 1 (0 when empty)   grab 1 for up to half of a ring   overflow 1
 * A pop without any is out of reach: while a G may be taken by a thief without the
 * owner's help, the owner's take needs an atomic or a fence (Attiya et al., "Laws of
 * Order", POPL 2011). Help cannot be asked of an owner that runs a long G.
 *
 * Race: pop against grab                 Race: put next against take next by a thief
 *   owner           thief                  owner               thief
 *   h = head        h = head, t = tail     old = next (G1)     g = next (G1)
 *   g = slot[h]     copies h..h+n-1        swap(next, G2)
 *   CAS h -> h+1    CAS h -> h+n             -> G1: pushes it  swap(next, NULL)
 *   one wins; the other's CAS fails and it     (NULL if the      -> G2, or G1 if it was
 *   reads again: what it copied is void         thief was first)  first: one each
 */
#pragma once
#include "gauntlet/fault.h"
#include "gauntlet/objects.h"
#include "gauntlet/scheduler.h"

#define RING_SIZE 256u
#define RING_MASK (RING_SIZE - 1u)
#define RING_ALIGNED __attribute__((aligned(64)))
/* Out of line, so that the paths beside it save no registers. */
#define RING_COLD __attribute__((noinline, cold, unused))

/* What one P counts. Written by: the owner. Read by: anyone. */
struct ring_stats {
    gt_a64 enqueued, picked_local, picked_global, stolen, steal_attempts, overflowed;
};

struct ring {
    /* Written by: the owner. Read by: thieves (tail). */
    gt_a64 tail RING_ALIGNED;
    uint64_t head_seen; /* a value that head had: head >= head_seen */
    uint32_t tick;      /* picks, not of next, since the shared queue was looked at */
    uint32_t rotor;     /* a scheduler's own */
    struct ring_stats stats;
    /* Written by: the owner and thieves. */
    gt_a64 head RING_ALIGNED;
    GT_APTR(struct gt_task) next;
    /* Written by: the owner. Read by: thieves. */
    GT_APTR(struct gt_task) slot[RING_SIZE] RING_ALIGNED;
};

/* Gs on the ring, next not counted; stale unless the owner asks and nobody steals. */
static inline uint32_t ring_length(struct ring *r)
{
    uint64_t h = gt_load_acquire(&r->head); /* pair: ring.head */
    return (uint32_t)(gt_load_relaxed(&r->tail) - h);
}

/* Room for at least `want` more? Context: the owner. */
static inline bool ring_has_room(struct ring *r, uint64_t t, uint32_t want)
{
    if (t + want - r->head_seen <= RING_SIZE)
        return true;
    r->head_seen = gt_load_acquire(&r->head); /* pair: ring.head */
    return t + want - r->head_seen <= RING_SIZE;
}

/* false: full. Context: the owner. */
static inline bool ring_push(struct ring *r, struct gt_task *g)
{
    uint64_t t = gt_load_relaxed(&r->tail);
    if (!ring_has_room(r, t, 1))
        return false;
    gt_store_relaxed(&r->slot[t & RING_MASK], g);
    gt_store_release(&r->tail, t + 1); /* pair: ring.tail */
    return true;
}

/* The oldest G of the ring or NULL. Context: the owner. What the owner put there it
 * may read without acquire; a thief's reads are ordered by O2 at the next push. */
static inline struct gt_task *ring_pop(struct ring *r)
{
    uint64_t t = gt_load_relaxed(&r->tail);
    uint64_t h = gt_load_relaxed(&r->head);
    while (h != t) {
        struct gt_task *g = gt_load_relaxed(&r->slot[h & RING_MASK]);
        if (gt_cas_relaxed(&r->head, &h, h + 1)) {
            gt_task_prefetch(gt_load_relaxed(&r->slot[(h + 1) & RING_MASK]));
            return g;
        }
    }
    return NULL;
}

/* Puts g in next; returns the G that was there, or NULL. Context: the owner. */
static inline struct gt_task *ring_put_next(struct ring *r, struct gt_task *g)
{
    if (!gt_load_relaxed(&r->next)) { /* a thief only empties it (I3) */
        gt_store_release(&r->next, g); /* pair: ring.next */
        return NULL;
    }
    return gt_swap_release(&r->next, g); /* pair: ring.next */
}

/* Takes the G out of next, or NULL. Context: any M. */
static inline struct gt_task *ring_take_next(struct ring *r)
{
    if (!gt_load_relaxed(&r->next))
        return NULL;
    return gt_swap_acquire(&r->next, NULL); /* pair: ring.next */
}

/* How many a thief takes of n: half, the odd one too, at most `most`. */
static inline uint32_t ring_share(uint64_t n, uint32_t most)
{
    uint32_t half = (uint32_t)(n - n / 2u);
    return half < most ? half : most;
}

/*
 * Steals up to half of v, oldest first: returns the oldest and leaves the others, in
 * order, on r. NULL: v's ring was empty, or r has no room. Context: the owner of r.
 */
static inline struct gt_task *ring_steal(struct ring *r, struct ring *v)
{
    uint64_t t = gt_load_relaxed(&r->tail);
    uint64_t h = gt_load_acquire(&v->head); /* pair: ring.head */
    if (!ring_has_room(r, t, RING_SIZE / 2u))
        return NULL;
    for (;;) {
        uint64_t end = gt_load_acquire(&v->tail); /* pair: ring.tail */
        if (end == h)
            return NULL;
        if (end - h > RING_SIZE) { /* h is stale: I1 broke between the two loads */
            h = gt_load_acquire(&v->head); /* pair: ring.head */
            continue;
        }
        uint32_t n = ring_share(end - h, RING_SIZE / 2u);
        struct gt_task *first = gt_load_relaxed(&v->slot[h & RING_MASK]);
        for (uint32_t i = 1; i < n; i++) {
            struct gt_task *g = gt_load_relaxed(&v->slot[(h + i) & RING_MASK]);
            gt_store_relaxed(&r->slot[(t + i - 1) & RING_MASK], g);
        }
        if (gt_cas_acq_rel(&v->head, &h, h + n)) { /* pair: ring.head */
            if (n > 1)
                gt_store_release(&r->tail, t + n - 1); /* pair: ring.tail */
            return first;
        }
    }
}

/* Moves the older half of a full ring to *out. false: thieves made room meanwhile.
 * Context: the owner. */
static inline bool ring_shed(struct ring *r, struct gt_tasks *out)
{
    uint64_t h = gt_load_acquire(&r->head); /* pair: ring.head */
    uint32_t n = RING_SIZE / 2u;
    struct gt_task *half[RING_SIZE / 2u];
    if (gt_load_relaxed(&r->tail) - h < RING_SIZE)
        return false;
    for (uint32_t i = 0; i < n; i++)
        half[i] = gt_load_relaxed(&r->slot[(h + i) & RING_MASK]);
    if (!gt_cas_relaxed(&r->head, &h, h + n))
        return false;
    for (uint32_t i = 0; i < n; i++)
        gt_tasks_push(out, half[i]);
    return true;
}

/* Is there a G on the ring or in next? Never false while one stays there: nothing is
 * seen twice, because a G goes from next to the ring, and then tail differs.
 * Context: any M. */
static inline bool ring_has_work(struct ring *r)
{
    uint64_t h = gt_load_acquire(&r->head); /* pair: ring.head */
    uint64_t t = gt_load_acquire(&r->tail); /* pair: ring.tail */
    if (h != t || gt_load_acquire(&r->next)) /* pair: ring.next */
        return true;
    return gt_load_relaxed(&r->tail) != t;
}

/* All Gs, in the order in which they would have run. Context: the world is stopped. */
static inline void ring_drain(struct ring *r, struct gt_tasks *out)
{
    struct gt_task *g = ring_take_next(r);
    if (g)
        gt_tasks_push(out, g);
    while ((g = ring_pop(r)))
        gt_tasks_push(out, g);
}

/* ---- a list under a lock ---------------------------------------------------- */
/*
 *   I5 n is the length of list whenever the lock is free.
 *   O4 Gs pass through the lock: release by who adds, acquire by who takes.
 */
struct shared {
    struct gt_spin lock RING_ALIGNED;
    gt_a32 n; /* Written by: the holder. Read by: anyone, as a hint */
    /* Guarded by: lock */
    struct gt_tasks list;
    gt_a64 enqueued; /* those handed over to it directly. Read by: anyone */
};

static inline bool shared_has_work(struct shared *q)
{
    return gt_load_relaxed(&q->n) != 0;
}

/* Appends *more, which is empty afterwards; `counted` of them were handed over here.
 * Context: the holder of the lock. */
static inline void shared_append_locked(struct shared *q, struct gt_tasks *more, uint32_t counted)
{
    gt_tasks_append(&q->list, more);
    gt_store_relaxed(&q->n, q->list.n);
    gt_bump(&q->enqueued, counted);
}

static inline void shared_append(struct shared *q, struct gt_tasks *more, uint32_t counted)
{
    gt_spin_lock(&q->lock);
    shared_append_locked(q, more, counted);
    gt_spin_unlock(&q->lock);
}

static inline void shared_push(struct shared *q, struct gt_task *g, uint32_t counted)
{
    struct gt_tasks one = {NULL, NULL, 0};
    gt_tasks_push(&one, g);
    shared_append(q, &one, counted);
}

/* Moves up to `most` Gs to *out: the whole list's fair share for one of `procs` Ps. */
static inline void shared_take(struct shared *q, uint32_t procs, uint32_t most,
                               struct gt_tasks *out)
{
    if (!shared_has_work(q))
        return;
    gt_spin_lock(&q->lock);
    uint32_t n = q->list.n / procs + 1u;
    for (n = n < most ? n : most; n && q->list.n; n--)
        gt_tasks_push(out, gt_tasks_pop(&q->list));
    gt_store_relaxed(&q->n, q->list.n);
    gt_spin_unlock(&q->lock);
}

static inline struct gt_task *shared_pop(struct shared *q)
{
    if (!shared_has_work(q))
        return NULL;
    gt_spin_lock(&q->lock);
    struct gt_task *g = gt_tasks_pop(&q->list);
    gt_store_relaxed(&q->n, q->list.n);
    gt_spin_unlock(&q->lock);
    return g;
}

static inline void shared_drain(struct shared *q, struct gt_tasks *out)
{
    gt_spin_lock(&q->lock);
    gt_tasks_append(out, &q->list);
    gt_store_relaxed(&q->n, 0u);
    gt_spin_unlock(&q->lock);
}

/* ---- both together: what worksteal and numa share ----------------------------- */

/* One pick in this many looks at the shared queue first (Go's number). */
#define RING_SHARED_EVERY 61u

/* g goes behind the ring, which was full: it sheds its older half and g in one batch. */
RING_COLD static void ring_push_full(struct ring *r, struct shared *q, struct gt_task *g)
{
    struct gt_tasks out = {NULL, NULL, 0};
    while (!ring_push(r, g)) {
        if (!ring_shed(r, &out))
            continue; /* a thief has made room */
        gt_tasks_push(&out, g);
        gt_bump(&r->stats.overflowed, out.n);
        shared_append(q, &out, 0);
        return;
    }
}

RING_COLD static void ring_push_shared(struct shared *q, struct gt_task *g, uint32_t counted)
{
    shared_push(q, g, counted);
}

static inline void ring_enqueue(struct ring *r, struct shared *q, struct gt_task *g,
                                enum gt_enqueue_kind kind)
{
    gt_bump(&r->stats.enqueued, 1);
    if (kind == GT_ENQ_NEXT) {
        g = ring_put_next(r, g);
        if (!g)
            return;
    } else if (kind == GT_ENQ_PREEMPTED || kind == GT_ENQ_GLOBAL) {
        ring_push_shared(q, g, 0);
        return;
    }
    if (!ring_push(r, g))
        ring_push_full(r, q, g);
}

/* Fills the ring in order, publishes once; what does not fit stays in *batch. */
static inline void ring_fill(struct ring *r, struct gt_tasks *batch)
{
    uint64_t t = gt_load_relaxed(&r->tail);
    uint64_t start = t;
    while (batch->head && ring_has_room(r, t, 1)) {
        gt_store_relaxed(&r->slot[t & RING_MASK], gt_tasks_pop(batch));
        t++;
    }
    if (t != start)
        gt_store_release(&r->tail, t); /* pair: ring.tail */
}

static inline void ring_enqueue_batch(struct ring *r, struct shared *q, struct gt_tasks *batch)
{
    gt_bump(&r->stats.enqueued, batch->n);
    ring_fill(r, batch);
    if (batch->head)
        shared_append(q, batch, 0);
}

/* A share of q: the first G is returned, the others go on the ring. */
RING_COLD static struct gt_task *ring_refill(struct ring *r, struct shared *q, uint32_t procs,
                                             uint32_t most)
{
    struct gt_tasks got = {NULL, NULL, 0};
    uint32_t room = RING_SIZE - ring_length(r) + 1u; /* the first needs none */
    shared_take(q, procs ? procs : 1u, most < room ? most : room, &got);
    struct gt_task *g = gt_tasks_pop(&got);
    if (!g)
        return NULL;
    gt_bump(&r->stats.picked_global, 1);
    ring_fill(r, &got);
    return g;
}

/* next, then the ring. */
static inline struct gt_task *ring_pick_local(struct ring *r, uint32_t *flags)
{
    struct gt_task *g = ring_take_next(r);
    if (g)
        *flags |= GT_PICK_INHERIT;
    else
        g = ring_pop(r);
    if (g)
        gt_bump(&r->stats.picked_local, 1);
    return g;
}

/*
 * Is it this P's turn to look at the shared queue first? Picks of next are not counted, and
 * none of them is a turn: a chain of inherited picks is one slice, which the core ends after
 * so many. Broken by a G of the shared queue it would get a new one each time, and the ring
 * behind it none:
 *
 *      next        G1, G2, G1, ... make each other ready for ever
 *      every 61st  a G of the shared queue, where there is always one: the chain's count
 *                  begins anew
 *      ring        waits for ever
 */
static inline bool ring_shared_turn(struct ring *r)
{
    if (gt_load_relaxed(&r->next) || ++r->tick < RING_SHARED_EVERY)
        return false;
    r->tick = 0;
    return true;
}

static inline void ring_add_stats(struct ring *r, struct gt_scheduler_stats *out)
{
    out->enqueued += gt_load_relaxed(&r->stats.enqueued);
    out->picked_local += gt_load_relaxed(&r->stats.picked_local);
    out->picked_global += gt_load_relaxed(&r->stats.picked_global);
    out->stolen += gt_load_relaxed(&r->stats.stolen);
    out->steal_attempts += gt_load_relaxed(&r->stats.steal_attempts);
    out->overflowed += gt_load_relaxed(&r->stats.overflowed);
}

/* ---- robbing next -------------------------------------------------------------- */

/* A running victim is left this long to run its next G itself: it was just made
 * ready by a G that is probably about to block (Go sleeps 3 us here; an op of a
 * scheduler may not, so the thief comes back instead). */
#define RING_NEXT_GRACE_NS 3000

/* The one next slot that a thief watches. Written by: the thief's owner. */
struct ring_grace {
    struct ring *victim;
    const struct gt_task *g;
    int64_t since;
};

/* May the thief take what stands in v's next? Begins to watch it when it may not yet
 * and nothing else is watched: with several victims, watching the last one seen would
 * restart the clock each time. */
static inline bool ring_next_ripe(struct ring_grace *w, struct ring *v, bool victim_runs,
                                  const struct gt_os *os)
{
    const struct gt_task *g = gt_load_relaxed(&v->next);
    if (!g || !victim_runs)
        return g != NULL;
    if (w->victim == v && w->g == g)
        return os->nanotime() - w->since >= RING_NEXT_GRACE_NS;
    if (!w->victim || gt_load_relaxed(&w->victim->next) != w->g) {
        w->victim = v;
        w->g = g;
        w->since = os->nanotime();
    }
    return false;
}

/* Fault next_taken_twice: against I4. */
static inline struct gt_task *ring_copy_next(struct ring *r)
{
    struct gt_task *g = gt_load_acquire(&r->next); /* pair: ring.next */
    gt_store_release(&r->next, NULL); /* pair: ring.next */
    return g;
}

/* Takes v's next for a thief. NULL: none, or not yet. */
static inline struct gt_task *ring_steal_next(struct ring_grace *w, struct ring *v,
                                              bool victim_runs, const struct gt_scheduler_host *h)
{
    if (!ring_next_ripe(w, v, victim_runs, h->os))
        return NULL;
    w->victim = NULL;
    return GT_FAULT_IN(h->fault, next_taken_twice) ? ring_copy_next(v) : ring_take_next(v);
}

/* ---- idle policy --------------------------------------------------------------- */

/* Waking a CPU that sleeps takes 40..50 us on virtual machines: an M that finds
 * nothing looks for work that long before it makes the next waker pay. */
#define RING_SPIN_NS 50000

/* Spins only where that takes no CPU from a busy P, and beside at most half of the busy
 * ones (one at least). 0 is one round of stealing, then park. */
static inline int64_t ring_spin_ns(const struct gt_idle_view *v)
{
    int32_t busy = v->procs - v->idle - v->spinning;
    if (v->procs > v->cpus || v->spinning > (busy > 1 ? busy / 2 : 1))
        return 0;
    return RING_SPIN_NS;
}
