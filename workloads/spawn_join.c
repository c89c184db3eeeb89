/* SPDX-License-Identifier: Apache-2.0 */
/* spawn-join. param: 0 both ways, 1 one by one, 2 by the thousand. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/team.h"
#include "gauntlet/atomic.h"
#include "gauntlet/workload.h"

enum { BATCH = 1000 };

struct child {
    const struct gt_runtime_ops *ops;
    struct gt_g *parent;
    struct gt_wg *wg;
    gt_a32 done;
    uint64_t in, out;
};

static void child_one(void *arg)
{
    struct child *c = arg;
    c->out = ~c->in;
    gt_store_release(&c->done, 1u);
    c->ops->ready(c->parent);
}

static int one_by_one(const struct gt_workload_params *p, uint64_t n, struct gt_workload_result *r)
{
    const struct gt_runtime_ops *ops = p->ops;
    struct gt_g *self = ops->self();
    for (uint64_t i = 0; i < n; i++) {
        struct child c = {.ops = ops, .parent = self, .in = p->seed + i};
        gt_init(&c.done, 0u);
        int rc = ops->go(child_one, &c);
        if (rc != 0)
            return rc;
        do {
            ops->park(); /* one park for one ready: nobody else has this G */
        } while (gt_load_acquire(&c.done) == 0);
        gt_workload_check(r, c.out == ~(p->seed + i), "child %llu: its result is not seen",
                          (unsigned long long)i);
    }
    r->ops += n;
    return 0;
}

static void child_of_batch(void *arg)
{
    struct child *c = arg;
    c->out = ~c->in;
    c->ops->wg_done(c->wg);
}

/* Spawns and joins k. On an error the ones that did start are joined all the same. */
static int batch(const struct gt_workload_params *p, struct child *c, struct gt_wg *wg, uint32_t k)
{
    int rc = 0;
    uint32_t i = 0;
    p->ops->wg_add(wg, (int32_t)k);
    for (; i < k && rc == 0; i++)
        rc = p->ops->go(child_of_batch, &c[i]);
    if (rc != 0)
        p->ops->wg_add(wg, -(int32_t)(k - i + 1));
    p->ops->wg_wait(wg);
    return rc;
}

static void check_batch(const struct child *c, uint32_t k, struct gt_workload_result *r)
{
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < k; i++)
        wrong += c[i].out != ~c[i].in;
    gt_workload_check(r, wrong == 0, "%u of %u children left no result", wrong, k);
}

static int by_thousand(const struct gt_workload_params *p, uint64_t n, struct gt_workload_result *r)
{
    uint32_t k = gt_team_size(p, BATCH, 1, 1);
    struct child *c = calloc(k, sizeof *c);
    struct gt_wg *wg = p->ops->wg_new();
    int rc = c && wg ? 0 : -ENOMEM;
    for (uint64_t done = 0; done < n && rc == 0; done += k) {
        for (uint32_t i = 0; i < k; i++)
            c[i] = (struct child){.ops = p->ops, .wg = wg, .in = p->seed + done + i};
        rc = batch(p, c, wg, k);
        if (rc == 0) {
            check_batch(c, k, r);
            r->ops += k;
        }
    }
    if (wg)
        p->ops->wg_free(wg);
    free(c);
    return rc;
}

static int run(const struct gt_workload_params *p, struct gt_workload_result *r)
{
    int rc = 0;
    int64_t start = p->ops->now();
    if (p->param != 2)
        rc = one_by_one(p, p->param == 0 ? p->n / 2 : p->n, r);
    if (rc == 0 && p->param != 1)
        rc = by_thousand(p, p->param == 0 ? p->n - p->n / 2 : p->n, r);
    r->ns = p->ops->now() - start;
    return rc;
}

const struct gt_workload_ops gt_workload_spawn_join = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_WORKLOAD, struct gt_workload_ops, "spawn-join",
                           "spawn a G, run it, join it; one by one and by the thousand", 0),
    .unit = "spawn+join",
    .checks = "each child's result is seen by who joined it",
    .needs = GT_RT_PARK,
    .quick_n = 20000,
    .run = run,
};
