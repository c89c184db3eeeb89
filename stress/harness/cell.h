/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs one cell in this process: a runtime, rounds on it, all oracles after each round.
 *
 * Invariants:
 *   I1 The oracles look at a round when the runtime's run has returned and before the next
 *      begins: no M writes to journal or traces then.
 *   I2 A round ends before any journal is full: the watch ends it when the transitions of
 *      all Ms together come near what one M may keep. A round that lost entries all the same
 *      is void: truth and windows are not looked at. What the other oracles see in it
 *      counts, and how often it had entered a window is not known.
 *   I3 The first round that is not consistent is the last; its traces and journal are
 *      saved before anything else touches them. Of a planted fault: the first that the oracle
 *      of faults.def saw, under its class, whoever saw one before.
 * Thread-safety: one cell at a time in a process (crash handlers are the process's).
 */
#pragma once
#include "harness/result.h"
#include "harness/round.h"
#include "harness/truth.h"

struct gt_cell_life {
    const struct gt_stress_cell *cell;
    struct gt_runtime *rt;
    struct gt_stress *round;
    struct gt_stress_result *r;
    int64_t start;   /* monotonic, ns */
    /* Of the round that ended. */
    struct gt_runtime_stats before, after;
    uint64_t judged[GT_VIOLATIONS], broken[GT_VIOLATIONS]; /* of the runtime's whole life: counted
                                                              so far, and at its end */
    uint32_t looked; /* oracles that had something to look at, in any round: bits */
    int ran, rc;     /* what run() and the test returned */
    int procs_rc;    /* of giving back the number of Ps */
    bool no_trace;   /* rc is of the start of the trace */
    int trace_rc;    /* of its stop */
    bool settled;    /* every G that the round made has ended */
    struct gt_jentry *journal;
    size_t n_journal, cap_journal;
    uint64_t lost;   /* entries */
    struct gt_truth *space;          /* the comparisons' memory, from round to round; NULL: each its own */
    struct gt_windows_space windows; /* and the counters' */
    bool saved;      /* its files */
    const struct gt_fault_info *hunted; /* gt_fault_hunted */
    uint32_t mute; /* bits of the oracles that have seen it, or another has: of traces and journal, only
                      that which must see it still looks */
};

/* Can it run at all? NULL, or why not. */
const char *gt_stress_lacks(const struct gt_stress_cell *c, char *buf, size_t size);
/* Fills *r; `tell`, when not NULL, hears of it after each round. */
void gt_stress_cell_run(const struct gt_stress_cell *c, struct gt_stress_result *r,
                        void (*tell)(void *arg, const struct gt_stress_result *r), void *arg);

/* ---- parts of it ------------------------------------------------------- */
/* compare.c: every oracle over the round that ended; adds to l->r. */
void gt_cell_compare(struct gt_cell_life *l);
/* The rules that were broken before the first round, between two and after the last: `now` are
 * all of the runtime's life so far. */
void gt_cell_violations(struct gt_cell_life *l, const uint64_t now[GT_VIOLATIONS]);
/* journal.c: the round's journal into l->journal. 0, -ENOMEM. Lean build: nothing. */
int gt_cell_journal(struct gt_cell_life *l);
void gt_cell_journal_on(struct gt_cell_life *l, uint64_t entries_per_m);
void gt_cell_journal_next(struct gt_cell_life *l);
/* needs.c: were the test's windows entered often enough? */
void gt_cell_judge_windows(struct gt_cell_life *l);

/* keep.c: the round's files into the cell's folder, once. */
void gt_cell_save_round(struct gt_cell_life *l);
/* What files c has left, listed in r or not, are none of the cell's any more; its last words' stay
 * unless `last`. Any process. */
void gt_cell_forget_files(const struct gt_stress_cell *c, struct gt_stress_result *r, bool last);
/* Of its last words: 0 is the dump, 1 to GT_LAST_TRACES are traces. */
#define GT_LAST_TRACES 4
void gt_cell_last_path(const struct gt_stress_cell *c, int i, char *buf, size_t size);
/* The last trace of the round to cell->trace. */
void gt_cell_keep_trace(struct gt_cell_life *l);
/* Where files of the cell go: "FOLDER/NAME-1" without suffix. */
void gt_cell_stem(const struct gt_stress_cell *c, char *buf, size_t size);
