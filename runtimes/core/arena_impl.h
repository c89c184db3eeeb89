/* SPDX-License-Identifier: Apache-2.0 */
/* What arena.c and its back-ends share. Only they include it. */
#pragma once
#include "core/alloc.h"
#include "port/port.h"

#ifndef GT_NO_JEMALLOC
#define GT_NO_JEMALLOC 0
#endif

#define GT_ARENA_STRIPES 16

/*
 * A back-end. alloc: zeroed, aligned to GT_ALLOC_ALIGN; node -1 or an index of the
 * topology; size > 0. free: size as asked for, p not NULL. Both from any thread.
 */
struct gt_arena_ops {
    const char *name;
    int (*init)(struct gt_arena *a); /* 0 or -errno, nothing left behind */
    void (*fini)(struct gt_arena *a);
    void *(*alloc)(struct gt_arena *a, size_t size, int32_t node);
    void (*free)(struct gt_arena *a, void *p, size_t size);
};

extern const struct gt_arena_ops gt_arena_bump;
#if GT_NO_JEMALLOC
extern const struct gt_arena_ops gt_arena_libc;
#else
extern const struct gt_arena_ops gt_arena_jemalloc;
#endif

/* Written by: whoever allocates or frees a block that hashes here. */
struct gt_arena_stripe {
    GT_ALIGNED gt_a64 bytes;
    gt_a64 blocks;
};

struct gt_arena {
    const struct gt_arena_ops *ops;
    const struct gt_topo *topo; /* may be NULL */
    int32_t nodes;
    void *back; /* the back-end's own */
    gt_a64 unbound;
#if GT_ORACLE
    gt_a64 fail; /* allocations until one fails, 0: none will */
#endif
    struct gt_arena_stripe live[GT_ARENA_STRIPES]; /* the sums count, a stripe may wrap */
};

static inline size_t gt_arena_round(size_t n, size_t to)
{
    return (n + to - 1) & ~(to - 1);
}

/* bump: also sets the live counters of `a`. */
void gt_arena_set_live(struct gt_arena *a, uint64_t bytes, uint64_t blocks);
