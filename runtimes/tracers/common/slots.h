/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a tracer with generations keeps per G and per P: was its status written in this
 * generation, and how many sequenced events has it had. GT_C_ONLY
 *
 * Generations are indexed here and nowhere else.
 *
 * Invariants:
 *   I1 When generation n begins, the slots of n are clean for every G and P there is: the
 *      slot is cleaned while n-1 is in use, by whoever first needs n-1 (claim), or by the
 *      advance that ends n-1 (which visits every G, and every P, dead ones too).
 *   I2 Three status slots, because the advance still asks about n-1 while n is written and
 *      n+1 must be clean already. Two counters: that of n+1 is cleaned while n-1 is no
 *      longer counted.
 *   I3 A counter is changed by the M that owns the G or P at that moment; the hand-over
 *      orders the changes. The cleaning of the next one may come from two sides at once,
 *      both write 0 before anybody counts.
 *   I4 Seed 002: if the stop of a trace does not clean the Ps that are dead, one that comes
 *      back in the next trace has the status and the count of an old generation:
 *
 *      trace 1, generation 1    P3 traced, count 7; then dies
 *      stop                     (P3 not cleaned for generation 2)
 *      trace 2, generation 2    ...
 *                 generation 4  P3 returns: slot of 4 = slot of 1: "traced", count goes on
 */
#pragma once
#include "gauntlet/atomic.h"
#include "gauntlet/types.h"

/* A generation and its slots in one word, so that no event divides: number << 2 | slot.
 * This is also the section token of such a tracer. 0: off. */
#define GT_GEN_OFF 0u
static inline uint64_t gt_gen_number(uint64_t w)
{
    return w >> 2;
}
static inline unsigned gt_gen_slot3(uint64_t w)
{
    return (unsigned)(w & 3u);
}
static inline unsigned gt_gen_slot2(uint64_t w)
{
    return (unsigned)(w >> 2) & 1u;
}
/* Of a generation known by its number only. */
static inline unsigned gt_gen_slot2_of(uint64_t number)
{
    return (unsigned)number & 1u;
}
/* The one after w; after GT_GEN_OFF the first. Neither pattern is broken by the end of
 * numbers: 62 bits last. */
static inline uint64_t gt_gen_next(uint64_t w)
{
    unsigned slot = gt_gen_slot3(w) == 2 ? 0 : gt_gen_slot3(w) + 1;
    return (gt_gen_number(w) + 1) << 2 | slot;
}

struct gt_slots {
    gt_a32 traced[3];
    gt_a64 count[2];
};

static inline bool gt_slots_traced(const struct gt_slots *s, uint64_t w)
{
    return gt_load_relaxed(&s->traced[gt_gen_slot3(w)]) != 0;
}

/* I1: the slots of the generation after w are clean. */
static inline void gt_slots_clean_next(struct gt_slots *s, uint64_t w)
{
    uint64_t n = gt_gen_next(w);
    gt_store_relaxed(&s->count[gt_gen_slot2(n)], 0u);
    gt_store_relaxed(&s->traced[gt_gen_slot3(n)], 0u);
}

/* true: the caller shall write the status in generation w, nobody else will. Only while w is
 * the newest for this G or P: it cleans the slots of the one after. */
static inline bool gt_slots_claim(struct gt_slots *s, uint64_t w)
{
    uint32_t no = 0;
    if (gt_slots_traced(s, w) || !gt_cas_relaxed(&s->traced[gt_gen_slot3(w)], &no, 1u))
        return false;
    gt_slots_clean_next(s, w);
    return true;
}

/* Born in w: its creation tells its status. */
static inline void gt_slots_set(struct gt_slots *s, uint64_t w)
{
    gt_store_relaxed(&s->traced[gt_gen_slot3(w)], 1u);
    gt_slots_clean_next(s, w);
}

/* Number of its next sequenced event in w, from 1. */
static inline uint64_t gt_slots_count(struct gt_slots *s, uint64_t w)
{
    gt_a64 *c = &s->count[gt_gen_slot2(w)];
    uint64_t n = gt_load_relaxed(c) + 1;
    gt_store_relaxed(c, n);
    return n;
}

/* Of its last one. */
static inline uint64_t gt_slots_last(const struct gt_slots *s, uint64_t w)
{
    return gt_load_relaxed(&s->count[gt_gen_slot2(w)]);
}

/* A G struct is used anew, under a new id. */
static inline void gt_slots_reborn(struct gt_slots *s)
{
    gt_store_relaxed(&s->count[0], 0u);
    gt_store_relaxed(&s->count[1], 0u);
}
