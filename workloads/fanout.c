/* SPDX-License-Identifier: Apache-2.0 */
/* fanout: one buffered channel, closed at the end. param: consumers, 0 for 8 a P. */
#include <errno.h>
#include <stdio.h>

#include "common/rng.h"
#include "common/team.h"
#include "gauntlet/workload.h"

enum { CONSUMERS_MAX = 64, CAPACITY = 128 };

struct item {
    uint64_t seq, value;
};

struct consumer {
    const struct gt_runtime_ops *ops;
    struct gt_chan *c;
    uint64_t n, sum, disorder;
};

static void consume(void *arg)
{
    struct consumer *k = arg;
    struct item it;
    uint64_t last = 0;
    while (k->ops->chan_recv(k->c, &it)) {
        k->disorder += it.seq <= last;
        last = it.seq;
        k->sum += it.value;
        k->n++;
    }
}

/* Sum of all values sent; *rc as chan_send. Sequence numbers from 1. */
static uint64_t produce(const struct gt_workload_params *p, struct gt_chan *c, int *rc)
{
    uint64_t sum = 0;
    for (uint64_t i = 1; i <= p->n && *rc == 0; i++) {
        struct item it = {i, gt_rng_mix(p->seed + i)};
        sum += it.value;
        *rc = p->ops->chan_send(c, &it);
    }
    return sum;
}

static void judge(const struct consumer *k, uint32_t n, uint64_t sent, uint64_t want,
                  struct gt_workload_result *r)
{
    uint64_t got = 0, sum = 0, disorder = 0;
    for (uint32_t i = 0; i < n; i++) {
        got += k[i].n;
        sum += k[i].sum;
        disorder += k[i].disorder;
    }
    r->ops = got;
    gt_workload_check(r, got == sent, "%llu items received, %llu sent", (unsigned long long)got,
                      (unsigned long long)sent);
    gt_workload_check(r, sum == want, "the sum of what was received is wrong");
    gt_workload_check(r, disorder == 0, "%llu items overtook an earlier one",
                      (unsigned long long)disorder);
}

static int run(const struct gt_workload_params *p, struct gt_workload_result *r)
{
    struct consumer k[CONSUMERS_MAX];
    struct gt_team team;
    uint32_t want = p->param ? p->param : 8u * (uint32_t)p->procs;
    uint32_t n = gt_team_size(p, want < CONSUMERS_MAX ? want : CONSUMERS_MAX, 1, 1);
    struct gt_chan *c = p->ops->chan_new(sizeof(struct item), CAPACITY);
    if (!c)
        return -ENOMEM;
    for (uint32_t i = 0; i < n; i++)
        k[i] = (struct consumer){.ops = p->ops, .c = c};
    int64_t start = p->ops->now();
    int rc = gt_team_start(&team, p, n, k, sizeof *k, consume);
    int sent = rc;
    uint64_t sum = produce(p, c, &sent);
    gt_workload_check(r, sent == rc, "a send on an open channel returned %d", sent);
    int closed = p->ops->chan_close(c);
    gt_workload_check(r, closed == 0, "closing an open channel returned %d", closed);
    gt_team_wait(&team);
    r->ns = p->ops->now() - start;
    p->ops->chan_free(c);
    if (rc == 0)
        judge(k, n, p->n, sum, r);
    return rc;
}

const struct gt_workload_ops gt_workload_fanout = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_WORKLOAD, struct gt_workload_ops, "fanout",
                           "one producer, many consumers", 0),
    .unit = "item",
    .checks = "count and sum of the items, and that no consumer sees one before an earlier one",
    .needs = GT_RT_CHAN,
    .quick_n = 50000,
    .run = run,
};
