/* SPDX-License-Identifier: Apache-2.0 */
/* mutex: two plain fields that only agree under the lock. param: Gs, 0 for 4 a P. */
#include <errno.h>
#include <stdio.h>

#include "common/rng.h"
#include "common/team.h"
#include "gauntlet/workload.h"

enum { GS_MAX = 64, YIELD_EVERY = 64 };

struct shared {
    const struct gt_runtime_ops *ops;
    struct gt_mutex *mu;
    /* Guarded by: mu. */
    uint64_t a, b; /* b == 3 a outside a holder's section */
    uint64_t torn;
};

struct member {
    struct shared *s;
    struct gt_rng rng;
    uint64_t n;
};

static void step(struct shared *s, bool yields)
{
    s->torn += s->b != 3 * s->a;
    s->a++;
    if (yields)
        s->ops->yield(); /* holding it: others must queue */
    s->b += 3;
}

static void contend(void *arg)
{
    struct member *m = arg;
    struct shared *s = m->s;
    for (uint64_t i = 0; i < m->n; i++) {
        bool yields = gt_rng_below(&m->rng, YIELD_EVERY) == 0;
        s->ops->mutex_lock(s->mu);
        step(s, yields);
        s->ops->mutex_unlock(s->mu);
    }
}

static int run(const struct gt_workload_params *p, struct gt_workload_result *r)
{
    struct member m[GS_MAX];
    struct shared s = {.ops = p->ops, .mu = p->ops->mutex_new()};
    uint32_t want = p->param ? p->param : 4u * (uint32_t)p->procs;
    uint32_t k = gt_team_size(p, want < GS_MAX ? want : GS_MAX, 1, 1);
    uint64_t share = gt_team_share(p->n, k);
    if (!s.mu)
        return -ENOMEM;
    for (uint32_t i = 0; i < k; i++)
        m[i] = (struct member){.s = &s, .rng = gt_rng_make(p->seed, i), .n = share};
    int64_t start = p->ops->now();
    int rc = gt_team_run(p, k, m, sizeof *m, contend);
    r->ns = p->ops->now() - start;
    p->ops->mutex_free(s.mu);
    if (rc != 0)
        return rc;
    r->ops = s.a;
    gt_workload_check(r, s.torn == 0, "%llu times the two fields disagreed under the lock",
                      (unsigned long long)s.torn);
    gt_workload_check(r, s.a == share * k && s.b == 3 * s.a, "counted %llu and %llu, not %llu",
                      (unsigned long long)s.a, (unsigned long long)s.b,
                      (unsigned long long)(share * k));
    return 0;
}

const struct gt_workload_ops gt_workload_mutex = {
    .head =
        GT_PLUGIN_HEAD(GT_MAGIC_WORKLOAD, struct gt_workload_ops, "mutex", "many Gs, one lock", 0),
    .unit = "lock+unlock",
    .checks = "a plain counter, and two plain fields that agree whenever the lock is taken",
    .quick_n = 50000,
    .run = run,
};
