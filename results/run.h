/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run: a plan's cells one after the other, each record saved as soon as it is there.
 *
 * I1. A cell is done when its record has its name in the folder; before, nothing of it counts.
 * I2. A run that goes on has the plan, the seed and the programs of the one that began.
 *
 * Thread-safety: none.
 */
#pragma once
#include "results/cell.h"

struct gt_run_progress {
    uint32_t done, total;        /* cells; `done` of them were there before this run went on, too */
    const char *cell;            /* that runs now */
    int64_t elapsed_ns, left_ns; /* left_ns: about */
};

struct gt_run {
    const struct gt_plan *plan;
    struct gt_folder folder;
    struct gt_programs programs;
    uint64_t seed;
    json_t *head;   /* run.json */
    json_t **cells; /* a record, or NULL: not run. plan->n_cells of them */
    bool resumed;
    int save_rc; /* 0, or negative errno: a record could not be kept, and the run ended there */
    volatile sig_atomic_t *stop; /* the run ends soon after it became true. Given by the caller */
    /* Called as a cell begins and some times a second meanwhile. Given by the caller. */
    void (*progress)(void *arg, const struct gt_run_progress *p);
    void *arg;
    int64_t start, spent_before;
    uint32_t now; /* cell that runs */
    int64_t now_start;
};

/* Begins: the folder is open, `plan`, `programs` and `seed` are filled in. Writes run.json. 0 or
 * negative errno. */
int gt_run_begin(struct gt_run *r);
/* Goes on in a folder opened to resume, after gt_run_head: reads the records that are there. 0; -EINVAL
 * with a line in err: another plan, seed or program. */
int gt_run_resume(struct gt_run *r, char *err, size_t size);
/* run.json of an open folder to r->head. 0, -EBADMSG with a line in err. */
int gt_run_head(struct gt_run *r, char *err, size_t size);
/* The cells that have no record yet. */
void gt_run_cells(struct gt_run *r);
/* The run's exit status so far: 0, 1, 3, 4, 5. */
int gt_run_status(const struct gt_run *r);
void gt_run_free(struct gt_run *r); /* the folder too */
