/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of benchmarks. A row says what is measured and beside which floor; a cell of it is the
 * row on one runtime (scheduler, tracer), or its floor. group.h makes and runs the cells.
 */
#pragma once
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gauntlet/workload.h"

#define GT_BENCH_NAME 192
#define GT_BENCH_EXTRAS 8

enum gt_bench_role {
    GT_BENCH_RUNTIME,
    GT_BENCH_FLOOR, /* the row's floor, by hand */
    GT_BENCH_CAS,   /* a lock-prefixed compare-and-swap */
};

/* What the target is about. */
enum gt_bench_target {
    GT_BENCH_VALUE, /* the figure */
    GT_BENCH_OVER,  /* the figure less its floor */
    GT_BENCH_RATIO, /* the figure over its floor */
};

/* One repetition. */
struct gt_bench_sample {
    int32_t rc;    /* 0; negative errno: value means nothing */
    bool wrong;    /* the workload's own check failed */
    bool skipped;  /* this runtime cannot do this: `why` */
    double value;  /* in the row's unit */
    double base;   /* of a row or cell in pairs: the same without what is priced; else NAN */
    double events; /* of a trace, for an operation of the half with tracing; NAN: none, unknown */
    uint64_t ops;  /* behind the value; 0: as many as were asked for */
    const char *extra_name[GT_BENCH_EXTRAS]; /* strings of static life */
    double extra[GT_BENCH_EXTRAS];
    char why[200];
};
/* Adds a named figure, where there is room for it. */
void gt_bench_extra(struct gt_bench_sample *s, const char *name, double value);

struct gt_bench_env {
    uint64_t seed;
    uint32_t repetitions;
    uint32_t parked; /* Gs of the rows about parked ones */
    volatile sig_atomic_t *stop;
};

struct gt_bench_cell;
struct gt_bench_row {
    const char *name;     /* as typed */
    const char *title;    /* at most 18 characters; NULL: workload and number of Ps */
    const char *summary;  /* what is measured and against what floor */
    const char *unit;     /* "ns" */
    const char *workload; /* of workloads.def, NULL: none */
    const struct gt_workload_ops *known; /* it itself, where it may be no built-in; else NULL */
    const char *floor;    /* what the floor is, NULL: none */
    enum gt_bench_target about;
    double target, stretch; /* 0: none */
    uint32_t cas;           /* lock-prefixed instructions that the path cannot do without */
    int32_t procs;
    enum gt_syscall_model syscalls;
    bool bounded;     /* also by 1.25 x (floor + cas x CAS) */
    bool paired;      /* value and base come together: the figure is their difference */
    bool once;        /* the same for all runtimes: measured in gmp's first column only */
    bool by_tracer;   /* a column for each tracer, on the first scheduler */
    bool bare;        /* a floor as a row: no runtime */
    bool own_runtime; /* measure() makes its runtime itself, or needs none */
    bool by_clock;    /* how many operations: so that the call takes its time, not the figure */
    bool fixed_n;     /* n is env->parked, not so many that a sample takes its time */
    uint32_t samples; /* calls of measure() for each column, 0: as many as asked for */
    uint32_t param;   /* of the workload */
    /* Fills in value and what else it knows. 0 or negative errno. */
    int (*measure)(const struct gt_bench_cell *c, struct gt_bench_sample *s);
    double (*floor_of)(const struct gt_bench_cell *c); /* over c->n; < 0: cannot */
};

struct gt_bench_results;
/* One measurement to make. */
struct gt_bench_cell {
    char name[GT_BENCH_NAME]; /* group.c makes it; docs/benchmarks.md says of what */
    enum gt_bench_role role;
    const struct gt_bench_env *env;
    const struct gt_bench_row *row;
    const struct gt_runtime_ops *ops; /* NULL: a floor */
    bool schedules;                   /* the runtime runs config.scheduler */
    bool tracing;                     /* in pairs: with config.tracer (or its own) on and off */
    struct gt_config config;
    const struct gt_workload_ops *workload;
    struct gt_runtime *rt; /* made before the first sample; NULL: the row, or nobody, makes one */
    uint64_t n, seed;
    struct gt_bench_results *results; /* of the process that measures */
};

/* Keeps a sample beside the one that measure() fills in. */
void gt_bench_give(const struct gt_bench_cell *c, const struct gt_bench_sample *s);

/* The i-th row, or NULL past the end. */
const struct gt_bench_row *gt_bench_row_at(size_t i);
/* Those about tracing and about the collector, likewise; gt_bench_row_at has them too, after
 * the core's. */
const struct gt_bench_row *gt_bench_trace_row_at(size_t i);
const struct gt_bench_row *gt_bench_gc_row_at(size_t i);
/* A row for a workload: ns per operation; no floor, no target. */
struct gt_bench_row gt_bench_plain_row(const struct gt_workload_ops *w, uint32_t param);
/* Does measuring it run a workload, as any runtime can? */
bool gt_bench_is_workload(const struct gt_bench_row *row);

/* A workload of a cell, alone or in a pair. */
int gt_bench_measure_workload(const struct gt_bench_cell *c, struct gt_bench_sample *s);
