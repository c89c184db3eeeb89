/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fifo: strict arrival order per NUMA node. One queue per node, no next slot, no G ever
 * runs on another node than the one it was queued on. Queues, N1 and N2: nodes.h.
 *
 *   I1 A G made runnable on a P goes to the end of the queue of that P's node; one made
 *      runnable without a P to that of the node of its stack (node 0 when unknown).
 *   I2 The queue of a node is served by the Ps of that node alone. A node without a
 *      live P has none: its Gs go to the nearest node that has (N1), where they stand
 *      behind those already there; this is the only case in which a G changes its node.
 *   I3 has_work(NULL) leaves out a queue all of whose Ps run: an idle P elsewhere may not
 *      take from it, and would look for ever. Those Ps look again before they go idle:
 *
 *      M1 on node 0                        M0, its P is node 0's last to go idle
 *      appends g to queue 0                P Idle
 *      fence                               fence
 *      idle Ps? -> wakes one         |     has_work: queue 0, a P Idle -> looks again
 *
 *   I4 An M on node 1 may stand in the way of that wake (it spins, so nobody is woken):
 *      when its pick finds nothing it wakes an idle P of a node whose queue waits.
 * Locked atomics: enqueue 1, pick 1 (0 when empty); the Ps of a node meet at its lock.
 */
#include <errno.h>

#include "nodes.h"

struct fifo {
    struct nodes nodes;
};

/* Written by: the owner of the P. Read by: anyone. */
struct fifo_p {
    gt_a64 picked RING_ALIGNED;
    struct node *node;
};

static int fifo_init(void *s, const struct gt_scheduler_host *host)
{
    struct fifo *f = s;
    return nodes_init(&f->nodes, host) ? -ENOMEM : 0;
}

static void fifo_fini(void *s)
{
    struct fifo *f = s;
    nodes_fini(&f->nodes);
}

static int fifo_p_init(void *s, struct gt_proc *p)
{
    struct fifo *f = s;
    struct fifo_p *own = p->sched;
    own->node = nodes_get(&f->nodes, p->node);
    nodes_p_init(&f->nodes, p);
    return 0;
}

static void fifo_enqueue(void *s, struct gt_proc *p, struct gt_task *g, enum gt_enqueue_kind kind)
{
    struct fifo *f = s;
    struct gt_tasks one = {NULL, NULL, 0};
    int32_t node = p ? p->node : g->node;
    (void)kind;
    gt_tasks_push(&one, g);
    nodes_append(&f->nodes, nodes_get(&f->nodes, node), &one, 1);
}

static void fifo_enqueue_batch(void *s, struct gt_proc *p, struct gt_tasks *batch)
{
    struct fifo *f = s;
    if (p)
        nodes_append(&f->nodes, nodes_get(&f->nodes, p->node), batch, batch->n);
    else
        nodes_append_each(&f->nodes, batch);
}

/* An idle P whose node's queue waits, or -1: what no running P will come to. */
static int32_t idle_with_work(const struct fifo *f)
{
    const struct gt_scheduler_host *h = f->nodes.host;
    int32_t n = h->procs(h);
    for (int32_t i = 0; i < n; i++) {
        struct gt_proc *p = h->p(h, i);
        if (p && gt_status_of(gt_load_relaxed(&p->status)) == GT_P_IDLE &&
            shared_has_work(&nodes_get(&f->nodes, p->node)->q))
            return i;
    }
    return -1;
}

static struct gt_task *fifo_pick(void *s, struct gt_proc *p, enum gt_pick_from from,
                                 uint32_t *flags)
{
    struct fifo *f = s;
    struct fifo_p *own = p->sched;
    struct gt_task *g = shared_pop(&own->node->q);
    (void)flags;
    if (g) {
        gt_bump(&own->picked, 1);
    } else if (from == GT_PICK_STEAL && f->nodes.n > 1 && nodes_have_work(&f->nodes)) {
        int32_t id = idle_with_work(f);
        if (id >= 0)
            f->nodes.host->wake(f->nodes.host, id); /* I4 */
    }
    return g;
}

static bool fifo_has_work(void *s, struct gt_proc *p)
{
    struct fifo *f = s;
    if (p && shared_has_work(&((struct fifo_p *)p->sched)->node->q))
        return true;
    return nodes_have_work(&f->nodes) && idle_with_work(f) >= 0;
}

static bool fifo_p_has_work(void *s, struct gt_proc *p)
{
    (void)s;
    return shared_has_work(&((struct fifo_p *)p->sched)->node->q);
}

static int64_t fifo_spin(void *s, const struct gt_idle_view *v)
{
    (void)s;
    return ring_spin_ns(v);
}

static int32_t fifo_choose_idle(void *s, int32_t near, const uint64_t *mask, uint32_t words)
{
    struct fifo *f = s;
    return nodes_choose_idle(&f->nodes, near, mask, words);
}

static void fifo_procs_changed(void *s, int32_t before, int32_t now)
{
    struct fifo *f = s;
    (void)before;
    nodes_procs_changed(&f->nodes, now);
}

static void fifo_drain(void *s, struct gt_proc *p, struct gt_tasks *out)
{
    (void)s;
    (void)p;
    (void)out; /* no P has a queue of its own; procs_changed moves a node's when need be */
}

static void fifo_drain_shared(void *s, struct gt_tasks *out)
{
    struct fifo *f = s;
    nodes_drain(&f->nodes, out);
}

static void fifo_stats(void *s, struct gt_scheduler_stats *out)
{
    struct fifo *f = s;
    const struct gt_scheduler_host *h = f->nodes.host;
    out->enqueued += nodes_enqueued(&f->nodes);
    for (int32_t i = 0; i < GT_PROCS_MAX; i++) {
        struct gt_proc *p = h->p(h, i);
        if (p)
            out->picked_global += gt_load_relaxed(&((struct fifo_p *)p->sched)->picked);
    }
}

/* The k Gs of the P's node run in turn. */
static uint64_t fifo_fairness(uint64_t k)
{
    return k;
}

const struct gt_scheduler_ops gt_scheduler_fifo = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_SCHEDULER, struct gt_scheduler_ops, "fifo",
                           "strict arrival order per node, no runnext, no stealing across nodes",
                           GT_SCHED_FIFO | GT_SCHED_NUMA),
    .runtime_state = sizeof(struct fifo),
    .node_state = sizeof(struct node),
    .p_state = sizeof(struct fifo_p),
    .init = fifo_init,
    .fini = fifo_fini,
    .p_init = fifo_p_init,
    .enqueue = fifo_enqueue,
    .enqueue_batch = fifo_enqueue_batch,
    .pick = fifo_pick,
    .has_work = fifo_has_work,
    .p_has_work = fifo_p_has_work,
    .spin = fifo_spin,
    .choose_idle = fifo_choose_idle,
    .procs_changed = fifo_procs_changed,
    .drain = fifo_drain,
    .drain_shared = fifo_drain_shared,
    .stats = fifo_stats,
    .fairness = fifo_fairness,
};
