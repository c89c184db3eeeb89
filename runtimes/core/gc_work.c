/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grey objects: buffers of a P, lists that all share.
 *
 * A P fills and empties two buffers of its own and turns to the shared lists only when both
 * are full or both are empty: the lock is taken once in a buffer's length or rarer.
 *
 * Out of memory. The mark bit of an object says that somebody has promised to look at it; with
 * no buffer to be had the promise is kept by its span, which needs no memory: it stands on a
 * list through a link of its own, and who finds no other work takes it off and looks at all
 * of its marked objects again. A mark is never taken back, so each such look either finds
 * every child marked or marks one more: the cycle ends, later.
 *
 * Invariants:
 *   I1 A buffer is in one place: a P's, the full list, the empty list. On the full list none
 *      is empty, on the empty list all are.
 *   I2 A span is on the list of lost ones exactly when span->lost. It is taken off before its
 *      mark bits are read: what is lost after that puts it on again.
 *
 *        M1 looks at the span again          M2 marks x in it, no buffer
 *        off the list, lost := false
 *        x's bit: clear                      x's bit := 1
 *                                            lost? no: on the list again
 *
 *      With the bits read first, M2 finds the span still on the list and says nothing more.
 *   I3 Work shared or lost is seen by gt_work_any of whoever comes later: both counts change
 *      under the lock, with release.
 * Context: GC6. The lock is a leaf, and nobody changes a G's status under it: it may be taken
 * by the holder of a scan bit. A buffer is allocated outside of it.
 */
#include <errno.h>

#include "core/gc.h"

#define BUFFER_OBJECTS 253u
#define BALANCE_MIN 4u /* fewer are not worth a hand-over */

struct buffer {
    struct buffer *next;
    struct buffer *all_next;
    uint32_t n;
    uintptr_t object[BUFFER_OBJECTS];
};

struct gt_work_p {
    struct buffer *in;    /* put here, and got from here */
    struct buffer *other; /* full, empty or in between */
};

struct gt_work {
    struct gt_runtime *rt;
    GT_ALIGNED struct gt_lock lock;
    /* Guarded by: lock. */
    struct buffer *full, *empty, *all;
    struct gt_span *lost;
    struct gt_work_stats stats;
    /* Written by: holder of lock. */
    gt_a32 n_full;
    gt_a32 n_lost;
};

int gt_work_create(struct gt_runtime *rt, struct gt_work **out)
{
    struct gt_work *w = gt_alloc(rt->arena, sizeof *w, -1);
    *out = w;
    if (!w)
        return -ENOMEM;
    w->rt = rt;
    gt_lock_init(&w->lock, GT_RANK_LEAF);
    return 0;
}

/* The Ps' buffers are on the list of all. */
void gt_work_destroy(struct gt_work *w)
{
    if (!w)
        return;
    while (w->all) {
        struct buffer *b = w->all;
        w->all = b->all_next;
        gt_free(w->rt->arena, b, sizeof *b);
    }
    gt_free(w->rt->arena, w, sizeof *w);
}

/* ---- buffers ------------------------------------------------------------------------- */
static struct buffer *buffer_new(struct gt_work *w, int32_t node)
{
    struct buffer *b = gt_alloc(w->rt->arena, sizeof *b, node);
    if (!b)
        return NULL;
    gt_lock(&w->lock);
    b->all_next = w->all;
    w->all = b;
    w->stats.buffers++;
    gt_unlock(&w->lock);
    return b;
}

static void push(struct buffer **list, struct buffer *b)
{
    b->next = *list;
    *list = b;
}

static struct buffer *pop(struct buffer **list)
{
    struct buffer *b = *list;
    if (b)
        *list = b->next;
    return b;
}

/* lock held. */
static void push_full(struct gt_work *w, struct buffer *b)
{
    push(&w->full, b);
    gt_store_release(&w->n_full, gt_load_relaxed(&w->n_full) + 1); /* pair: work-full */
}

static struct buffer *take_empty(struct gt_work *w, int32_t node)
{
    gt_lock(&w->lock);
    struct buffer *b = pop(&w->empty);
    gt_unlock(&w->lock);
    return b ? b : buffer_new(w, node);
}

/* b, not empty, becomes everybody's; an empty one for it, or NULL: no memory, b stays. */
static struct buffer *exchange_full(struct gt_work *w, struct buffer *b)
{
    struct buffer *e = take_empty(w, -1);
    if (!e)
        return NULL;
    gt_lock(&w->lock);
    push_full(w, b);
    gt_unlock(&w->lock);
    return e;
}

struct gt_work_p *gt_work_p_new(struct gt_work *w, int32_t node)
{
    struct gt_work_p *p = gt_alloc(w->rt->arena, sizeof *p, node);
    if (!p)
        return NULL;
    p->in = take_empty(w, node);
    p->other = take_empty(w, node);
    if (p->in && p->other)
        return p;
    gt_work_p_free(w, p);
    return NULL;
}

void gt_work_p_free(struct gt_work *w, struct gt_work_p *p)
{
    if (!p)
        return;
    gt_work_discard(w, p);
    gt_lock(&w->lock);
    if (p->in)
        push(&w->empty, p->in);
    if (p->other)
        push(&w->empty, p->other);
    gt_unlock(&w->lock);
    gt_free(w->rt->arena, p, sizeof *p);
}

/* ---- put and get ------------------------------------------------------------------------ */
static void swap_buffers(struct gt_work_p *p)
{
    struct buffer *b = p->in;
    p->in = p->other;
    p->other = b;
}

static GT_NOINLINE bool make_room(struct gt_work *w, struct gt_work_p *p)
{
    swap_buffers(p);
    if (p->in->n < BUFFER_OBJECTS)
        return true;
    struct buffer *e = exchange_full(w, p->in);
    if (!e)
        return false;
    p->in = e;
    return true;
}

bool gt_work_put(struct gt_work *w, struct gt_work_p *p, uintptr_t object)
{
    if (gt_unlikely(p->in->n == BUFFER_OBJECTS) && !make_room(w, p))
        return false;
    p->in->object[p->in->n++] = object;
    return true;
}

/* Both are empty: a full one of somebody's. */
static GT_NOINLINE bool refill(struct gt_work *w, struct gt_work_p *p)
{
    if (gt_load_acquire(&w->n_full) == 0) /* pair: work-full */
        return false;
    gt_lock(&w->lock);
    struct buffer *b = pop(&w->full);
    if (b) {
        gt_store_release(&w->n_full, gt_load_relaxed(&w->n_full) - 1); /* pair: work-full */
        push(&w->empty, p->in);
        p->in = b;
    }
    gt_unlock(&w->lock);
    return b != NULL;
}

uintptr_t gt_work_get(struct gt_work *w, struct gt_work_p *p)
{
    if (gt_unlikely(p->in->n == 0)) {
        swap_buffers(p);
        if (p->in->n == 0 && !refill(w, p))
            return 0;
    }
    return p->in->object[--p->in->n];
}

/* ---- sharing -------------------------------------------------------------------------------- */
/* *b has objects: they become everybody's. Without memory for another buffer they stay. */
static bool give(struct gt_work *w, struct buffer **b)
{
    struct buffer *e = exchange_full(w, *b);
    if (!e)
        return false;
    *b = e;
    return true;
}

/* No memory for an empty buffer: the list takes the objects' spans. */
static void lose_all(struct gt_work *w, struct buffer *b)
{
    struct gt_obj o;
    while (b->n != 0) {
        if (gt_heap_find(w->rt->gc_marker->heap, b->object[--b->n], &o))
            gt_work_lose(w, o.span);
    }
}

bool gt_work_flush(struct gt_work *w, struct gt_work_p *p)
{
    bool had = false;
    struct buffer **each[2] = {&p->in, &p->other};
    for (int i = 0; i < 2; i++) {
        if ((*each[i])->n == 0)
            continue;
        had = true;
        if (!give(w, each[i]))
            lose_all(w, *each[i]);
    }
    return had;
}

/* The upper half of p->in, the objects found last, moves to an empty buffer. */
static void split(struct gt_work *w, struct gt_work_p *p)
{
    struct buffer *e = take_empty(w, -1), *from = p->in;
    if (!e)
        return;
    uint32_t keep = from->n / 2;
    for (uint32_t i = keep; i < from->n; i++)
        e->object[e->n++] = from->object[i];
    from->n = keep;
    gt_lock(&w->lock);
    push_full(w, e);
    gt_unlock(&w->lock);
}

void gt_work_balance(struct gt_work *w, struct gt_work_p *p)
{
    if (gt_load_relaxed(&w->n_full) != 0)
        return;
    if (p->other->n != 0)
        (void)give(w, &p->other);
    else if (p->in->n >= BALANCE_MIN)
        split(w, p);
}

bool gt_work_any(const struct gt_work *w)
{
    return gt_load_acquire(&w->n_full) != 0 || /* pair: work-full */
           gt_load_acquire(&w->n_lost) != 0;   /* pair: work-lost */
}

/* ---- lost spans --------------------------------------------------------------------------------- */
void gt_work_lose(struct gt_work *w, struct gt_span *s)
{
    gt_lock(&w->lock);
    if (!s->lost) {
        s->lost = true;
        s->lost_next = w->lost;
        w->lost = s;
        gt_store_release(&w->n_lost, gt_load_relaxed(&w->n_lost) + 1); /* pair: work-lost */
        w->stats.lost++;
    }
    gt_unlock(&w->lock);
}

struct gt_span *gt_work_lost(struct gt_work *w)
{
    if (gt_likely(gt_load_acquire(&w->n_lost) == 0)) /* pair: work-lost */
        return NULL;
    gt_lock(&w->lock);
    struct gt_span *s = w->lost;
    if (s) {
        w->lost = s->lost_next;
        s->lost_next = NULL;
        s->lost = false;
        gt_store_release(&w->n_lost, gt_load_relaxed(&w->n_lost) - 1); /* pair: work-lost */
    }
    gt_unlock(&w->lock);
    return s;
}

/* ---- the rest -------------------------------------------------------------------------------------- */
static void discard_shared(struct gt_work *w)
{
    gt_lock(&w->lock);
    for (struct buffer *b; (b = pop(&w->full)) != NULL;) {
        b->n = 0;
        push(&w->empty, b);
    }
    gt_store_relaxed(&w->n_full, 0u);
    gt_unlock(&w->lock);
    while (gt_work_lost(w))
        ;
}

void gt_work_discard(struct gt_work *w, struct gt_work_p *p)
{
    if (!p) {
        discard_shared(w);
        return;
    }
    if (p->in)
        p->in->n = 0;
    if (p->other)
        p->other->n = 0;
}

void gt_work_stats(const struct gt_work *w, struct gt_work_stats *out)
{
    *out = w->stats;
}
