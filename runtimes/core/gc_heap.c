/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap as a whole: birth and end, looking up addresses, marks, the walk, statistics.
 *
 * I1  A finder reads atomics only: three tables, one entry, one key, one word of `used`. What
 *     the class says of slots is constant. So it may run at any time, on any thread; races
 *     with spans that are made and freed are drawn in gc_pages.c.
 * O1  Who sees the bit in `used` (acquire) sees the object zeroed, its layout word and, if it
 *     was born black, its mark (gc-used; see gc_span.c).
 */
#include "core/gc_heap.h"

#include <errno.h>
#include <string.h>

#define LARGEST (1ull << 44) /* bytes of an object; above it sums could wrap */

/* ---- looking up ----------------------------------------------------------------------------- */
static inline struct gt_span *span_at(const struct gt_heap *h, uint64_t page)
{
    uint64_t in_leaf = page & ((1u << GT_LEAF_BITS) - 1);
    uint64_t in_mid = (page >> GT_LEAF_BITS) & ((1u << GT_MID_BITS) - 1);
    struct gt_mid *mid =
        gt_load_acquire(&h->top[page >> (GT_LEAF_BITS + GT_MID_BITS)]); /* pair: gc-table */
    if (!mid)
        return NULL;
    struct gt_leaf *leaf = gt_load_acquire(&mid->leaf[in_mid]); /* pair: gc-table */
    if (!leaf)
        return NULL;
    return gt_load_acquire(&leaf->span[in_leaf]); /* pair: gc-entry */
}

static inline bool is_used(const struct gt_span *s, uint64_t index)
{
    uint64_t bits = gt_load_acquire(&s->used[index / 64]); /* pair: gc-used */
    return bits >> (index & 63) & 1;
}

bool gt_heap_find(const struct gt_heap *h, uintptr_t word, struct gt_obj *out)
{
    if (word >> GT_ADDRESS_BITS)
        return false;
    struct gt_span *s = span_at(h, word >> GT_PAGE_SHIFT);
    if (!s)
        return false;
    uint64_t key = gt_load_acquire(&s->key); /* pair: gc-key */
    if (!(key & GT_KEY_IN_USE))
        return false;
    const struct gt_class *c = &h->cls[gt_key_class(key)];
    uintptr_t start = gt_key_start(key);
    uint64_t index = (uint64_t)(word - start) * c->magic >> 32;
    if (index >= c->n_slots || !is_used(s, index))
        return false; /* the span's tail, a free slot, a stale entry */
    out->span = s;
    out->index = (uint32_t)index;
    out->base = start + index * c->slot + (key & GT_KEY_POINTERS ? sizeof(uintptr_t) : 0);
    return word >= out->base;
}

/* ---- one object --------------------------------------------------------------------------------- */
bool gt_heap_marked(struct gt_obj o)
{
    return gt_load_relaxed(&o.span->marks[o.index / 64]) >> (o.index & 63) & 1;
}

bool gt_heap_mark(struct gt_obj o)
{
    uint64_t bit = 1ull << (o.index & 63);
    gt_a64 *word = &o.span->marks[o.index / 64];
    if (gt_load_relaxed(word) & bit)
        return false;
    return !(gt_or_acq_rel(word, bit) & bit); /* pair: gc-mark */
}

size_t gt_heap_slot_bytes(struct gt_obj o)
{
    return gt_span_slot(o.span);
}

const struct gt_gc_layout *gt_heap_layout(struct gt_obj o)
{
    return o.span->pointers ? ((const struct gt_gc_layout **)o.base)[-1] : NULL;
}

size_t gt_heap_object_bytes(struct gt_obj o)
{
    return gt_span_slot(o.span) - (o.span->pointers ? sizeof(uintptr_t) : 0);
}

/* ---- all of them ---------------------------------------------------------------------------------- */
static bool each_in_span(struct gt_span *s, bool (*fn)(struct gt_obj, void *), void *arg)
{
    for (uint32_t w = 0; w < gt_span_words(s); w++) {
        uint64_t bits = gt_load_acquire(&s->used[w]); /* pair: gc-used */
        for (; bits; bits &= bits - 1) {
            uint32_t index = w * 64 + (uint32_t)__builtin_ctzll(bits);
            uintptr_t base = s->start + (uintptr_t)index * s->slot_size +
                             (s->pointers ? sizeof(uintptr_t) : 0);
            if (!fn((struct gt_obj){.span = s, .index = index, .base = base}, arg))
                return false;
        }
    }
    return true;
}

void gt_heap_each(const struct gt_heap *h, bool (*fn)(struct gt_obj o, void *arg), void *arg)
{
    const struct gt_chunk *c = gt_load_acquire(&h->chunks); /* pair: gc-chunks */
    for (; c; c = c->next)
        for (uintptr_t at = c->first; at < c->end; at += GT_GC_PAGE) {
            struct gt_span *s = span_at(h, at >> GT_PAGE_SHIFT);
            uint64_t key = s ? gt_load_acquire(&s->key) : 0; /* pair: gc-key */
            if (!(key & GT_KEY_IN_USE) || gt_key_start(key) != at)
                continue; /* the second: the end of a run that just became a span */
            if (!each_in_span(s, fn, arg))
                return;
            at += gt_span_bytes(s) - GT_GC_PAGE;
        }
}

void gt_heap_marks_drop(struct gt_heap *h)
{
    const struct gt_chunk *c = gt_load_acquire(&h->chunks); /* pair: gc-chunks */
    for (; c; c = c->next)
        for (uintptr_t at = c->first; at < c->end; at += GT_GC_PAGE) {
            struct gt_span *s = span_at(h, at >> GT_PAGE_SHIFT);
            if (!s || !(gt_load_relaxed(&s->key) & GT_KEY_IN_USE))
                continue;
            for (uint32_t w = 0; w < GT_SPAN_WORDS; w++)
                gt_store_relaxed(&s->marks[w], 0u);
            s->premarked = false;
            at += gt_span_bytes(s) - GT_GC_PAGE;
        }
}

/* ---- statistics -------------------------------------------------------------------------------------- */
void gt_heap_stats(const struct gt_heap *h, struct gt_heap_stats *out)
{
    *out = (struct gt_heap_stats){
        .now = gt_load_relaxed(&h->now),
        .memory = gt_load_relaxed(&h->memory),
        .spans = gt_load_relaxed(&h->span_bytes),
        .allocs = gt_load_relaxed(&h->allocs),
        .frees = gt_load_relaxed(&h->frees),
        .alloc_bytes = gt_load_relaxed(&h->alloc_bytes),
        .free_bytes = gt_load_relaxed(&h->free_bytes),
        .swept_spans = gt_load_relaxed(&h->swept_spans),
    };
}

/* ---- poison -------------------------------------------------------------------------------------------- */
void gt_poison_fill(uintptr_t p, size_t bytes)
{
    for (uint64_t *w = (uint64_t *)p, *end = (uint64_t *)(p + bytes); w < end; w++)
        *w = GT_GC_POISON;
}

/* One report per slot, at the first word that differs. */
void gt_poison_check(struct gt_heap *h, uintptr_t p, size_t bytes, uint64_t want)
{
    for (const uint64_t *w = (uint64_t *)p, *end = (uint64_t *)(p + bytes); w < end; w++)
        if (gt_unlikely(*w != want)) {
            gt_violation(h->rt, GT_V_HEAP,
                         "free memory was written to: %p, %zu bytes into %zu free ones, holds "
                         "%#llx",
                         (const void *)w, (size_t)((uintptr_t)w - p), bytes,
                         (unsigned long long)*w);
            return;
        }
}

/* ---- birth and end ---------------------------------------------------------------------------------------- */
int gt_heap_create(struct gt_runtime *rt, const struct gt_heap_options *o, struct gt_heap **out)
{
    struct gt_class cls[GT_GC_CLASSES_MAX] = {{0}};
    uint32_t n = gt_classes_init(cls);
    size_t nodes = o->nodes > 0 ? (size_t)o->nodes : 1;
    size_t centrals = nodes * n * 2 * sizeof(struct gt_central);
    size_t size = sizeof(struct gt_heap) + centrals + nodes * sizeof(struct gt_pages);
    struct gt_heap *h = gt_alloc(rt->arena, size, -1);
    *out = h;
    if (!h)
        return -ENOMEM;
    h->rt = rt;
    h->arena = rt->arena;
    h->o = *o;
    h->o.nodes = (int32_t)nodes;
    memcpy(h->cls, cls, sizeof cls);
    h->n_classes = n;
    h->largest = gt_os_memory() < LARGEST ? gt_os_memory() : LARGEST;
    h->size = size;
    h->central = (struct gt_central *)(h + 1);
    h->n_centrals = (uint32_t)nodes * n * 2;
    h->pages = (struct gt_pages *)((char *)h->central + centrals);
    gt_init(&h->sweep_gen, 2u); /* below the first lies nothing */
    for (uint32_t i = 0; i < h->n_centrals; i++)
        gt_lock_init(&h->central[i].lock, GT_RANK_HEAP_CLASS);
    gt_pages_init(h);
    return 0;
}

void gt_heap_destroy(struct gt_heap *h)
{
    if (!h)
        return;
    gt_pages_fini(h);
    gt_free(h->arena, h, h->size);
}
