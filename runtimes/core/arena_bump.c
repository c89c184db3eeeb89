/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One region, filled from its start. Freed blocks wait on a list per size class.
 *
 * I1  Everything that a later allocation depends on lies in the region's used part,
 *     its head included: copying that part saves and restores the whole arena.
 * I2  Bytes at and above `high` were never handed out: they are zero.
 * I3  used <= high <= committed <= size.
 * Progress: a lock around a few instructions; committing more takes a system call.
 * Limits: the region does not grow past what was reserved and never shrinks; large
 * blocks are rounded up to powers of two.
 */
#include "core/arena_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/lock.h"

#define RESERVE (16ull << 30) /* address space wanted */
#define RESERVE_MIN (64ull << 20)
#define STEP (4ull << 20) /* made usable at a time */
#define SMALL_MAX 1024u   /* classes of 64 bytes up to here, then powers of two */
#define SMALL (SMALL_MAX / GT_ALLOC_ALIGN)
#define CLASSES 48u

struct freed {
    struct freed *next;
};

struct head { /* at the region's start */
    size_t used;
    struct freed *freed[CLASSES];
};

/* Guarded by: lock, but for base and size, which are constant. */
struct back {
    struct gt_lock lock;
    char *base;
    size_t size, committed, high;
};

static struct head *head_of(const struct back *b)
{
    return (struct head *)(void *)b->base;
}

static unsigned log2_up(size_t n)
{
    return 64u - (unsigned)__builtin_clzll((unsigned long long)n - 1);
}

static unsigned class_of(size_t size)
{
    if (size <= SMALL_MAX)
        return (unsigned)((size - 1) / GT_ALLOC_ALIGN);
    return SMALL + log2_up(size) - 11u; /* 1025..2048: the first above the small ones */
}

static size_t size_of(unsigned class)
{
    if (class < SMALL)
        return (class + 1u) * (size_t)GT_ALLOC_ALIGN;
    return (size_t)1 << (class - SMALL + 11u);
}

static int commit_to(struct back *b, size_t end)
{
    if (end <= b->committed)
        return 0;
    size_t want = gt_arena_round(end, STEP);
    int rc = want > b->size ? -ENOMEM : gt_map_commit(b->base + b->committed, want - b->committed);
    if (rc == 0)
        b->committed = want;
    return rc;
}

static void set_empty(struct back *b)
{
    memset(b->base, 0, sizeof(struct head));
    head_of(b)->used = gt_arena_round(sizeof(struct head), GT_ALLOC_ALIGN);
    if (b->high < head_of(b)->used)
        b->high = head_of(b)->used;
}

static void bump_fini(struct gt_arena *a)
{
    struct back *b = a->back;
    if (b->base)
        gt_unmap(b->base, b->size);
    free(b);
}

static int bump_init(struct gt_arena *a)
{
    struct back *b = calloc(1, sizeof *b);
    if (!b)
        return -ENOMEM;
    a->back = b;
    gt_lock_init(&b->lock, GT_RANK_LEAF);
    b->size = RESERVE;
    while (!(b->base = gt_map(b->size, true)) && b->size > RESERVE_MIN)
        b->size /= 2;
    if (!b->base || commit_to(b, sizeof(struct head)) < 0) {
        bump_fini(a);
        return -ENOMEM;
    }
    set_empty(b);
    return 0;
}

/* A block of the class above everything in use; NULL: the region is full. */
static void *extend(struct back *b, size_t size)
{
    struct head *h = head_of(b);
    if (size > b->size - h->used || commit_to(b, h->used + size) < 0)
        return NULL;
    char *p = b->base + h->used;
    h->used += size;
    if (h->used > b->high) { /* I2: only what lies below high can be dirty */
        memset(p, 0, b->high > (size_t)(p - b->base) ? b->high - (size_t)(p - b->base) : 0);
        b->high = h->used;
    } else {
        memset(p, 0, size);
    }
    return p;
}

static void *bump_alloc(struct gt_arena *a, size_t size, int32_t node)
{
    (void)node;
    struct back *b = a->back;
    if (size > b->size)
        return NULL;
    unsigned class = class_of(size);
    gt_lock(&b->lock);
    struct freed *f = head_of(b)->freed[class];
    void *p = f;
    if (f) {
        head_of(b)->freed[class] = f->next;
        memset(p, 0, size_of(class));
    } else {
        p = extend(b, size_of(class));
    }
    gt_unlock(&b->lock);
    return p;
}

static void bump_free(struct gt_arena *a, void *p, size_t size)
{
    struct back *b = a->back;
    struct freed *f = p;
    unsigned class = class_of(size);
    gt_lock(&b->lock);
    f->next = head_of(b)->freed[class];
    head_of(b)->freed[class] = f;
    gt_unlock(&b->lock);
}

const struct gt_arena_ops gt_arena_bump = {
    .name = "bump",
    .init = bump_init,
    .fini = bump_fini,
    .alloc = bump_alloc,
    .free = bump_free,
};

/* ---- saving and restoring ------------------------------------------------------- */

int gt_arena_mark(struct gt_arena *a, struct gt_arena_mark *m)
{
    *m = (struct gt_arena_mark){0};
    if (a->ops != &gt_arena_bump)
        return -ENOTSUP;
    struct back *b = a->back;
    m->used = head_of(b)->used;
    m->mapped = gt_arena_round(m->used, gt_page_size());
    m->copy = gt_map(m->mapped, false);
    if (!m->copy)
        return -ENOMEM;
    memcpy(m->copy, b->base, m->used);
    struct gt_arena_live live;
    gt_arena_live(a, &live);
    m->bytes = live.bytes;
    m->blocks = live.blocks;
    return 0;
}

int gt_arena_restore(struct gt_arena *a, const struct gt_arena_mark *m)
{
    if (a->ops != &gt_arena_bump)
        return -ENOTSUP;
    struct back *b = a->back;
    memcpy(b->base, m->copy, m->used); /* high stays: what is above may be dirty (I2) */
    gt_arena_set_live(a, m->bytes, m->blocks);
    return 0;
}

void gt_arena_mark_free(struct gt_arena_mark *m)
{
    if (m->copy)
        gt_unmap(m->copy, m->mapped);
    *m = (struct gt_arena_mark){0};
}

int gt_arena_reset(struct gt_arena *a)
{
    if (a->ops != &gt_arena_bump)
        return -ENOTSUP;
    set_empty(a->back);
    gt_arena_set_live(a, 0, 0);
    return 0;
}
