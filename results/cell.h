/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One cell of a plan: the command that runs it, and its record. A record is Google
 * Benchmark's JSON ("context", "benchmarks") and beside it
 *   schema, cell (what was asked for), command, date, seconds, verdict, why, log.
 * The entries of "benchmarks" are what the program said, whole.
 *
 * Thread-safety: none.
 */
#pragma once
#include <jansson.h>
#include <signal.h>

#include "results/folder.h"
#include "results/plan.h"

enum gt_verdict {
    GT_VERDICT_OK,
    GT_VERDICT_FOUND,        /* the planted fault was */
    GT_VERDICT_SKIPPED,      /* this combination cannot be, and says why */
    GT_VERDICT_INCONCLUSIVE, /* windows were not entered, too few samples */
    GT_VERDICT_INCONSISTENT,
    GT_VERDICT_FAILED, /* a check of another kind */
    GT_VERDICT_MISSED, /* the planted fault was not found */
    GT_VERDICT_VOID,   /* the machine, or what was built on it, cannot give what was asked for */
    GT_VERDICT_INCOMPLETE, /* killed, timed out, interrupted, no record: nothing is known */
    GT_VERDICTS
};
const char *gt_verdict_name(enum gt_verdict v);
/* The verdict of that name; an unknown one: GT_VERDICT_INCOMPLETE. */
enum gt_verdict gt_verdict_of(const char *name);
/* The exit status it asks for: 0, 1, 3, 4, 5. */
int gt_verdict_status(enum gt_verdict v);
/* The worse of two exit statuses: 5, 4, 1, 3, 0. */
int gt_status_worse(int a, int b);
/* A run that goes on has to do it again: nothing was learnt. */
bool gt_verdict_is_open(enum gt_verdict v);

struct gt_programs {
    const char *lean, *oracle, *faults; /* paths; faults NULL: no such build */
};

struct gt_cell_job {
    const struct gt_plan_cell *cell;
    const struct gt_programs *programs;
    const struct gt_folder *folder;
    const json_t *environment;
    uint64_t seed;
    volatile sig_atomic_t *stop;
    void (*tick)(void *arg);
    void *arg;
};

/* Runs it. A new record, or NULL: no memory. */
json_t *gt_cell_record(const struct gt_cell_job *job);
enum gt_verdict gt_record_verdict(const json_t *record);
/* What its entries count, together. */
json_int_t gt_record_inconsistencies(const json_t *record);
/* Makes it incomplete, for that reason. */
void gt_record_spoil(json_t *record, const char *why);
