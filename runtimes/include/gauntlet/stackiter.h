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
#include <stddef.h>
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

/*
 * The same walk told from the end: where its frames lie by their distance below the G's struct,
 * which stands at the top of its stack. So stacks of different Gs in one place of the program
 * are equal, word for word, and all of them lie inside.
 */
struct gt_stack_step {
    uintptr_t depth; /* of the frame's record: { the caller's frame, return address } */
    uintptr_t pc;    /* in the frame that has it */
};

/* Where the walk of G g begins, whose stack has at most `bytes`: at who called the function of
 * frame record `own`, if that is on the stack; else where the G left it, as the two words at
 * `left` say. Context: g is the caller's, and runs. */
static inline __attribute__((always_inline)) struct gt_stack_step
gt_stack_first(const void *g, uintptr_t bytes, const void *own, const void *left)
{
    uintptr_t top = (uintptr_t)g;
    const uintptr_t *at = top - (uintptr_t)own < bytes ? own : left;
    return (struct gt_stack_step){top - at[0], at[1]};
}

/* Is the walk from `first` on this one, of which all steps but the first were read, up to one whose pc
 * is 0? That one, or NULL. A true answer needs no bounds: each step is where one was that was
 * inside. */
static inline __attribute__((always_inline)) const struct gt_stack_step *
gt_stack_same(const void *g, struct gt_stack_step first, const struct gt_stack_step *s)
{
    uintptr_t top = (uintptr_t)g, at = top - first.depth;
    if (first.depth != s->depth || first.pc != s->pc)
        return NULL;
    for (;;) {
        uintptr_t pc = (++s)->pc, next = top - s->depth;
        if (((const uintptr_t *)at)[1] != pc)
            return NULL;
        if (pc == 0)
            return ((const uintptr_t *)at)[0] == 0 ? s : NULL;
        if (((const uintptr_t *)at)[0] != next)
            return NULL;
        at = next;
    }
}

/* Takes the steps from `first` on. Their number, 0: more than n, or not such a stack. Not deeper
 * than half of it: another G's may be a little shorter. Context: as above. */
static inline uint32_t gt_stack_steps(const void *g, uintptr_t bytes, struct gt_stack_step first,
                                      struct gt_stack_step *s, uint32_t n)
{
    uintptr_t top = (uintptr_t)g, below = bytes < 16384 ? 0 : bytes / 2;
    for (uint32_t i = 0; i < n; i++) {
        uintptr_t depth = first.depth;
        if (depth < 2 * sizeof(uintptr_t) || depth > below || depth % sizeof(uintptr_t) != 0)
            return 0;
        s[i] = first;
        const uintptr_t *at = (const uintptr_t *)(top - depth);
        if (at[1] == 0)
            return at[0] == 0 ? i + 1 : 0;
        below = depth - 1; /* they rise */
        first = (struct gt_stack_step){top - at[0], at[1]};
    }
    return 0;
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
