/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procs-churn: Gs that work and check themselves while one G sets the number of Ps to
 * values of 1 to 4 times the CPUs. param: Ps at most, 0 for 4 times the CPUs.
 */
#include <errno.h>
#include <stdio.h>

#include "common/calls.h"
#include "common/errand.h"
#include "common/rng.h"
#include "common/team.h"
#include "gauntlet/workload.h"

enum { WORKERS = 16, OPS_PER_CHANGE = 250, CHANGES_MIN = 20, PAUSE_MAX_US = 100 };

struct shared {
    const struct gt_runtime_ops *ops;
    struct gt_mutex *mu;
    uint64_t counter; /* Guarded by: mu */
    gt_a32 churned;   /* the churner has made all its changes */
};

struct worker {
    struct shared *s;
    struct gt_rng rng;
    struct gt_chan *c;
    uint64_t n, done, locked, wrong;
    int rc;
};

static void send_out(struct worker *w)
{
    bool right = true;
    w->rc = gt_errand_send(w->s->ops, w->done, &right);
    w->wrong += !right;
}

static void pass_on(struct worker *w)
{
    uint64_t in = gt_rng_next(&w->rng), out = 0;
    w->wrong += w->s->ops->chan_send(w->c, &in) != 0;
    w->wrong += !w->s->ops->chan_recv(w->c, &out) || in != out;
}

static void count(struct worker *w)
{
    w->s->ops->mutex_lock(w->s->mu);
    w->s->counter++;
    w->s->ops->mutex_unlock(w->s->mu);
    w->locked++;
}

static void work(void *arg)
{
    struct worker *w = arg;
    while (w->rc == 0 && (w->done < w->n || gt_load_relaxed(&w->s->churned) == 0)) {
        switch (gt_rng_below(&w->rng, 4)) {
        case 0:
            send_out(w);
            break;
        case 1:
            pass_on(w);
            break;
        case 2:
            count(w);
            break;
        default:
            w->s->ops->yield();
        }
        w->done++;
    }
}

/* Returns 0 or what set_procs gave. */
static int churn(const struct gt_workload_params *p, uint32_t changes, struct gt_workload_result *r)
{
    struct gt_rng rng = gt_rng_make(p->seed, 1u << 20);
    uint32_t most = p->param ? p->param : 4u * (uint32_t)gt_call_cpus();
    if (most > GT_PROCS_MAX)
        most = GT_PROCS_MAX;
    for (uint32_t i = 0; i < changes; i++) {
        int32_t n = (int32_t)gt_rng_between(&rng, 1, most);
        int rc = p->ops->set_procs(n);
        if (rc != 0)
            return rc;
        gt_workload_check(r, p->ops->procs() == n, "set %d Ps, there are %d", n, p->ops->procs());
        if (gt_rng_below(&rng, 2))
            p->ops->sleep(1000 * (int64_t)gt_rng_below(&rng, PAUSE_MAX_US));
        else
            p->ops->yield();
    }
    r->extra_name[0] = "changes";
    r->extra[0] = changes;
    return p->ops->set_procs(p->procs);
}

static void judge(const struct worker *w, uint32_t k, uint64_t counter,
                  struct gt_workload_result *r)
{
    uint64_t locked = 0, wrong = 0;
    for (uint32_t i = 0; i < k; i++) {
        r->ops += w[i].done;
        locked += w[i].locked;
        wrong += w[i].wrong;
    }
    gt_workload_check(r, wrong == 0, "%llu errands or messages came out wrong",
                      (unsigned long long)wrong);
    gt_workload_check(r, locked == counter, "counted %llu under the lock, did %llu times",
                      (unsigned long long)counter, (unsigned long long)locked);
}

static int with_workers(const struct gt_workload_params *p, struct shared *s, struct worker *w,
                        uint32_t k, struct gt_workload_result *r)
{
    struct gt_team team;
    uint64_t changes = p->n / OPS_PER_CHANGE;
    int64_t start = p->ops->now();
    int rc = gt_team_start(&team, p, k, w, sizeof *w, work);
    if (rc == 0)
        rc = churn(p, changes < CHANGES_MIN ? CHANGES_MIN : (uint32_t)changes, r);
    gt_store_release(&s->churned, 1u);
    gt_team_wait(&team);
    r->ns = p->ops->now() - start;
    for (uint32_t i = 0; i < k && rc == 0; i++)
        rc = w[i].rc;
    if (rc == 0)
        judge(w, k, s->counter, r);
    return rc;
}

static int run(const struct gt_workload_params *p, struct gt_workload_result *r)
{
    struct worker w[WORKERS];
    struct shared s = {.ops = p->ops, .mu = p->ops->mutex_new()};
    gt_init(&s.churned, 0u);
    uint32_t k = gt_team_size(p, 2 * WORKERS, 2, 1) / 2; /* each may have a child */
    int rc = s.mu ? 0 : -ENOMEM;
    for (uint32_t i = 0; i < k; i++) {
        w[i] = (struct worker){.s = &s,
                               .rng = gt_rng_make(p->seed, i),
                               .c = p->ops->chan_new(sizeof(uint64_t), 1),
                               .n = gt_team_share(p->n, k)};
        if (!w[i].c)
            rc = -ENOMEM;
    }
    if (rc == 0)
        rc = with_workers(p, &s, w, k, r);
    for (uint32_t i = 0; i < k; i++)
        if (w[i].c)
            p->ops->chan_free(w[i].c);
    if (s.mu)
        p->ops->mutex_free(s.mu);
    return rc;
}

const struct gt_workload_ops gt_workload_procs_churn = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_WORKLOAD, struct gt_workload_ops, "procs-churn",
                           "the number of Ps changes under load", 0),
    .unit = "step",
    .checks = "every errand, message and locked count of the Gs, and the number of Ps set",
    .needs = GT_RT_PROCS | GT_RT_CHAN | GT_RT_PARK | GT_RT_TIMERS,
    .quick_n = 20000,
    .run = run,
};
