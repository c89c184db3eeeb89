/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tracer sections: an M says that it writes, then looks whether, and in which generation.
 * GT_C_ONLY
 *
 * Invariants:
 *   I1 The mark is set before the generation is read. Once a new generation is stored, and
 *      after it the mark of an M was seen clear, that M never writes into the old one:
 *
 *      M                                   advance
 *      mark := 1                           generation := n+1
 *      fence (light)                       fence (heavy)
 *      read generation             |       is the mark of M set? wait
 *
 *      At least one sees the other's store.
 *   I2 A section inside a section has the generation of the first entry: reading it again
 *      would write one M's events of one section into two generations.
 *   I3 Only its M enters and leaves; depth and entry are its own.
 * Ordering:
 *   O1 What an M wrote in a section happens before what is done after its mark was seen
 *      clear (section label).
 */
#pragma once
#include "gauntlet/atomic.h"
#include "gauntlet/os.h"
#include "gauntlet/types.h"

struct gt_section {
    gt_a32 mark;
    uint32_t depth;
    uint64_t entry;
};

/* Does the kernel do the fences of I1 for the Ms (membarrier)? */
static inline bool gt_section_asym(const struct gt_os *os)
{
    return os->membarrier() == 0;
}

/* The generation, 0: off and not inside. */
static inline __attribute__((always_inline)) uint64_t
gt_section_enter(struct gt_section *s, const gt_a64 *generation, bool asym)
{
    if (__builtin_expect(s->depth != 0, 0)) {
        s->depth++;
        return s->entry; /* I2 */
    }
    gt_store_relaxed(&s->mark, 1u);
    if (__builtin_expect(asym, 1))
        gt_signal_fence();
    else
        gt_fence_seqcst(); /* pair: section-fence */
    uint64_t w = gt_load_acquire(generation); /* pair: generation */
    if (__builtin_expect(w == 0, 0)) {
        gt_store_release(&s->mark, 0u); /* pair: section */
        return 0;
    }
    s->depth = 1;
    s->entry = w;
    return w;
}

static inline __attribute__((always_inline)) void gt_section_leave(struct gt_section *s)
{
    if (__builtin_expect(--s->depth == 0, 1))
        gt_store_release(&s->mark, 0u); /* pair: section */
}

/* After the generation was stored, before marks are read. */
static inline void gt_section_fence(const struct gt_os *os, bool asym)
{
    if (asym)
        os->membarrier();
    else
        gt_fence_seqcst(); /* pair: section-fence */
}

/* Is the M out, so that what it wrote before the fence may be taken? */
static inline bool gt_section_clear(const struct gt_section *s)
{
    return gt_load_acquire(&s->mark) == 0; /* pair: section */
}
