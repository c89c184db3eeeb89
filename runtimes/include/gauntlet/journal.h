/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime's own record of every transition of a G or P: what a trace is compared with.
 * Oracle build only; the lean build does not have these functions. GT_C_ONLY
 */
#pragma once
#include "gauntlet/types.h"

enum gt_jkind { GT_J_G = 0, GT_J_P = 1 };

/* One transition. */
struct gt_jentry {
    uint64_t id;      /* goid, or P id */
    uint64_t version; /* of the status word after it: consecutive per struct */
    uint64_t tok;     /* section it stood in: off, none, or the tracer's value */
    uint64_t ordinal; /* of the next event on that M */
    uint32_t m;       /* serial of the M: never comes back, unlike its thread id */
    int32_t p;        /* P of that M, -1 none */
    uint8_t kind, from, to;
    uint8_t reason; /* enum gt_wait_reason, for a change to or from Waiting */
    uint32_t round;
};

typedef void (*gt_journal_fn)(const struct gt_jentry *e, void *arg);

/* Starts recording, at most so many entries per M and round; 0 stops. Before run, or with
 * the world stopped. */
void gt_journal_enable(struct gt_runtime *rt, uint64_t entries_per_m);
/* Every entry of the round, M by M, in each M's order. World stopped or run returned; Ms
 * that come back from system calls or callbacks meanwhile may add to the round.
 * *lost > 0: the round is incomplete and proves nothing. Returns how many. */
uint64_t gt_journal_each(struct gt_runtime *rt, gt_journal_fn fn, void *arg, uint64_t *lost);
/* Forgets the round. World stopped or run returned. */
void gt_journal_next_round(struct gt_runtime *rt);
