/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the collector knows about itself: distributions of pauses, the snapshot for users.
 *
 * A distribution is a fixed number of counters, sixteen for each power of two nanoseconds, so
 * adding to it allocates nothing and a quantile is right to 6 %.
 */
#include <string.h>

#include "core/gc_state.h"

/* ---- distributions ------------------------------------------------------------------ */
static uint32_t slot_of(uint64_t ns)
{
    if (ns < GT_GC_HIST_SUB)
        return (uint32_t)ns;
    uint32_t top = 63u - (uint32_t)__builtin_clzll(ns); /* 4.. */
    uint32_t slot = (top - 3) * GT_GC_HIST_SUB + ((uint32_t)(ns >> (top - 4)) & (GT_GC_HIST_SUB - 1));
    return slot < GT_GC_HIST_SIZE ? slot : GT_GC_HIST_SIZE - 1;
}

/* The middle of a slot. */
static int64_t value_of(uint32_t slot)
{
    if (slot < GT_GC_HIST_SUB)
        return slot;
    uint32_t top = slot / GT_GC_HIST_SUB + 3;
    uint64_t width = 1ull << (top - 4);
    return (int64_t)((1ull << top) + slot % GT_GC_HIST_SUB * width + width / 2);
}

void gt_gc_hist_add(struct gt_gc_hist *h, int64_t ns)
{
    if (ns < 0)
        ns = 0;
    gt_bump(&h->n[slot_of((uint64_t)ns)], 1u);
    gt_bump(&h->total, ns);
    if (ns > gt_load_relaxed(&h->max))
        gt_store_relaxed(&h->max, ns);
    gt_bump(&h->count, 1u);
}

static int64_t quantile(const struct gt_gc_hist *h, uint64_t rank, int64_t max)
{
    uint64_t seen = 0;
    for (uint32_t i = 0; i < GT_GC_HIST_SIZE; i++) {
        seen += gt_load_relaxed(&h->n[i]);
        if (seen > rank)
            return value_of(i) < max ? value_of(i) : max;
    }
    return max;
}

void gt_gc_hist_read(const struct gt_gc_hist *h, struct gt_gc_times *out)
{
    uint64_t n = gt_load_relaxed(&h->count);
    int64_t max = gt_load_relaxed(&h->max);
    *out = (struct gt_gc_times){.n = n, .max = max, .total = gt_load_relaxed(&h->total)};
    if (n > 0) {
        out->p50 = quantile(h, (n - 1) / 2, max);
        out->p99 = quantile(h, (n - 1) - (n - 1) / 100, max);
    }
}

/* ---- snapshot ---------------------------------------------------------------------------- */
static void add_counts(struct gt_gc *gc, struct gt_gc_stats *s)
{
    struct gt_gc_counts *c = &gc->count;
    s->cycles = gt_load_relaxed(&gc->ended) - gt_load_relaxed(&gc->given_up);
    s->forced = gt_load_relaxed(&c->why[GT_GC_BY_USER]);
    s->periodic = gt_load_relaxed(&c->why[GT_GC_BY_CLOCK]);
    s->limited = gt_load_relaxed(&c->why[GT_GC_BY_LIMIT]);
    s->marked_bytes = gt_load_relaxed(&c->marked_bytes);
    s->mark_ns = gt_load_relaxed(&c->mark_ns);
    s->assists = gt_load_relaxed(&c->assists);
    s->assist_waits = gt_load_relaxed(&c->assist_waits);
    s->stacks_scanned = gt_load_relaxed(&c->stacks_scanned);
    s->stack_bytes = gt_load_relaxed(&c->stack_bytes);
    s->failed = gt_load_relaxed(&c->failed);
}

static void add_heap(struct gt_gc *gc, struct gt_gc_stats *s)
{
    struct gt_heap_stats h;
    gt_heap_stats(gc->heap, &h);
    int64_t live = gt_load_relaxed(&gc->pace.live), trigger = gt_load_relaxed(&gc->pace.trigger);
    s->heap_live = (uint64_t)gt_load_relaxed(&gc->pace.marked);
    s->heap_now = (uint64_t)(live > 0 ? live : 0);
    s->heap_trigger = trigger == INT64_MAX ? 0 : (uint64_t)trigger;
    s->memory = h.memory;
    s->allocs = h.allocs;
    s->frees = h.frees;
    s->alloc_bytes = h.alloc_bytes;
    s->free_bytes = h.free_bytes;
    s->swept_spans = h.swept_spans;
}

void gt_gc_stats(struct gt_runtime *rt, struct gt_gc_stats *out)
{
    struct gt_gc *gc = rt->gc;
    memset(out, 0, sizeof *out);
    add_counts(gc, out);
    add_heap(gc, out);
    out->heap_goal = gt_gc_goal(rt);
    out->stacks_shrunk = gt_load_relaxed(&rt->count.stacks_shrunk);
    out->stack_bytes_freed = gt_load_relaxed(&rt->count.stack_bytes_freed);
    for (int i = 0; i < GT_GC_STOPS; i++) {
        gt_gc_hist_read(&gc->asked[i], &out->asked[i]);
        gt_gc_hist_read(&gc->stopped[i], &out->stopped[i]);
    }
}
