/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk over the frame pointers of one G's stack, inline for tracers. GT_C_ONLY
 *
 * Frames lie inside the G's own stack and rise strictly; anything else ends the walk: the
 * system's libraries have no frame pointers. The distance from the stack's low end, rotated
 * by the alignment, is one number that is too large when a frame lies outside or askew.
 * Only who owns the stack walks it: gt_tracer_host.stack_begin.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct gt_stack_iter {
    uintptr_t pc;       /* of the frame the walk stands at, 0: past the last */
    uintptr_t fp;       /* where that frame's caller is saved */
    uintptr_t lo, span; /* of the stack; span: in words, less one frame */
};

static inline bool gt_stack_iter_inside(const struct gt_stack_iter *it, uintptr_t fp)
{
    uintptr_t from_lo = fp - it->lo;
    return (from_lo >> 3 | from_lo << 61) <= it->span;
}

/* To the caller's frame. false: there is none. */
static inline bool gt_stack_iter_next(struct gt_stack_iter *it)
{
    if (it->pc == 0 || !gt_stack_iter_inside(it, it->fp)) {
        it->pc = 0;
        return false;
    }
    uintptr_t next = ((const uintptr_t *)it->fp)[0];
    it->pc = ((const uintptr_t *)it->fp)[1];
    it->fp = next > it->fp ? next : 0; /* 0 is outside: the next step ends the walk */
    return it->pc != 0;
}

/* The frames from here on, innermost first, at most n. Count. */
static inline uint32_t gt_stack_iter_take(struct gt_stack_iter it, uintptr_t *pc, uint32_t n)
{
    uint32_t k = 0;
    for (bool more = it.pc != 0; more && k < n; more = gt_stack_iter_next(&it))
        pc[k++] = it.pc;
    return k;
}

/* Are the frames from here on exactly these n, n > 0? Reads only inside the stack. A true
 * answer is what gt_stack_iter_take with room for more than n would have given. */
static inline __attribute__((always_inline)) bool
gt_stack_iter_is(const struct gt_stack_iter *it, const uintptr_t *pc, uint32_t n)
{
    uintptr_t fp = it->fp;
    if (it->pc != pc[0])
        return false;
    for (uint32_t i = 1; i < n; i++) {
        if (!gt_stack_iter_inside(it, fp) || ((const uintptr_t *)fp)[1] != pc[i])
            return false;
        uintptr_t next = ((const uintptr_t *)fp)[0];
        fp = next > fp ? next : 0;
    }
    return !gt_stack_iter_inside(it, fp) || ((const uintptr_t *)fp)[1] == 0;
}
