/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scheduler plugin to start from: a queue per P and one shared queue, each under a lock.
 * It is correct and slow; runtimes/schedulers/ holds fast ones. It includes the SDK alone
 * and needs no symbol of the program that loads it.
 *
 *     make                                         (or: cmake -B build && cmake --build build)
 *     gauntlet run --scheduler=./scheduler.so --workload=...
 *     sched_conformance_test ./scheduler.so        the contract below, checked
 *
 * The contract in full is gauntlet/scheduler.h; C1..C3 and S1..S5 below are its numbers.
 *
 * Invariants of this one:
 *   I1 A G is on exactly one list from enqueue to pick or drain.
 *   I2 `n` of a queue is the length of its list whenever its lock is free.
 */
#include "gauntlet/atomic.h"
#include "gauntlet/plugin.h"
#include "gauntlet/scheduler.h"

#define SHARED_EVERY 61u /* one pick in so many looks at the shared queue first: S5 */

struct queue {
    struct gt_spin lock;
    /* Written by: the lock's holder. Read by: anyone, without the lock. */
    gt_a32 n;
    gt_a64 enqueued; /* ever */
    /* Guarded by: lock. A G's link belongs to the scheduler while the G is queued. */
    struct gt_tasks list;
};

/* State of the runtime: `runtime_state` bytes, zeroed by the core. All that is not const
 * belongs into such state: there may be several runtimes in one process. */
struct state {
    const struct gt_scheduler_host *host;
    struct queue shared;
};

/* State of a P: `p_state` bytes, zeroed, in gt_proc.sched. One cache line of its own keeps
 * Ps from slowing each other down. */
struct p_state {
    struct queue own __attribute__((aligned(64)));
    uint32_t picks; /* Written by: the M that owns the P (C2), so no atomic */
    gt_a64 picked_local, picked_global, stolen; /* likewise. Read by: stats */
};

/* The one thing a plugin may keep outside: where gt_await, that is gt_spin_lock, finds the
 * program's pause. Every runtime of a process has the same calls, but host->os itself goes with
 * its runtime: so they are copied. */
static struct {
    struct gt_os calls;
    const struct gt_os *os;
} spins = {.os = &spins.calls};
GT_PLUGIN_AWAIT(&spins)

static struct p_state *of(const struct gt_proc *p)
{
    return p->sched;
}

/* ---- queues -------------------------------------------------------------------------- */
static void queue_append(struct queue *q, struct gt_tasks *more)
{
    gt_spin_lock(&q->lock); /* S4: the lock publishes the G */
    gt_bump(&q->enqueued, more->n);
    gt_tasks_append(&q->list, more);
    gt_store_relaxed(&q->n, q->list.n);
    gt_spin_unlock(&q->lock);
}

static struct gt_task *queue_pop(struct queue *q)
{
    if (gt_load_relaxed(&q->n) == 0)
        return NULL;
    gt_spin_lock(&q->lock);
    struct gt_task *g = gt_tasks_pop(&q->list);
    gt_store_relaxed(&q->n, q->list.n);
    gt_spin_unlock(&q->lock);
    return g;
}

static void queue_take_all(struct queue *q, struct gt_tasks *out)
{
    gt_spin_lock(&q->lock);
    gt_tasks_append(out, &q->list);
    gt_store_relaxed(&q->n, 0u);
    gt_spin_unlock(&q->lock);
}

/* ---- life ------------------------------------------------------------------------------ */
/* Once, before any P exists. May allocate with host->alloc and may fail. The host stays
 * valid until fini. */
static int my_init(void *s, const struct gt_scheduler_host *host)
{
    struct state *st = s;
    st->host = host;
    spins.calls = *host->os;
    return 0;
}

/* All Ps are gone and all queues were drained: free what init allocated. */
static void my_fini(void *s)
{
    (void)s;
}

/* ---- a G becomes runnable ---------------------------------------------------------------- */
/*
 * The G is ours from here on (C1), until pick or drain gives it back once (S1). With a P,
 * the caller is the M that owns it and nobody else enqueues to or picks from it (C2), but
 * others steal. Without a P anybody may call, at any time. Never block, allocate, or make a
 * system call here (S2). Waking an M is the core's business.
 *
 * kind is a wish: this scheduler lets a G that was preempted queue behind everybody and
 * treats all others alike. One with a next slot puts GT_ENQ_NEXT there, but never
 * GT_ENQ_YIELD, which must let all others on the P run first.
 */
static void my_enqueue(void *s, struct gt_proc *p, struct gt_task *g, enum gt_enqueue_kind kind)
{
    struct state *st = s;
    struct gt_tasks one = {NULL, NULL, 0};
    bool shared = !p || kind == GT_ENQ_PREEMPTED || kind == GT_ENQ_GLOBAL;
    gt_tasks_push(&one, g);
    queue_append(shared ? &st->shared : &of(p)->own, &one);
}

/* Many at once, from the network poller, the timers, a P that died. Keep their order and
 * leave *batch empty. */
static void my_enqueue_batch(void *s, struct gt_proc *p, struct gt_tasks *batch)
{
    struct state *st = s;
    queue_append(p ? &of(p)->own : &st->shared, batch);
}

/* ---- which G runs next --------------------------------------------------------------------- */
static struct gt_task *steal(struct state *st, struct gt_proc *p)
{
    int32_t n = st->host->procs(st->host);
    uint32_t at = st->host->random(st->host, p);
    for (int32_t i = 0; i < n; i++) {
        struct gt_proc *v = st->host->p(st->host, (int32_t)((at + (uint32_t)i) % (uint32_t)n));
        struct gt_task *g = v && v != p ? queue_pop(&of(v)->own) : NULL;
        if (g) {
            gt_bump(&of(p)->stolen, 1);
            return g;
        }
    }
    return NULL;
}

static struct gt_task *count(struct gt_task *g, gt_a64 *counter)
{
    if (g)
        gt_bump(counter, 1);
    return g;
}

/*
 * The M that owns p looks for work: first with GT_PICK_QUEUES, then, when that gave NULL
 * and the idle policy lets it, with GT_PICK_STEAL, perhaps many times. The core polls the
 * network in between. Never wait here. What is returned is the core's (S1).
 *
 * *flags |= GT_PICK_INHERIT makes the G run in the time slice of the one before: only for a
 * next slot. The core ends such chains; without the flag each G gets a slice of its own.
 *
 * S5: the G at the end of the shared queue runs although this P never runs dry, because
 * every 61st pick looks there first.
 */
static struct gt_task *my_pick(void *s, struct gt_proc *p, enum gt_pick_from from, uint32_t *flags)
{
    struct state *st = s;
    struct p_state *own = of(p);
    struct gt_task *g = NULL;
    (void)flags;
    if (++own->picks % SHARED_EVERY == 0)
        g = count(queue_pop(&st->shared), &own->picked_global);
    if (!g)
        g = count(queue_pop(&own->own), &own->picked_local);
    if (!g)
        g = count(queue_pop(&st->shared), &own->picked_global);
    if (!g && from == GT_PICK_STEAL)
        g = steal(st, p);
    return g;
}

/*
 * S3: an M parks only after this said no, so it must see every G whose enqueue is over.
 * The core fences between an enqueue and its look at the idle Ps, and between going idle
 * and this call. Say yes when in doubt, but not for ever: an M that is told yes looks again.
 */
static bool my_has_work(void *s, struct gt_proc *p)
{
    struct state *st = s;
    int32_t n = st->host->procs(st->host);
    if ((p && gt_load_relaxed(&of(p)->own.n)) || gt_load_relaxed(&st->shared.n))
        return true;
    for (int32_t i = 0; i < n; i++) {
        struct gt_proc *v = st->host->p(st->host, i);
        if (v && gt_load_relaxed(&of(v)->own.n))
            return true;
    }
    return false;
}

/* ---- the number of Ps changes --------------------------------------------------------------- */
/* The world is stopped (C3) and p dies, or the runtime ends: give back what only p would
 * have run, in the order in which it would have. The core hands it over again. */
static void my_drain(void *s, struct gt_proc *p, struct gt_tasks *out)
{
    (void)s;
    queue_take_all(&of(p)->own, out);
}

/* The runtime ends: everything that no P owns. */
static void my_drain_shared(void *s, struct gt_tasks *out)
{
    struct state *st = s;
    queue_take_all(&st->shared, out);
}

/* ---- figures ---------------------------------------------------------------------------------- */
/* Add to *out. A G that pick returned is counted once: as local, global or stolen. */
static void my_stats(void *s, struct gt_scheduler_stats *out)
{
    struct state *st = s;
    out->enqueued += gt_load_relaxed(&st->shared.enqueued);
    for (int32_t i = 0; i < GT_PROCS_MAX; i++) { /* Ps that died have counted too */
        struct gt_proc *p = st->host->p(st->host, i);
        if (!p)
            continue;
        out->enqueued += gt_load_relaxed(&of(p)->own.enqueued);
        out->picked_local += gt_load_relaxed(&of(p)->picked_local);
        out->picked_global += gt_load_relaxed(&of(p)->picked_global);
        out->stolen += gt_load_relaxed(&of(p)->stolen);
    }
}

/*
 * S5 as a figure, which the conformance test measures: with k Gs runnable, how many picks on
 * one P before each has run. At worst all k stand in the shared queue, which moves up by
 * one in 61 picks, and then in p's.
 */
static uint64_t my_fairness(uint64_t k)
{
    return (SHARED_EVERY + 2) * k + SHARED_EVERY;
}

/* ---- the table ------------------------------------------------------------------------------------ */
/* Optional ops left out here: p_init, p_fini, p_has_work, spin, want_wake, choose_idle,
 * procs_changed. NULL means the core's default. */
static const struct gt_scheduler_ops my_ops = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_SCHEDULER, struct gt_scheduler_ops, "skeleton",
                           "a queue per P under a lock: to start from", GT_SCHED_STEALS),
    .runtime_state = sizeof(struct state),
    .p_state = sizeof(struct p_state),
    .init = my_init,
    .fini = my_fini,
    .enqueue = my_enqueue,
    .enqueue_batch = my_enqueue_batch,
    .pick = my_pick,
    .has_work = my_has_work,
    .drain = my_drain,
    .drain_shared = my_drain_shared,
    .stats = my_stats,
    .fairness = my_fairness,
};

GT_PLUGIN_EXPORT(scheduler, my_ops)
