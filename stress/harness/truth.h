/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The truth oracle: what the runtime did (journal) against what a trace says it did,
 * transition by transition, for every G and P.
 *
 * It reads a journal and traces, from memory or saved, and nothing of the runtime: a verdict
 * can be reproduced from the files alone.
 *
 * Thread-safety: none; one comparison, one thread. Memory: a round's journal and one generation.
 */
#pragma once
#include <stdio.h>

#include "gauntlet/journal.h"
#include "gauntlet/runtime.h"

enum gt_truth_class {
#define GT_TRUTH(sym, name, text) GT_TRUTH_##sym,
#include "harness/truth.def"
#undef GT_TRUTH
    GT_TRUTH_CLASSES
};
const char *gt_truth_name(enum gt_truth_class c);
const char *gt_truth_text(enum gt_truth_class c);

/* One lie. */
struct gt_lie {
    enum gt_truth_class cls;
    const struct gt_jentry *was; /* what happened, NULL: nothing */
    const char *said;            /* the event, "" none */
    uint64_t generation, m, offset; /* of the event in its trace; offset in bytes */
    const char *explain;         /* one sentence */
};

struct gt_truth_result {
    uint64_t transitions; /* compared */
    uint64_t events;      /* that a transition demands */
    uint64_t lies, by_class[GT_TRUTH_CLASSES];
    bool void_round;      /* the journal lost entries: nothing was compared */
};

/* Memory for comparisons, one after the other: fewer pages to be made each time. NULL: none. */
struct gt_truth;
struct gt_truth *gt_truth_space_new(void);
void gt_truth_space_free(struct gt_truth *t);

struct gt_truth_options {
    enum gt_syscall_model syscalls;
    void (*lie)(void *arg, const struct gt_lie *l); /* may be NULL */
    void *arg;
    uint64_t max_report; /* 0: no limit; counting goes on */
    struct gt_truth *space; /* of gt_truth_space_new; NULL: of this comparison alone */
};

/* A round: its journal (sorted in place), lost entries, and the traces that were taken in it,
 * in order, each a file that is read from its beginning. 0, negative errno: of a file,
 * -ENOMEM. */
int gt_truth_compare(struct gt_jentry *e, size_t n, uint64_t lost, const int *traces,
                     size_t n_traces, const struct gt_truth_options *o,
                     struct gt_truth_result *out);

/* A journal as a file, and back. 0, negative errno; -EBADMSG: it is none, or cut. */
int gt_journal_save(FILE *f, const struct gt_jentry *e, size_t n, uint64_t lost);
int gt_journal_load(FILE *f, struct gt_jentry **e, size_t *n, uint64_t *lost);
