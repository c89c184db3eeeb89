/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A workload as a benchmark: on a runtime of this process or on a peer in another, with the
 * tracer off, or as a pair: off and on, one right after the other, in random order.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cell.h"
#include "common/child.h"
#include "common/rng.h"
#include "gauntlet/tracer.h"
#include "rows.h"

#define PEER_TIMEOUT_NS 60000000000ll /* of a half: two of them are less than a turn may take */

/* What one half has come to. */
struct half {
    double ns; /* an operation */
    uint64_t ops, events;
};

void gt_bench_extra(struct gt_bench_sample *s, const char *name, double value)
{
    for (size_t i = 0; i < GT_BENCH_EXTRAS; i++)
        if (!s->extra_name[i] || strcmp(s->extra_name[i], name) == 0) {
            s->extra_name[i] = name;
            s->extra[i] = value;
            return;
        }
}

static void take_result(const struct gt_workload_result *r, struct half *h,
                        struct gt_bench_sample *s)
{
    h->ops = r->ops;
    h->ns = r->ops > 0 ? (double)r->ns / (double)r->ops : 0;
    for (size_t i = 0; i < sizeof r->extra / sizeof r->extra[0]; i++)
        if (r->extra_name[i])
            gt_bench_extra(s, r->extra_name[i], r->extra[i]);
}

/* ---- in this process --------------------------------------------------------------- */
static int64_t swallow(void *arg, const void *data, size_t n)
{
    (void)data;
    *(uint64_t *)arg += n;
    return (int64_t)n;
}

static int judge(const struct gt_cell_outcome *o, struct gt_bench_sample *s)
{
    if (o->verdict == GT_CELL_OK)
        return 0;
    snprintf(s->why, sizeof s->why, "%s", o->why);
    s->skipped = o->verdict == GT_CELL_SKIPPED || o->rc == -ENOTSUP;
    s->wrong = o->verdict == GT_CELL_WRONG || o->verdict == GT_CELL_LEFT ||
               o->verdict == GT_CELL_VIOLATIONS;
    if (s->wrong)
        return 0;
    return s->skipped ? -ENOTSUP : o->rc ? o->rc : -EIO;
}

/* A trace that lost events cost less than one that kept them: its half is no figure. */
static int judge_trace(const struct gt_cell_outcome *o, struct gt_bench_sample *s)
{
    if (o->verdict != GT_CELL_OK || o->trace_rc == 0)
        return 0;
    snprintf(s->why, sizeof s->why, "the trace is not whole: %s", strerror(-o->trace_rc));
    return o->trace_rc;
}

static uint64_t written(const struct gt_bench_cell *c)
{
    struct gt_runtime_stats stats = {0};
    c->ops->stats(c->rt, &stats);
    return stats.events;
}

static int half_here(const struct gt_bench_cell *c, bool on, struct half *h,
                     struct gt_bench_sample *s)
{
    uint64_t bytes = 0;
    struct gt_trace_sink sink = {.write = swallow, .arg = &bytes};
    struct gt_trace_options trace = {.sink = &sink, .period_ns = -1};
    struct gt_workload_cell cell = {.ops = c->ops,
                                    .workload = c->workload,
                                    .config = c->config,
                                    .n = c->n,
                                    .param = c->row->param,
                                    .seed = c->seed,
                                    .trace = on ? &trace : NULL};
    struct gt_cell_outcome o;
    uint64_t before = on ? written(c) : 0;
    gt_cell_run_on(&cell, c->rt, &o);
    take_result(&o.result, h, s);
    if (on) {
        h->events = written(c) - before;
        if (h->ops > 0)
            gt_bench_extra(s, "bytes_per_op", (double)bytes / (double)h->ops);
    }
    int rc = judge(&o, s);
    return rc ? rc : judge_trace(&o, s);
}

/* ---- in another process --------------------------------------------------------------- */
static int half_there(const struct gt_bench_cell *c, bool on, struct half *h,
                      struct gt_bench_sample *s)
{
    struct gt_cell_spec spec = {.workload = c->workload->head.name,
                                .n = c->n,
                                .param = c->row->param,
                                .procs = c->config.procs,
                                .bind = c->config.bind,
                                .seed = c->seed,
                                .tracing = on,
                                .timeout_ns = PEER_TIMEOUT_NS};
    struct gt_cell_result r = {0};
    int rc = c->ops->run_cell(&spec, &r);
    s->skipped = rc == -ENOTSUP || rc == -ENOENT;
    s->wrong = rc == 0 && !r.result.ok;
    if (rc != 0 || s->wrong) {
        snprintf(s->why, sizeof s->why, "%s", r.result.why[0] ? r.result.why : strerror(-rc));
        return rc;
    }
    take_result(&r.result, h, s);
    h->events = r.events;
    if (on && h->ops > 0)
        gt_bench_extra(s, "bytes_per_op", (double)r.trace_bytes / (double)h->ops);
    return 0;
}

static int run_half(const struct gt_bench_cell *c, bool on, struct half *h,
                    struct gt_bench_sample *s)
{
    bool there = (c->ops->head.flags & GT_RT_SUBPROCESS) != 0;
    return there ? half_there(c, on, h, s) : half_here(c, on, h, s);
}

static int run_pair(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    struct gt_rng rng = gt_rng_make(c->seed, (uint64_t)gt_child_clock());
    bool first = gt_rng_below(&rng, 2) != 0; /* is it tracing that comes first? */
    struct half half[2] = {{0}};
    for (int i = 0; i < 2; i++) {
        bool on = first == (i == 0);
        int rc = run_half(c, on, &half[on], s);
        if (rc != 0 || s->wrong)
            return rc;
    }
    s->value = half[1].ns;
    s->base = half[0].ns;
    s->ops = half[1].ops;
    if (half[1].ops > 0 && half[1].events > 0)
        s->events = (double)half[1].events / (double)half[1].ops;
    return 0;
}

int gt_bench_measure_workload(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    struct half h = {0};
    if (c->tracing)
        return run_pair(c, s);
    int rc = run_half(c, false, &h, s);
    s->value = h.ns;
    s->ops = h.ops;
    return rc;
}
