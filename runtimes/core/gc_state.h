/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector's state, one per runtime, and what its files of the cycle (gc.c, gc_worker.c,
 * gc_pace.c, gc_assist.c, gc_sweeper.c, gc_api.c) share. Private to core/.
 *
 * Invariants:
 *   S1 Until the first object is asked for, or gc() is called, there is nothing but empty
 *      structs: no memory for objects, no P's share (p->gc), no G, no due time. A P's share is
 *      made by its owner when first needed, or with the world stopped when a cycle begins;
 *      while marking every P has one.
 *   S2 The collector's Gs belong to one run: made when its first cycle begins, dropped with it.
 *   S3 phase changes with the world stopped, together with rt->gc_marking (GC7). begun and
 *      ended grow in those stops.
 */
#pragma once
#include "core/gc.h"
#include "core/sync.h"

/* ---- a distribution of times: gc_stats.c ------------------------------------------------- */
#define GT_GC_HIST_SUB 16u /* parts of each power of two: 6 % */
#define GT_GC_HIST_SIZE (40u * GT_GC_HIST_SUB)

struct gt_gc_hist { /* Written by: the stopper. Read by: anyone. */
    gt_a32 n[GT_GC_HIST_SIZE];
    gt_ai64 max, total;
    gt_a64 count;
};
void gt_gc_hist_add(struct gt_gc_hist *h, int64_t ns);
void gt_gc_hist_read(const struct gt_gc_hist *h, struct gt_gc_times *out);

/* ---- a system G that sleeps until it is poked: gc_sweeper.c ------------------------------- */
/*
 * Invariant: a poke is never lost.
 *
 *      M1: poke                            the G, on its way to sleep
 *      due := 1
 *      take sleeper: none
 *                                          sleeper := itself
 *                                          due? it is: takes itself back, goes on
 *
 *   Either M1 sees the sleeper or the sleeper sees `due`; both at once is settled by the
 *   swap of `sleeper`.
 */
struct gt_gc_daemon {
    gt_a32 due;
    gt_a32 made; /* it was spawned in this run */
    GT_APTR(struct gt_g) sleeper;
};
/* Any M, with a P or without; no core lock held. */
void gt_gc_poke(struct gt_gc_daemon *d);
/* On the daemon's G: returns when there is something to do. Switches. */
void gt_gc_daemon_wait(struct gt_gc_daemon *d, enum gt_wait_reason why);

/* ---- state ----------------------------------------------------------------------------------- */
enum gt_gc_why { GT_GC_BY_HEAP, GT_GC_BY_USER, GT_GC_BY_CLOCK, GT_GC_BY_LIMIT, GT_GC_WHYS };

enum gt_gc_line { GT_GC_OVER_LIMIT, GT_GC_TOO_LARGE, GT_GC_NO_MEMORY, GT_GC_LINES };

/* Numbers for statistics; whoever does the thing adds. */
struct gt_gc_counts {
    gt_a64 why[GT_GC_WHYS]; /* cycles ended */
    gt_a64 marked_bytes, assists, assist_waits, failed, restarts;
    gt_ai64 mark_ns;
    gt_a64 stacks_scanned, stack_bytes; /* gc_roots.c */
};

/* Of one cycle; written in its stops, unless it says otherwise. */
struct gt_gc_pace {
    gt_ai64 goal, trigger;   /* bytes; trigger INT64_MAX: never by growth */
    gt_ai64 live;            /* marked by the last cycle, and what spans took since. By: anyone */
    gt_ai64 marked;          /* by the last cycle */
    gt_ai64 scanned;         /* bytes looked at in this cycle. By: who marked */
    gt_ai64 ratio;           /* assist: marking per byte allocated, in 1/65536. By: anyone */
    int64_t scan_expected;   /* as much as the last cycle */
    int64_t lives;           /* what of `marked` is thought to live */
    int64_t began_live;      /* when this one began */
    int64_t runway;          /* allocated while the last one marked */
    gt_ai64 sweep_from;      /* live, when sweeping began */
    gt_ai64 swept_pages;     /* By: who sweeps */
    gt_ai64 sweep_ratio;     /* pages per byte allocated, in 1/65536 */
};

struct gt_gc {
    /* Constant after create. */
    struct gt_runtime *rt;
    struct gt_gc_options options;

    struct gt_heap *heap;
    struct gt_work *work;

    gt_a32 used; /* in this run: somebody has allocated, or asked for a cycle */

    gt_a32 phase;           /* enum gt_gc_phase: S3 */
    enum gt_gc_why why;     /* of the cycle that runs */
    gt_a64 given_up;        /* of `ended`: with a run, in the middle */
    gt_a64 begun, ended;    /* cycles; the number of the one that runs is `begun`: g->gc_cycle */
    gt_ai64 due;            /* a cycle by the clock, 0 none */
    gt_a32 tick;            /* it is due: the collector's G begins one */
    gt_a64 marked_now, born_now; /* sums over Ps, in the last stop */
    struct gt_mutex *start; /* the collector's own semaphore: who starts a cycle */

    GT_ALIGNED struct gt_gc_pace pace;

    /* Marking. */
    GT_ALIGNED gt_ai64 credit; /* bytes marked in the background that nobody was paid for */
    gt_ai32 at_work;           /* workers and assists */
    gt_ai32 dedicated;         /* workers of that kind still wanted */
    int32_t fraction_q16;      /* share of each P's time for a fractional worker, in 1/65536 */
    int64_t mark_began;        /* ns */
    gt_a32 no_worker;          /* one could not be made: the collector's G marks itself */
    struct gt_rspin assist_lock;
    struct gt_waitq assists; /* Guarded by: assist_lock, as is gc_credit of who waits there */

    struct gt_gc_daemon collector, sweeper;
    struct gt_rspin end_lock;
    struct gt_waitq enders; /* in gc(): until a cycle has ended. Guarded by: end_lock */

    gt_a64 futile; /* allocations that failed since a cycle helped */
    gt_a32 said[GT_GC_LINES]; /* which lines on standard error were said already */

    struct gt_gc_counts count;
    struct gt_gc_hist asked[GT_GC_STOPS], stopped[GT_GC_STOPS];
};

/* ---- gc.c -------------------------------------------------------------------------------------- */
/* First in this run: the collector's Gs are made, the clock begins. From a G, unpinned. 0, -ENOMEM. */
int gt_gc_first_use(struct gt_runtime *rt);
/* m's P's share, made when it is missing; NULL: no memory. Pinned. */
struct gt_gc_p *gt_gc_p_of(struct gt_m *m);
/* Begins a cycle unless one runs or (GT_GC_BY_HEAP) none is called for any more. From a G,
 * unpinned; switches. 0, -ENOMEM. */
int gt_gc_begin(struct gt_runtime *rt, enum gt_gc_why why);
/* A whole cycle that began after the call, swept. 0, -ENOMEM. */
int gt_gc_whole(struct gt_runtime *rt, enum gt_gc_why why);
/* No grey object that others could see, no root job, nobody at work: marking may be over. */
bool gt_gc_seems_done(struct gt_gc *gc, struct gt_runtime *rt);

/* ---- gc_worker.c ------------------------------------------------------------------------------- */
void gt_gc_workers_begin(struct gt_runtime *rt); /* world stopped: shares of this cycle */
/* One stretch of marking by m's G, modelled as waiting: until asked, budget, or nothing is
 * left. Bytes. Pinned inside. *empty: nothing was left to take. */
int64_t gt_gc_mark_some(struct gt_m *m, bool (*until)(struct gt_m *), int64_t budget, bool *empty);
bool gt_gc_asked(struct gt_m *m); /* m's P is wanted at a safe point, by a stop or another G */
/* There may be marking that an idle P could do. */
void gt_gc_enlist(struct gt_runtime *rt);

/* ---- gc_assist.c ------------------------------------------------------------------------------- */
/* The calling G owes (gc_credit < 0). Marks, or waits. Switches. */
void gt_gc_assist(struct gt_runtime *rt);
/* Marking done in the background pays who waits; the rest is credit. Any G. */
void gt_gc_pay(struct gt_runtime *rt, int64_t bytes);
/* Everybody in q, in batches: the cycle is over. From a G. */
void gt_gc_wake_all(struct gt_rspin *lock, struct gt_waitq *q);

/* ---- gc_sweeper.c ------------------------------------------------------------------------------ */
void gt_gc_sweeper_main(void *rt);
/* Sweeps all that is left. Switches. */
void gt_gc_sweep_all(struct gt_runtime *rt);
/* As many spans as the allocation of `bytes` more owes. Pinned. */
void gt_gc_sweep_share(struct gt_m *m);
/* struct gt_heap_options.sweeping. */
void gt_gc_sweep_events(struct gt_m *m, bool begin, uint64_t swept, uint64_t freed);

/* ---- gc_pace.c --------------------------------------------------------------------------------- */
void gt_gc_pace_init(struct gt_gc *gc);
void gt_gc_pace_mark(struct gt_gc *gc);                  /* marking begins; world stopped */
void gt_gc_pace_end(struct gt_gc *gc, uint64_t marked, uint64_t born); /* and ends */
void gt_gc_pace_revise(struct gt_gc *gc);
int64_t gt_gc_pace_charge(struct gt_gc *gc, size_t size); /* marking that `size` bytes cost */
bool gt_gc_pace_due(struct gt_gc *gc);                   /* has the heap reached the trigger? */
/* Dedicated workers and the share of the others (of 65536), for so many Ps. */
void gt_gc_pace_workers(int32_t procs, int32_t *dedicated, int32_t *fraction_q16);
