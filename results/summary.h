/* SPDX-License-Identifier: Apache-2.0 */
/* What a run's records add up to: a row for each implementation, a line for each fault. */
#pragma once
#include <stdio.h>

#include "results/run.h"

struct gt_summary_row { /* a scheduler and a tracer */
    char *scheduler, *tracer;
    bool checkable;       /* its traces can be checked */
    uint32_t cells, fine; /* of the stress tests; `fine`: ok */
    uint32_t by_verdict[GT_VERDICTS];
    uint64_t inconsistencies, windows, events;
    int64_t world_stop_max_ns;
    double ns_event;             /* section and event, tracing on; NAN: not measured */
    double log_overhead;         /* sum of log(1 + overhead) over n_overhead workloads */
    uint32_t n_overhead, n_void; /* void: measured, but its checks failed */
};

struct gt_summary_fault {
    char *name;
    uint32_t runs, found, missed; /* runs - found - missed: nothing was learnt */
    char *oracle, *cls;           /* of the first run that found it, NULL: none */
    char *first;                  /* "oracle/class" of who saw something before it, NULL: nobody */
    double seconds, events; /* until then; medians over the runs that found it are for campaigns */
    char *why;              /* of the first run that did not */
};

struct gt_summary {
    const struct gt_run *run;
    struct gt_summary_row *rows;
    uint32_t n_rows;
    struct gt_summary_fault *faults;
    uint32_t n_faults;
    uint32_t done, missing; /* cells with and without a record */
    uint32_t by_verdict[GT_VERDICTS];
    uint64_t rounds, void_rounds; /* of stress tests; void: their journal was too small to be judged */
    uint32_t void_cells;          /* that have such rounds */
    int status; /* exit status */
};

/* 0 or -ENOMEM. `checkable` says of a built-in tracer's name whether its
 * traces can be checked; of others their records do. */
int gt_summary_make(struct gt_summary *s, const struct gt_run *r,
                    bool (*checkable)(const char *tracer));
void gt_summary_free(struct gt_summary *s);
/* (1 + overhead) averaged over the workloads, geometrically, less 1; NAN: not measured. */
double gt_summary_overhead(const struct gt_summary_row *row);

/* At most 100 columns. */
void gt_summary_print(FILE *f, const struct gt_summary *s);
/* A new reference, or NULL. */
json_t *gt_summary_json(const struct gt_summary *s);
