/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group: one row under one binding, on every runtime, scheduler and tracer asked for, with
 * its floors. Its cells take turns within one process, so that they can be compared.
 */
#pragma once
#include "gbench.h"
#include "hardware.h"
#include "rows.h"
#include "stats.h"

enum { GT_BENCH_CELLS = 96, GT_BENCH_LIST = 16, GT_BENCH_COUNTERS = 16 };

/* What was asked for. */
struct gt_bench_choice {
    const struct gt_runtime_ops *runtimes[GT_BENCH_LIST];
    const struct gt_scheduler_ops *schedulers[GT_BENCH_LIST];
    const struct gt_tracer_ops *tracers[GT_BENCH_LIST];     /* of workloads; none: tracing off */
    const struct gt_tracer_ops *row_tracers[GT_BENCH_LIST]; /* of rows by tracer */
    uint32_t n_runtimes, n_schedulers, n_tracers, n_row_tracers;
    uint32_t n_traced; /* schedulers on which tracers are measured, the first ones; 0: all */
};

struct gt_bench_group {
    struct gt_bench_row row;
    enum gt_bind bind;
    const struct gt_bench_env *env;
    struct gt_bench_cell *cells[GT_BENCH_CELLS];
    uint32_t n_cells;
};

/* Of a cell, all repetitions. Index i of the three series is one repetition. */
struct gt_bench_results {
    struct gt_samples value, base, events, cpu;
    struct {
        char *name;
        struct gt_samples v;
    } counter[GT_BENCH_COUNTERS];
    uint64_t iterations;
    int rc;          /* of the first repetition that could not be taken */
    bool wrong;      /* a workload's own check failed */
    bool skipped;    /* this runtime cannot */
    bool stopped;    /* asked to end before all repetitions were taken */
    bool unbound;    /* the binding asked for is not in effect */
    char why[200];   /* of any of these */
    char bound[128]; /* CPUs that the runtime's threads may use, "0-1"; "": not looked at */
};

/* Makes the cells whose names `wanted` lets through (NULL: all). 0; -ENOMEM; -E2BIG: more than
 * GT_BENCH_CELLS, the first of them stand there. */
int gt_bench_group_make(struct gt_bench_group *g, const struct gt_bench_choice *choice,
                        const struct gt_bench_env *env, bool (*wanted)(void *arg, const char *name),
                        void *arg);
void gt_bench_group_free(struct gt_bench_group *g);
/* The cell whose measurement is the floor, or the CAS, of this group; NULL: there is none. */
const struct gt_bench_cell *gt_bench_group_floor(const struct gt_bench_group *g,
                                                 enum gt_bench_role role);

/*
 * Measures: every cell's results are filled in; `beat` is called before each repetition.
 * Context: the main thread of a process of its own. `counters` may be NULL.
 */
int gt_bench_group_run(struct gt_bench_group *g, bool random_order, struct gt_hardware *counters,
                       void (*beat)(void *arg), void *arg);
