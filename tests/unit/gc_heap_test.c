/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: both labels=quick,reduced */
/* The collector's heap, one thread: sizes, lookup, sweep, limits, poison. */
#include "gc_heap.h"

#include <stdio.h>

/* ---- sizes ----------------------------------------------------------------------------------- */
static void sizes(void)
{
    struct gt_class t[GT_GC_CLASSES_MAX] = {{0}};
    uint32_t n = gt_classes_init(t);
    bool fits = true, least = true, lean = true, aligned = true, shaped = true, exact = true;
    for (size_t size = 1; size <= GT_GC_SMALL_MAX; size++) {
        uint32_t c = gt_class_of(size);
        uint64_t span = (uint64_t)t[c].npages * GT_GC_PAGE;
        fits &= c >= 1 && c < n && t[c].slot >= size;
        least &= c == 1 || t[c - 1].slot < size;
        lean &= size <= 128 ? t[c].slot - size < 16 && span - t[c].n_slots * t[c].slot <= span / 8
                            : t[c].n_slots * size * 8 >= span * 7;
    }
    for (uint32_t c = 1; c < n; c++) {
        uint64_t span = (uint64_t)t[c].npages * GT_GC_PAGE;
        aligned &= t[c].slot % 16 == 0;
        shaped &= t[c].npages >= 1 && t[c].npages <= GT_HEAP_SPAN_PAGES && t[c].n_slots >= 4 &&
                  t[c].n_slots <= GT_SPAN_SLOTS_MAX && t[c].n_slots == span / t[c].slot;
        for (uint64_t o = 0; o < span; o += GT_TSAN || GT_ASAN ? 7 : 1)
            exact &= o * t[c].magic >> 32 == o / t[c].slot;
    }
    ok(n <= GT_GC_CLASSES_MAX && t[n - 1].slot == GT_GC_SMALL_MAX, "%u classes, up to 32 KiB", n - 1);
    ok(fits && least, "every size has the smallest class that holds it");
    ok(lean, "at most 12.5 %% of a span is lost, 15 bytes of an object up to 128");
    ok(aligned && shaped, "slots are multiples of 16, spans have 4 to 512");
    ok(exact, "no division: exact for every offset");
}

/* ---- looking up ------------------------------------------------------------------------------- */
static const size_t probe_sizes[] = {1,    8,    16,   17,    24,    64,    120,    121,   1000,
                                     2048, 4097, 8192, 20000, 32760, 32768, 32769, 100000, 3000000};
#define PROBES (sizeof probe_sizes / sizeof probe_sizes[0])

static void lookup_one(struct fix *f, size_t size, bool pointers, bool *good)
{
    char *p = heap_new(f, size, pointers);
    struct gt_obj o;
    if (!p || !gt_heap_find(f->h, (uintptr_t)p, &o)) {
        *good = false;
        return;
    }
    size_t bytes = gt_heap_object_bytes(o), head = pointers ? 8 : 0;
    *good &= o.base == (uintptr_t)p && bytes >= size && is_filled(p, bytes, 0);
    *good &= gt_heap_slot_bytes(o) == bytes + head;
    *good &= gt_heap_layout(o) == (pointers ? &words : NULL);
    *good &= (uintptr_t)p % (pointers ? 8 : 16) == 0;
    *good &= finds(f, p + size / 2, p) && finds(f, p + bytes - 1, p);
    *good &= !finds(f, p + bytes, p) && !finds(f, p - 1, p);
    *good &= !pointers || !found(f, p - 8); /* the layout word is also one past the neighbour */
    *good &= !pointers || !found(f, p - 1);
}

static void lookup(void)
{
    struct fix f = fix_open(GT_ALLOC_JEMALLOC, (struct gt_heap_options){.nodes = 1});
    bool good = true;
    for (size_t i = 0; i < PROBES; i++)
        for (int k = 0; k < 40; k++)
            lookup_one(&f, probe_sizes[i], k % 4 < 2, &good);
    ok(good, "first, inside, last, before and past: each word finds its object or none");
    fix_close(&f, "lookup");
}

static void lookup_foreign(void)
{
    struct fix f = fix_open(GT_ALLOC_JEMALLOC, (struct gt_heap_options){.nodes = 1});
    char local, *a = heap_new(&f, 64, false), *b = heap_new(&f, 5000, false);
    void *m = malloc(100);
    ok(finds(&f, a, a) && finds(&f, b + 4999, b), "two objects");
    ok(!found(&f, a + 64), "a free slot is no object");
    struct gt_obj o;
    bool in = gt_heap_find(f.h, (uintptr_t)b, &o);
    const char *start = in ? (const char *)o.span->start : b;
    ok(in && !found(&f, start + o.span->n_slots * o.span->slot_size), "nor the tail of a span");
    ok(in && !found(&f, start + o.span->npages * GT_GC_PAGE + 16), "nor a free page");
    ok(!found(&f, NULL) && !found(&f, (void *)8) && !found(&f, (void *)UINTPTR_MAX), "small, large");
    ok(!found(&f, (void *)((uintptr_t)a | 1ull << 48)) && !found(&f, (void *)(1ull << 63)) &&
           !found(&f, (void *)GT_GC_POISON) && !found(&f, (void *)((1ull << 48) - 1)),
       "no address at all");
    ok(!found(&f, &local) && !found(&f, m) && !found(&f, (void *)(uintptr_t)sizes) &&
           !found(&f, f.h),
       "other people's memory");
    uint64_t x = 1, hits = 0;
    for (int i = 0; i < scale(1000000); i++)
        hits += found(&f, (void *)(gt_rand(&x) >> (i & 31)));
    ok(hits < 10, "random words hit nothing, or next to it");
    free(m);
    fix_close(&f, "foreign words");
}

/* ---- sweep -------------------------------------------------------------------------------------- */
static void colours(void)
{
    struct fix f = fix_open(GT_ALLOC_JEMALLOC, (struct gt_heap_options){.nodes = 1});
    size_t refilled, once = 0;
    bool ok_refill = true;
    char *p[1000], *white = NULL;
    for (int i = 0; i < 1000; i++) {
        p[i] = gt_heap_alloc(f.h, NULL, f.c, 100, &words, i >= 600, &refilled);
        once += refilled != 0;
        ok_refill &= refilled == 0 || refilled == 73 * 112; /* 108 bytes: slots of 112 */
    }
    ok(ok_refill && once == 14, "a refill counts a span's free slots, the short way nothing");
    for (int i = 0; i < 600; i += 3)
        mark(&f, p[i]);
    struct gt_obj o;
    ok(gt_heap_find(f.h, (uintptr_t)p[700], &o) && gt_heap_marked(o) && !gt_heap_mark(o),
       "born black");
    ok(gt_heap_find(f.h, (uintptr_t)p[1], &o) && !gt_heap_marked(o), "born white");
    ok(gt_heap_find(f.h, (uintptr_t)p[3], &o) && gt_heap_marked(o) && !gt_heap_mark(o),
       "marked once");
    uint64_t freed = sweep_all(&f);
    is_int(freed, 400 * 112, "the sweep frees what is white");
    bool good = true;
    for (int i = 0; i < 1000; i++)
        good &= found(&f, p[i]) == (i >= 600 || i % 3 == 0);
    ok(good, "and nothing else; slots never given out, though marked in advance, stay free");
    struct gt_heap_stats s = heap_stats(&f);
    ok(s.allocs == 1000 && s.frees == 400 && s.now == 600 * 112 && s.alloc_bytes == 112000 &&
           s.free_bytes == 400 * 112,
       "statistics are exact");
    white = heap_new(&f, 100, true);
    ok(gt_heap_find(f.h, (uintptr_t)white, &o) && !gt_heap_marked(o),
       "marks are gone with the cycle");
    mark(&f, p[0]);
    gt_heap_cache_flush(f.h, f.c);
    gt_heap_marks_drop(f.h);
    ok(gt_heap_find(f.h, (uintptr_t)p[0], &o) && !gt_heap_marked(o), "or when it is given up");
    sweep_all(&f);
    s = heap_stats(&f);
    ok(s.now == 0 && s.allocs == s.frees && s.spans == 0, "no mark: all is freed, spans too");
    fix_close(&f, "colours");
}

struct seen {
    uint64_t n, bytes;
    uint64_t stop_at;
};
static bool see(struct gt_obj o, void *arg)
{
    struct seen *s = arg;
    s->n++;
    s->bytes += gt_heap_slot_bytes(o);
    return s->n != s->stop_at;
}

static struct {
    int begun, ended, open, wrong;
    uint64_t swept, freed;
} heard;
static void hear(struct gt_m *m, bool begin, uint64_t swept, uint64_t freed)
{
    heard.wrong += m != NULL || begin != !heard.open;
    heard.open = begin;
    heard.begun += begin;
    heard.ended += !begin;
    heard.swept += swept;
    heard.freed += freed;
}

/* Sweeping on the way: dead slots of the class are found before pages are taken. */
static void sweep_on_alloc(void)
{
    struct fix f = fix_open(GT_ALLOC_JEMALLOC,
                            (struct gt_heap_options){.nodes = 1, .sweeping = hear});
    enum { N = 20000 };
    static char *p[N];
    for (int i = 0; i < N; i++)
        p[i] = heap_new(&f, 64, false);
    for (int i = 0; i < N; i += 2)
        mark(&f, p[i]);
    gt_heap_cache_flush(f.h, f.c);
    uint64_t before = heap_stats(&f).spans;
    ok(heard.begun == 0, "nothing swept, nothing said");
    gt_heap_sweep_begin(f.h);
    ok(!gt_heap_swept(f.h), "all is to be swept");
    size_t refilled;
    for (int i = 1; i < N; i += 2)
        p[i] = gt_heap_alloc(f.h, NULL, f.c, 64, NULL, false, &refilled);
    int more = 0;
    for (; !gt_heap_swept(f.h) && more < 128; more++) /* the last span was not full */
        heap_new(&f, 64, false);
    ok(gt_heap_swept(f.h), "allocation swept the spans of its class");
    is_int(heap_stats(&f).spans, before, "and took no page");
    ok(heard.begun > 0 && heard.begun == heard.ended && !heard.wrong && heard.swept == before &&
           heard.freed == N / 2 * 64,
       "each sweep is said, in pairs, with its bytes");
    gt_heap_cache_flush(f.h, f.c);
    struct gt_heap_stats s = heap_stats(&f);
    struct seen all = {0}, some = {.stop_at = 7};
    gt_heap_each(f.h, see, &all);
    gt_heap_each(f.h, see, &some);
    ok(all.n == N + (uint64_t)more && all.bytes == s.now && some.n == 7, "a walk sees every object, or stops");
    fix_close(&f, "sweep on allocation");
}

/* ---- large objects ---------------------------------------------------------------------------------- */
static void large(void)
{
    struct fix f = fix_open(GT_ALLOC_JEMALLOC, (struct gt_heap_options){.nodes = 1});
    const size_t absurd[] = {SIZE_MAX,    SIZE_MAX - 7, SIZE_MAX - 8192,    SIZE_MAX / 2,
                             1ull << 63, 1ull << 47,   gt_os_memory() + 1};
    bool refused = true;
    size_t refilled = 1;
    for (size_t i = 0; i < sizeof absurd / sizeof absurd[0]; i++)
        for (int k = 0; k < 2; k++)
            refused &= !gt_heap_alloc(f.h, NULL, f.c, absurd[i], k ? &words : NULL, false,
                                      &refilled) &&
                       refilled == 0;
    ok(refused && heap_stats(&f).spans == 0, "sizes beyond memory are refused, nothing is kept");
    char *a = heap_new(&f, 32769, false), *b = heap_new(&f, 32761, true);
    char *c = heap_new(&f, 6000000, true);
    ok(finds(&f, a + 32768, a) && finds(&f, b + 32760, b) && !found(&f, b - 8), "just above small");
    ok(finds(&f, c + 5999999, c) && finds(&f, c + 3000000, c) && !found(&f, c - 1), "megabytes");
    struct gt_heap_stats s = heap_stats(&f);
    ok(s.allocs == 3 && s.now == s.spans && s.now == (5 + 5 + 733) * 8192ull,
       "whole pages are counted");
    mark(&f, b + 5);
    memset(c, 0x55, 6000000);
    uint64_t memory = s.memory;
    is_int(sweep_all(&f), s.now - 5 * 8192, "two are freed");
    ok(found(&f, b) && !found(&f, a) && !found(&f, c) && !found(&f, c + 4000000), "and not found");
    char *d = heap_new(&f, 5990000, false);
    ok(d && is_filled(d, 5990000, 0) && heap_stats(&f).memory == memory,
       "the room is used again, zeroed");
    fix_close(&f, "large");
}

/* What was freed side by side is one run again. */
static void coalescing(void)
{
    struct fix f = fix_open(GT_ALLOC_JEMALLOC, (struct gt_heap_options){.nodes = 1});
    enum { N = 30 };
    char *p[N];
    for (int i = 0; i < N; i++)
        p[i] = heap_new(&f, 100000, false);
    uint64_t memory = heap_stats(&f).memory;
    for (int i = 0; i < N; i += 2)
        mark(&f, p[i]);
    sweep_all(&f); /* every other one */
    sweep_all(&f); /* the rest: each merges with both its neighbours */
    char *all = heap_new(&f, N * 100000, false);
    ok(all && heap_stats(&f).memory == memory && is_filled(all, N * 100000, 0),
       "30 neighbours make room for one");
    fix_close(&f, "coalescing");
}

static void trimming(void)
{
    struct fix f = fix_open(GT_ALLOC_JEMALLOC, (struct gt_heap_options){.nodes = 1});
    for (int i = 0; i < 300; i++)
        memset(heap_new(&f, 20000 + (size_t)i * 100, false), 0x77, 20000);
    ok(gt_heap_trim(f.h, 0) == 0, "nothing free was ever used");
    uint64_t spans = heap_stats(&f).spans;
    sweep_all(&f);
    size_t some = gt_heap_trim(f.h, spans / 2);
    ok(some >= spans / 2 - GT_HEAP_CHUNK && some > 0, "what is above the limit goes back");
    size_t rest = gt_heap_trim(f.h, 0);
    ok(some + rest >= spans && gt_heap_trim(f.h, 0) == 0, "then all, once");
    char *p = heap_new(&f, 3000000, false);
    ok(p && is_filled(p, 3000000, 0), "zero when it comes back");
    fix_close(&f, "trim");
}

/* ---- limits ------------------------------------------------------------------------------------------- */
static void limit(void)
{
    enum { LIMIT = 8 << 20 };
    struct fix f = fix_open(GT_ALLOC_JEMALLOC, (struct gt_heap_options){.nodes = 1, .limit = LIMIT});
    int n = 0;
    while (heap_new(&f, 1000, true))
        n++;
    ok(heap_stats(&f).spans <= LIMIT && n >= LIMIT / 1024 * 7 / 8, "%d objects of 1,000 in 8 MiB", n);
    ok(!heap_new(&f, 1000, true) && !heap_new(&f, 1 << 20, false), "and no more");
    char *last = heap_new(&f, 1, false);
    ok(!last, "not of another class either");
    gt_heap_cache_flush(f.h, f.c);
    gt_heap_sweep_begin(f.h); /* all dead, nothing swept yet */
    ok(heap_new(&f, 6 << 20, false), "it sweeps before it refuses");
    sweep_all(&f);
    int again = 0;
    while (heap_new(&f, 1000, true))
        again++;
    ok(again == n, "the limit is the same after a cycle");
    fix_close(&f, "limit");
}

#if GT_ORACLE
/* The n-th block that the heap asks of its arena does not come, for every n. */
static void exhaustion(void)
{
    bool good = true; /* n: how many were missed; the heap may do without one and give no NULL */
    uint64_t n = 1;
    for (;; n++) {
        struct gt_runtime *rt = bare_runtime(GT_ALLOC_JEMALLOC);
        struct fix f = {.rt = rt};
        gt_arena_fail_after(rt->arena, n);
        if (gt_heap_create(rt, &(struct gt_heap_options){.nodes = 1}, &f.h) == 0) {
            f.c = gt_heap_cache_new(f.h, 0);
            int nulls = 0;
            for (int i = 0; f.c && i < 700; i++)
                nulls += !heap_new(&f, i % 7 ? 10000 : 100, i & 1);
            good &= nulls <= 1;
            for (int i = 0; f.c && i < 30; i++) /* and goes on as if nothing had been */
                good &= heap_new(&f, 50000, i & 1) != NULL;
            if (f.c)
                sweep_all(&f);
            gt_heap_cache_free(f.h, f.c);
            gt_heap_destroy(f.h);
        }
        bool pending = gt_arena_fail_pending(rt->arena);
        good &= blocks_live(rt) == 0;
        gt_arena_destroy(rt->arena);
        free(rt);
        if (pending)
            break;
    }
    ok(good && n > 8, "%d blocks, each missing once: one NULL at most, no leak",
       (int)n - 1);
}
#endif

/* ---- poison ------------------------------------------------------------------------------------------------ */
static struct fix poisoned(void)
{
    return fix_open(GT_ALLOC_JEMALLOC, (struct gt_heap_options){.nodes = 1, .poison = true});
}

static void poison_fill(void)
{
    struct fix f = poisoned();
    char *keep = heap_new(&f, 200, false), *dead = heap_new(&f, 200, false);
    char *all = heap_new(&f, 40000, true);
    memset(dead, 1, 200);
    mark(&f, keep);
    sweep_all(&f);
    uint64_t w;
    memcpy(&w, dead + 192, 8);
    ok(w == GT_GC_POISON, "a freed slot is filled");
    memcpy(&w, all + 32000, 8);
    ok(w == GT_GC_POISON && is_filled(keep, 200, 0), "a freed span too; live ones are not");
    int seen = 0;
    for (int i = 0; i < 300; i++)
        seen += !is_filled(heap_new(&f, 200, false), 200, 0) + !heap_new(&f, 40000, true);
    ok(seen == 0 && violations(&f) == 0, "handed out zeroed, without a complaint");
    fix_close(&f, "poison");
}

/* A write after the free, into: a slot of a span in use, a whole free span, a slot that was
 * never given out. Each is found when the memory is handed out again. */
static void poison_found(void)
{
    unsetenv("GT_VIOLATION"); /* counted here, not fatal */
    struct fix f = poisoned();
    char *keep = heap_new(&f, 200, true), *dead = heap_new(&f, 200, true);
    mark(&f, keep);
    sweep_all(&f);
    dead[10] = 7;
    for (int i = 0; i < 100 && violations(&f) == 0; i++)
        heap_new(&f, 200, true);
    is_int(violations(&f), 1, "a write to a freed slot");
    char *large_one = heap_new(&f, 50000, false);
    sweep_all(&f);
    large_one[49000] = 1;
    char *again = heap_new(&f, 50000, false);
    ok(again && violations(&f) == 2, "a write to a freed large object");
    ok(is_filled(again, 50000, 0), "which comes zeroed all the same");
    char *edge = heap_new(&f, 24, false);
    edge[40] = 1; /* past its end, into a slot never used */
    for (int i = 0; i < 10; i++)
        heap_new(&f, 24, false);
    is_int(violations(&f), 3, "a write past the end, into a fresh slot");
    fix_close(&f, "poison, violated");
}

/* ---- nodes ------------------------------------------------------------------------------------------------------ */
static void nodes(void)
{
    struct fix f = fix_open(GT_ALLOC_JEMALLOC, (struct gt_heap_options){.nodes = 2});
    struct gt_heap_cache *c1 = gt_heap_cache_new(f.h, 1);
    bool apart = true;
    struct gt_obj a, b;
    for (int i = 0; i < 2000; i++) {
        size_t refilled;
        void *p = heap_new(&f, 500, true);
        void *q = gt_heap_alloc(f.h, NULL, c1, 500, &words, false, &refilled);
        apart &= gt_heap_find(f.h, (uintptr_t)p, &a) && gt_heap_find(f.h, (uintptr_t)q, &b) &&
                 a.span->node == 0 && b.span->node == 1 && a.span != b.span;
    }
    ok(apart, "objects lie on their P's node");
    gt_heap_cache_flush(f.h, c1);
    sweep_all(&f);
    size_t refilled;
    void *q = gt_heap_alloc(f.h, NULL, c1, 500, &words, false, &refilled);
    ok(gt_heap_find(f.h, (uintptr_t)q, &b) && b.span->node == 1, "also after a sweep");
    gt_heap_cache_free(f.h, c1);
    fix_close(&f, "nodes");
}

int main(void)
{
    sizes();
    lookup();
    lookup_foreign();
    colours();
    sweep_on_alloc();
    large();
    coalescing();
    trimming();
    limit();
#if GT_ORACLE
    exhaustion();
#endif
    poison_fill();
    poison_found();
    nodes();
    return done_testing();
}
