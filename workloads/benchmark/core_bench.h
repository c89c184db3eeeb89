/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core's micro-benchmarks: rows of figures, each measured for several schedulers with
 * its floor, all interleaved in random order within one process.
 */
#pragma once
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gauntlet/workload.h"

#define GT_BENCH_COLUMNS_MAX 16
/* Columns of a sample: 0.. are schedulers, or tracers in a row `by_tracer`. */
#define GT_BENCH_FLOOR (-1) /* the row's floor, by hand */
#define GT_BENCH_CAS (-2)   /* a lock-prefixed compare-and-swap */

/* What the target is about. */
enum gt_bench_target {
    GT_BENCH_VALUE, /* the figure */
    GT_BENCH_OVER,  /* the figure less its floor */
    GT_BENCH_RATIO, /* the figure over its floor */
};

struct gt_bench_env {
    const struct gt_runtime_ops *ops;
    const struct gt_scheduler_ops *const *schedulers;
    uint32_t n_schedulers;
    const struct gt_tracer_ops *tracer;         /* of the rows by scheduler */
    const struct gt_tracer_ops *const *tracers; /* rows by_tracer, with the first scheduler */
    uint32_t n_tracers;
    enum gt_bind bind;
    bool bind_free; /* not asked for: PU where there are CPUs enough for a row, else none */
    uint64_t seed;
    uint32_t repetitions;
    int64_t sample_ns; /* how long one sample should take */
    uint32_t parked;   /* Gs of the rows about parked ones */
    volatile sig_atomic_t *stop;
};

struct gt_bench_sample {
    int32_t column;
    int32_t rc;     /* 0; negative errno: value means nothing */
    bool wrong;     /* the workload's own check failed: the row is void */
    double value;   /* in the row's unit */
    double crossed; /* share of rounds that crossed Ps, -1: no such thing */
    uint64_t ops;   /* behind the value */
    char why[160];
};
/* Takes a sample; false: nobody wants more. */
typedef bool (*gt_bench_emit)(void *arg, const struct gt_bench_sample *s);

struct gt_bench_cell;
struct gt_bench_row {
    const char *name;     /* as typed */
    const char *title;    /* at most 18 characters */
    const char *summary;  /* what is measured and against what floor */
    const char *unit;     /* "ns" */
    const char *workload; /* of workloads.def, NULL: none */
    const char *floor;    /* what the floor is, NULL: none */
    enum gt_bench_target about;
    double target, stretch; /* 0: none */
    uint32_t cas;           /* lock-prefixed instructions that the path cannot do without */
    int32_t procs;
    enum gt_syscall_model syscalls;
    bool bounded;     /* also by 1.25 x (floor + cas x CAS) */
    bool paired;      /* OVER: the value is less its floor already, sample by sample */
    bool once;        /* the same for all schedulers: measured in the first column only */
    bool by_tracer;   /* a column for each tracer */
    bool own_runtime; /* measure() makes its runtime itself, or needs none */
    bool fixed_n;     /* n is env->parked, not so many that a sample takes its time */
    uint32_t samples; /* calls of measure() for each column, 0: as many as asked for */
    uint32_t param;   /* of the workload */
    /* Fills in value and what else it knows. 0 or negative errno. */
    int (*measure)(const struct gt_bench_cell *c, struct gt_bench_sample *s);
    double (*floor_of)(const struct gt_bench_cell *c); /* over c->n; < 0: cannot */
};

/* One measurement to make. */
struct gt_bench_cell {
    const struct gt_bench_env *env;
    const struct gt_bench_row *row;
    struct gt_runtime *rt; /* of the column; NULL for floors and rows that make their own */
    struct gt_config config;
    const struct gt_workload_ops *workload;
    uint64_t n;
    uint64_t seed;
    gt_bench_emit emit; /* for a measure() that has more than one sample to give */
    void *emit_arg;
    bool quiet; /* warming up: nothing is to be emitted */
    int32_t column;
};

/* The i-th row, or NULL past the end. */
const struct gt_bench_row *gt_bench_row_at(size_t i);
/* Those about tracing and about the collector, likewise; gt_bench_row_at has them too, after
 * the core's. */
const struct gt_bench_row *gt_bench_trace_row_at(size_t i);
const struct gt_bench_row *gt_bench_gc_row_at(size_t i);
/* How many columns a row has, and the plugin that the i-th is about. */
uint32_t gt_bench_columns(const struct gt_bench_env *env, const struct gt_bench_row *row);
const struct gt_plugin_head *gt_bench_column(const struct gt_bench_env *env,
                                             const struct gt_bench_row *row, uint32_t i);
/* The binding of a row. */
enum gt_bind gt_bench_bind(const struct gt_bench_env *env, const struct gt_bench_row *row);
/* A row for a workload that has none of its own: ns per operation, no target. */
struct gt_bench_row gt_bench_plain_row(const struct gt_workload_ops *w);
/* Measures a row. 0, or negative errno with a line in err. Context: a plain thread of a
 * process of its own. */
int gt_bench_run(const struct gt_bench_row *row, const struct gt_bench_env *env, gt_bench_emit emit,
                 void *arg, char *err, size_t err_size);
