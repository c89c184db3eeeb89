/* SPDX-License-Identifier: Apache-2.0 */
/* For unit tests of the collector's heap: a heap without a runtime. Its gt_runtime is zeroed but
 * for the arena; what the heap uses of it beyond is the count of violations. */
#pragma once
#include <stdlib.h>
#include <string.h>

#include "core/gc_heap.h"
#include "tap.h"

#define scale(n) (GT_TSAN || GT_ASAN ? (n) / 8 + 1 : (n))

struct fix {
    struct gt_runtime *rt;
    struct gt_heap *h;
    struct gt_heap_cache *c;
};

static inline struct gt_runtime *bare_runtime(enum gt_alloc_kind kind)
{
    char err[128];
    struct gt_runtime *rt = aligned_alloc(GT_CACHE_LINE, sizeof *rt);
    if (!rt)
        bail_out("no memory");
    memset(rt, 0, sizeof *rt);
    if (gt_arena_create(kind, NULL, &rt->arena, err, sizeof err) != 0)
        bail_out("%s", err);
    return rt;
}

static inline struct fix fix_open(enum gt_alloc_kind kind, struct gt_heap_options o)
{
    struct fix f = {.rt = bare_runtime(kind)};
    if (gt_heap_create(f.rt, &o, &f.h) != 0 || !(f.c = gt_heap_cache_new(f.h, 0)))
        bail_out("no heap");
    return f;
}

static inline uint64_t blocks_live(const struct gt_runtime *rt)
{
    struct gt_arena_live l;
    gt_arena_live(rt->arena, &l);
    return l.blocks;
}

static inline uint64_t violations(const struct fix *f)
{
    return gt_load_relaxed(&f->rt->violations);
}

/* Everything goes back to the arena: one point. */
static inline void fix_close(struct fix *f, const char *what)
{
    gt_heap_cache_free(f->h, f->c);
    gt_heap_destroy(f->h);
    is_int(blocks_live(f->rt), 0, "%s: the arena has everything back", what);
    gt_arena_destroy(f->rt->arena);
    free(f->rt);
}

static const uint32_t first_word[] = {0};
static const struct gt_gc_layout words = {"words", 8, 1, first_word};

static inline void *heap_new(struct fix *f, size_t size, bool pointers)
{
    size_t refilled;
    return gt_heap_alloc(f->h, NULL, f->c, size, pointers ? &words : NULL, false, &refilled);
}

static inline struct gt_heap_stats heap_stats(const struct fix *f)
{
    struct gt_heap_stats s;
    gt_heap_stats(f->h, &s);
    return s;
}

static inline bool found(const struct fix *f, const void *p)
{
    struct gt_obj o;
    return gt_heap_find(f->h, (uintptr_t)p, &o);
}

static inline bool finds(const struct fix *f, const void *p, const void *base)
{
    struct gt_obj o;
    return gt_heap_find(f->h, (uintptr_t)p, &o) && o.base == (uintptr_t)base;
}

static inline void mark(const struct fix *f, const void *p)
{
    struct gt_obj o;
    if (!gt_heap_find(f->h, (uintptr_t)p, &o))
        bail_out("%p is not in the heap", p);
    gt_heap_mark(o);
}

/* The end of a cycle and all its sweeping; bytes found dead. */
static inline uint64_t sweep_all(struct fix *f)
{
    uint64_t swept = 0, freed = 0;
    gt_heap_cache_flush(f->h, f->c);
    gt_heap_sweep_begin(f->h);
    while (gt_heap_sweep_one(f->h, &swept, &freed) != SIZE_MAX)
        ;
    if (!gt_heap_swept(f->h))
        bail_out("not swept");
    return freed;
}

static inline bool is_filled(const void *p, size_t n, int byte)
{
    const unsigned char *c = p;
    for (size_t i = 0; i < n; i++)
        if (c[i] != byte)
            return false;
    return true;
}
