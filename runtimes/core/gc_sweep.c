/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sweeping: what was not marked is free.
 *
 * A span's sweep_gen against the heap's, which grows by 2 when a sweep begins:
 *      heap - 2   to be swept, on a central list `unswept`
 *      heap - 1   somebody sweeps it
 *      heap       swept, or made since
 * Caches are flushed before a sweep begins, so a cached span is a swept one.
 *
 * Invariants:
 *   I1 Who takes a span off `unswept`, under the list's lock, is the only one to sweep it
 *      (GC9); sweep_gen says the same once more, for asserts.
 *   I2 h->unswept counts the spans not yet swept to the end; it falls to 0 after the last one
 *      is where it belongs, so when gt_heap_swept says so the statistics are exact and no span
 *      is in anybody's hands.
 *   I3 used := used and marks, marks := 0. Slots that are free may have been marked in
 *      advance (gc_span.c): they stay free.
 * Ordering: O1 who sees h->unswept 0 (acquire) sees what all sweepers did (gc-swept).
 * Progress: one span at a time, at most GT_HEAP_SPAN_PAGES of small objects; a large object
 *   costs its entries in the page table.
 */
#include "core/gc_heap.h"

/* ---- lists ----------------------------------------------------------------------------------- */
void gt_spans_push(struct gt_span_list *l, struct gt_span *s)
{
    s->next = l->head;
    l->head = s;
    if (!l->tail)
        l->tail = s;
}

struct gt_span *gt_spans_pop(struct gt_span_list *l)
{
    struct gt_span *s = l->head;
    if (!s)
        return NULL;
    l->head = s->next;
    if (!l->head)
        l->tail = NULL;
    s->next = NULL;
    return s;
}

void gt_spans_append(struct gt_span_list *l, struct gt_span_list *from)
{
    if (!from->head)
        return;
    if (l->tail)
        l->tail->next = from->head;
    else
        l->head = from->head;
    l->tail = from->tail;
    *from = (struct gt_span_list){0};
}

/* ---- one span ---------------------------------------------------------------------------------- */
static void fill_dead(struct gt_span *s, uint32_t w, uint64_t dead)
{
    for (; dead; dead &= dead - 1) {
        uint32_t index = w * 64 + (uint32_t)__builtin_ctzll(dead);
        gt_poison_fill(s->start + (uintptr_t)index * s->slot_size, gt_span_slot(s));
    }
}

/* Bytes found dead. */
uint64_t gt_span_sweep(struct gt_heap *h, struct gt_span *s)
{
    gt_assert(h->rt, gt_load_relaxed(&s->sweep_gen) + 1 == gt_load_relaxed(&h->sweep_gen));
    uint32_t left = 0;
    for (uint32_t w = 0; w < gt_span_words(s); w++) {
        uint64_t used = gt_load_relaxed(&s->used[w]), live = used & gt_load_relaxed(&s->marks[w]);
        gt_store_relaxed(&s->used[w], live);
        gt_store_relaxed(&s->marks[w], 0u);
        left += (uint32_t)__builtin_popcountll(live);
        if (gt_unlikely(h->o.poison))
            fill_dead(s, w, used & ~live);
    }
    uint32_t freed = s->n_used - left;
    uint64_t bytes = (uint64_t)freed * gt_span_slot(s);
    s->n_used = (uint16_t)left;
    s->premarked = false;
    if (freed) {
        gt_add_relaxed(&h->frees, freed);
        gt_add_relaxed(&h->free_bytes, bytes);
        gt_sub_relaxed(&h->now, bytes);
    }
    gt_add_relaxed(&h->swept_spans, 1u);
    gt_store_relaxed(&s->sweep_gen, gt_load_relaxed(&h->sweep_gen));
    return bytes;
}

struct gt_span *gt_central_unswept(struct gt_heap *h, struct gt_central *ce)
{
    gt_assert_held(&ce->lock);
    struct gt_span *s = gt_spans_pop(&ce->unswept);
    if (!ce->unswept.head)
        gt_store_relaxed(&ce->any_unswept, 0u);
    if (!s)
        return NULL;
    gt_assert(h->rt, gt_load_relaxed(&s->sweep_gen) + 2 == gt_load_relaxed(&h->sweep_gen));
    gt_store_relaxed(&s->sweep_gen, gt_load_relaxed(&h->sweep_gen) - 1);
    return s;
}

void gt_span_settle(struct gt_heap *h, struct gt_span *s)
{
    if (s->n_used == 0) {
        gt_span_free(h, s);
        return;
    }
    struct gt_central *ce = gt_central_of_span(h, s);
    gt_lock(&ce->lock);
    gt_spans_push(s->n_used == s->n_slots ? &ce->full : &ce->partial, s);
    gt_unlock(&ce->lock);
}

/* ---- all of them ---------------------------------------------------------------------------------- */
void gt_heap_sweep_begin(struct gt_heap *h)
{
    gt_assert(h->rt, gt_heap_swept(h));
    gt_store_relaxed(&h->sweep_gen, gt_load_relaxed(&h->sweep_gen) + 2);
    for (uint32_t i = 0; i < h->n_centrals; i++) {
        struct gt_central *ce = &h->central[i];
        gt_lock(&ce->lock);
        gt_spans_append(&ce->unswept, &ce->partial); /* first: where room is likely */
        gt_spans_append(&ce->unswept, &ce->full);
        gt_store_relaxed(&ce->any_unswept, ce->unswept.head != NULL);
        gt_unlock(&ce->lock);
    }
    gt_store_relaxed(&h->sweep_at, 0u);
    gt_store_release(&h->unswept, gt_load_relaxed(&h->n_spans)); /* pair: gc-swept */
}

/* From the hint on; what lies before it has none, as none are added. */
static struct gt_span *any_unswept(struct gt_heap *h)
{
    for (uint32_t i = gt_load_relaxed(&h->sweep_at); i < h->n_centrals; i++) {
        struct gt_central *ce = &h->central[i];
        if (!gt_load_relaxed(&ce->any_unswept))
            continue;
        gt_lock(&ce->lock);
        struct gt_span *s = gt_central_unswept(h, ce);
        gt_unlock(&ce->lock);
        gt_store_relaxed(&h->sweep_at, i);
        if (s)
            return s;
    }
    gt_store_relaxed(&h->sweep_at, h->n_centrals);
    return NULL;
}

size_t gt_heap_sweep_one(struct gt_heap *h, uint64_t *swept_bytes, uint64_t *freed_bytes)
{
    struct gt_span *s = any_unswept(h);
    if (!s)
        return SIZE_MAX;
    size_t npages = s->npages;
    *swept_bytes += gt_span_bytes(s);
    *freed_bytes += gt_span_sweep(h, s);
    gt_span_settle(h, s);
    gt_sub_acq_rel(&h->unswept, 1u); /* pair: gc-swept */
    return npages;
}

bool gt_heap_swept(const struct gt_heap *h)
{
    return gt_load_acquire(&h->unswept) == 0; /* pair: gc-swept */
}
