/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cell.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/foreign.h"
#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"

/* How long Gs that have done their work may take to end. */
#define SETTLE_NS 2000000000ll

struct job {
    const struct gt_workload_cell *cell;
    struct gt_runtime *rt;
    struct gt_workload_result *result;
    int rc, trace_rc;
    bool no_trace; /* it was wanted and refused to start */
    bool settled;
};

const char *gt_cell_verdict_name(enum gt_cell_verdict v)
{
    static const char *const names[] = {"ok",         "wrong",   "failed",      "left Gs",
                                        "violations", "skipped", "environment", "interrupted"};
    return names[v];
}

bool gt_cell_is_environment(int rc)
{
    return rc == -ENOSPC || rc == -ENOTSUP || rc == -EXDEV;
}

const char *gt_cell_lacks(const struct gt_workload_cell *c, char *buf, size_t size)
{
    uint64_t missing = c->workload->needs & ~c->ops->head.flags;
    if (c->ops->head.flags & GT_RT_SUBPROCESS) {
        snprintf(buf, size, "%s runs in a process of its own: gauntlet bench runs it",
                 c->ops->head.name);
        return buf;
    }
    if (missing) {
        snprintf(buf, size, "%s lacks what %s needs (flags 0x%llx)", c->ops->head.name,
                 c->workload->head.name, (unsigned long long)missing);
        return buf;
    }
    const char *scheduler = c->ops->scheduler, *tracer = c->ops->tracer;
    if (scheduler && strcmp(c->config.scheduler->head.name, scheduler) != 0) {
        snprintf(buf, size, "%s runs the scheduler %s only", c->ops->head.name, scheduler);
        return buf;
    }
    if (tracer && strcmp(c->config.tracer->head.name, tracer) != 0 &&
        !(c->config.tracer->head.flags & GT_TRACER_NULL)) {
        snprintf(buf, size, "%s runs the tracer %s only", c->ops->head.name, tracer);
        return buf;
    }
    if (c->config.procs < c->workload->min_procs) {
        snprintf(buf, size, "%s needs %d Ps", c->workload->head.name, c->workload->min_procs);
        return buf;
    }
    return NULL;
}

static uint64_t alive(const struct job *j)
{
    struct gt_runtime_stats s;
    j->cell->ops->stats(j->rt, &s);
    return s.spawned - s.exited;
}

/* A G that has told its joiner still has to end. Those alive before may stay. */
static bool settle(const struct job *j, uint64_t before)
{
    const struct gt_runtime_ops *ops = j->cell->ops;
    int64_t deadline = ops->now() + SETTLE_NS;
    while ((int64_t)(alive(j) - before) > 0) {
        if (ops->now() > deadline)
            return false;
        ops->yield();
    }
    return true;
}

static void run_workload(struct job *j)
{
    const struct gt_workload_cell *c = j->cell;
    uint32_t most = c->ops->gs_max;
    struct gt_workload_params p = {
        .ops = c->ops,
        .rt = j->rt,
        .n = c->n ? c->n : c->workload->quick_n,
        .gs = most && (c->gs == 0 || c->gs > most) ? most : c->gs,
        .procs = c->config.procs,
        .seed = c->seed,
        .param = c->param,
    };
    uint64_t before = alive(j);
    j->rc = c->workload->run(&p, j->result);
    j->settled = settle(j, before);
    gt_workload_check(j->result, j->rc != 0 || j->result->ops >= p.n,
                      "%llu operations done, %llu wanted", (unsigned long long)j->result->ops,
                      (unsigned long long)p.n);
}

/* The tracer's own Gs come with start and end with stop. */
static void first_g(void *arg)
{
    struct job *j = arg;
    const struct gt_workload_cell *c = j->cell;
    uint64_t before = alive(j);
    if (!c->trace) {
        run_workload(j);
        return;
    }
    j->rc = c->ops->trace_start(c->trace);
    j->no_trace = j->rc != 0;
    if (j->no_trace)
        return;
    run_workload(j);
    j->trace_rc = c->ops->trace_stop();
    j->settled = settle(j, before) && j->settled;
}

static enum gt_cell_verdict say(struct gt_cell_outcome *o, enum gt_cell_verdict v, const char *why)
{
    o->verdict = v;
    if (why != o->why)
        snprintf(o->why, sizeof o->why, "%s", why);
    return v;
}

static enum gt_cell_verdict judge(const struct job *j, int ran, struct gt_cell_outcome *o)
{
    o->rc = ran ? ran : j->rc;
    o->trace_rc = j->trace_rc;
    if (ran == -EINTR)
        return say(o, GT_CELL_INTERRUPTED, "interrupted");
    if (o->rc != 0) {
        const char *what = j->no_trace ? "the start of the trace" : "the workload";
        snprintf(o->why, sizeof o->why, "%s returned %d: %s", ran ? "run()" : what, o->rc,
                 ran == -EDEADLK ? "every G is parked for ever" : strerror(-o->rc));
        return say(o, GT_CELL_FAILED, o->why);
    }
    if (!o->result.ok)
        return say(o, GT_CELL_WRONG, o->result.why);
    if (!j->settled || o->stats.spawned != o->stats.exited) {
        snprintf(o->why, sizeof o->why, "%llu Gs spawned, %llu ended",
                 (unsigned long long)o->stats.spawned, (unsigned long long)o->stats.exited);
        return say(o, GT_CELL_LEFT, o->why);
    }
    if (o->stats.violations != 0) {
        snprintf(o->why, sizeof o->why, "%llu broken protocol rules, on standard error",
                 (unsigned long long)o->stats.violations);
        return say(o, GT_CELL_VIOLATIONS, o->why);
    }
    return say(o, GT_CELL_OK, "");
}

enum gt_cell_verdict gt_cell_run_on(const struct gt_workload_cell *c, struct gt_runtime *rt,
                                    struct gt_cell_outcome *o)
{
    memset(o, 0, sizeof *o);
    if (gt_cell_lacks(c, o->why, sizeof o->why))
        return o->verdict = GT_CELL_SKIPPED;
    o->result.ok = true;
    struct job j = {.cell = c, .rt = rt, .result = &o->result};
    int ran = c->ops->run(rt, first_g, &j);
    c->ops->stats(rt, &o->stats);
    if (c->ops->head.flags & GT_RT_GC)
        c->ops->gc_stats(rt, &o->gc);
    return judge(&j, ran, o);
}

struct late {
    const struct gt_runtime_ops *ops;
    struct gt_runtime *rt;
};

static void too_late(void *arg)
{
    const struct late *l = arg;
    fprintf(stderr, "no end in sight: every G, M and P follows\n");
    l->ops->dump(l->rt, 2);
    _Exit(GT_CELL_LATE);
}

enum gt_cell_verdict gt_cell_run(const struct gt_workload_cell *c, struct gt_cell_outcome *o)
{
    memset(o, 0, sizeof *o);
    if (gt_cell_lacks(c, o->why, sizeof o->why))
        return o->verdict = GT_CELL_SKIPPED;
    struct late l = {.ops = c->ops};
    o->rc = c->ops->create(&c->config, &l.rt, o->why, sizeof o->why);
    if (o->rc != 0)
        return o->verdict = gt_cell_is_environment(o->rc) ? GT_CELL_ENVIRONMENT : GT_CELL_FAILED;
    struct gt_alarm *alarm = c->deadline_ns ? gt_alarm_start(c->deadline_ns, too_late, &l) : NULL;
    enum gt_cell_verdict v = gt_cell_run_on(c, l.rt, o);
    gt_alarm_stop(alarm);
    c->ops->destroy(l.rt);
    return v;
}
