/* SPDX-License-Identifier: Apache-2.0 */
/*
 * numa: worksteal on a machine whose memory is near and far. Rings: ring.h (I1..I5,
 * O1..O4). Shared queues, one per node: nodes.h (N1, N2).
 *
 *   I6 As worksteal's: made ready by the running G -> next; yield -> behind the ring;
 *      preempted -> the shared queue of the P's node. A G without a P goes to the queue
 *      of the node of its stack.
 *   I7 Every 61st pick, chains of inherited ones as one, looks at the shared queue of the
 *      own node first. A node without a live P has no queue (N1), so every queue has Ps
 *      that do.
 *   I8 A thief visits nodes by distance: all of a nearer node, its rings and its shared
 *      queue, before any of a farther one; and all rings before any next slot.
 * Locked atomics per call and fairness: as worksteal.
 * Limits: nodes of equal distance are visited in the order of their number. As worksteal's
 * for what has_work does not see while a steal is on its way.
 */
#include <errno.h>

#include "nodes.h"

struct numa {
    struct nodes nodes;
};

struct numa_p {
    struct ring ring;
    /* Written by: the owner. */
    struct ring_grace grace RING_ALIGNED;
    gt_a64 stolen_by_distance[8]; /* Read by: anyone */
    struct node *node;
};

/* Who steals, and from where to where it looks. */
struct thief {
    struct numa *s;
    struct gt_proc *p;
    struct numa_p *own;
    uint32_t random;
};

static struct numa_p *state_of(const struct gt_proc *p)
{
    return p->sched;
}

static int numa_init(void *s, const struct gt_scheduler_host *host)
{
    struct numa *n = s;
    return nodes_init(&n->nodes, host) ? -ENOMEM : 0;
}

static void numa_fini(void *s)
{
    struct numa *n = s;
    nodes_fini(&n->nodes);
}

static int numa_p_init(void *s, struct gt_proc *p)
{
    struct numa *n = s;
    state_of(p)->node = nodes_get(&n->nodes, p->node);
    nodes_p_init(&n->nodes, p);
    return 0;
}

RING_COLD static void enqueue_without_p(struct numa *n, struct gt_task *g)
{
    struct gt_tasks one = {NULL, NULL, 0};
    gt_tasks_push(&one, g);
    nodes_append(&n->nodes, nodes_get(&n->nodes, g->node), &one, 1);
}

static void numa_enqueue(void *s, struct gt_proc *p, struct gt_task *g, enum gt_enqueue_kind kind)
{
    if (p)
        ring_enqueue(&state_of(p)->ring, &state_of(p)->node->q, g, kind);
    else
        enqueue_without_p(s, g);
}

static void numa_enqueue_batch(void *s, struct gt_proc *p, struct gt_tasks *batch)
{
    struct numa *n = s;
    if (p)
        ring_enqueue_batch(&state_of(p)->ring, &state_of(p)->node->q, batch);
    else
        nodes_append_each(&n->nodes, batch);
}

/* A share of node d's queue. */
RING_COLD static struct gt_task *take_share(struct numa_p *own, struct node *d, uint32_t most)
{
    if (!shared_has_work(&d->q))
        return NULL;
    return ring_refill(&own->ring, &d->q, d->live, most);
}

/* I7. */
RING_COLD static struct gt_task *pick_shared_first(struct numa_p *own, uint32_t *flags)
{
    struct gt_task *g = take_share(own, own->node, 1);
    if (!g)
        g = ring_pick_local(&own->ring, flags);
    return g ? g : take_share(own, own->node, RING_SIZE / 2u);
}

/* The i-th P of node d, from a random one on; NULL: the thief's own. */
static struct gt_proc *victim(const struct thief *t, const struct node *d, uint32_t i)
{
    const struct nodes *ns = &t->s->nodes;
    uint32_t id = ns->by_node[d->first + (t->random + i) % d->live];
    struct gt_proc *v = ns->host->p(ns->host, (int32_t)id);
    return v == t->p ? NULL : v;
}

/* Rings of node d, then its shared queue; *shared: it came from the latter. */
static struct gt_task *steal_rings_of(struct thief *t, struct node *d, bool *shared)
{
    for (uint32_t i = 0; i < d->live; i++) {
        struct gt_proc *v = victim(t, d, i);
        struct gt_task *g = v ? ring_steal(&t->own->ring, &state_of(v)->ring) : NULL;
        if (g)
            return g;
    }
    *shared = true;
    return take_share(t->own, d, RING_SIZE / 2u);
}

static struct gt_task *steal_nexts_of(struct thief *t, struct node *d)
{
    for (uint32_t i = 0; i < d->live; i++) {
        struct gt_proc *v = victim(t, d, i);
        if (!v)
            continue;
        bool runs = gt_status_of(gt_load_relaxed(&v->status)) == GT_P_RUNNING;
        struct gt_task *g = ring_steal_next(&t->own->grace, &state_of(v)->ring, runs,
                                            t->s->nodes.host);
        if (g)
            return g;
    }
    return NULL;
}

static void count_stolen(struct thief *t, const struct node *d)
{
    gt_bump(&t->own->ring.stats.stolen, 1);
    gt_bump(&t->own->stolen_by_distance[t->own->node->rank[d->id]], 1);
}

static struct gt_task *steal(struct thief *t)
{
    const struct node *home = t->own->node;
    struct gt_task *g = NULL;
    bool shared = false;
    struct node *d = NULL;
    for (uint32_t i = 0; i < t->s->nodes.n && !g; i++) {
        shared = false;
        d = nodes_at(&t->s->nodes, home->near[i]);
        g = steal_rings_of(t, d, &shared);
    }
    for (uint32_t i = 0; i < t->s->nodes.n && !g; i++) {
        shared = false;
        d = nodes_at(&t->s->nodes, home->near[i]);
        g = steal_nexts_of(t, d);
    }
    if (g && !shared) /* a G of a shared queue was counted as picked_global */
        count_stolen(t, d);
    return g;
}

RING_COLD static struct gt_task *pick_steal(struct numa *n, struct gt_proc *p, uint32_t *flags)
{
    struct numa_p *own = state_of(p);
    struct thief t = {n, p, own, 0};
    struct gt_task *g = ring_pick_local(&own->ring, flags); /* a poll may have filled it */
    if (g || (g = take_share(own, own->node, RING_SIZE / 2u)))
        return g;
    gt_bump(&own->ring.stats.steal_attempts, 1);
    t.random = n->nodes.host->random(n->nodes.host, p) >> 1;
    return steal(&t);
}

static struct gt_task *numa_pick(void *s, struct gt_proc *p, enum gt_pick_from from,
                                 uint32_t *flags)
{
    struct numa_p *own = state_of(p);
    if (from != GT_PICK_QUEUES)
        return pick_steal(s, p, flags);
    if (ring_shared_turn(&own->ring))
        return pick_shared_first(own, flags);
    struct gt_task *g = ring_pick_local(&own->ring, flags);
    return g ? g : take_share(own, own->node, RING_SIZE / 2u);
}

static bool numa_p_has_work(void *s, struct gt_proc *p)
{
    (void)s;
    return ring_has_work(&state_of(p)->ring);
}

static bool numa_has_work(void *s, struct gt_proc *p)
{
    struct numa *n = s;
    const struct gt_scheduler_host *h = n->nodes.host;
    if ((p && ring_has_work(&state_of(p)->ring)) || nodes_have_work(&n->nodes))
        return true;
    int32_t procs = h->procs(h);
    for (int32_t i = 0; i < procs; i++) {
        struct gt_proc *v = h->p(h, i);
        if (v && ring_has_work(&state_of(v)->ring))
            return true;
    }
    return false;
}

static int64_t numa_spin(void *s, const struct gt_idle_view *v)
{
    (void)s;
    return ring_spin_ns(v);
}

static int32_t numa_choose_idle(void *s, int32_t near, const uint64_t *mask, uint32_t words)
{
    struct numa *n = s;
    return nodes_choose_idle(&n->nodes, near, mask, words);
}

static void numa_procs_changed(void *s, int32_t before, int32_t now)
{
    struct numa *n = s;
    (void)before;
    nodes_procs_changed(&n->nodes, now);
}

static void numa_drain(void *s, struct gt_proc *p, struct gt_tasks *out)
{
    (void)s;
    ring_drain(&state_of(p)->ring, out);
}

static void numa_drain_shared(void *s, struct gt_tasks *out)
{
    struct numa *n = s;
    nodes_drain(&n->nodes, out);
}

static void numa_stats(void *s, struct gt_scheduler_stats *out)
{
    struct numa *n = s;
    const struct gt_scheduler_host *h = n->nodes.host;
    out->enqueued += nodes_enqueued(&n->nodes);
    for (int32_t i = 0; i < GT_PROCS_MAX; i++) {
        struct gt_proc *p = h->p(h, i);
        if (!p)
            continue;
        ring_add_stats(&state_of(p)->ring, out);
        for (int d = 0; d < 8; d++)
            out->stolen_by_distance[d] += gt_load_relaxed(&state_of(p)->stolen_by_distance[d]);
    }
}

/* As worksteal's: one node's Ps and its queue are a worksteal of their own. */
static uint64_t numa_fairness(uint64_t k)
{
    return RING_SHARED_EVERY * k + 2u * 262u;
}

const struct gt_scheduler_ops gt_scheduler_numa = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_SCHEDULER, struct gt_scheduler_ops, "numa",
                           "worksteal whose steal order and wake-ups follow NUMA distance",
                           GT_SCHED_STEALS | GT_SCHED_NUMA),
    .runtime_state = sizeof(struct numa),
    .node_state = sizeof(struct node),
    .p_state = sizeof(struct numa_p),
    .init = numa_init,
    .fini = numa_fini,
    .p_init = numa_p_init,
    .enqueue = numa_enqueue,
    .enqueue_batch = numa_enqueue_batch,
    .pick = numa_pick,
    .has_work = numa_has_work,
    .p_has_work = numa_p_has_work,
    .spin = numa_spin,
    .choose_idle = numa_choose_idle,
    .procs_changed = numa_procs_changed,
    .drain = numa_drain,
    .drain_shared = numa_drain_shared,
    .stats = numa_stats,
    .fairness = numa_fairness,
};
