/* SPDX-License-Identifier: Apache-2.0 */
/* Loads that disturb the others: they stop the world, change the Ps, start and stop traces. */
#include <errno.h>
#include <stdio.h>

#include "common/loads.h"
#include "common/registry.h"

enum { REST_US = 300, KEEP_US = 1000, LOOK_MOST_US = 30, US = 1000 };

/* ---- stops ------------------------------------------------------------------------------- */
static uint64_t count_steps(const struct gt_crew *c)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < c->n; i++)
        sum += gt_load_relaxed(&c->loads[i].steps);
    return sum;
}

/* A look lasts a moment: who still runs would make a step meanwhile. */
static void look_around(struct gt_load *l)
{
    int64_t stay = US * (int64_t)gt_rng_below(&l->rng, LOOK_MOST_US);
    gt_load_pause(l, gt_load_param(l, REST_US));
    l->ops->stop_world(GT_WORLD_TEST);
    int64_t stopped = l->ops->now();
    uint64_t before = count_steps(l->crew);
    while (l->ops->now() < stopped + stay)
        gt_cpu_relax();
    uint64_t after = count_steps(l->crew);
    l->ops->start_world();
    gt_load_check(l, before == after, "%llu steps were made while the world was stopped",
                  (unsigned long long)(after - before));
}

const struct gt_load_kind gt_load_looks = {
    .name = "looks", .needs = GT_RT_WORLD | GT_RT_TIMERS, .step = look_around};

static void run_cycle(struct gt_load *l)
{
    struct gt_gc_stats before, after;
    gt_load_pause(l, gt_load_param(l, REST_US));
    l->ops->gc_stats(l->p->rt, &before);
    int rc = l->ops->gc();
    l->ops->gc_stats(l->p->rt, &after);
    gt_load_check(l, rc == 0 && after.cycles > before.cycles, "a cycle gave %d, %llu cycles before,"
                  " %llu after", rc, (unsigned long long)before.cycles,
                  (unsigned long long)after.cycles);
}

const struct gt_load_kind gt_load_cycles = {
    .name = "cycles", .needs = GT_RT_GC | GT_RT_TIMERS, .step = run_cycle};

/* ---- the number of Ps ----------------------------------------------------------------------- */
/* A number that the binding does not allow (-ENOSPC) is left alone. */
static void set_procs(struct gt_load *l, int32_t n)
{
    int rc = l->ops->set_procs(n);
    if (rc == -ENOMEM)
        gt_load_fail(l, rc);
    else
        gt_load_check(l, rc == -ENOSPC || (rc == 0 && l->ops->procs() == n),
                      "set %d Ps: %d, there are %d", n, rc, l->ops->procs());
}

static void keep_procs(struct gt_load *l)
{
    gt_load_pause(l, gt_load_param(l, REST_US));
    set_procs(l, l->ops->procs());
}

const struct gt_load_kind gt_load_same_procs = {
    .name = "same procs", .needs = GT_RT_PROCS | GT_RT_TIMERS, .step = keep_procs};

int32_t gt_churn_most(const struct gt_stress_params *p)
{
    return p->cpus < GT_PROCS_MAX / 4 ? 4 * p->cpus : GT_PROCS_MAX;
}

static void churn(struct gt_load *l)
{
    gt_load_pause(l, gt_load_param(l, REST_US));
    set_procs(l, (int32_t)gt_rng_between(&l->rng, 1, (uint32_t)gt_churn_most(l->p)));
}

const struct gt_load_kind gt_load_churn = {
    .name = "churn",
    .needs = GT_RT_PROCS | GT_RT_TIMERS,
    .flags = GT_STRESS_PROCS,
    .step = churn,
};

/* ---- traces ------------------------------------------------------------------------------------ */
/* Half of them are stopped at once. */
static void trace_once(struct gt_load *l)
{
    int rc = gt_stress_trace_start(l->s);
    if (rc == -EBUSY || rc == -ENOTSUP) {
        gt_load_pause(l, REST_US);
        return;
    }
    if (rc == 0 && gt_rng_below(&l->rng, 2))
        gt_load_pause(l, gt_load_param(l, KEEP_US));
    if (rc == 0)
        rc = gt_stress_trace_stop(l->s);
    if (rc != 0)
        gt_load_fail(l, rc);
}

const struct gt_load_kind gt_load_traces = {
    .name = "traces",
    .needs = GT_RT_TRACE | GT_RT_TIMERS,
    .flags = GT_STRESS_TRACES,
    .busy = true,
    .step = trace_once,
};

/* ---- whole workloads ------------------------------------------------------------------------------ */
struct job {
    const struct gt_workload_ops *w;
};

static int find_workload(struct gt_load *l)
{
    char err[200];
    struct job *j = l->own;
    j->w = gt_workload_find(l->what, err, sizeof err);
    return j->w ? 0 : -ENOENT;
}

static void run_workload(struct gt_load *l)
{
    const struct job *j = l->own;
    struct gt_workload_params p = {.ops = l->ops,
                                   .rt = l->p->rt,
                                   .n = gt_load_param(l, (uint32_t)(j->w->quick_n / 100 + 1)),
                                   .gs = l->p->sanitized ? 8 : 32,
                                   .procs = l->p->procs,
                                   .seed = gt_rng_next(&l->rng)};
    struct gt_workload_result r = {.ok = true};
    if ((j->w->needs & ~l->ops->head.flags) != 0) {
        l->ops->yield();
        return;
    }
    int rc = j->w->run(&p, &r);
    if (rc != 0)
        gt_load_fail(l, rc);
    gt_load_check(l, r.ok, "%s: %s", l->what, r.why);
}

const struct gt_load_kind gt_load_workload = {
    .name = "workload", .own = sizeof(struct job), .busy = true, .open = find_workload, .step = run_workload};
