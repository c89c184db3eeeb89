/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pacer: when a cycle begins, how fast who allocates must help to mark, how much of the
 * Ps' time goes to it.
 *
 *      bytes
 *      goal     ............................................   live * (1 + percent / 100),
 *                                              /               at least 4 MiB, below the limit
 *      trigger  ..................... . . . ./                 goal - what was allocated while
 *                              /    marking                    the last cycle marked
 *      live     ............./
 *
 * What is born black while marking is marked, dead or not. The goal is set from what was marked
 * besides, and that part of the newborn that lives if they die as those before them did:
 * else a slow marker, with many born black, would set itself a goal far beyond twice what lives.
 *
 * Invariants:
 *   I1 live <= trigger < goal, unless the heap is over its limit already; then the trigger
 *      is a little above live: cycles do not follow each other without a pause.
 *   I2 Who allocates while marking is charged `ratio` bytes of marking per byte, so that the
 *      work that is left is done when the heap reaches its goal. The ratio is a guess from
 *      the last cycle; with the goal or the guess behind us it takes the worst case: all that
 *      lived when the cycle began.
 *   I3 While sweeping, spans taken and spans swept keep the proportion that ends sweeping
 *      before the trigger.
 * Limits: numbers are read without order; a pace may be some microseconds old.
 */
#include "core/gc_state.h"

#define GOAL_LEAST (4ll << 20)
#define ROOM_LEAST (64ll << 10) /* between live and trigger */
#define Q16 16
#define RATIO_LEAST 1ll           /* of 65536 */
#define RATIO_MOST (1024ll << Q16)

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- goal and trigger --------------------------------------------------------------- */
/* What is left under the limit for objects: not all slots of a span can be used. */
static int64_t usable(const struct gt_gc *gc)
{
    uint64_t l = gc->options.limit;
    return l == 0 || l > INT64_MAX ? INT64_MAX : (int64_t)(l - l / 16);
}

static int64_t goal_for(const struct gt_gc *gc, int64_t marked)
{
    int64_t goal = INT64_MAX;
    if (gc->options.percent >= 0)
        goal = max64(marked + marked / 100 * gc->options.percent, GOAL_LEAST);
    return min64(goal, usable(gc));
}

/* A quarter more than the last runway, between 70 % and 95 % of the way: I1. */
static int64_t trigger_for(const struct gt_gc *gc, int64_t marked, int64_t goal)
{
    if (goal == INT64_MAX)
        return INT64_MAX;
    int64_t room = max64(goal - marked, max64(ROOM_LEAST, goal / 64));
    int64_t way = room - gc->pace.runway - gc->pace.runway / 4;
    return marked + min64(max64(way, room / 10 * 7), room / 20 * 19);
}

static void aim(struct gt_gc *gc, int64_t marked, int64_t lives)
{
    int64_t goal = goal_for(gc, lives);
    gt_store_relaxed(&gc->pace.goal, goal);
    gt_store_relaxed(&gc->pace.trigger, trigger_for(gc, marked, goal));
}

bool gt_gc_pace_due(struct gt_gc *gc)
{
    return gt_load_relaxed(&gc->pace.live) >= gt_load_relaxed(&gc->pace.trigger);
}

void gt_gc_pace_init(struct gt_gc *gc)
{
    aim(gc, 0, 0);
}

/* ---- marking -------------------------------------------------------------------------- */
void gt_gc_pace_revise(struct gt_gc *gc)
{
    struct gt_gc_pace *p = &gc->pace;
    int64_t done = gt_load_relaxed(&p->scanned), live = gt_load_relaxed(&p->live);
    int64_t goal = gt_load_relaxed(&p->goal), expected = p->scan_expected;
    if (live >= goal || done >= expected) { /* I2 */
        expected = max64(p->began_live, done + done / 8);
        if (live >= goal)
            goal = live + max64(goal / 16, ROOM_LEAST);
    }
    int64_t work = max64(expected - done, 1000);
    int64_t room = max64(goal - live, 1);
    int64_t ratio = work < INT64_MAX >> Q16 ? (work << Q16) / room : RATIO_MOST;
    gt_store_relaxed(&p->ratio, min64(max64(ratio, RATIO_LEAST), RATIO_MOST));
}

int64_t gt_gc_pace_charge(struct gt_gc *gc, size_t size)
{
    int64_t bytes = size > INT64_MAX / RATIO_MOST ? INT64_MAX / RATIO_MOST : (int64_t)size;
    return ((bytes * gt_load_relaxed(&gc->pace.ratio)) >> Q16) + 1;
}

void gt_gc_pace_mark(struct gt_gc *gc)
{
    struct gt_gc_pace *p = &gc->pace;
    p->began_live = gt_load_relaxed(&p->live);
    int64_t last = gt_load_relaxed(&p->scanned);
    p->scan_expected = last > 0 ? last : p->began_live;
    gt_store_relaxed(&p->scanned, 0);
    gt_gc_pace_revise(gc);
}

/* ---- the end of marking ------------------------------------------------------------------ */
static void aim_sweep(struct gt_gc *gc, int64_t live)
{
    struct gt_gc_pace *p = &gc->pace;
    struct gt_heap_stats s;
    gt_heap_stats(gc->heap, &s);
    int64_t trigger = gt_load_relaxed(&p->trigger);
    int64_t room = trigger == INT64_MAX ? max64(live, GOAL_LEAST) : max64(trigger - live, 1);
    int64_t pages = (int64_t)(s.memory / GT_GC_PAGE);
    gt_store_relaxed(&p->sweep_from, live);
    gt_store_relaxed(&p->swept_pages, 0);
    gt_store_relaxed(&p->sweep_ratio, (pages << Q16) / room + 1);
}

/* How many of `born` bytes live. Of those allocated between the last two cycles, what is it? */
static int64_t survivors(const struct gt_gc_pace *p, int64_t old, int64_t born)
{
    int64_t made = p->began_live - gt_load_relaxed(&p->marked);
    int64_t stayed = max64(old - p->lives, 0);
    if (made <= 0 || stayed >= made)
        return born;
    return (int64_t)((double)born * (double)stayed / (double)made);
}

void gt_gc_pace_end(struct gt_gc *gc, uint64_t marked, uint64_t born)
{
    struct gt_gc_pace *p = &gc->pace;
    int64_t live = (int64_t)marked;
    int64_t old = live - (int64_t)born;
    p->lives = old + survivors(p, old, (int64_t)born);
    p->runway = max64(gt_load_relaxed(&p->live) - p->began_live, 0);
    gt_store_relaxed(&p->live, live);
    gt_store_relaxed(&p->marked, live);
    aim(gc, live, p->lives);
    aim_sweep(gc, live);
}

/* ---- who marks ---------------------------------------------------------------------------- */
/* A quarter of the Ps: as many whole ones as come within 30 % of that, and where they do not,
 * one less and each P's share of the rest. */
void gt_gc_pace_workers(int32_t procs, int32_t *dedicated, int32_t *fraction_q16)
{
    int32_t whole = (procs + 2) / 4;
    int32_t off = 4 * whole - procs; /* of the quarter, in quarters */
    *fraction_q16 = 0;
    if (10 * (off < 0 ? -off : off) > 3 * procs) {
        whole = off > 0 ? whole - 1 : whole;
        *fraction_q16 = (int32_t)(((int64_t)(procs - 4 * whole) << Q16) / 4 / procs);
    }
    *dedicated = whole;
}
