/* SPDX-License-Identifier: Apache-2.0 */
/*
 * global: one queue, one lock, strict arrival order. What every other policy has to
 * beat, and the simplest one that is right.
 *
 *   I1 Every runnable G is on the one list; the kind of an enqueue changes nothing.
 * Locked atomics: enqueue 1, pick 1 (0 when empty); all Ps meet at the lock.
 * Progress: whoever holds the lock neither blocks nor calls out.
 */
#include "ring.h"

struct global {
    const struct gt_scheduler_host *host;
    struct shared q;
};

/* Written by: the owner of the P. Read by: anyone. */
struct global_p {
    gt_a64 picked RING_ALIGNED;
};

static int global_init(void *s, const struct gt_scheduler_host *host)
{
    struct global *w = s;
    w->host = host;
    return 0;
}

static void global_fini(void *s)
{
    (void)s;
}

static void global_enqueue(void *s, struct gt_proc *p, struct gt_task *g, enum gt_enqueue_kind kind)
{
    struct global *w = s;
    (void)p;
    (void)kind;
    shared_push(&w->q, g, 1);
}

static void global_enqueue_batch(void *s, struct gt_proc *p, struct gt_tasks *batch)
{
    struct global *w = s;
    (void)p;
    shared_append(&w->q, batch, batch->n);
}

static struct gt_task *global_pick(void *s, struct gt_proc *p, enum gt_pick_from from,
                                   uint32_t *flags)
{
    struct global *w = s;
    struct global_p *own = p->sched;
    (void)from;
    (void)flags;
    struct gt_task *g = shared_pop(&w->q);
    if (g)
        gt_bump(&own->picked, 1);
    return g;
}

static bool global_has_work(void *s, struct gt_proc *p)
{
    struct global *w = s;
    (void)p;
    return shared_has_work(&w->q);
}

static bool global_p_has_work(void *s, struct gt_proc *p)
{
    (void)s;
    (void)p;
    return false; /* no P has a queue of its own */
}

static int64_t global_spin(void *s, const struct gt_idle_view *v)
{
    (void)s;
    return ring_spin_ns(v);
}

static void global_drain(void *s, struct gt_proc *p, struct gt_tasks *out)
{
    (void)s;
    (void)p;
    (void)out;
}

static void global_drain_shared(void *s, struct gt_tasks *out)
{
    struct global *w = s;
    shared_drain(&w->q, out);
}

static void global_stats(void *s, struct gt_scheduler_stats *out)
{
    struct global *w = s;
    out->enqueued += gt_load_relaxed(&w->q.enqueued);
    for (int32_t i = 0; i < GT_PROCS_MAX; i++) {
        struct gt_proc *p = w->host->p(w->host, i);
        if (p)
            out->picked_global += gt_load_relaxed(&((struct global_p *)p->sched)->picked);
    }
}

/* The k Gs queued run in turn. */
static uint64_t global_fairness(uint64_t k)
{
    return k;
}

const struct gt_scheduler_ops gt_scheduler_global = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_SCHEDULER, struct gt_scheduler_ops, "global",
                           "one queue, one lock: the honest baseline", GT_SCHED_FIFO),
    .runtime_state = sizeof(struct global),
    .p_state = sizeof(struct global_p),
    .init = global_init,
    .fini = global_fini,
    .enqueue = global_enqueue,
    .enqueue_batch = global_enqueue_batch,
    .pick = global_pick,
    .has_work = global_has_work,
    .p_has_work = global_p_has_work,
    .spin = global_spin,
    .drain = global_drain,
    .drain_shared = global_drain_shared,
    .stats = global_stats,
    .fairness = global_fairness,
};
