/* SPDX-License-Identifier: Apache-2.0 */
/*
 * million: as many Gs as operations (p->gs at a time), all parked at once, each with its
 * own permit, then all released.
 * extra: bytes of memory and of page tables per parked G, ns per G to get there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/calls.h"
#include "common/gate.h"
#include "common/team.h"
#include "gauntlet/workload.h"

struct crowd {
    const struct gt_runtime_ops *ops;
    struct gt_gate parked, gone;
    gt_a32 arrived, left;
    uint32_t n;
};

struct sitter {
    struct crowd *c;
    struct gt_g *g;
    gt_a32 released;
    uint32_t times;
};

static void sit(void *arg)
{
    struct sitter *s = arg;
    struct crowd *c = s->c;
    s->g = c->ops->self();
    if (gt_add_acq_rel(&c->arrived, 1u) + 1 == c->n)
        gt_gate_open(c->ops, &c->parked);
    do {
        c->ops->park();
    } while (gt_load_acquire(&s->released) == 0);
    s->times++;
    uint32_t n = c->n; /* once counted, the crowd may be gone */
    if (gt_add_acq_rel(&c->left, 1u) + 1 == n)
        gt_gate_open(c->ops, &c->gone);
}

static int seat(struct crowd *c, struct sitter *s)
{
    for (uint32_t i = 0; i < c->n; i++) {
        s[i].c = c;
        int rc = c->ops->go(sit, &s[i]);
        if (rc != 0) {
            /* Those that sit wait for as many as there are. */
            uint32_t missing = c->n - i;
            if (gt_add_acq_rel(&c->arrived, missing) + missing == c->n)
                gt_gate_open(c->ops, &c->parked);
            if (gt_add_acq_rel(&c->left, missing) + missing == c->n)
                gt_gate_open(c->ops, &c->gone);
            return rc;
        }
    }
    return 0;
}

static void release(struct crowd *c, struct sitter *s)
{
    for (uint32_t i = 0; i < c->n; i++)
        if (s[i].g) {
            gt_store_release(&s[i].released, 1u);
            c->ops->ready(s[i].g);
        }
    gt_gate_wait(c->ops, &c->gone);
}

/* What n parked Gs cost; the highest of several crowds, all but the first find stacks
 * that are there already. */
static void note_cost(struct gt_workload_result *r, uint32_t n, struct gt_memory before,
                      struct gt_memory after, int64_t ns)
{
    double rss = (double)(after.rss - before.rss) / n;
    double tables = (double)(after.page_tables - before.page_tables) / n;
    r->extra_name[0] = "rss_bytes_per_g";
    r->extra_name[1] = "page_table_bytes_per_g";
    r->extra_name[2] = "park_ns_per_g";
    if (rss > r->extra[0])
        r->extra[0] = rss;
    if (tables > r->extra[1])
        r->extra[1] = tables;
    if ((double)ns / n > r->extra[2])
        r->extra[2] = (double)ns / n;
}

static int gather(const struct gt_workload_params *p, struct sitter *s, uint32_t n,
                  struct gt_workload_result *r)
{
    struct crowd c = {.ops = p->ops, .n = n};
    gt_init(&c.arrived, 0u);
    gt_init(&c.left, 0u);
    gt_gate_init(&c.parked, p->ops->self());
    gt_gate_init(&c.gone, p->ops->self());
    for (uint32_t i = 0; i < n; i++) {
        s[i].g = NULL;
        s[i].times = 0;
        gt_init(&s[i].released, 0u);
    }
    struct gt_memory before = gt_call_memory();
    int64_t start = p->ops->now();
    int rc = seat(&c, s);
    gt_gate_wait(p->ops, &c.parked);
    int64_t parked = p->ops->now();
    note_cost(r, n, before, gt_call_memory(), parked - start);
    int64_t resumed = p->ops->now();
    release(&c, s);
    r->ns += (parked - start) + (p->ops->now() - resumed);
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < n && rc == 0; i++)
        wrong += s[i].times != 1;
    gt_workload_check(r, wrong == 0, "%u of %u Gs did not come back once", wrong, n);
    return rc;
}

static int run(const struct gt_workload_params *p, struct gt_workload_result *r)
{
    uint32_t want = p->n < UINT32_MAX / 4 ? (uint32_t)p->n : UINT32_MAX / 4;
    uint32_t n = gt_team_size(p, want, 1, 1);
    struct sitter *s = calloc(n, sizeof *s);
    int rc = s ? 0 : -ENOMEM;
    while (rc == 0 && r->ops < p->n) {
        rc = gather(p, s, n, r);
        if (rc == 0)
            r->ops += n;
    }
    free(s);
    return rc;
}

const struct gt_workload_ops gt_workload_million = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_WORKLOAD, struct gt_workload_ops, "million",
                           "very many parked Gs", 0),
    .unit = "parked G",
    .checks = "all are parked at once, each comes back once",
    .needs = GT_RT_PARK,
    .quick_n = 10000,
    .run = run,
};
