/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one allocation interface of a runtime. Every byte of a runtime but its stacks
 * comes from its arena, so a leak is a number, and a simulated kernel can take the
 * whole state of a runtime back by copying.
 *
 * Back-ends (enum gt_alloc_kind):
 *   JEMALLOC  an arena of jemalloc per NUMA node, its extents bound to the node before
 *             they are touched. No thread cache: a thread's cache would hand a block
 *             of one node out as memory of another. Where the build has no jemalloc
 *             (sanitizers) the C library stands in, under the same name, unbound.
 *   BUMP      one region, filled from its start; can be emptied, and saved and
 *             restored by copying. Addresses depend on the calls alone. No nodes.
 *
 * Context: any thread; not where a signal may switch the thread to another G (the
 * back-end's locks): pinned or on a system stack. May block for the time of a mapping.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gauntlet/runtime.h"

struct gt_arena;
struct gt_topo;

#define GT_ALLOC_ALIGN 64

/* topo may be NULL: one node. It must outlive the arena. 0; -EINVAL, -ENOMEM and a
 * line in err. */
int gt_arena_create(enum gt_alloc_kind kind, const struct gt_topo *topo, struct gt_arena **out,
                    char *err, size_t err_size);
/* Frees every block with it: look at gt_arena_live before. NULL: nothing. */
void gt_arena_destroy(struct gt_arena *a);

/* Zeroed, aligned to a cache line, from `node` (an index; -1: any), or NULL. size > 0. */
void *gt_alloc(struct gt_arena *a, size_t size, int32_t node);
/* size: as it was asked for. p NULL: nothing. Any thread, any node. */
void gt_free(struct gt_arena *a, void *p, size_t size);

/* Exact when nobody allocates. */
struct gt_arena_live {
    uint64_t bytes;   /* as asked for */
    uint64_t blocks;  /* not yet freed */
    uint64_t unbound; /* extents that the kernel would not bind to their node */
};
void gt_arena_live(const struct gt_arena *a, struct gt_arena_live *out);
const char *gt_arena_name(const struct gt_arena *a); /* "jemalloc", "libc", "bump" */

/*
 * BUMP only (else -ENOTSUP), and nobody else in the arena meanwhile.
 * A mark is a copy of everything allocated; restore puts it back at the same
 * addresses: blocks younger than the mark are gone, blocks freed since are back.
 * A mark may be restored many times, in any order. reset: back to empty.
 */
struct gt_arena_mark {
    void *copy;
    size_t used;
    size_t mapped;
    uint64_t bytes, blocks;
};
int gt_arena_mark(struct gt_arena *a, struct gt_arena_mark *m); /* 0, -ENOTSUP, -ENOMEM */
int gt_arena_restore(struct gt_arena *a, const struct gt_arena_mark *m);
void gt_arena_mark_free(struct gt_arena_mark *m);
int gt_arena_reset(struct gt_arena *a);

#if GT_ORACLE
/* For tests: the n-th allocation from now (1: the next) returns NULL, once. 0: none. */
void gt_arena_fail_after(struct gt_arena *a, uint64_t n);
/* Has it not yet come to that? */
bool gt_arena_fail_pending(const struct gt_arena *a);
#endif
