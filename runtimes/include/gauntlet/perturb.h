/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disturbance on real threads: delays at labelled points (perturb.def), drawn from the seed.
 * Oracle build only: elsewhere a point is no code, and gt_config.perturb must be 0.
 *
 * Each M draws from a stream of its own, made of the round's seed and the M's serial, once at
 * each point that it passes: the n-th draw of an M is the same in every run with that seed.
 * GT_C_ONLY
 */
#pragma once
#include "gauntlet/types.h"

enum gt_perturb_point {
#define GT_PERTURB_POINT(sym, text) GT_PERTURB_##sym,
#include "gauntlet/perturb.def"
#undef GT_PERTURB_POINT
    GT_PERTURB_POINTS
};

/* gt_config.perturb. A point is delayed by a yield of the thread, a spin of 100 ns to 50 us, or a
 * sleep of 20 us to 2 ms; a few points, drawn for each round, are hot. */
enum gt_perturb_level {
    GT_PERTURB_OFF,
    GT_PERTURB_LOW,    /* one in 1024 is delayed, one in 32 of 2 hot ones; nobody starves */
    GT_PERTURB_MEDIUM, /* one in 256, one in 8 of 3; an M starves for up to 200 ms */
    GT_PERTURB_HIGH,   /* one in 64, one in 3 of 4; for up to 2 s */
    GT_PERTURB_LEVELS
};
/* "off", "low", "medium", "high" or "0" to "3"; also "none" for off. -EINVAL: none of them. */
int gt_perturb_parse(const char *s);
const char *gt_perturb_level_name(uint32_t level);
const char *gt_perturb_name(enum gt_perturb_point p); /* its symbol */
const char *gt_perturb_text(enum gt_perturb_point p);

/* ---- oracle build -------------------------------------------------------------------------- */
/* Since create. Any thread; exact while nothing runs. */
struct gt_perturb_stats {
    uint64_t draws; /* points passed */
    uint64_t yields, spins, sleeps, starved;
    uint64_t starved_ns;   /* for how long, as planned: at most a fifth of the time since create */
    uint64_t starved_most; /* ns, the longest */
};
void gt_perturb_stats(struct gt_runtime *rt, struct gt_perturb_stats *out);
uint64_t gt_perturb_passed(struct gt_runtime *rt, enum gt_perturb_point p); /* how often */
bool gt_perturb_is_hot(struct gt_runtime *rt, enum gt_perturb_point p);
/* A new round: other hot points, streams anew from `seed`. Nothing runs. The first round is
 * that of gt_config.seed; gt_journal_next_round begins the next with a seed made of it. */
void gt_perturb_round(struct gt_runtime *rt, uint64_t seed);

/* ---- for tracers ------------------------------------------------------------------------------ */
/* Outside of a tracer's own locks; inside a section or not. */
#if defined(GT_ORACLE) && GT_ORACLE
#define GT_PERTURB_HOST(host_, sym_)                                                               \
    do {                                                                                           \
        if ((host_)->perturb)                                                                      \
            (host_)->perturb((host_), (uint32_t)GT_PERTURB_##sym_);                                \
    } while (0)
#else
#define GT_PERTURB_HOST(host_, sym_) ((void)(host_))
#endif
