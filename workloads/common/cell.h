/* SPDX-License-Identifier: Apache-2.0 */
/* One workload on one runtime, from a plain thread: run it, see whether it cleaned up. */
#pragma once
#include "gauntlet/workload.h"

struct gt_trace_options;

struct gt_workload_cell {
    const struct gt_runtime_ops *ops;
    const struct gt_workload_ops *workload;
    struct gt_config config;
    uint64_t n; /* 0: the workload's quick_n */
    uint32_t gs, param;
    uint64_t seed;
    const struct gt_trace_options *trace; /* NULL: the tracer stays off; else on all along */
    int64_t deadline_ns; /* 0: none. Past it every G, M and P goes to standard error and
                          * the process ends with GT_CELL_LATE */
};
#define GT_CELL_LATE 124

enum gt_cell_verdict {
    GT_CELL_OK = 0,
    GT_CELL_WRONG,       /* the workload's own check failed */
    GT_CELL_FAILED,      /* the runtime or the workload returned an error */
    GT_CELL_LEFT,        /* Gs were left behind */
    GT_CELL_VIOLATIONS,  /* broken protocol rules were counted */
    GT_CELL_SKIPPED,     /* the runtime lacks something: `why` */
    GT_CELL_ENVIRONMENT, /* the machine cannot give what was asked for */
    GT_CELL_INTERRUPTED, /* interrupt() was called */
};

struct gt_cell_outcome {
    enum gt_cell_verdict verdict;
    int rc; /* negative errno behind FAILED, ENVIRONMENT */
    int trace_rc; /* of trace_stop: the trace is not whole; no part of the verdict */
    char why[200];
    struct gt_workload_result result;
    struct gt_runtime_stats stats;
    struct gt_gc_stats gc; /* all 0 where the runtime has no collector */
};

/* Is the cell possible on this runtime? NULL, or why not. */
const char *gt_cell_lacks(const struct gt_workload_cell *c, char *buf, size_t size);
/* Creates a runtime, runs the cell on it, destroys it. The verdict. */
enum gt_cell_verdict gt_cell_run(const struct gt_workload_cell *c, struct gt_cell_outcome *o);
/* On a runtime that is there. The totals of `stats` are since its create. */
enum gt_cell_verdict gt_cell_run_on(const struct gt_workload_cell *c, struct gt_runtime *rt,
                                    struct gt_cell_outcome *o);
/* Does this error of create() mean that the machine cannot give what was asked for? */
bool gt_cell_is_environment(int rc);
const char *gt_cell_verdict_name(enum gt_cell_verdict v);
