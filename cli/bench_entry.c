/* SPDX-License-Identifier: Apache-2.0 */
/* An entry: Google Benchmark's fields, and beside them raw samples, interval, pair, floor, target. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "bench.h"
#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"

static json_t *numbers(const struct gt_samples *s)
{
    json_t *all = json_array();
    for (uint32_t i = 0; i < s->n; i++)
        json_array_append_new(all, gt_json_number(s->v[i]));
    return all;
}

static json_t *text_or_null(const char *s)
{
    json_t *v = s && *s ? json_string(s) : NULL;
    return v ? v : json_null();
}

static void put(json_t *e, const char *key, json_t *v)
{
    json_object_set_new(e, key, v);
}

static void put_estimate(json_t *e, struct gt_estimate v)
{
    put(e, "median", gt_json_number(v.median));
    put(e, "low", gt_json_number(v.low));
    put(e, "high", gt_json_number(v.high));
}

static json_t *estimate(struct gt_estimate v)
{
    json_t *e = json_object();
    put_estimate(e, v);
    return e;
}

/* ---- who it is ------------------------------------------------------------------------ */
static const char *tracer_of(const struct gt_bench_cell *c)
{
    if (!c->ops || c->row->once)
        return NULL;
    if (c->tracing && (c->ops->head.flags & GT_RT_SUBPROCESS))
        return c->ops->head.name;
    return c->config.tracer->head.name;
}

static json_t *identity(const struct gt_bench_cell *c)
{
    const struct gt_bench_row *row = c->row;
    bool workload = gt_bench_is_workload(row);
    json_t *e = json_object();
    put(e, "name", json_string(c->name));
    put(e, "run_type", json_string("iteration"));
    put(e, "kind", json_string("bench"));
    put(e, "row", json_string(row->name));
    put(e, "workload", json_string(workload ? row->workload : row->name));
    put(e, "param", json_integer(row->param));
    put(e, "unit", text_or_null(c->workload ? c->workload->unit : "operation"));
    put(e, "runtime", json_string(c->ops ? c->ops->head.name : "floor"));
    put(e, "scheduler", text_or_null(c->schedules && !row->once ? c->config.scheduler->head.name : NULL));
    put(e, "tracer", text_or_null(tracer_of(c)));
    put(e, "tracing", json_boolean(c->tracing));
    put(e, "syscalls", text_or_null(c->ops ? gt_syscalls_name(row->syscalls) : NULL));
    put(e, "procs", json_integer(row->procs));
    put(e, "bind", json_string(gt_bind_name(c->config.bind)));
    put(e, "time_unit", json_string(row->unit));
    return e;
}

static void put_verdict(json_t *e, enum gt_verdict v, const char *why)
{
    put(e, "verdict", json_string(gt_verdict_name(v)));
    put(e, "why", text_or_null(why));
}

json_t *gt_bench_entry_lost(const struct gt_bench_cell *c, enum gt_verdict v, const char *why)
{
    json_t *e = identity(c);
    put(e, "repetitions", json_integer(0));
    put(e, "iterations", json_integer(0));
    put(e, "real_time", json_null());
    put(e, "samples", json_array());
    put_verdict(e, v, why);
    return e;
}

/* ---- its figures ------------------------------------------------------------------------ */
static bool is_pair(const struct gt_bench_cell *c)
{
    const struct gt_samples *base = &c->results->base;
    return c->tracing && base->n > 0 && isfinite(base->v[0]);
}

static struct gt_estimate medians(const struct gt_samples *s)
{
    return gt_estimate_of(s->v, s->n);
}

static json_t *counters(const struct gt_bench_results *r)
{
    json_t *all = json_object();
    double events = medians(&r->events).median;
    if (isfinite(events))
        put(all, "events_per_op", gt_json_number(events));
    for (size_t i = 0; i < GT_BENCH_COUNTERS && r->counter[i].name; i++)
        put(all, r->counter[i].name, gt_json_number(medians(&r->counter[i].v).median));
    return all;
}

/* The name of the same cell with tracing off. */
static void without_tracer(const char *name, char *out, size_t size)
{
    const char *at = strstr(name, "/tracer:");
    const char *after = at ? strchr(at + 1, '/') : NULL;
    snprintf(out, size, "%.*s%s", at ? (int)(at - name) : (int)strlen(name), name,
             after ? after : "");
}

static void put_pair(json_t *e, const struct gt_bench_cell *c)
{
    const struct gt_bench_results *r = c->results;
    struct gt_samples percent = {0}, event = {0};
    char with[GT_BENCH_NAME];
    json_t *pair = json_object();
    for (uint32_t i = 0; i < r->value.n; i++) {
        double more = r->value.v[i] - r->base.v[i];
        (void)gt_samples_add(&percent, 100 * more / r->base.v[i]);
        if (isfinite(r->events.v[i]))
            (void)gt_samples_add(&event, more / r->events.v[i]);
    }
    without_tracer(c->name, with, sizeof with);
    put(pair, "with", json_string(with));
    put(pair, "off", numbers(&r->base));
    put(pair, "on", numbers(&r->value));
    put(pair, "off_median", gt_json_number(medians(&r->base).median));
    put(pair, "events_per_op", gt_json_number(medians(&r->events).median));
    put(pair, "ns", estimate(gt_estimate_paired(r->value.v, r->base.v, r->value.n)));
    put(pair, "percent", estimate(medians(&percent)));
    put(pair, "ns_per_event", estimate(medians(&event)));
    put(e, "pair", pair);
    gt_samples_free(&percent);
    gt_samples_free(&event);
}

static const struct gt_samples *floor_of(const struct gt_bench_group *g,
                                         const struct gt_bench_cell *c)
{
    const struct gt_bench_cell *f = gt_bench_group_floor(g, GT_BENCH_FLOOR);
    if (g->row.paired && c->results->base.n > 0)
        return &c->results->base;
    return f && f != c ? &f->results->value : NULL;
}

/* The figure that the target is about: as it is, less or over its floor. */
static struct gt_estimate shown(const struct gt_bench_row *row, const struct gt_samples *v,
                                const struct gt_samples *floor)
{
    struct gt_estimate e = medians(v);
    double base = floor ? medians(floor).median : NAN;
    if (row->about == GT_BENCH_RATIO)
        return (struct gt_estimate){e.median / base, e.low / base, e.high / base};
    if (row->about == GT_BENCH_VALUE)
        return e;
    if (row->paired && floor && floor->n == v->n)
        return gt_estimate_paired(v->v, floor->v, v->n);
    return (struct gt_estimate){e.median - base, e.low - base, e.high - base};
}

static void put_target(json_t *e, const struct gt_bench_group *g, const struct gt_bench_cell *c,
                       const struct gt_samples *floor)
{
    static const char *const about[] = {"value", "over floor", "times floor"};
    const struct gt_bench_row *row = c->row;
    const struct gt_bench_cell *cas = gt_bench_group_floor(g, GT_BENCH_CAS);
    struct gt_estimate figure = shown(row, &c->results->value, floor);
    const char *met = row->stretch > 0 && figure.median <= row->stretch ? "stretch"
                      : figure.median <= row->target                   ? "target"
                                                                       : "no";
    put(e, "about", json_string(about[row->about]));
    put(e, "figure", estimate(figure));
    if (row->target > 0 && (row->paired || !is_pair(c))) {
        put(e, "target", gt_json_number(row->target));
        put(e, "stretch", gt_json_number(row->stretch > 0 ? row->stretch : NAN));
        put(e, "met", isfinite(figure.median) ? json_string(met) : json_null());
    }
    if (row->bounded && cas && floor && !is_pair(c)) {
        double each = medians(&cas->results->value).median;
        put(e, "cas", gt_json_number(each));
        put(e, "cas_count", json_integer(row->cas));
        put(e, "bound", gt_json_number(1.25 * (medians(floor).median + row->cas * each)));
    }
}

static void put_floor(json_t *e, const struct gt_bench_group *g, const struct gt_samples *floor)
{
    if (!floor || floor->n == 0)
        return;
    json_t *f = json_object();
    put(f, "what", text_or_null(g->row.floor));
    put_estimate(f, medians(floor));
    put(f, "samples", numbers(floor));
    put(e, "floor", f);
}

/* ---- what it is worth -------------------------------------------------------------------- */
/* Its own process crashed, hung, or spoke nonsense: nothing is known of the peer. */
static bool is_lost(const struct gt_bench_cell *c)
{
    int rc = c->results->rc;
    return c->ops && (c->ops->head.flags & GT_RT_SUBPROCESS) &&
           (rc == -EPIPE || rc == -ETIMEDOUT || rc == -EPROTO);
}

static enum gt_verdict judge(const struct gt_bench_cell *c, char *why, size_t size)
{
    const struct gt_bench_results *r = c->results;
    bool lack = r->rc == -ENOMEM || r->rc == -EAGAIN || r->rc == -EMFILE;
    snprintf(why, size, "%s", r->why);
    if (r->wrong)
        return GT_VERDICT_FAILED;
    if (r->unbound || r->rc == -ENOSPC)
        return GT_VERDICT_VOID;
    if (r->skipped)
        return GT_VERDICT_SKIPPED;
    if (r->stopped || r->rc == -EINTR) {
        snprintf(why, size, "stopped after %u repetitions", r->value.n);
        return GT_VERDICT_INCOMPLETE;
    }
    if (r->rc == -ENODATA)
        return GT_VERDICT_INCONCLUSIVE;
    if (r->rc != 0)
        return lack || is_lost(c) ? GT_VERDICT_INCOMPLETE : GT_VERDICT_FAILED;
    if (r->value.n == 0) {
        snprintf(why, size, "nothing was measured");
        return GT_VERDICT_INCOMPLETE;
    }
    if (is_pair(c) && r->value.n < GT_BENCH_PAIR_LEAST) {
        snprintf(why, size, "%u repetitions: a pair says nothing with fewer than %d", r->value.n,
                 GT_BENCH_PAIR_LEAST);
        return GT_VERDICT_INCONCLUSIVE;
    }
    return GT_VERDICT_OK;
}

json_t *gt_bench_entry(const struct gt_bench_group *g, const struct gt_bench_cell *c,
                       const char *hardware)
{
    const struct gt_bench_results *r = c->results;
    const struct gt_samples *floor = c->role == GT_BENCH_RUNTIME ? floor_of(g, c) : NULL;
    struct gt_estimate e = medians(&r->value);
    char why[256];
    enum gt_verdict v = judge(c, why, sizeof why);
    json_t *entry = identity(c);
    put(entry, "bind_effective", text_or_null(r->bound));
    put(entry, "repetitions", json_integer(r->value.n));
    put(entry, "iterations", json_integer((json_int_t)r->iterations));
    put(entry, "real_time", gt_json_number(e.median));
    put_estimate(entry, e);
    put(entry, "samples", numbers(&r->value));
    put(entry, "cpu_time", gt_json_number(c->row->fixed_n ? NAN : medians(&r->cpu).median));
    put(entry, "counters", counters(r));
    put(entry, "hardware", text_or_null(hardware));
    if (is_pair(c))
        put_pair(entry, c);
    else
        put_floor(entry, g, floor);
    if (c->role == GT_BENCH_RUNTIME)
        put_target(entry, g, c, is_pair(c) ? &r->base : floor);
    put_verdict(entry, v, why);
    return entry;
}
