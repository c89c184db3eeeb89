/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spans, caches, allocation.
 *
 * Invariants:
 *   I1 A cache holds at most one span per class and kind; a cached span is on no list and its
 *      `used` bits are written by the cache's owner only (GC6): a plain load and a store.
 *   I2 Slots from span->fresh on were never given out since the pages were last known to be
 *      zero: they are zero (poison: and are checked to be). Free slots below are not.
 *   I3 While a span is cached, n_used is what it was when it came; its free slots are counted
 *      in h->now. Both are put right when it leaves.
 *   I4 (poison) Free slots below fresh, and pages of a dirty run, hold GT_GC_POISON.
 * Ordering: O1 An object is zeroed, its layout word written and its mark set before its bit in
 *      `used` (release: gc-used). Every way of the marker to it leads through gt_heap_find,
 *      which reads the bit by acquire. So a marker that comes by a pointer published without
 *      any barrier finds either a whole object or nothing; nothing is fine, since the object
 *      is younger than the marking and so black already (GC2): it needs no visit. Objects
 *      older than the marking were made before the world stopped for it.
 *
 * Born black without a read-modify-write per object. Words of `marks` are shared with markers,
 * who mark the span's older objects:
 *
 *      allocator                         marker
 *      w = marks
 *                                        marks |= old object (by RMW)
 *      marks = w | new object            the old object is white again: freed alive
 *
 *   So the allocator too needs an RMW. It pays it once per span and cycle: all slots that are
 *   free are marked in advance (premarked) when the first black object is asked of the span,
 *   or when it is taken while marking. The sweep ands the marks with `used`, and a finder asks
 *   `used` first, so the mark of a free slot means nothing. A byte per object instead of the
 *   bit would need no RMW here, but eight times the memory to clear and to read in the sweep.
 *
 * Progress: the short way has no lock, no RMW. A refill takes its class's lock, sweeps at most
 *   SWEEPS spans of the class, and takes pages; before memory is asked of the arena it sweeps
 *   RECLAIMS spans of any class, and before it fails, all.
 */
#include <string.h>

#include "core/gc_heap.h"

#define SWEEPS 64
#define RECLAIMS 64
#define CLEAR_INLINE 128u /* bytes: up to here a call costs more than the stores */

/* The way through a cached span. All zero: no span. */
struct cursor {
    uint64_t free;   /* slots of word `word` that are free */
    gt_a64 *used;    /* that word */
    uintptr_t at;    /* address of its first slot */
    uintptr_t fresh; /* slots from here on are zero; poison: none, so that each is looked at */
    uint32_t slot;
    uint32_t word;
    bool premarked;
    struct gt_span *span;
    uintptr_t high; /* poison: what fresh would be */
};
_Static_assert(sizeof(struct cursor) <= 64, "one line");

struct gt_heap_cache { /* Owner: GC6 */
    GT_ALIGNED struct cursor cur[GT_GC_CLASSES_MAX * 2];
    int32_t node;
};

/* ---- spans ------------------------------------------------------------------------------------ */
/* Room under the limit. By compare-and-swap: an add that is taken back would, for a moment,
 * refuse others what there is room for. */
static bool span_charge(struct gt_heap *h, uint64_t bytes)
{
    uint64_t sum = gt_load_relaxed(&h->span_bytes);
    do
        if (h->o.limit && (bytes > h->o.limit || sum > h->o.limit - bytes))
            return false;
    while (!gt_cas_relaxed(&h->span_bytes, &sum, sum + bytes));
    return true;
}

static void span_shape(struct gt_heap *h, struct gt_span *s, uint32_t cls, bool pointers)
{
    s->cls = (uint8_t)cls;
    s->pointers = pointers;
    s->slot_size = (uint16_t)h->cls[cls].slot;
    s->n_slots = (uint16_t)h->cls[cls].n_slots;
    s->n_used = 0;
    s->premarked = s->lost = false;
    for (uint32_t w = 0; w < GT_SPAN_WORDS; w++) {
        gt_store_relaxed(&s->used[w], 0u);
        gt_store_relaxed(&s->marks[w], 0u);
    }
    gt_store_relaxed(&s->sweep_gen, gt_load_relaxed(&h->sweep_gen));
}

/* Pages for a span, charged; not yet in use. NULL: over the limit, out of memory or (not more)
 * out of free pages. */
static struct gt_span *span_take(struct gt_heap *h, int32_t node, uint32_t npages, bool more,
                                 bool *zero)
{
    uint64_t bytes = (uint64_t)npages * GT_GC_PAGE;
    if (!span_charge(h, bytes))
        return NULL;
    struct gt_span *s = gt_pages_take(h, node, npages, more, zero);
    if (!s) {
        gt_sub_relaxed(&h->span_bytes, bytes);
        return NULL;
    }
    if (h->o.poison) {
        gt_poison_check(h, s->start, bytes, *zero ? 0 : GT_GC_POISON);
        memset((void *)s->start, 0, bytes);
        *zero = true;
    }
    gt_add_relaxed(&h->n_spans, 1u);
    return s;
}

/* From here on finders look into it. */
static void span_publish(struct gt_span *s)
{
    gt_store_release(&s->key, gt_key_make(s)); /* pair: gc-key */
}

void gt_span_free(struct gt_heap *h, struct gt_span *s)
{
    uint64_t bytes = gt_span_bytes(s);
    gt_store_relaxed(&s->key, 0u);
    if (h->o.poison)
        gt_poison_fill(s->start, bytes);
    bool dirty = h->o.poison || s->fresh > 0;
    gt_sub_relaxed(&h->n_spans, 1u);
    gt_pages_give(h, s, dirty);
    gt_sub_relaxed(&h->span_bytes, bytes);
}

/* ---- sweeping on the way ------------------------------------------------------------------------- */
/* What one call of gt_heap_alloc sweeps. */
struct sweeping {
    struct gt_m *m;
    uint64_t swept, freed;
    bool begun;
};

static void sweeping_begin(struct gt_heap *h, struct sweeping *sw)
{
    if (!sw->begun && h->o.sweeping)
        h->o.sweeping(sw->m, true, 0, 0);
    sw->begun = true;
}

static void sweeping_end(struct gt_heap *h, struct sweeping *sw)
{
    if (sw->begun && h->o.sweeping)
        h->o.sweeping(sw->m, false, sw->swept, sw->freed);
}

/* Up to n spans of any class; whether any was left to sweep. */
static bool reclaim(struct gt_heap *h, struct sweeping *sw, uint32_t n)
{
    bool any = false;
    for (; n > 0 && !gt_heap_swept(h); n--, any = true) {
        sweeping_begin(h, sw);
        if (gt_heap_sweep_one(h, &sw->swept, &sw->freed) == SIZE_MAX)
            break; /* the last ones are in others' hands */
    }
    return any;
}

/* Pages for a span, in the order of price: free ones, swept ones, fresh memory. */
static struct gt_span *span_find(struct gt_heap *h, struct sweeping *sw, int32_t node,
                                 uint32_t npages, bool *zero)
{
    struct gt_span *s = span_take(h, node, npages, false, zero);
    if (!s && reclaim(h, sw, RECLAIMS))
        s = span_take(h, node, npages, false, zero);
    if (!s)
        s = span_take(h, node, npages, true, zero);
    if (!s && reclaim(h, sw, UINT32_MAX))
        s = span_take(h, node, npages, true, zero);
    return s;
}

/* An unswept span of the class, swept and with a free slot. */
static struct gt_span *sweep_for(struct gt_heap *h, struct gt_central *ce, struct sweeping *sw)
{
    for (int i = 0; i < SWEEPS && gt_load_relaxed(&ce->any_unswept); i++) {
        gt_lock(&ce->lock);
        struct gt_span *s = gt_central_unswept(h, ce);
        gt_unlock(&ce->lock);
        if (!s)
            return NULL;
        sweeping_begin(h, sw);
        sw->swept += gt_span_bytes(s);
        sw->freed += gt_span_sweep(h, s);
        bool room = s->n_used < s->n_slots;
        if (!room)
            gt_span_settle(h, s);
        gt_sub_acq_rel(&h->unswept, 1u); /* pair: gc-swept */
        if (room)
            return s;
    }
    return NULL;
}

/* ---- cursors ---------------------------------------------------------------------------------------- */
static void cursor_word(struct cursor *cur, uint32_t w)
{
    struct gt_span *s = cur->span;
    cur->word = w;
    cur->used = &s->used[w];
    cur->at = s->start + (uintptr_t)w * 64 * s->slot_size;
    cur->free = ~gt_load_relaxed(cur->used) & gt_span_mask(s, w);
}

/* The next word with a free slot; false: none, the cursor stays at the last. */
static bool cursor_next(struct cursor *cur)
{
    while (cur->span && cur->word + 1 < gt_span_words(cur->span)) {
        cursor_word(cur, cur->word + 1);
        if (cur->free)
            return true;
    }
    return false;
}

static void cursor_premark(struct cursor *cur)
{
    struct gt_span *s = cur->span;
    for (uint32_t w = 0; w < gt_span_words(s); w++) {
        uint64_t free = ~gt_load_relaxed(&s->used[w]);
        gt_or_acq_rel(&s->marks[w], free); /* pair: gc-mark */
    }
    s->premarked = cur->premarked = true;
}

static void cursor_open(struct gt_heap *h, struct cursor *cur, struct gt_span *s, size_t *refilled)
{
    uint64_t bytes = (uint64_t)(s->n_slots - s->n_used) * s->slot_size;
    gt_add_relaxed(&h->now, bytes); /* I3 */
    *refilled += bytes;
    cur->span = s;
    cur->slot = s->slot_size;
    cur->premarked = s->premarked;
    cur->high = s->start + (uintptr_t)s->fresh * s->slot_size;
    cur->fresh = h->o.poison ? UINTPTR_MAX : cur->high;
    cursor_word(cur, 0);
    if (!cur->free)
        cursor_next(cur);
}

/* The span leaves the cursor and goes where it belongs. */
static void cursor_close(struct gt_heap *h, struct cursor *cur)
{
    struct gt_span *s = cur->span;
    if (!s)
        return;
    uint32_t n_used = 0;
    for (uint32_t w = 0; w < gt_span_words(s); w++)
        n_used += (uint32_t)__builtin_popcountll(gt_load_relaxed(&s->used[w]));
    uint32_t given = n_used - s->n_used;
    s->n_used = (uint16_t)n_used;
    s->fresh = (uint16_t)(((h->o.poison ? cur->high : cur->fresh) - s->start) / s->slot_size);
    gt_add_relaxed(&h->allocs, given);
    gt_add_relaxed(&h->alloc_bytes, (uint64_t)given * s->slot_size);
    if (n_used < s->n_slots)
        gt_sub_relaxed(&h->now, (uint64_t)(s->n_slots - n_used) * s->slot_size);
    *cur = (struct cursor){0};
    gt_span_settle(h, s);
}

/* ---- refill -------------------------------------------------------------------------------------------- */
static struct gt_span *span_of_class(struct gt_heap *h, struct sweeping *sw, int32_t node,
                                     uint32_t cls, bool pointers)
{
    bool zero;
    struct gt_span *s = span_find(h, sw, node, h->cls[cls].npages, &zero);
    if (!s)
        return NULL;
    span_shape(h, s, cls, pointers);
    s->fresh = zero ? 0 : s->n_slots;
    span_publish(s);
    return s;
}

/* Another span for the class, not full. */
static struct gt_span *span_with_room(struct gt_heap *h, struct sweeping *sw, int32_t node,
                                      uint32_t cls, bool pointers)
{
    struct gt_central *ce = gt_central_of(h, node, cls, pointers);
    gt_lock(&ce->lock);
    struct gt_span *s = gt_spans_pop(&ce->partial);
    gt_unlock(&ce->lock);
    if (!s)
        s = sweep_for(h, ce, sw);
    return s ? s : span_of_class(h, sw, node, cls, pointers);
}

/* The long way: afterwards cur has a free slot, premarked if black. false: no memory. */
static GT_NOINLINE bool refill(struct gt_heap *h, struct gt_m *m, struct gt_heap_cache *c,
                               struct cursor *cur, bool black, size_t *refilled)
{
    if (!cur->free && !cursor_next(cur)) {
        uint32_t i = (uint32_t)(cur - c->cur);
        cursor_close(h, cur);
        struct sweeping sw = {.m = m};
        struct gt_span *s = span_with_room(h, &sw, c->node, i / 2, i & 1);
        sweeping_end(h, &sw);
        if (!s)
            return false;
        cursor_open(h, cur, s, refilled);
    }
    if (black && !cur->premarked)
        cursor_premark(cur);
    return true;
}

/* ---- large objects ----------------------------------------------------------------------------------------- */
static GT_NOINLINE void *alloc_large(struct gt_heap *h, struct gt_m *m, struct gt_heap_cache *c,
                                     size_t size, const struct gt_gc_layout *layout, bool black,
                                     size_t *refilled)
{
    if (size > h->largest) /* before any sum could wrap */
        return NULL;
    size += layout ? sizeof(uintptr_t) : 0;
    uint32_t npages = (uint32_t)((size + GT_GC_PAGE - 1) / GT_GC_PAGE);
    bool zero;
    struct sweeping sw = {.m = m};
    struct gt_span *s = span_find(h, &sw, c->node, npages, &zero);
    sweeping_end(h, &sw);
    if (!s)
        return NULL;
    size_t bytes = gt_span_bytes(s);
    if (!zero)
        memset((void *)s->start, 0, bytes);
    if (layout)
        *(const struct gt_gc_layout **)s->start = layout;
    uintptr_t base = s->start + (layout ? sizeof(uintptr_t) : 0);
    span_shape(h, s, 0, layout != NULL);
    s->n_used = s->fresh = 1;
    gt_store_relaxed(&s->marks[0], black);
    gt_store_release(&s->used[0], 1u); /* pair: gc-used */
    span_publish(s);
    gt_add_relaxed(&h->now, bytes);
    gt_add_relaxed(&h->allocs, 1u);
    gt_add_relaxed(&h->alloc_bytes, bytes);
    *refilled = bytes;
    gt_span_settle(h, s);
    return (void *)base;
}

/* ---- small objects -------------------------------------------------------------------------------------------- */
struct sixteen { /* what every slot is a multiple of */
    uint64_t low, high;
};

/* The slot was used before, or poison is on. */
static inline void slot_clear(struct gt_heap *h, struct cursor *cur, uintptr_t slot)
{
    if (gt_unlikely(h->o.poison)) {
        gt_poison_check(h, slot, cur->slot, slot < cur->high ? GT_GC_POISON : 0);
        if (slot >= cur->high)
            cur->high = slot + cur->slot;
    }
    if (cur->slot > CLEAR_INLINE)
        memset((void *)slot, 0, cur->slot);
    else
        for (uintptr_t p = slot, end = slot + cur->slot; p < end; p += sizeof(struct sixteen))
            *(struct sixteen *)p = (struct sixteen){0};
}

void *gt_heap_alloc(struct gt_heap *h, struct gt_m *m, struct gt_heap_cache *c, size_t size,
                    const struct gt_gc_layout *layout, bool black, size_t *refilled)
{
    size_t head = layout ? sizeof(uintptr_t) : 0;
    *refilled = 0;
    gt_assert(h->rt, size > 0);
    if (gt_unlikely(size > GT_GC_SMALL_MAX - head))
        return alloc_large(h, m, c, size, layout, black, refilled);
    struct cursor *cur = &c->cur[gt_class_of(size + head) * 2 + (layout ? 1u : 0u)];
    if (gt_unlikely(!cur->free || (black && !cur->premarked)))
        if (!refill(h, m, c, cur, black, refilled))
            return NULL;
    uint64_t bit = cur->free & -cur->free;
    uintptr_t slot = cur->at + (uintptr_t)__builtin_ctzll(cur->free) * cur->slot;
    cur->free ^= bit;
    if (slot < cur->fresh)
        slot_clear(h, cur, slot);
    else
        cur->fresh = slot + cur->slot;
    if (layout)
        *(const struct gt_gc_layout **)slot = layout;
    gt_store_release(cur->used, gt_load_relaxed(cur->used) | bit); /* pair: gc-used */
    return (void *)(slot + head);
}

/* ---- caches ------------------------------------------------------------------------------------------------------ */
struct gt_heap_cache *gt_heap_cache_new(struct gt_heap *h, int32_t node)
{
    struct gt_heap_cache *c = gt_alloc(h->arena, sizeof *c, node);
    if (c)
        c->node = node >= 0 && node < h->o.nodes ? node : 0;
    return c;
}

void gt_heap_cache_flush(struct gt_heap *h, struct gt_heap_cache *c)
{
    for (uint32_t i = 0; i < h->n_classes * 2; i++)
        cursor_close(h, &c->cur[i]);
}

void gt_heap_cache_free(struct gt_heap *h, struct gt_heap_cache *c)
{
    if (!c)
        return;
    gt_heap_cache_flush(h, c);
    gt_free(h->arena, c, sizeof *c);
}
