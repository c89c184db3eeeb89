/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the heap's files share: gc_sizes.c, gc_pages.c, gc_heap.c, gc_span.c, gc_sweep.c. The
 * rest of the collector sees gc.h only.
 *
 *   address -> span     a word's page number is looked up in three tables, top, mid and leaf;
 *                       the entry names the page's span, and the span's key says what it is
 *   chunk               memory from an arena, cut into runs of pages, never given back
 *                       before the heap is destroyed
 *   span                pages in use; in exactly one place: a cache, a central list, the hands
 *                       of who makes, sweeps or frees it
 *   run                 free pages; in exactly one bin of its node
 */
#pragma once
#include "core/gc.h"

#define GT_HEAP_CHUNK (4ull << 20) /* memory is taken in pieces of at least so much, .. */
#define GT_HEAP_CHUNK_MAX (32ull << 20) /* .. in step with what is there, up to this */
#define GT_HEAP_SPAN_PAGES 16u /* of a span of small objects, at most */

/* ---- classes ------------------------------------------------------------------------------ */
#define GT_CLASS_STEP 16u  /* between classes up to */
#define GT_CLASS_EVEN 128u /* this size; eight classes per doubling above */

struct gt_class {
    uint32_t slot; /* bytes; 0: no such class, or the large one (0) */
    uint32_t n_slots;
    uint32_t npages;
    uint32_t magic; /* slot of offset o: (uint64_t)o * magic >> 32 */
};
/* Fills table[0..GT_GC_CLASSES_MAX). How many classes there are, the large one included. */
uint32_t gt_classes_init(struct gt_class *table);

/* The class whose slots hold `bytes`, 1..GT_GC_SMALL_MAX (layout word included). */
static inline uint32_t gt_class_of(size_t bytes)
{
    uint32_t n = (uint32_t)bytes - 1;
    if (n < GT_CLASS_EVEN)
        return n / GT_CLASS_STEP + 1;
    uint32_t top = 31u - (uint32_t)__builtin_clz(n); /* 7.. */
    return (top - 7) * 8 + (n >> (top - 3)) + 1;
}

/* ---- address -> span ------------------------------------------------------------------------ */
#define GT_ADDRESS_BITS 48
#define GT_PAGE_SHIFT 13
#define GT_LEAF_BITS 12 /* 32 MiB to a leaf */
#define GT_MID_BITS 12
#define GT_TOP_BITS (GT_ADDRESS_BITS - GT_PAGE_SHIFT - GT_LEAF_BITS - GT_MID_BITS)
_Static_assert(1u << GT_PAGE_SHIFT == GT_GC_PAGE, "shift");

struct gt_leaf {
    GT_APTR(struct gt_span) span[1u << GT_LEAF_BITS];
};
struct gt_mid {
    GT_APTR(struct gt_leaf) leaf[1u << GT_MID_BITS];
};

/*
 * The key: first page << 16 | class << 8 | pointers << 1 | in use. One word, so that whoever
 * reads it has the place and the shape of one and the same span, even when the struct is
 * being made into another.
 */
#define GT_KEY_IN_USE 1u
#define GT_KEY_POINTERS 2u
static inline uint64_t gt_key_make(const struct gt_span *s)
{
    return (uint64_t)(s->start >> GT_PAGE_SHIFT) << 16 | (uint64_t)s->cls << 8 |
           (s->pointers ? GT_KEY_POINTERS : 0u) | GT_KEY_IN_USE;
}
static inline uintptr_t gt_key_start(uint64_t key)
{
    return (uintptr_t)(key >> 16) << GT_PAGE_SHIFT;
}
static inline uint32_t gt_key_class(uint64_t key)
{
    return (uint32_t)(key >> 8) & 0xffu;
}

/* ---- pages ------------------------------------------------------------------------------------ */
struct gt_chunk { /* Constant once published */
    struct gt_chunk *next;
    void *memory;
    size_t size;
    uintptr_t first, end; /* of its whole pages */
    int32_t node;
};

struct gt_span_block { /* structs come in blocks */
    struct gt_span_block *next;
    struct gt_span span[63];
};

/* Bins: one per number of pages below 16, then eight per doubling. */
#define GT_BINS_EXACT 16u
#define GT_BINS (GT_BINS_EXACT + 8u * 28u)

struct GT_ALIGNED gt_pages { /* of one node. Guarded by: lock */
    struct gt_lock lock;
    struct gt_span *bin[GT_BINS];
    uint64_t some[(GT_BINS + 63) / 64]; /* bit per bin: not empty */
    struct gt_span *spare;              /* structs that stand for nothing */
    struct gt_span_block *blocks;
};

/* Pages, all entries of the tables named, key not yet in use; *zero: nobody wrote there since
 * they came from the kernel. NULL: neither free pages nor (more) memory. Takes the lock. */
struct gt_span *gt_pages_take(struct gt_heap *h, int32_t node, uint32_t npages, bool more,
                              bool *zero);
/* Takes s and its pages back. dirty: not known to be zero. */
void gt_pages_give(struct gt_heap *h, struct gt_span *s, bool dirty);
void gt_pages_init(struct gt_heap *h);
void gt_pages_fini(struct gt_heap *h);

/* ---- central lists ------------------------------------------------------------------------------ */
struct gt_span_list {
    struct gt_span *head, *tail;
};
void gt_spans_push(struct gt_span_list *l, struct gt_span *s);
struct gt_span *gt_spans_pop(struct gt_span_list *l);
void gt_spans_append(struct gt_span_list *l, struct gt_span_list *from); /* empties from */

struct GT_ALIGNED gt_central { /* of one node, class and kind */
    struct gt_lock lock;
    /* Guarded by: lock. */
    struct gt_span_list partial; /* swept, with free slots */
    struct gt_span_list full;    /* swept, without */
    struct gt_span_list unswept;
    gt_a32 any_unswept; /* a hint: is it worth the lock? Written by: its holder */
};

/* ---- the heap -------------------------------------------------------------------------------------- */
struct gt_heap {
    /* Constant after create. */
    struct gt_runtime *rt;
    struct gt_arena *arena;
    struct gt_heap_options o;
    struct gt_class cls[GT_GC_CLASSES_MAX];
    uint64_t largest; /* bytes of an object that this machine could hold */
    uint32_t n_classes;
    uint32_t n_centrals;
    size_t size; /* of this struct and its tail, as allocated */
    struct gt_central *central; /* [node][class][kind] */
    struct gt_pages *pages;     /* [node] */

    GT_ALIGNED gt_a64 now; /* written at each refill */
    gt_a64 span_bytes, allocs, alloc_bytes;
    GT_ALIGNED gt_a64 frees; /* written at each sweep */
    gt_a64 free_bytes, swept_spans;
    gt_a64 unswept;  /* spans not yet swept to the end. Written by: sweep_begin, who sweeps */
    gt_a32 sweep_at; /* a hint: the first central that may have unswept spans */
    gt_a32 sweep_gen; /* Written with the world stopped */
    GT_ALIGNED gt_a64 memory;
    gt_a64 n_spans; /* in use */
    GT_APTR(struct gt_chunk) chunks;
    GT_APTR(struct gt_mid) top[1u << GT_TOP_BITS];
};

static inline struct gt_central *gt_central_of(struct gt_heap *h, int32_t node, uint32_t cls,
                                               bool pointers)
{
    return &h->central[((uint32_t)node * h->n_classes + cls) * 2 + (pointers ? 1u : 0u)];
}
static inline struct gt_central *gt_central_of_span(struct gt_heap *h, const struct gt_span *s)
{
    return gt_central_of(h, s->node, s->cls, s->pointers);
}
static inline size_t gt_span_bytes(const struct gt_span *s)
{
    return (size_t)s->npages * GT_GC_PAGE;
}
static inline size_t gt_span_slot(const struct gt_span *s)
{
    return s->slot_size ? s->slot_size : gt_span_bytes(s);
}
static inline uint32_t gt_span_words(const struct gt_span *s)
{
    return (s->n_slots + 63u) / 64;
}
/* Bits of word w that stand for slots. */
static inline uint64_t gt_span_mask(const struct gt_span *s, uint32_t w)
{
    uint32_t rest = s->n_slots - w * 64;
    return rest >= 64 ? UINT64_MAX : ((uint64_t)1 << rest) - 1;
}

/* gc_sweep.c. Sweeps s, taken off its list by the caller. Bytes freed. */
uint64_t gt_span_sweep(struct gt_heap *h, struct gt_span *s);
/* One off the list; NULL: none. Lock held. It is the caller's to sweep. */
struct gt_span *gt_central_unswept(struct gt_heap *h, struct gt_central *ce);
/* Swept s goes where it belongs: a list, or its pages to the free ones. */
void gt_span_settle(struct gt_heap *h, struct gt_span *s);
/* gc_span.c. The span is empty, swept and on no list. */
void gt_span_free(struct gt_heap *h, struct gt_span *s);
/* Poison mode: fills; true when [p, p + bytes) is filled, or zero, as the last fill left it. */
void gt_poison_fill(uintptr_t p, size_t bytes);
bool gt_poison_intact(uintptr_t p, size_t bytes, uint64_t want);
void gt_poison_check(struct gt_heap *h, uintptr_t p, size_t bytes, uint64_t want);
