/* SPDX-License-Identifier: Apache-2.0 */
/* State of the strict rules. GT_C_ONLY */
#pragma once
#include "trace/strict.h"

/*
 * How far times of two Ms may disagree before L5 and L6 believe them, ns. Events take their time
 * from one monotonic clock, so they disagree by its grain (64 ns) and by what two cores' counters
 * differ (well below a microsecond).
 */
#define GT_STRICT_SLACK_NS 10000

struct gt_strict {
    uint64_t syncs, last_gen;
    struct gt_clock_snapshot last_snapshot;
    int64_t last_trace_ns;
    bool has_last;

    struct gt_id_map bad_stacks; /* of this generation: V6 */
    struct gt_id_map dead;       /* Gs that ended in the first generation: V7 */
    bool newer_seen[256];        /* L10, once a type */

    /* L5 */
    bool stw_open;
    uint64_t stw_g;
    bool stw_ended; /* Ps that ran through it are still marked */
    struct gt_where stw_end;

    /* L6 */
    uint64_t procs; /* of the last ProcsChange; 0: none yet */
    uint64_t running;
    bool over, over_reported;
    struct gt_where over_at;
};

/* ---- strict_world.c: L5, L6 ---- */
void gt_strict_world_begin(struct gt_order *o, const struct gt_cursor *c, uint64_t g);
void gt_strict_world_end(struct gt_order *o, const struct gt_cursor *c, uint64_t g);
void gt_strict_p_pauses(struct gt_order *o, const struct gt_cursor *c, struct gt_res *p);
void gt_strict_count_running(struct gt_order *o, const struct gt_cursor *c, int by);
void gt_strict_procs_change(struct gt_order *o, const struct gt_cursor *c);
void gt_strict_world_generation_end(struct gt_order *o);

/* ---- strict_tables.c: what is wrong with a generation as a whole ---- */
void gt_strict_tables(struct gt_order *o, const struct gt_generation *g);
