/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory in pages: chunks from the arenas, runs of free pages, the tables that lead from an
 * address to its span.
 *
 * Invariants:
 *   I1 A chunk, once on the list, stays until the heap is destroyed, and so does its memory.
 *      Tables and structs of spans too. So a word that was once an address in the heap can be
 *      read at, and a stale entry leads to a struct that is a gt_span.
 *   I2 Every page of a chunk is in one run or one span. The first and last entry of a run
 *      name it, those between are empty; every entry of a span names it.
 *   I3 s->run is true for runs that are in a bin, and no others. A neighbour is merged only if
 *      it says so, under the lock: what a span or somebody else's half-made span says is false.
 *   I4 Runs do not reach over the end of a chunk, so all that a merge looks at has one lock.
 *   I5 No two runs in bins are neighbours in one chunk.
 *   I6 run->dirty is false only if all its bytes are zero; in poison mode a dirty run is
 *      filled with GT_GC_POISON.
 * Ordering: O1 Tables and chunks are filled before they are published (gc-table, gc-chunks).
 *      O2 Entries of a span are written before its key says that it is in use (gc-key).
 * Progress: taking and giving is O(1) in the number of runs and O(pages) in the entries
 *      written; memory is asked for outside the lock.
 * Limits: chunks are not given back before the end, only their content (gt_heap_trim).
 *
 * The race of a stale word, and why it only ever keeps too much alive:
 *
 *      finder                            sweeper, allocator
 *      entry of page p: struct S
 *                                        S is freed: key := 0, entries := none
 *                                        S is made into span T: bits, then key
 *      key of S: T's place and shape     (one load: never half of S, half of T)
 *      index = (p - T's start) / slot    nonsense, but compared with T's number of slots
 *      bit of T's `used`                 0: nothing found
 *                                        1: an object of T, in use: it is marked for nothing
 *
 *   With the key 0 nothing is found. While marking no span is freed (GC9), so the marker never
 *   meets this.
 */
#include <string.h>

#include "core/gc_heap.h"

/* ---- tables ----------------------------------------------------------------------------- */
static void *table_new(struct gt_heap *h, size_t size)
{
    void *t = gt_alloc(h->arena, size, -1);
    if (t)
        gt_add_relaxed(&h->memory, size);
    return t;
}

static struct gt_mid *mid_of(struct gt_heap *h, uint64_t page)
{
    uint64_t i = page >> (GT_MID_BITS + GT_LEAF_BITS);
    struct gt_mid *mid = gt_load_acquire(&h->top[i]); /* pair: gc-table */
    if (mid)
        return mid;
    struct gt_mid *made = table_new(h, sizeof *made);
    if (!made || gt_cas_acq_rel(&h->top[i], &mid, made)) /* pair: gc-table */
        return made;
    gt_free(h->arena, made, sizeof *made); /* somebody was faster */
    gt_sub_relaxed(&h->memory, sizeof *made);
    return mid;
}

static struct gt_leaf *leaf_make(struct gt_heap *h, uint64_t page)
{
    struct gt_mid *mid = mid_of(h, page);
    if (!mid)
        return NULL;
    uint64_t i = (page >> GT_LEAF_BITS) & ((1u << GT_MID_BITS) - 1);
    struct gt_leaf *leaf = gt_load_acquire(&mid->leaf[i]); /* pair: gc-table */
    if (leaf)
        return leaf;
    struct gt_leaf *made = table_new(h, sizeof *made);
    if (!made || gt_cas_acq_rel(&mid->leaf[i], &leaf, made)) /* pair: gc-table */
        return made;
    gt_free(h->arena, made, sizeof *made);
    gt_sub_relaxed(&h->memory, sizeof *made);
    return leaf;
}

static bool tables_make(struct gt_heap *h, const struct gt_chunk *c)
{
    uint64_t last = (c->end - 1) >> (GT_PAGE_SHIFT + GT_LEAF_BITS);
    for (uint64_t l = c->first >> (GT_PAGE_SHIFT + GT_LEAF_BITS); l <= last; l++)
        if (!leaf_make(h, l << GT_LEAF_BITS))
            return false;
    return true;
}

/* Of a page of a chunk. */
static struct gt_leaf *leaf_at(struct gt_heap *h, uint64_t page)
{
    struct gt_mid *mid =
        gt_load_acquire(&h->top[page >> (GT_MID_BITS + GT_LEAF_BITS)]); /* pair: gc-table */
    uint64_t i = (page >> GT_LEAF_BITS) & ((1u << GT_MID_BITS) - 1);
    return gt_load_acquire(&mid->leaf[i]); /* pair: gc-table */
}

static void entry_set(struct gt_heap *h, uintptr_t address, struct gt_span *s)
{
    uint64_t page = address >> GT_PAGE_SHIFT;
    struct gt_leaf *leaf = leaf_at(h, page);
    gt_store_release(&leaf->span[page & ((1u << GT_LEAF_BITS) - 1)], s); /* pair: gc-entry */
}

static struct gt_span *entry_of(struct gt_heap *h, uintptr_t address)
{
    uint64_t page = address >> GT_PAGE_SHIFT;
    struct gt_leaf *leaf = leaf_at(h, page);
    return gt_load_relaxed(&leaf->span[page & ((1u << GT_LEAF_BITS) - 1)]);
}

static void entries_set(struct gt_heap *h, uintptr_t start, uint64_t npages, struct gt_span *s)
{
    uint64_t page = start >> GT_PAGE_SHIFT, end = page + npages;
    while (page < end) {
        struct gt_leaf *leaf = leaf_at(h, page);
        uint64_t i = page & ((1u << GT_LEAF_BITS) - 1);
        for (; i < 1u << GT_LEAF_BITS && page < end; i++, page++)
            gt_store_release(&leaf->span[i], s); /* pair: gc-entry */
    }
}

/* ---- structs ------------------------------------------------------------------------------ */
/* Lock held. */
static struct gt_span *struct_get(struct gt_heap *h, struct gt_pages *pp)
{
    if (!pp->spare) {
        int32_t node = (int32_t)(pp - h->pages);
        struct gt_span_block *b = gt_alloc(h->arena, sizeof *b, node);
        if (!b)
            return NULL;
        gt_add_relaxed(&h->memory, sizeof *b);
        b->next = pp->blocks;
        pp->blocks = b;
        for (size_t i = 0; i < sizeof b->span / sizeof b->span[0]; i++) {
            b->span[i].node = (int16_t)node;
            b->span[i].next = pp->spare;
            pp->spare = &b->span[i];
        }
    }
    struct gt_span *s = pp->spare;
    pp->spare = s->next;
    s->next = NULL;
    return s;
}

static void struct_put(struct gt_pages *pp, struct gt_span *s)
{
    s->chunk = NULL;
    s->next = pp->spare;
    pp->spare = s;
}

/* ---- bins ------------------------------------------------------------------------------------ */
static uint32_t bin_of(uint32_t npages)
{
    if (npages < GT_BINS_EXACT)
        return npages;
    uint32_t top = 31u - (uint32_t)__builtin_clz(npages); /* 4.. */
    return GT_BINS_EXACT + (top - 4) * 8 + ((npages >> (top - 3)) & 7);
}

static void bin_insert(struct gt_pages *pp, struct gt_span *r)
{
    uint32_t b = bin_of(r->npages);
    r->prev = NULL;
    r->next = pp->bin[b];
    if (r->next)
        r->next->prev = r;
    pp->bin[b] = r;
    pp->some[b / 64] |= 1ull << (b & 63);
    r->run = true;
}

static void bin_remove(struct gt_pages *pp, struct gt_span *r)
{
    uint32_t b = bin_of(r->npages);
    if (r->next)
        r->next->prev = r->prev;
    if (r->prev)
        r->prev->next = r->next;
    else if (!(pp->bin[b] = r->next))
        pp->some[b / 64] &= ~(1ull << (b & 63));
    r->next = r->prev = NULL;
    r->run = false;
}

/* The first bin from b on that has a run; GT_BINS: none. */
static uint32_t bin_next(const struct gt_pages *pp, uint32_t b)
{
    for (uint32_t w = b / 64; w < sizeof pp->some / sizeof pp->some[0]; w++, b = w * 64) {
        uint64_t bits = pp->some[w] & (UINT64_MAX << (b & 63));
        if (bits)
            return w * 64 + (uint32_t)__builtin_ctzll(bits);
    }
    return GT_BINS;
}

#define LOOK 8 /* runs of the bin that may hold some too small */

/* Off its bin: a run of at least npages, the best of few: in the bin of that number those are
 * looked at one by one, in all above every run is large enough. */
static struct gt_span *fit(struct gt_pages *pp, uint32_t npages)
{
    uint32_t b = bin_of(npages);
    struct gt_span *best = NULL;
    int left = LOOK;
    for (struct gt_span *r = pp->bin[b]; r && left-- > 0; r = r->next)
        if (r->npages >= npages && (!best || r->npages < best->npages))
            best = r;
    if (!best && (b = bin_next(pp, b + 1)) < GT_BINS)
        best = pp->bin[b];
    if (best)
        bin_remove(pp, best);
    return best;
}

/* ---- runs -------------------------------------------------------------------------------------- */
/* n, off its bin, becomes a part of r, which begins at the lower of the two. In poison mode the
 * zeroes of one are filled if the other is: a dirty run is filled from end to end. */
static void run_merge(struct gt_heap *h, struct gt_pages *pp, struct gt_span *r, struct gt_span *n)
{
    const struct gt_span *clean = n->dirty ? r : n;
    bin_remove(pp, n);
    if (h->o.poison && n->dirty != r->dirty)
        gt_poison_fill(clean->start, gt_span_bytes(clean));
    r->start = n->start < r->start ? n->start : r->start;
    r->npages += n->npages;
    r->dirty |= n->dirty;
    struct_put(pp, n);
}

/* r's pages are free and dirty or not; lock held. */
static void run_insert(struct gt_heap *h, struct gt_pages *pp, struct gt_span *r)
{
    uintptr_t end = r->start + gt_span_bytes(r);
    struct gt_span *left = r->start > r->chunk->first ? entry_of(h, r->start - 1) : NULL;
    struct gt_span *right = end < r->chunk->end ? entry_of(h, end) : NULL;
    if (left && left->run) { /* I3 */
        entry_set(h, r->start - 1, NULL);
        run_merge(h, pp, r, left);
    }
    if (right && right->run) {
        entry_set(h, end, NULL);
        run_merge(h, pp, r, right);
    }
    entry_set(h, r->start, r);
    entry_set(h, r->start + gt_span_bytes(r) - 1, r);
    bin_insert(pp, r);
}

/* r keeps npages, the rest is a run of its own. Lock held; false: no memory for a struct. */
static bool split(struct gt_heap *h, struct gt_pages *pp, struct gt_span *r, uint32_t npages)
{
    if (r->npages == npages)
        return true;
    struct gt_span *rest = struct_get(h, pp);
    if (!rest)
        return false;
    rest->chunk = r->chunk;
    rest->start = r->start + (size_t)npages * GT_GC_PAGE;
    rest->npages = r->npages - npages;
    rest->dirty = r->dirty;
    r->npages = npages;
    entry_set(h, rest->start, rest);
    entry_set(h, rest->start + gt_span_bytes(rest) - 1, rest);
    bin_insert(pp, rest);
    return true;
}

/* ---- chunks --------------------------------------------------------------------------------------- */
static size_t chunk_size(const struct gt_heap *h, uint32_t npages)
{
    size_t least = ((size_t)npages + 1) * GT_GC_PAGE; /* one may be lost to alignment */
    size_t size = GT_HEAP_CHUNK; /* powers of two, as a bump arena likes them */
    while (size < GT_HEAP_CHUNK_MAX && size < gt_load_relaxed(&h->memory) / 8)
        size *= 2;
    return size < least ? least : size;
}

static void chunk_free(struct gt_heap *h, struct gt_chunk *c)
{
    gt_free(h->arena, c->memory, c->size);
    gt_free(h->arena, c, sizeof *c);
}

static struct gt_chunk *chunk_make(struct gt_heap *h, int32_t node, size_t size)
{
    struct gt_chunk *c = gt_alloc(h->arena, sizeof *c, node);
    if (!c)
        return NULL;
    c->node = node;
    c->size = size;
    c->memory = gt_alloc(h->arena, size, node);
    c->first = ((uintptr_t)c->memory + GT_GC_PAGE - 1) & ~(uintptr_t)(GT_GC_PAGE - 1);
    c->end = ((uintptr_t)c->memory + size) & ~(uintptr_t)(GT_GC_PAGE - 1);
    if (c->memory && c->end >> GT_ADDRESS_BITS == 0 && tables_make(h, c))
        return c;
    chunk_free(h, c);
    return NULL;
}

static void chunk_publish(struct gt_heap *h, struct gt_chunk *c)
{
    struct gt_chunk *head = gt_load_relaxed(&h->chunks);
    do
        c->next = head;
    while (!gt_cas_release(&h->chunks, &head, c)); /* pair: gc-chunks */
    gt_add_relaxed(&h->memory, c->size);
}

/* One more chunk, with a run of at least npages. */
static bool grow(struct gt_heap *h, int32_t node, uint32_t npages)
{
    struct gt_pages *pp = &h->pages[node];
    size_t least = ((size_t)npages + 1) * GT_GC_PAGE, size = chunk_size(h, npages);
    struct gt_chunk *c = chunk_make(h, node, size);
    if (!c && size > least)
        c = chunk_make(h, node, least);
    if (!c)
        return false;
    gt_lock(&pp->lock);
    struct gt_span *r = struct_get(h, pp);
    if (r) {
        chunk_publish(h, c);
        r->chunk = c;
        r->start = c->first;
        r->npages = (uint32_t)((c->end - c->first) / GT_GC_PAGE);
        r->dirty = false;
        run_insert(h, pp, r);
    }
    gt_unlock(&pp->lock);
    if (!r)
        chunk_free(h, c);
    return r != NULL;
}

/* ---- taking and giving ------------------------------------------------------------------------------ */
static struct gt_span *take(struct gt_heap *h, struct gt_pages *pp, uint32_t npages, bool *starved)
{
    gt_lock(&pp->lock);
    struct gt_span *s = fit(pp, npages);
    if (s && !split(h, pp, s, npages)) {
        bin_insert(pp, s);
        *starved = true;
        s = NULL;
    }
    gt_unlock(&pp->lock);
    return s;
}

struct gt_span *gt_pages_take(struct gt_heap *h, int32_t node, uint32_t npages, bool more,
                              bool *zero)
{
    struct gt_pages *pp = &h->pages[node];
    struct gt_span *s;
    bool starved = false;
    while (!(s = take(h, pp, npages, &starved)))
        if (starved || !more || !grow(h, node, npages))
            return NULL;
    *zero = !s->dirty;
    entries_set(h, s->start, npages, s);
    return s;
}

void gt_pages_give(struct gt_heap *h, struct gt_span *s, bool dirty)
{
    struct gt_pages *pp = &h->pages[s->node];
    gt_store_relaxed(&s->key, 0u);
    entries_set(h, s->start, s->npages, NULL);
    s->dirty = dirty;
    gt_lock(&pp->lock);
    run_insert(h, pp, s);
    gt_unlock(&pp->lock);
}

/* ---- back to the kernel ------------------------------------------------------------------------------- */
static size_t dirty_bytes(const struct gt_pages *pp)
{
    size_t sum = 0;
    for (uint32_t b = 0; b < GT_BINS; b++)
        for (const struct gt_span *r = pp->bin[b]; r; r = r->next)
            sum += r->dirty ? gt_span_bytes(r) : 0;
    return sum;
}

/* Dirty runs of the bin, `want` bytes or what there is, off the bin. */
static struct gt_span *dirty_of_bin(struct gt_pages *pp, uint32_t b, size_t want)
{
    struct gt_span *list = NULL, *next;
    size_t got = 0;
    for (struct gt_span *r = pp->bin[b]; r && got < want; r = next) {
        next = r->next;
        if (!r->dirty)
            continue;
        bin_remove(pp, r);
        r->next = list;
        list = r;
        got += gt_span_bytes(r);
    }
    return list;
}

/* Its pages in the kernel's measure, and zeroes at the edges that are smaller. */
static void discard(const struct gt_span *r)
{
    uintptr_t page = gt_page_size(), end = r->start + gt_span_bytes(r);
    uintptr_t lo = (r->start + page - 1) & ~(page - 1), hi = end & ~(page - 1);
    if (lo >= hi) {
        memset((void *)r->start, 0, end - r->start);
        return;
    }
    memset((void *)r->start, 0, lo - r->start);
    gt_map_discard((void *)lo, hi - lo);
    memset((void *)hi, 0, end - hi);
}

/* Meanwhile they are in no bin: nobody takes or merges them. */
static size_t trim_list(struct gt_heap *h, struct gt_pages *pp, struct gt_span *list)
{
    size_t sum = 0;
    for (struct gt_span *r = list; r; r = r->next) {
        discard(r);
        r->dirty = false;
        sum += gt_span_bytes(r);
    }
    gt_lock(&pp->lock);
    for (struct gt_span *r = list, *next; r; r = next) {
        next = r->next;
        entry_set(h, r->start, NULL); /* it may end up inside another */
        entry_set(h, r->start + gt_span_bytes(r) - 1, NULL);
        run_insert(h, pp, r);
    }
    gt_unlock(&pp->lock);
    return sum;
}

static size_t trim_node(struct gt_heap *h, struct gt_pages *pp, size_t keep)
{
    gt_lock(&pp->lock);
    size_t all = dirty_bytes(pp), sum = 0;
    gt_unlock(&pp->lock);
    size_t want = all > keep ? all - keep : 0;
    for (uint32_t b = GT_BINS; b-- > 0 && sum < want;) {
        gt_lock(&pp->lock);
        struct gt_span *list = dirty_of_bin(pp, b, want - sum);
        gt_unlock(&pp->lock);
        sum += trim_list(h, pp, list);
    }
    return sum;
}

size_t gt_heap_trim(struct gt_heap *h, size_t keep)
{
    size_t sum = 0;
    for (int32_t i = 0; i < h->o.nodes; i++)
        sum += trim_node(h, &h->pages[i], keep);
    return sum;
}

/* ---- birth and end ---------------------------------------------------------------------------------------- */
void gt_pages_init(struct gt_heap *h)
{
    for (int32_t i = 0; i < h->o.nodes; i++)
        gt_lock_init(&h->pages[i].lock, GT_RANK_HEAP);
}

static void tables_free(struct gt_heap *h)
{
    for (size_t i = 0; i < 1u << GT_TOP_BITS; i++) {
        struct gt_mid *mid = gt_load_relaxed(&h->top[i]);
        for (size_t k = 0; mid && k < 1u << GT_MID_BITS; k++)
            gt_free(h->arena, gt_load_relaxed(&mid->leaf[k]), sizeof(struct gt_leaf));
        gt_free(h->arena, mid, sizeof *mid);
    }
}

void gt_pages_fini(struct gt_heap *h)
{
    struct gt_chunk *c = gt_load_acquire(&h->chunks); /* pair: gc-chunks */
    while (c) {
        struct gt_chunk *next = c->next;
        chunk_free(h, c);
        c = next;
    }
    for (int32_t i = 0; i < h->o.nodes; i++)
        for (struct gt_span_block *b = h->pages[i].blocks, *next; b; b = next) {
            next = b->next;
            gt_free(h->arena, b, sizeof *b);
        }
    tables_free(h);
}
