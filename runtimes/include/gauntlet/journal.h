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
    GT_J_TOLD = 16,  /* something that is no transition, and has an event: enum gt_jtold */
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

/* What else happens that a trace tells. Written only where a section is on. */
enum gt_jtold {
#define GT_TOLD(sym, text) GT_TOLD_##sym,
#include "gauntlet/told.def"
#undef GT_TOLD
    GT_TOLD_COUNT
};

/* One transition. */
struct gt_jentry {
    uint64_t id;      /* goid, or P id */
    uint64_t version; /* of the status word after it: consecutive per struct */
    uint64_t tok;     /* section it stood in: GT_JTOK_* */
    uint64_t ordinal; /* of the next event on that M */
    uint32_t m;       /* serial of the M: never comes back, unlike its thread id */
    int32_t p;        /* P of that M, -1 none */
    uint8_t kind, from, to;
    uint8_t reason; /* enum gt_wait_reason, for a change to or from Waiting; enum gt_stop_reason
                       for one from Running to Runnable */
    uint32_t round;
    int32_t tid;    /* thread of that M */
    uint32_t seq;   /* grows with the entries of an M's struct: their order on it */
    uint32_t epoch; /* grows when tracing is switched on, and off: odd while it is on. At its ends
                       it may be early or late: only the token says whether a section was on */
    uint32_t marks; /* generations begun and traces ended so far (GT_J_TRACE): may be early or
                       late, but exact while the world is stopped */
};

/* jentry.tok */
#define GT_JTOK_OFF 0u  /* a section was asked for, no trace was on */
#define GT_JTOK_NONE 1u /* outside of any, by design */
static inline bool gt_jtok_on(uint64_t tok)
{
    return tok > GT_JTOK_NONE;
}
/* The generation of a section that was on, as in the trace. */
static inline uint64_t gt_jtok_generation(uint64_t tok)
{
    return tok - GT_JTOK_NONE;
}

/* For jentry.version of what has strings: the same of the same text, cut where the trace cuts. */
#define GT_JSTRING_MAX 1024u
static inline uint64_t gt_jmix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9e3779b97f4a7c15ull;
    return h ^ h >> 29;
}
static inline uint64_t gt_jhash(uint64_t h, const char *s, size_t len)
{
    len = len < GT_JSTRING_MAX ? len : GT_JSTRING_MAX;
    for (size_t i = 0; i < len; i++)
        h = (h ^ (uint8_t)s[i]) * 0x100000001b3ull;
    return gt_jmix(h, len);
}

_Static_assert(sizeof(struct gt_jentry) == 64, "a line of cache each");

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
