/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures a group. Each cell is a benchmark of the library: it finds out how many operations
 * fill a repetition, and takes the repetitions of all cells in random order. Each cell has a
 * runtime of its own that lives as long as the group; one of them runs at a time.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bound.h"
#include "common/cell.h"
#include "common/child.h"
#include "floor.h"
#include "group.h"

/* The library hands figures back under these names. */
#define VALUE "value"
#define BASE "base"
#define EVENTS "events"

struct run {
    struct gt_bench_group *g;
    struct gt_hardware *counters;
    void (*beat)(void *arg);
    void *arg;
};
struct turn { /* what the library calls back with */
    struct run *run;
    struct gt_bench_cell *cell;
};

static bool stopped(const struct gt_bench_cell *c)
{
    return c->env->stop && *c->env->stop;
}

/* ---- runtimes ----------------------------------------------------------------------- */
static void refuse(struct gt_bench_results *r, int rc, const char *why)
{
    r->rc = rc;
    r->skipped |= rc == -ENOTSUP;
    if (!r->why[0])
        snprintf(r->why, sizeof r->why, "%s", why && *why ? why : strerror(-rc));
}

/* What the cell runs on: made when it is needed first. false: it cannot be had. */
static bool ready(struct gt_bench_cell *c)
{
    struct gt_bench_results *r = c->results;
    char err[200] = "";
    if (r->rc != 0)
        return false;
    if (!c->ops || c->row->own_runtime || c->rt || (c->ops->head.flags & GT_RT_SUBPROCESS))
        return true;
    struct gt_workload_cell w = {.ops = c->ops, .workload = c->workload, .config = c->config};
    const char *lacks = c->workload ? gt_cell_lacks(&w, err, sizeof err) : NULL;
    if (lacks) {
        refuse(r, -ENOTSUP, lacks);
        return false;
    }
    int rc = c->ops->create(&c->config, &c->rt, err, sizeof err);
    if (rc != 0) {
        c->rt = NULL;
        r->unbound = rc == -EXDEV;
        refuse(r, rc, err);
        return false;
    }
    /* A peer without Ps keeps all its threads on the same CPUs. */
    if (!gt_bound_look(c->ops, c->rt, c->config.procs, c->config.bind, c->schedules, r->bound,
                       sizeof r->bound)) {
        r->unbound = true;
        snprintf(err, sizeof err, "bind=%s is not in effect: threads may use CPUs %s",
                 gt_bind_name(c->config.bind), r->bound);
        refuse(r, -EXDEV, err);
        return false;
    }
    return true;
}

static void destroy_all(struct gt_bench_group *g)
{
    for (uint32_t i = 0; i < g->n_cells; i++)
        if (g->cells[i]->rt) {
            g->cells[i]->ops->destroy(g->cells[i]->rt);
            g->cells[i]->rt = NULL;
        }
}

/* ---- one repetition ------------------------------------------------------------------- */
static int measure_floor(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    s->value = c->role == GT_BENCH_CAS ? gt_floor_cas(c->n) : c->row->floor_of(c);
    return s->value < 0 ? -ENOTSUP : 0;
}

static void take(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    *s = (struct gt_bench_sample){.base = NAN, .events = NAN};
    s->rc = c->role == GT_BENCH_RUNTIME ? c->row->measure(c, s) : measure_floor(c, s);
    if (s->rc != 0 && s->why[0] == '\0')
        snprintf(s->why, sizeof s->why, "%s", strerror(-s->rc));
}

static void note_trouble(struct gt_bench_results *r, const struct gt_bench_sample *s)
{
    if (!r->why[0])
        snprintf(r->why, sizeof r->why, "%s", s->why);
    r->wrong |= s->wrong;
    r->skipped |= s->skipped || s->rc == -ENOTSUP;
    if (r->rc == 0)
        r->rc = s->rc;
}

/* For each operation: what the CPUs did in the whole call, set-up included. */
static void hand_hardware(const struct gt_hardware *h, const double *before, uint64_t ops,
                          struct gt_gb_state *state)
{
    double after[GT_HARDWARE_MAX];
    gt_hardware_read(h, after);
    for (uint32_t i = 0; i < h->n && ops > 0; i++)
        gt_gb_counter(state, h->event[i].name, (after[i] - before[i]) / (double)ops);
}

static void hand_over(const struct gt_bench_cell *c, const struct gt_bench_sample *s,
                      uint64_t iterations, struct gt_gb_state *state, int64_t took)
{
    bool by_clock = c->row->by_clock || c->row->fixed_n;
    gt_gb_counter(state, VALUE, s->value);
    if (!isnan(s->base))
        gt_gb_counter(state, BASE, s->base);
    if (!isnan(s->events))
        gt_gb_counter(state, EVENTS, s->events);
    for (size_t i = 0; i < GT_BENCH_EXTRAS && s->extra_name[i]; i++)
        gt_gb_counter(state, s->extra_name[i], s->extra[i]);
    gt_gb_done(state, by_clock && c->role == GT_BENCH_RUNTIME
                          ? (double)took / 1e9
                          : s->value * (double)iterations / 1e9);
}

/* A workload about the collector is one only where the collector comes to run. */
static uint64_t operations(const struct gt_bench_cell *c, uint64_t iterations)
{
    const struct gt_workload_ops *w = c->workload;
    if (c->row->fixed_n && c->role != GT_BENCH_CAS)
        return c->env->parked;
    if (w && (w->needs & GT_RT_GC) && iterations < w->quick_n)
        return w->quick_n;
    return iterations;
}

static void one_turn(struct gt_gb_state *state, void *arg)
{
    struct turn *t = arg;
    struct gt_bench_cell *c = t->cell;
    struct gt_hardware *h = t->run->counters;
    double before[GT_HARDWARE_MAX];
    struct gt_bench_sample s;
    uint64_t iterations = gt_gb_begin(state);
    t->run->beat(t->run->arg);
    if (stopped(c)) {
        c->results->stopped = true;
        gt_gb_fail(state, "stopped");
        return;
    }
    if (!ready(c)) {
        gt_gb_fail(state, c->results->why);
        return;
    }
    c->n = operations(c, iterations);
    if (h)
        gt_hardware_read(h, before);
    int64_t start = gt_child_clock();
    take(c, &s);
    int64_t took = gt_child_clock() - start;
    if (s.rc != 0 || s.wrong) {
        note_trouble(c->results, &s);
        gt_gb_fail(state, s.why);
        return;
    }
    if (h && c->ops && !c->tracing)
        hand_hardware(h, before, s.ops ? s.ops : c->n, state);
    hand_over(c, &s, iterations, state, took);
}

/* ---- what the library reports ------------------------------------------------------------ */
static void keep_counter(struct gt_bench_results *r, const char *name, double value)
{
    for (size_t i = 0; i < GT_BENCH_COUNTERS; i++)
        if (!r->counter[i].name || strcmp(r->counter[i].name, name) == 0) {
            if (!r->counter[i].name)
                r->counter[i].name = strdup(name);
            (void)gt_samples_add(&r->counter[i].v, value);
            return;
        }
}

static double counter_of(const struct gt_gb_result *run, const char *name)
{
    for (uint32_t i = 0; i < run->n_counters; i++)
        if (strcmp(run->counter[i], name) == 0)
            return run->value[i];
    return NAN;
}

static void on_report(void *arg, const struct gt_gb_result *run)
{
    const struct turn *t = run->arg;
    struct gt_bench_results *r = t->cell->results;
    (void)arg;
    if (run->failed)
        return;
    (void)gt_samples_add(&r->value, counter_of(run, VALUE));
    (void)gt_samples_add(&r->base, counter_of(run, BASE));
    (void)gt_samples_add(&r->events, counter_of(run, EVENTS));
    (void)gt_samples_add(&r->cpu, run->cpu_ns);
    r->iterations = run->iterations;
    for (uint32_t i = 0; i < run->n_counters; i++) {
        const char *name = run->counter[i];
        if (strcmp(name, VALUE) != 0 && strcmp(name, BASE) != 0 && strcmp(name, EVENTS) != 0)
            keep_counter(r, name, run->value[i]);
    }
}

void gt_bench_give(const struct gt_bench_cell *c, const struct gt_bench_sample *s)
{
    struct gt_bench_results *r = c->results;
    (void)gt_samples_add(&r->value, s->value);
    (void)gt_samples_add(&r->base, s->base);
    (void)gt_samples_add(&r->events, s->events);
}

/* ---- the group ------------------------------------------------------------------------- */
static void enrol(struct turn *t)
{
    const struct gt_bench_cell *c = t->cell;
    bool fixed = c->row->fixed_n && c->role != GT_BENCH_CAS;
    struct gt_gb_cell cell = {.name = c->name, .fn = one_turn, .arg = t};
    cell.iterations = fixed ? 1 : 0;
    if (c->row->samples)
        cell.repetitions = c->row->samples;
    gt_gb_register(&cell);
}

int gt_bench_group_run(struct gt_bench_group *g, bool random_order, struct gt_hardware *counters,
                       void (*beat)(void *arg), void *arg)
{
    struct run run = {.g = g, .counters = counters, .beat = beat, .arg = arg};
    struct turn turns[GT_BENCH_CELLS];
    for (uint32_t i = 0; i < g->n_cells; i++) {
        turns[i] = (struct turn){&run, g->cells[i]};
        enrol(&turns[i]);
    }
    size_t matched = gt_gb_run(NULL, random_order, on_report, NULL);
    destroy_all(g);
    return matched == g->n_cells ? 0 : -EIO;
}
