/* SPDX-License-Identifier: Apache-2.0 */
/* yield. param: how many Gs, at most 64; 0 for 16. */
#include <stdio.h>

#include "common/team.h"
#include "gauntlet/workload.h"

enum { GS = 16, GS_MAX = 64 };

struct member {
    const struct gt_runtime_ops *ops;
    uint64_t want, done, id;
};

static void yielder(void *arg)
{
    struct member *m = arg;
    void (*yield)(void) = m->ops->yield;
    m->id = m->ops->goid();
    uint64_t i = 0;
    for (uint64_t n = m->want; i < n; i++)
        yield();
    m->done = m->ops->goid() == m->id ? i : 0;
}

static int run(const struct gt_workload_params *p, struct gt_workload_result *r)
{
    struct member m[GS_MAX];
    uint32_t want = p->param ? p->param : GS;
    uint32_t k = gt_team_size(p, want < GS_MAX ? want : GS_MAX, 1, 1);
    for (uint32_t i = 0; i < k; i++)
        m[i] = (struct member){.ops = p->ops, .want = gt_team_share(p->n, k)};
    int64_t start = p->ops->now();
    int rc = gt_team_run(p, k, m, sizeof *m, yielder);
    r->ns = p->ops->now() - start;
    for (uint32_t i = 0; i < k && rc == 0; i++) {
        r->ops += m[i].done;
        gt_workload_check(r, m[i].done == m[i].want, "G %u came back %llu times, not %llu", i,
                          (unsigned long long)m[i].done, (unsigned long long)m[i].want);
    }
    return rc;
}

const struct gt_workload_ops gt_workload_yield = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_WORKLOAD, struct gt_workload_ops, "yield",
                           "Gs that only yield to each other", 0),
    .unit = "yield",
    .checks = "each G comes back from each yield, as itself",
    .quick_n = 100000,
    .run = run,
};
