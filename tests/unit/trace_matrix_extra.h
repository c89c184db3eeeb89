/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A workload for the trace matrix only: coroutines that switch to each other, under tasks,
 * regions, logs and labels, so that the events no other workload brings about are there.
 */
#pragma once
#include <errno.h>
#include <stdio.h>

#include "gauntlet/workload.h"

#define SWITCHES_EACH 50u

struct annotated_pull {
    const struct gt_runtime_ops *ops;
    struct gt_coro *coro;
    struct gt_chan *closed; /* by a G that each round starts and waits for */
    uint64_t made, taken;
};

static void annotated_close(void *arg)
{
    struct annotated_pull *p = arg;
    (void)p->ops->chan_close(p->closed);
}

/* GoCreate, GoStart, GoBlock, GoUnblock: by the round itself, not by luck of the tracer's Gs. */
static int annotated_wait(struct annotated_pull *p)
{
    const struct gt_runtime_ops *ops = p->ops;
    p->closed = ops->chan_new(1, 0);
    if (!p->closed)
        return -ENOMEM;
    int rc = ops->go(annotated_close, p);
    if (rc == 0)
        (void)ops->chan_recv(p->closed, &(char){0});
    ops->chan_free(p->closed);
    return rc;
}

/* The coroutine's side: a value a switch. */
static void annotated_produce(void *arg)
{
    struct annotated_pull *p = arg;
    for (uint32_t i = 0; i < SWITCHES_EACH; i++) {
        p->made++;
        (void)p->ops->coro_switch(p->coro);
    }
}

static int annotated_round(const struct gt_workload_params *p, struct gt_workload_result *r)
{
    const struct gt_runtime_ops *ops = p->ops;
    struct annotated_pull pull = {.ops = ops};
    uint64_t task = ops->task_begin(0, "round"), inner = ops->task_begin(task, "pull");
    ops->region_begin(task, "whole round");
    ops->label("puller");
    ops->log(task, "round", "begins");
    pull.coro = ops->coro_new(annotated_produce, &pull);
    if (!pull.coro)
        return -ENOMEM;
    ops->region_begin(inner, "pulling");
    while (ops->coro_switch(pull.coro)) {
        pull.taken++;
        r->ops += 2; /* there and back */
    }
    ops->region_end(inner, "pulling");
    ops->coro_free(pull.coro);
    int rc = annotated_wait(&pull);
    ops->log(inner, "round", "ends");
    ops->region_end(task, "whole round");
    ops->task_end(inner);
    ops->task_end(task);
    gt_workload_check(r, pull.made == SWITCHES_EACH && pull.taken == SWITCHES_EACH,
                      "%llu values made, %llu taken, not %u", (unsigned long long)pull.made,
                      (unsigned long long)pull.taken, SWITCHES_EACH);
    return rc;
}

static int annotated_run(const struct gt_workload_params *p, struct gt_workload_result *r)
{
    int64_t start = p->ops->now();
    int rc = 0;
    while (rc == 0 && r->ok && r->ops < p->n)
        rc = annotated_round(p, r);
    r->ns = p->ops->now() - start;
    return rc;
}

static const struct gt_workload_ops annotated_coroutines = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_WORKLOAD, struct gt_workload_ops, "annotated-coroutines",
                           "coroutines under tasks, regions, logs and labels", 0),
    .unit = "switch",
    .checks = "each value made is taken",
    .needs = GT_RT_CORO | GT_RT_TRACE,
    .quick_n = 2000,
    .run = annotated_run,
};
