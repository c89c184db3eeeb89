/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks of Gs: one size per pool, taken from large mappings, a guard page below
 * each, kept for reuse per NUMA node.
 *
 * A stack that nobody has used costs address space only. One that was used keeps its
 * touched pages when it is put back (the last one put is the first one handed out)
 * until gt_stacks_trim.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/port.h"

struct gt_arena;
struct gt_topo;
struct gt_stacks;
struct gt_stack_chunk;

/* A stack in somebody's hands. */
struct gt_stack {
    char *lo;              /* lowest usable byte, page-aligned; the guard page ends here */
    char *hi;              /* first byte above; 64-byte aligned, at most 2 KiB below a page's end
                (lower in a G: its struct stands above) */
    struct gt_fiber fiber; /* what sanitizers know it by; made with it, kept when cached */
    struct gt_stack_chunk *chunk; /* NULL: no stack */
    uint32_t index;               /* in the chunk */
    int32_t node;                 /* index of the node that its memory comes from */
};

struct gt_stacks_options {
    size_t size;          /* usable bytes, rounded up to pages; 0: GT_STACK_DEFAULT */
    bool page_protection; /* guard by page protection even where a lighter one is offered */
};

struct gt_stacks_stats {
    uint64_t mapped;  /* stacks with address space */
    uint64_t made;    /* of them ever used: their guards stand */
    uint64_t in_use;  /* gets minus puts */
    uint64_t unbound; /* mappings that the kernel would not bind to their node */
    size_t size;      /* usable bytes of each */
    bool lightweight; /* guards that cost no map entry */
};

/* arena holds the pool's own tables, at most 64 bytes a stack; topo may be NULL: one
 * node. Both must outlive the pool. 0, or -ENOMEM, -EINVAL with a line in err. */
int gt_stacks_create(struct gt_arena *arena, const struct gt_topo *topo,
                     const struct gt_stacks_options *o, struct gt_stacks **out, char *err,
                     size_t err_size);
/* Every stack goes, handed out or not; the fiber of one that is out is its holder's to
 * destroy before. NULL: nothing. */
void gt_stacks_destroy(struct gt_stacks *s);

/*
 * A stack on `node` (-1: any). Its content is what its last user left.
 * Context: any thread, no lock of rank STACKS or above held; a mapping may be made.
 * 0; -ENOMEM no memory; -ENOSPC map count limit reached (gt_stacks_error has the
 * line); out->chunk is NULL then.
 */
int gt_stack_get(struct gt_stacks *s, int32_t node, struct gt_stack *out);
/* Back to its node's list. Nobody runs there, and what was suspended there is dropped.
 * Clears *st. */
void gt_stack_put(struct gt_stacks *s, struct gt_stack *st);
/* What an error of gt_stack_get means and what to do about it, one line. */
const char *gt_stacks_error(int error);

/* Bytes of whole pages from st->lo up that lie below sp and its red zone. */
size_t gt_stack_unused(const struct gt_stack *st, const void *sp);
/* Gives whole pages below sp back to the kernel. The stack is suspended at sp; the
 * red zone below sp is left alone. Returns bytes offered. */
size_t gt_stack_discard_unused(const struct gt_stack *st, const void *sp);
/* Gives the pages of all cached stacks but the `keep` hottest of each node back.
 * Returns how many stacks that were. */
size_t gt_stacks_trim(struct gt_stacks *s, size_t keep);

/* Which stack holds addr, in its usable part? Fills *out as it was when it was handed out (its
 * fiber excepted); false also while nobody has it. Async-signal-safe. */
bool gt_stacks_find_usable(const struct gt_stacks *s, const void *addr, struct gt_stack *out);
/* Whose guard page holds addr? Fills *out (its fiber excepted). Async-signal-safe. */
bool gt_stacks_find(const struct gt_stacks *s, const void *addr, struct gt_stack *out);
void gt_stacks_stats(const struct gt_stacks *s, struct gt_stacks_stats *out);
