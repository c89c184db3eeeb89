/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a mutant of a trace: one to three changes, most of them of events, tables and framing, some of bare bytes.
 *
 * About a third of the changes leave a trace that is still good (a batch cut in two, ids renamed everywhere, over-long
 * varints, other times): a reader that refuses too much is as wrong as one that accepts too much.
 */
#pragma once
#include "conformance/model.h"

#define CF_MAX_THREADS                                                                             \
    12 /* up to here Go's sort leaves ties in order, so that the verdict is settled */

struct cf_random {
    uint64_t state;
};
uint64_t cf_random(struct cf_random *r);
/* Below `limit`; 0 when limit is 0. */
uint64_t cf_below(struct cf_random *r, uint64_t limit);

/* Changes *t, puts it together in *out. `names`: the changes made, blanks between; at least 96 bytes.
 * Mutants of more than max_threads threads are not made: the seed comes out as it was. */
void cf_mutate(struct cf_trace *t, struct cf_random *r, size_t max_threads, struct cf_bytes *out,
               char *names, size_t names_size);
