/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tracer sections: an M says that it writes, then looks whether, and in which generation.
 * The core opens and closes those of a tracer that says GT_TRACER_CORE_SECTIONS by this very
 * code, inline, on gt_mach.section; other tracers call it themselves, or do it their way.
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
 *      At least one sees the other's store. Without the heavy fence M's store may wait in its
 *      CPU while its load is done: M reads n, the advance sees no mark, and both use M's buffer.
 *   I2 A section inside a section has the generation of the first entry: reading it again
 *      would write one M's events of one section into two generations.
 *   I3 Only its M enters and leaves, and never a signal handler of it in between: the mark is
 *      also the depth, changed by a load and a store. Who may be interrupted by a handler
 *      that writes events is pinned (the core's gt_trace_acquire), or not on a G's stack.
 *   I4 One M, one state: sections opened inline and through the tracer's acquire nest.
 * Ordering:
 *   O1 What an M wrote in a section happens before what is done after its mark was seen
 *      clear (section label).
 */
#pragma once
#include "gauntlet/atomic.h"
#include "gauntlet/os.h"
#include "gauntlet/types.h"

struct gt_section {
    gt_a32 mark;    /* how deep, 0: outside. Written by: its M */
    uint64_t entry; /* generation of the outermost. Its M's own */
};

/* Oracle build: the calling M passes section_marked (perturb.def). */
#if defined(GT_ORACLE) && GT_ORACLE
void gt_perturb_section(void);
#else
static inline void gt_perturb_section(void)
{
}
#endif

/* Does the kernel do the fences of I1 for the Ms (membarrier)? */
static inline bool gt_section_asym(const struct gt_os *os)
{
    return os->membarrier() == 0;
}

/* The generation, 0: off and not inside. */
static inline __attribute__((always_inline)) uint64_t
gt_section_enter(struct gt_section *s, const gt_a64 *generation, bool asym)
{
    uint32_t depth = gt_load_relaxed(&s->mark);
    gt_store_relaxed(&s->mark, depth + 1);
    if (__builtin_expect(depth != 0, 0))
        return s->entry; /* I2 */
    gt_perturb_section();
    if (__builtin_expect(asym, 1))
        gt_signal_fence();
    else
        gt_fence_seqcst(); /* pair: section-fence */
    uint64_t w = gt_load_acquire(generation); /* pair: generation */
    if (__builtin_expect(w == 0, 0)) {
        gt_store_release(&s->mark, 0u); /* pair: section */
        return 0;
    }
    s->entry = w;
    return w;
}

static inline __attribute__((always_inline)) void gt_section_leave(struct gt_section *s)
{
    gt_store_release(&s->mark, gt_load_relaxed(&s->mark) - 1); /* pair: section */
}

/* Of its own M: is it inside one of generation w? */
static inline bool gt_section_inside(const struct gt_section *s, uint64_t w)
{
    return gt_load_relaxed(&s->mark) != 0 && s->entry == w;
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
