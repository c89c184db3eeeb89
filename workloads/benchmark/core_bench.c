/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures one row: all columns, the floor and the CAS, interleaved in random order.
 * Each column has a runtime of its own that lives for the whole row; only one of them runs
 * at a time. n is chosen per column so that a sample takes about env->sample_ns.
 */
#include "core_bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/calls.h"
#include "common/child.h"
#include "common/registry.h"
#include "common/rng.h"
#include "floor.h"
#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"

#define N_FIRST 20u
#define N_LAST 100000000u
enum { CALIBRATIONS = 12, TARGETS = GT_BENCH_COLUMNS_MAX + 2 };

struct bench {
    const struct gt_bench_row *row;
    const struct gt_bench_env *env;
    gt_bench_emit emit;
    void *arg;
    struct gt_bench_cell cells[TARGETS]; /* columns, floor, CAS */
    uint32_t n_cells;
    struct gt_rng rng;
};

static bool stopped(const struct bench *b)
{
    return b->env->stop && *b->env->stop;
}

/* ---- one sample -------------------------------------------------------- */
static int measure_floor(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    s->value = c->column == GT_BENCH_CAS ? gt_floor_cas(c->n) : c->row->floor_of(c);
    return s->value < 0 ? -ENOTSUP : 0;
}

static void take(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    *s = (struct gt_bench_sample){.column = c->column, .crossed = -1, .ops = c->n};
    s->rc = c->column < 0 ? measure_floor(c, s) : c->row->measure(c, s);
    if (s->rc != 0 && s->why[0] == '\0')
        snprintf(s->why, sizeof s->why, "%s", strerror(-s->rc));
}

/* ---- how many operations ----------------------------------------------- */
/* Grows n until a sample takes its time, going by the clock and not by the figure: some
 * figures are a part of what was done. */
static void calibrate(const struct bench *b, struct gt_bench_cell *c)
{
    struct gt_bench_sample s;
    c->n = N_FIRST;
    for (int i = 0; i < CALIBRATIONS && !stopped(b); i++) {
        int64_t start = gt_child_clock();
        take(c, &s);
        int64_t took = gt_child_clock() - start;
        if (s.rc != 0 || s.wrong || took >= b->env->sample_ns * 2 / 3)
            return;
        double grow = took > 0 ? (double)b->env->sample_ns / (double)took : 8;
        double n = (double)c->n * (grow > 8 ? 8 : grow);
        c->n = n > N_LAST ? N_LAST : (uint64_t)n + 1;
    }
}

static void choose_n(const struct bench *b, struct gt_bench_cell *c)
{
    struct gt_bench_sample warm;
    c->quiet = true;
    if (b->row->fixed_n && c->column != GT_BENCH_CAS) {
        c->n = b->env->parked;
        c->quiet = false;
        return;
    }
    calibrate(b, c);
    if (!stopped(b))
        take(c, &warm);
    c->quiet = false;
}

/* ---- setting up -------------------------------------------------------- */
enum gt_bind gt_bench_bind(const struct gt_bench_env *env, const struct gt_bench_row *row)
{
    if (!env->bind_free)
        return env->bind;
    return row->procs <= gt_call_cpus() ? GT_BIND_PU : GT_BIND_NONE;
}

uint32_t gt_bench_columns(const struct gt_bench_env *env, const struct gt_bench_row *row)
{
    return row->by_tracer ? env->n_tracers : row->once ? 1 : env->n_schedulers;
}

const struct gt_plugin_head *gt_bench_column(const struct gt_bench_env *env,
                                             const struct gt_bench_row *row, uint32_t i)
{
    return row->by_tracer ? &env->tracers[i]->head : &env->schedulers[i]->head;
}

static struct gt_config config_of(const struct bench *b, uint32_t column)
{
    struct gt_config g;
    gt_config_init(&g);
    g.scheduler = b->env->schedulers[b->row->by_tracer ? 0 : column];
    g.tracer = b->row->by_tracer ? b->env->tracers[column] : b->env->tracer;
    g.procs = b->row->procs;
    g.bind = gt_bench_bind(b->env, b->row);
    g.syscalls = b->row->syscalls;
    g.seed = b->env->seed;
    return g;
}

static void add_cell(struct bench *b, int32_t column)
{
    struct gt_bench_cell *c = &b->cells[b->n_cells++];
    *c = (struct gt_bench_cell){
        .env = b->env, .row = b->row, .column = column, .emit = b->emit, .emit_arg = b->arg};
    c->seed = b->env->seed;
}

static int add_columns(struct bench *b, char *err, size_t size)
{
    const struct gt_workload_ops *w = NULL;
    uint32_t columns = gt_bench_columns(b->env, b->row);
    if (b->row->workload && !(w = gt_workload_find(b->row->workload, err, size)))
        return -EINVAL;
    for (uint32_t i = 0; i < columns; i++) {
        add_cell(b, (int32_t)i);
        struct gt_bench_cell *c = &b->cells[b->n_cells - 1];
        c->workload = w;
        c->config = config_of(b, i);
        if (b->row->own_runtime)
            continue;
        int rc = b->env->ops->create(&c->config, &c->rt, err, size);
        if (rc != 0)
            return rc;
    }
    if (b->row->floor_of)
        add_cell(b, GT_BENCH_FLOOR);
    if (b->row->bounded)
        add_cell(b, GT_BENCH_CAS);
    return 0;
}

/* ---- rounds ------------------------------------------------------------ */
static void shuffle(struct bench *b, uint32_t *order)
{
    for (uint32_t i = 0; i < b->n_cells; i++)
        order[i] = i;
    for (uint32_t i = b->n_cells; i > 1; i--) {
        uint32_t j = gt_rng_below(&b->rng, i), t = order[i - 1];
        order[i - 1] = order[j];
        order[j] = t;
    }
}

/* Each cell once. false: no more is wanted. */
static bool one_round(struct bench *b)
{
    uint32_t order[TARGETS];
    struct gt_bench_sample s;
    shuffle(b, order);
    for (uint32_t i = 0; i < b->n_cells; i++) {
        if (stopped(b))
            return false;
        take(&b->cells[order[i]], &s);
        if (!b->emit(b->arg, &s))
            return false;
    }
    return true;
}

static void rounds(struct bench *b)
{
    uint32_t n = b->row->samples ? b->row->samples : b->env->repetitions;
    for (uint32_t i = 0; i < b->n_cells && !stopped(b); i++)
        choose_n(b, &b->cells[i]);
    for (uint32_t i = 0; i < n && one_round(b); i++)
        ;
}

int gt_bench_run(const struct gt_bench_row *row, const struct gt_bench_env *env, gt_bench_emit emit,
                 void *arg, char *err, size_t err_size)
{
    struct bench *b = calloc(1, sizeof *b);
    if (!b) {
        snprintf(err, err_size, "out of memory");
        return -ENOMEM;
    }
    b->row = row;
    b->env = env;
    b->emit = emit;
    b->arg = arg;
    b->rng = gt_rng_make(env->seed, 1);
    int rc = add_columns(b, err, err_size);
    if (rc == 0)
        rounds(b);
    for (uint32_t i = 0; i < b->n_cells; i++)
        if (b->cells[i].rt)
            env->ops->destroy(b->cells[i].rt);
    free(b);
    return rc;
}
