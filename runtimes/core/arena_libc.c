/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C library in jemalloc's place, for sanitizers: they see each block's birth, end
 * and edges. Every block is on a list, so that destroy finds what was not freed. Blocks
 * are not bound to nodes.
 */
#include "core/arena_impl.h"

#if GT_NO_JEMALLOC
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/lock.h"

#define LARGEST (1ull << 38) /* sanitizers end the process over a size that no machine has */

struct block { /* lies in front of what the caller gets, GT_ALLOC_ALIGN bytes */
    struct block *next, *prev;
    size_t size;
};

struct back {
    struct gt_lock lock;
    struct block all; /* ring. Guarded by: lock */
};

static int libc_init(struct gt_arena *a)
{
    struct back *b = calloc(1, sizeof *b);
    if (!b)
        return -ENOMEM;
    gt_lock_init(&b->lock, GT_RANK_LEAF);
    b->all.next = b->all.prev = &b->all;
    a->back = b;
    return 0;
}

static void libc_fini(struct gt_arena *a)
{
    struct back *b = a->back;
    while (b->all.next != &b->all) {
        struct block *k = b->all.next;
        b->all.next = k->next;
        free(k);
    }
    free(b);
}

static void *libc_alloc(struct gt_arena *a, size_t size, int32_t node)
{
    (void)node;
    struct back *b = a->back;
    void *memory = NULL;
    if (size > LARGEST)
        return NULL;
    if (posix_memalign(&memory, GT_ALLOC_ALIGN, GT_ALLOC_ALIGN + size) != 0)
        return NULL;
    memset(memory, 0, GT_ALLOC_ALIGN + size);
    struct block *k = memory;
    k->size = size;
    gt_lock(&b->lock);
    k->next = b->all.next;
    k->prev = &b->all;
    k->next->prev = k->prev->next = k;
    gt_unlock(&b->lock);
    return (char *)memory + GT_ALLOC_ALIGN;
}

static void libc_free(struct gt_arena *a, void *p, size_t size)
{
    struct back *b = a->back;
    struct block *k = (struct block *)(void *)((char *)p - GT_ALLOC_ALIGN);
    if (k->size != size) {
        static const char text[] = "alloc: a block was freed with another size than it has\n";
        gt_os_print(2, text, sizeof text - 1);
        gt_os_abort();
    }
    gt_lock(&b->lock);
    k->next->prev = k->prev;
    k->prev->next = k->next;
    gt_unlock(&b->lock);
    free(k);
}

const struct gt_arena_ops gt_arena_libc = {
    .name = "libc",
    .init = libc_init,
    .fini = libc_fini,
    .alloc = libc_alloc,
    .free = libc_free,
};
#endif
