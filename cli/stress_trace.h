/* SPDX-License-Identifier: Apache-2.0 */
/* stress with the tracer on: where a cell's trace goes, the run, the verdict, what TAP says. */
#pragma once
#include <limits.h>
#include <stdio.h>

#include "cli.h"
#include "common/cell.h"
#include "harness/judge.h"
#include "options.h"

/* One cell's trace. */
struct gt_traced_cell {
    bool traced;    /* the tracer can be on */
    bool checkable; /* and its trace be judged */
    bool keep;      /* --trace; else only an inconsistent one stays */
    int64_t generation_ns;
    uint32_t header, profile_hz;
    char path[PATH_MAX];
    char spare[PATH_MAX]; /* of the copy to check when path is a pipe or a device */
};

struct gt_trace_report {
    bool kept, in_spare;                 /* under gt_traced_cell.path, or spare */
    struct gt_judgement judgement;       /* of the last round */
    uint64_t events, generations, bytes; /* of all rounds */
    uint64_t refused; /* bytes that the file did not take */
    int error;     /* of the file, negative errno */
    char why[200]; /* what is wrong with the trace, "" nothing */
    enum gt_exit status;
};

/* The null tracer; where a trace is asked for, the first whose trace can be checked. */
const struct gt_tracer_ops *gt_traced_default(const struct gt_options *o);
/* -EINVAL and a line: a trace is asked for of a tracer that writes none. */
int gt_traced_refuse(const struct gt_options *o, char *err, size_t size);
/* Where cell `number` puts its trace when `path` was asked for: FILE-3, of one cell FILE. */
void gt_traced_path(char *out, size_t size, const char *path, bool only, uint32_t number);
void gt_traced_cell_place(struct gt_traced_cell *t, const struct gt_options *o,
                          const struct gt_tracer_ops *tracer, uint32_t n_cells, uint32_t number);
/* Runs the cell, traced if its tracer can be; r sums over calls. SIGPIPE is ignored. */
void gt_traced_cell_run(const struct gt_traced_cell *t, struct gt_workload_cell *c,
                        struct gt_cell_outcome *o, struct gt_trace_report *r);
void gt_trace_report_print(FILE *tap, const struct gt_traced_cell *t,
                           const struct gt_trace_report *r);
