/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime's own record of every transition of a G or P: what a trace is compared with.
 * Oracle build only; the lean build does not have these functions. GT_C_ONLY
 */
#pragma once
#include "gauntlet/types.h"

enum gt_jkind {
    GT_J_G = 0,
    GT_J_P = 1,
    /* What is no transition, for who counts windows. version: below; reason: GT_JR_*. */
    GT_J_TRACE = 2,  /* a generation was stored: tok is it, off at the end of a trace; version:
                        jentry.marks from here on */
    GT_J_WORLD = 3,  /* id: enum gt_world_kind; to: 1 is to stop, 2 is stopped, 0 runs again */
    GT_J_THREAD = 4, /* id: thread id; version: serial of its M; to: 1 came, 0 leaves */
    GT_J_INJECT = 5, /* a list of `version` Gs: their changes are the M's next entries */
    GT_J_SCAN = 6,   /* the scan bit of a G was taken; version of its status, from: status */
    GT_J_LOST = 7,   /* the P of a G in a system call was detached; version: of the call. to: the
                        P's status then (scanbit model) */
    GT_J_GC = 8,     /* to: 1 marking begins, 0 it has ended */
    GT_J_STACK = 9,  /* the collector has scanned a G's stack; version of its status */
};

/* jentry.reason of a change of a G to or from Syscall, of one of a P, and of kinds above. */
enum {
    GT_JR_BLOCKING = 1, /* to Syscall: without a P that could be taken */
    GT_JR_FOREIGN = 2,  /* Dead to Syscall: on a foreign thread */
    GT_JR_IDLE_P = 1,   /* from Syscall to Running: with a P that was idle */
    GT_JR_SYSMON = 1,   /* of a P, GT_J_LOST: by sysmon */
    GT_JR_GIVES = 2,    /* of a P, GT_J_LOST: by an M that is in a system call itself */
    GT_JR_OWN = 4,      /* GT_J_SCAN, GT_J_LOST: of its own G */
};

/* One transition. */
struct gt_jentry {
    uint64_t id;      /* goid, or P id */
    uint64_t version; /* of the status word after it: consecutive per struct */
    uint64_t tok;     /* section it stood in: off, none, or the tracer's value */
    uint64_t ordinal; /* of the next event on that M */
    uint32_t m;       /* serial of the M: never comes back, unlike its thread id */
    int32_t p;        /* P of that M, -1 none */
    uint8_t kind, from, to;
    uint8_t reason; /* enum gt_wait_reason, for a change to or from Waiting; enum gt_stop_reason
                       for one from Running to Runnable */
    uint32_t round;
    uint32_t seq;   /* grows with the entries of an M's struct: their order on it */
    uint32_t marks; /* generations begun and traces ended so far (GT_J_TRACE): may be early or
                       late, but exact while the world is stopped */
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
