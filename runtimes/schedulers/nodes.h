/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shared queue per NUMA node, and which Ps serve it. SDK headers only.
 *
 * Only a P of a node takes from that node's queue as of right, so a node that has no
 * live P would keep its Gs for ever. Its home is then the nearest node that has one:
 *   N1 home(n) = n when n has a live P, else the nearest node that has (while no P is
 *      alive at all: n).
 *   N2 home(n) changes only with the world stopped, under the lock of the queue that n
 *      fed until then; a G is appended under the lock of home(n)'s queue after home(n)
 *      was read again. So a G is either moved with its old queue or goes to the new.
 *
 *      M1 without a P: append to n            procs_changed (world stopped)
 *      h = home(n)                            lock queue h
 *      lock queue h  (waits)         <----    home(n) = new
 *      home(n) != h: unlock, again            unlock; moves what queue h holds
 */
#pragma once
#include "ring.h"

/* State of a node. */
struct node {
    struct shared q;
    gt_a32 home; /* Written by: rehome, N2. Read by: anyone */
    /* Written by: init. Read by: anyone. */
    int32_t id;
    uint16_t *near; /* all nodes, nearest first, this one at 0 */
    uint8_t *rank;  /* of each node's distance: 0 is this node, equal distances share one */
    /* Written by: rehome (world stopped). Read by: Ms with a P. */
    uint32_t first, live; /* its Ps are by_node[first..first+live-1] */
};

/* Part of the runtime's state. Written by: p_init, rehome (world stopped). */
struct nodes {
    const struct gt_scheduler_host *host;
    uint32_t n;
    bool alive[GT_PROCS_MAX];
    int32_t node_of[GT_PROCS_MAX]; /* of each P that was ever made, else -1 */
    uint16_t by_node[GT_PROCS_MAX];
};

static inline struct node *nodes_at(const struct nodes *ns, uint32_t i)
{
    return ns->host->node_state(ns->host, (int32_t)i);
}

/* A node's state; one that does not exist counts as node 0. */
static inline struct node *nodes_get(const struct nodes *ns, int32_t node)
{
    return nodes_at(ns, node >= 0 && (uint32_t)node < ns->n ? (uint32_t)node : 0);
}

static inline int32_t nodes_distance(const struct nodes *ns, int32_t a, uint32_t b)
{
    return (uint32_t)a == b ? 0 : ns->host->distance(ns->host, a, (int32_t)b);
}

/* Sorts near by distance from d, and ranks it. */
static inline void node_order(const struct nodes *ns, struct node *d)
{
    uint8_t rank = 0;
    for (uint32_t i = 0; i < ns->n; i++) {
        uint32_t j = i;
        for (; j > 0 && nodes_distance(ns, d->id, d->near[j - 1]) > nodes_distance(ns, d->id, i);
             j--)
            d->near[j] = d->near[j - 1];
        d->near[j] = (uint16_t)i;
    }
    for (uint32_t i = 1; i < ns->n; i++) {
        int32_t here = nodes_distance(ns, d->id, d->near[i]);
        if (here != nodes_distance(ns, d->id, d->near[i - 1]) && rank < 7)
            rank++;
        d->rank[d->near[i]] = rank;
    }
}

static inline void nodes_fini(struct nodes *ns)
{
    for (uint32_t i = 0; i < ns->n; i++) {
        struct node *d = nodes_at(ns, i);
        if (d->near)
            ns->host->free(ns->host, d->near, ns->n * sizeof *d->near);
        if (d->rank)
            ns->host->free(ns->host, d->rank, ns->n * sizeof *d->rank);
        d->near = NULL;
        d->rank = NULL;
    }
}

/* 0 or -1: no memory. */
static inline int nodes_init(struct nodes *ns, const struct gt_scheduler_host *host)
{
    ns->host = host;
    ns->n = host->nodes > 0 ? (uint32_t)host->nodes : 1u;
    for (uint32_t i = 0; i < GT_PROCS_MAX; i++)
        ns->node_of[i] = -1;
    for (uint32_t i = 0; i < ns->n; i++) {
        struct node *d = nodes_at(ns, i);
        d->id = (int32_t)i;
        gt_init(&d->home, i);
        d->near = host->alloc(host, ns->n * sizeof *d->near, d->id);
        d->rank = host->alloc(host, ns->n * sizeof *d->rank, d->id);
        if (!d->near || !d->rank) {
            nodes_fini(ns);
            return -1;
        }
        node_order(ns, d);
    }
    return 0;
}

/* Counts the live Ps of each node and lists them by node. */
static inline void nodes_count(struct nodes *ns)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < ns->n; i++) {
        struct node *d = nodes_at(ns, i);
        d->first = at;
        for (uint32_t id = 0; id < GT_PROCS_MAX; id++)
            if (ns->alive[id] && ns->node_of[id] == d->id)
                ns->by_node[at++] = (uint16_t)id;
        d->live = at - d->first;
    }
}

static inline uint32_t nodes_home_of(const struct nodes *ns, const struct node *d)
{
    for (uint32_t i = 0; i < ns->n; i++)
        if (nodes_at(ns, d->near[i])->live)
            return d->near[i];
    return (uint32_t)d->id;
}

static inline void node_set_home(const struct nodes *ns, struct node *d)
{
    struct shared *old = &nodes_at(ns, gt_load_relaxed(&d->home))->q;
    gt_spin_lock(&old->lock);
    gt_store_relaxed(&d->home, nodes_home_of(ns, d));
    gt_spin_unlock(&old->lock);
}

/* N1, N2. Gs of a node that lost its last P go, in order, behind those of its home. */
static inline void nodes_rehome(struct nodes *ns)
{
    nodes_count(ns);
    for (uint32_t i = 0; i < ns->n; i++)
        node_set_home(ns, nodes_at(ns, i));
    for (uint32_t i = 0; i < ns->n; i++) {
        struct node *d = nodes_at(ns, i);
        struct gt_tasks moved = {NULL, NULL, 0};
        if (gt_load_relaxed(&d->home) == i)
            continue;
        shared_drain(&d->q, &moved);
        shared_append(&nodes_at(ns, gt_load_relaxed(&d->home))->q, &moved, 0);
    }
}

static inline void nodes_p_init(struct nodes *ns, const struct gt_proc *p)
{
    ns->node_of[p->id] = nodes_get(ns, p->node)->id;
    ns->alive[p->id] = true;
    nodes_rehome(ns);
}

static inline void nodes_procs_changed(struct nodes *ns, int32_t now)
{
    for (int32_t i = 0; i < GT_PROCS_MAX; i++)
        ns->alive[i] = i < now && ns->node_of[i] >= 0;
    nodes_rehome(ns);
}

/* Appends *more to the queue that serves d. Context: any M. N2. */
static inline void nodes_append(const struct nodes *ns, struct node *d, struct gt_tasks *more,
                                uint32_t counted)
{
    for (;;) {
        uint32_t home = gt_load_relaxed(&d->home);
        struct shared *q = &nodes_at(ns, home)->q;
        gt_spin_lock(&q->lock);
        bool still = gt_load_relaxed(&d->home) == home;
        if (still)
            shared_append_locked(q, more, counted);
        gt_spin_unlock(&q->lock);
        if (still)
            return;
    }
}

/* A list without a P: each G to its own node, one lock per run of Gs of one node. */
static inline void nodes_append_each(const struct nodes *ns, struct gt_tasks *batch)
{
    while (batch->head) {
        struct gt_tasks run = {NULL, NULL, 0};
        struct node *d = nodes_get(ns, batch->head->node);
        while (batch->head && nodes_get(ns, batch->head->node) == d)
            gt_tasks_push(&run, gt_tasks_pop(batch));
        nodes_append(ns, d, &run, run.n);
    }
}

static inline bool nodes_have_work(const struct nodes *ns)
{
    for (uint32_t i = 0; i < ns->n; i++)
        if (shared_has_work(&nodes_at(ns, i)->q))
            return true;
    return false;
}

static inline void nodes_drain(const struct nodes *ns, struct gt_tasks *out)
{
    for (uint32_t i = 0; i < ns->n; i++)
        shared_drain(&nodes_at(ns, i)->q, out);
}

static inline uint64_t nodes_enqueued(const struct nodes *ns)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < ns->n; i++)
        sum += gt_load_relaxed(&nodes_at(ns, i)->q.enqueued);
    return sum;
}

/* ---- which idle P ------------------------------------------------------------------ */

/* The lowest idle P of node d, or -1. Context: the core's scheduler lock is held. */
static inline int32_t nodes_idle_on(const struct nodes *ns, int32_t d, const uint64_t *mask,
                                    uint32_t words)
{
    for (uint32_t w = 0; w < words; w++)
        for (uint64_t bits = mask[w]; bits; bits &= bits - 1) {
            uint32_t id = w * 64u + (uint32_t)__builtin_ctzll(bits);
            if (id < GT_PROCS_MAX && ns->node_of[id] == d)
                return (int32_t)id;
        }
    return -1;
}

/* An idle P on a node whose queue waits, else the nearest to P `near`, else -1. */
static inline int32_t nodes_choose_idle(const struct nodes *ns, int32_t near, const uint64_t *mask,
                                        uint32_t words)
{
    bool known = near >= 0 && near < GT_PROCS_MAX && ns->node_of[near] >= 0;
    const struct node *from = nodes_get(ns, known ? ns->node_of[near] : 0);
    int32_t best = -1;
    for (uint32_t i = 0; i < ns->n; i++) {
        struct node *d = nodes_at(ns, from->near[i]);
        int32_t id = nodes_idle_on(ns, d->id, mask, words);
        if (id >= 0 && shared_has_work(&d->q))
            return id;
        if (best < 0 && known)
            best = id;
    }
    return best;
}
