/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Placement, for schedulers that say GT_SCHED_NUMA: near before far, nobody left alone. */
#include "sched_checks.h"

/* The thief is P 0 on node 0. One G on each other P: the origins must come by distance. */
static bool steal_round(struct mock *m, enum gt_enqueue_kind kind, struct verdict *v)
{
    bool good = true;
    int32_t last = 0;
    for (int32_t p = 2; p < 2 * MOCK_NODES; p++) {
        mock_set_status(&m->p[p], GT_P_IDLE); /* its next slot may be taken at once */
        mock_put(m, p, &m->g[p], kind);
    }
    for (int32_t n = 2; n < 2 * MOCK_NODES; n++) {
        uint32_t flags;
        struct mock_g *g = mock_pick(m, 0, GT_PICK_STEAL, &flags);
        DEMAND(g && mock_take(g), "lost: %d Gs stolen of 6", (int)n - 2);
        int32_t far = mock_distance(&m->h, 0, m->p[g->origin].node);
        DEMAND(far >= last, "order: distance %d was robbed after %d", (int)far, (int)last);
        last = far;
    }
out:
    return good;
}

static bool check_steal_order(const struct gt_scheduler_ops *ops, struct verdict *v)
{
    struct gt_scheduler_stats s = {0};
    OPEN(2 * MOCK_NODES, MOCK_NODES, 2 * MOCK_NODES);
    for (int round = 0; round < 100; round++) {
        good = steal_round(m, round % 2 ? GT_ENQ_NEXT : GT_ENQ_LOCAL, v);
        if (!good)
            goto out;
    }
    if (!ops->stats)
        goto out;
    ops->stats(m->state, &s);
    DEMAND(s.stolen == 600, "stats: stolen %llu of 600", (unsigned long long)s.stolen);
    for (int d = 1; d < 4; d++)
        DEMAND(s.stolen_by_distance[d] == 200, "stats: distance %d: %llu of 200", d,
               (unsigned long long)s.stolen_by_distance[d]);
out:
    CLOSE();
}

/* Shared queues: the Gs of a nearer node's queue come before those of a farther one's. */
static bool check_shared_order(const struct gt_scheduler_ops *ops, struct verdict *v)
{
    OPEN(2 * MOCK_NODES, MOCK_NODES, MOCK_NODES);
    for (int round = 0; round < 50; round++) {
        int32_t last = 0;
        for (int32_t n = 0; n < MOCK_NODES; n++) {
            m->g[n].t.node = n;
            mock_put(m, -1, &m->g[n], GT_ENQ_GLOBAL);
        }
        for (int32_t n = 0; n < MOCK_NODES; n++) {
            struct mock_g *g = mock_pick_any(m, 0);
            DEMAND(g && mock_take(g), "lost: %d Gs of %d", (int)n, MOCK_NODES);
            int32_t far = n ? mock_distance(&m->h, 0, g->t.node) : 0;
            DEMAND(far >= last, "order: distance %d after %d", (int)far, (int)last);
            last = far;
        }
    }
out:
    CLOSE();
}

static int32_t last_woken; /* id that the scheduler asked for, -1 none */
static void note_wake(struct mock *m, int32_t id)
{
    (void)m;
    last_woken = id;
}

/* A scheduler that does not steal keeps every G on a node that has live Ps, but has an
 * idle P of that node woken rather than leave the G alone. */
static bool check_no_stealing(const struct gt_scheduler_ops *ops, struct verdict *v)
{
    OPEN(4, 2, 2);
    m->on_wake = note_wake;
    last_woken = -1;
    m->g[0].t.node = 1;
    mock_put(m, -1, &m->g[0], GT_ENQ_GLOBAL);
    DEMAND(!mock_pick_any(m, 0) && last_woken == -1, "P 0 took a G of node 1, or woke somebody");
    DEMAND(!ops->has_work(m->state, NULL), "has_work: its Ps run, an idle one would spin for it");
    DEMAND(mock_has_work(m), "has_work does not see a G whose Ps are idle");
    mock_set_status(&m->p[3], GT_P_IDLE);
    DEMAND(!mock_pick_any(m, 0) && last_woken == 3, "P 3 is idle and was not woken for its G");
    DEMAND(mock_set_procs(m, 2), "procs");
    DEMAND(mock_pick_any(m, 1) == &m->g[0], "lost: node 1 has no P any more, nobody took its G");
    mock_take(&m->g[0]);
    mock_put(m, -1, &m->g[0], GT_ENQ_GLOBAL);
    DEMAND(mock_pick_any(m, 0) == &m->g[0], "lost: a new G of a node without Ps");
out:
    CLOSE();
}

static bool check_choose_idle(const struct gt_scheduler_ops *ops, struct verdict *v)
{
    bool good = true;
    if (!ops->choose_idle)
        return true;
    struct mock *m = mock_open(ops, 2 * MOCK_NODES, MOCK_NODES, 1);
    DEMAND(m, "init failed");
    for (uint64_t mask = 1; mask < 256; mask++)
        for (int32_t near = -1; near < 2 * MOCK_NODES; near++) {
            int32_t id = ops->choose_idle(m->state, near, &mask, 1), best = 99;
            DEMAND(id == -1 || (id >= 0 && id < 8 && ((mask >> id) & 1)), "P %d is not idle", id);
            if (near < 0)
                continue;
            for (int32_t p = 0; p < 8; p++)
                if ((mask >> p) & 1 && mock_distance(&m->h, m->p[near].node, m->p[p].node) < best)
                    best = mock_distance(&m->h, m->p[near].node, m->p[p].node);
            DEMAND(id >= 0 && mock_distance(&m->h, m->p[near].node, m->p[id].node) == best,
                   "near %d, mask %02x: P %d is not the nearest", (int)near, (unsigned)mask, id);
        }
    m->g[0].t.node = 2;
    mock_put(m, -1, &m->g[0], GT_ENQ_GLOBAL);
    uint64_t all = 0xff;
    DEMAND(ops->choose_idle(m->state, 0, &all, 1) / 2 == 2, "no P of the node whose queue waits");
out:
    if (m)
        mock_close(m);
    return good;
}
