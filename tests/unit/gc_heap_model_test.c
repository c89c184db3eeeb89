/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: both labels=quick,reduced */
/* The collector's heap against a model: random programs with a shadow set, then several threads
 * that allocate and sweep while others look words up. */
#include "gc_heap.h"

#include <pthread.h>
#include <stdio.h>

/* ---- a random program --------------------------------------------------------------------------- */
/* Each live object holds a pattern made of its number, so an object that is freed alive, or
 * handed out twice, shows. */
struct shadow {
    unsigned char *p;
    size_t size, slot;
    bool pointers;
    unsigned char fill;
};

enum { LIVE_MAX = 2000 };
struct model {
    struct fix f;
    uint64_t rng;
    struct shadow live[LIVE_MAX];
    size_t n;
    uint64_t made, made_bytes, gone, gone_bytes;
    bool good;
};

static size_t random_size(struct model *m)
{
    uint64_t r = gt_rand(&m->rng);
    if (r % 200 == 0)
        return 1 + (r >> 20) % 300000; /* large ones too */
    return 1 + (r >> 20) % (16ull << (r >> 10) % 11);
}

static void model_alloc(struct model *m, bool black)
{
    if (m->n == LIVE_MAX)
        return;
    struct shadow *s = &m->live[m->n];
    size_t refilled;
    s->size = random_size(m);
    s->pointers = gt_rand(&m->rng) & 1;
    s->fill = (unsigned char)(1 + m->made % 255);
    s->p = gt_heap_alloc(m->f.h, NULL, m->f.c, s->size, s->pointers ? &words : NULL, black,
                         &refilled);
    struct gt_obj o;
    if (!s->p || !gt_heap_find(m->f.h, (uintptr_t)s->p + gt_rand(&m->rng) % s->size, &o)) {
        m->good = false;
        return;
    }
    s->slot = gt_heap_slot_bytes(o);
    m->good &= o.base == (uintptr_t)s->p && gt_heap_marked(o) >= black;
    m->good &= is_filled(s->p, gt_heap_object_bytes(o), 0);
    memset(s->p, s->fill, s->size);
    m->n++;
    m->made++;
    m->made_bytes += s->slot;
}

/* Forgets a random one: the next sweep shall find it dead. */
static void model_drop(struct model *m)
{
    if (m->n == 0)
        return;
    size_t i = gt_rand(&m->rng) % m->n;
    m->gone++;
    m->gone_bytes += m->live[i].slot;
    m->live[i] = m->live[--m->n];
}

static void model_step(struct model *m, bool black)
{
    if (gt_rand(&m->rng) % 100 < 55)
        model_alloc(m, black);
    else
        model_drop(m);
}

static void model_verify(struct model *m)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct shadow *s = &m->live[i];
        struct gt_obj o;
        m->good &= gt_heap_find(m->f.h, (uintptr_t)s->p, &o) && o.base == (uintptr_t)s->p &&
                   gt_heap_layout(o) == (s->pointers ? &words : NULL) &&
                   is_filled(s->p, s->size, s->fill);
    }
}

/* One cycle: marking with births and deaths between, then the sweep with the same. */
static void model_cycle(struct model *m)
{
    for (int i = 0; i < 300; i++)
        model_step(m, false);
    size_t before = m->n;
    for (size_t i = 0; i < before; i++)
        mark(&m->f, m->live[i].p + gt_rand(&m->rng) % m->live[i].size);
    uint64_t dead = m->gone, dead_bytes = m->gone_bytes; /* found so far: these at most */
    for (int i = 0; i < 100; i++)
        model_step(m, true);
    gt_heap_cache_flush(m->f.h, m->f.c);
    gt_heap_sweep_begin(m->f.h);
    uint64_t swept = 0, freed = 0;
    bool more = true;
    while (more) {
        model_step(m, false);
        if (gt_rand(&m->rng) % 3 == 0)
            more = gt_heap_sweep_one(m->f.h, &swept, &freed) != SIZE_MAX;
    }
    gt_heap_cache_flush(m->f.h, m->f.c);
    struct gt_heap_stats s = heap_stats(&m->f);
    m->good &= gt_heap_swept(m->f.h) && s.allocs == m->made && s.alloc_bytes == m->made_bytes;
    m->good &= s.frees == dead && s.free_bytes == dead_bytes;
    m->good &= s.now == s.alloc_bytes - s.free_bytes;
    model_verify(m);
}

static bool count_one(struct gt_obj o, void *n)
{
    (void)o;
    ++*(uint64_t *)n;
    return true;
}

/* At the end nothing but what lives is left, wherever one looks. */
static void model_end(struct model *m)
{
    for (size_t i = 0; i < m->n; i++)
        mark(&m->f, m->live[i].p);
    sweep_all(&m->f);
    model_verify(m);
    uint64_t n = 0;
    gt_heap_each(m->f.h, count_one, &n);
    struct gt_heap_stats s = heap_stats(&m->f);
    m->good &= n == m->n && s.allocs - s.frees == n && s.now == m->made_bytes - m->gone_bytes;
    m->n = 0;
    sweep_all(&m->f);
    s = heap_stats(&m->f);
    m->good &= s.now == 0 && s.spans == 0 && s.allocs == s.frees;
}

static void model(enum gt_alloc_kind kind, bool poison, uint64_t seed)
{
    static struct model m;
    m = (struct model){.rng = seed * 0x9e3779b97f4a7c15ull, .good = true};
    m.f = fix_open(kind, (struct gt_heap_options){.nodes = 1, .poison = poison});
    for (int i = 0; i < scale(40); i++)
        model_cycle(&m);
    model_end(&m);
    ok(m.good && violations(&m.f) == 0, "seed %d, %s%s: %llu objects", (int)seed,
       kind == GT_ALLOC_BUMP ? "bump" : "nodes", poison ? ", poison" : "",
       (unsigned long long)m.made);
    fix_close(&m.f, "model");
}

/* ---- fragmentation ------------------------------------------------------------------------------- */
/* A live set of constant size whose objects change size all the time. */
static void fragmentation(void)
{
    struct fix f = fix_open(GT_ALLOC_JEMALLOC, (struct gt_heap_options){.nodes = 1});
    enum { N = 600, CYCLES = 60 };
    static char *p[N];
    uint64_t rng = 5, live_max = 0, spans_max = 0;
    for (int c = 0; c < scale(CYCLES); c++) {
        for (int i = 0; i < N; i++) {
            uint64_t r = gt_rand(&rng);
            if (p[i] && r % 3) {
                mark(&f, p[i]);
                continue;
            }
            p[i] = heap_new(&f, 1 + (r >> 8) % ((r >> 4) % 4 ? 3000 : 100000), r >> 63);
            mark(&f, p[i]);
        }
        sweep_all(&f);
        struct gt_heap_stats s = heap_stats(&f);
        live_max = s.now > live_max ? s.now : live_max;
        spans_max = s.spans > spans_max ? s.spans : spans_max;
    }
    struct gt_heap_stats s = heap_stats(&f);
    diag("live at most %llu, in spans %llu, from the arena %llu", (unsigned long long)live_max,
         (unsigned long long)spans_max, (unsigned long long)s.memory);
    ok(s.memory <= 3 * live_max + GT_HEAP_CHUNK, "memory stays within three times what lives");
    fix_close(&f, "fragmentation");
}

/* ---- threads ---------------------------------------------------------------------------------------- */
/*
 * Allocators, each with its cache, publish what they make in a table by relaxed stores; markers
 * read the table, spoil the words, look them up and mark what they find. In rounds: marking
 * (all born black), then with all still ("the world stopped") the sweep begins, then
 * allocation and sweeping at once. What was published in the round before and found by no
 * marker is dead; what an allocator keeps, it marks itself.
 */
enum { ALLOCATORS = 3, FINDERS = 1, TABLE = 1024, KEEP = 200 };

struct race {
    struct fix f;
    gt_a64 table[TABLE];
    gt_a32 bad;
    gt_a32 marking, over;
    gt_a64 hits, misses, marked;
    pthread_barrier_t barrier;
};

struct allocator {
    struct race *r;
    struct gt_heap_cache *c;
    uint64_t rng;
    int rounds;
    uint64_t made;
    unsigned char *keep[KEEP];
    size_t size[KEEP];
    unsigned char tag;
};

static void one_alloc(struct allocator *a, bool black)
{
    uint64_t x = gt_rand(&a->rng);
    size_t size = 9 + (x >> 20) % ((x & 63) == 0 ? 60000 : 300), refilled;
    unsigned char *p = gt_heap_alloc(a->r->f.h, NULL, a->c, size, x >> 63 ? &words : NULL, black,
                                     &refilled);
    if (!p || !is_filled(p, size, 0)) {
        gt_add_relaxed(&a->r->bad, 1u);
        return;
    }
    a->made++;
    gt_store_relaxed(&a->r->table[(x >> 40) % TABLE], (uint64_t)p);
    size_t k = (x >> 50) % KEEP;
    if (a->keep[k] && !is_filled(a->keep[k], a->size[k], a->tag))
        gt_add_relaxed(&a->r->bad, 1u);
    memset(p, a->tag, size);
    a->keep[k] = p;
    a->size[k] = size;
}

static void keep_marked(struct allocator *a)
{
    for (size_t k = 0; k < KEEP; k++)
        if (a->keep[k])
            mark(&a->r->f, a->keep[k] + a->size[k] - 1);
}

static void wait_all(struct race *r)
{
    pthread_barrier_wait(&r->barrier);
}

static void *allocate(void *arg)
{
    struct allocator *a = arg;
    struct gt_heap *h = a->r->f.h;
    for (int i = 0; i < a->rounds; i++) {
        for (int k = 0; k < 400; k++)
            one_alloc(a, true);
        keep_marked(a);
        gt_heap_cache_flush(h, a->c);
        wait_all(a->r); /* stopped */
        wait_all(a->r); /* the sweep has begun */
        uint64_t swept = 0, freed = 0;
        for (int k = 0; k < 400; k++) {
            one_alloc(a, false);
            if ((k & 7) == a->tag)
                gt_heap_sweep_one(h, &swept, &freed);
        }
        while (gt_heap_sweep_one(h, &swept, &freed) != SIZE_MAX)
            ;
        wait_all(a->r); /* swept */
        wait_all(a->r); /* marking again */
    }
    return NULL;
}

/* Looks up whatever it likes at any time; marks while marking only. */
static void *find(void *arg)
{
    struct race *r = arg;
    uint64_t rng = (uint64_t)(uintptr_t)&rng, hits = 0, misses = 0, marked = 0;
    while (!gt_load_relaxed(&r->over)) {
        uint64_t x = gt_rand(&rng), w = gt_load_relaxed(&r->table[x % TABLE]);
        struct gt_obj o;
        w += (x & 1 << 12) ? (x >> 32) % 40000 - 20000 : (x >> 32) % 64;
        if (!gt_heap_find(r->f.h, w, &o)) {
            misses++;
            continue;
        }
        hits++;
        if (o.base > w || o.index >= GT_SPAN_SLOTS_MAX)
            gt_add_relaxed(&r->bad, 1u);
        (void)gt_heap_marked(o);
    }
    gt_add_relaxed(&r->hits, hits);
    gt_add_relaxed(&r->misses, misses);
    gt_add_relaxed(&r->marked, marked);
    return NULL;
}

/* A marker proper: takes part in the rounds, and looks into what it finds. */
static void mark_some(struct race *r, uint64_t *rng, uint64_t *marked)
{
    for (int i = 0; i < 2000; i++) {
        uint64_t x = gt_rand(rng);
        struct gt_obj o;
        if (!gt_heap_find(r->f.h, gt_load_relaxed(&r->table[x % TABLE]) + (x >> 56), &o))
            continue;
        if (gt_heap_mark(o))
            ++*marked;
        const struct gt_gc_layout *l = gt_heap_layout(o);
        if ((l && l != &words) || !gt_heap_marked(o) || gt_heap_object_bytes(o) < 8)
            gt_add_relaxed(&r->bad, 1u);
    }
}

static void rounds(struct race *r, struct allocator *a, int n)
{
    uint64_t rng = 99, marked = 0;
    for (int i = 0; i < n; i++) {
        mark_some(r, &rng, &marked);
        wait_all(r);
        gt_heap_sweep_begin(r->f.h);
        wait_all(r);
        wait_all(r);
        uint64_t swept = 0, freed = 0;
        while (gt_heap_sweep_one(r->f.h, &swept, &freed) != SIZE_MAX)
            ;
        if (!gt_heap_swept(r->f.h))
            gt_add_relaxed(&r->bad, 1u);
        wait_all(r);
    }
    gt_add_relaxed(&r->marked, marked);
    (void)a;
}

static void threads(bool poison)
{
    static struct race r;
    static struct allocator a[ALLOCATORS];
    pthread_t id[ALLOCATORS + FINDERS];
    int n = scale(30);
    memset(&r, 0, sizeof r);
    r.f = fix_open(GT_ALLOC_JEMALLOC, (struct gt_heap_options){.nodes = 1, .poison = poison});
    pthread_barrier_init(&r.barrier, NULL, ALLOCATORS + 1);
    for (unsigned i = 0; i < ALLOCATORS; i++) {
        a[i] = (struct allocator){.r = &r, .rng = i + 1, .rounds = n, .tag = (unsigned char)(i + 1)};
        a[i].c = gt_heap_cache_new(r.f.h, 0);
        if (!a[i].c || pthread_create(&id[i], NULL, allocate, &a[i]) != 0)
            bail_out("no thread");
    }
    for (int i = 0; i < FINDERS; i++)
        if (pthread_create(&id[ALLOCATORS + i], NULL, find, &r) != 0)
            bail_out("no thread");
    rounds(&r, a, n);
    gt_store_relaxed(&r.over, 1u);
    uint64_t made = 0;
    for (int i = 0; i < ALLOCATORS + FINDERS; i++)
        pthread_join(id[i], NULL);
    for (int i = 0; i < ALLOCATORS; i++) {
        made += a[i].made;
        gt_heap_cache_free(r.f.h, a[i].c);
    }
    pthread_barrier_destroy(&r.barrier);
    const char *how = poison ? "poison" : "plain";
    diag("%llu made, %llu marked by the marker; finders: %llu hits, %llu misses",
         (unsigned long long)made, (unsigned long long)gt_load_relaxed(&r.marked),
         (unsigned long long)gt_load_relaxed(&r.hits),
         (unsigned long long)gt_load_relaxed(&r.misses));
    ok(gt_load_relaxed(&r.bad) == 0 && violations(&r.f) == 0,
       "threads, %s: every object whole when found, none freed alive", how);
    ok(gt_load_relaxed(&r.hits) > 0 && gt_load_relaxed(&r.misses) > 0 &&
           gt_load_relaxed(&r.marked) > 0,
       "threads, %s: words hit and missed, objects were marked", how);
    struct gt_heap_stats s = heap_stats(&r.f);
    uint64_t live = 0;
    gt_heap_each(r.f.h, count_one, &live);
    ok(s.allocs == made && s.allocs - s.frees == live && s.now == s.alloc_bytes - s.free_bytes,
       "threads, %s: statistics are exact", how);
    sweep_all(&r.f);
    s = heap_stats(&r.f);
    ok(s.now == 0 && s.spans == 0, "threads, %s: all goes in the end", how);
    fix_close(&r.f, "threads");
}

int main(void)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        model(GT_ALLOC_JEMALLOC, false, seed);
        model(seed < 3 ? GT_ALLOC_BUMP : GT_ALLOC_JEMALLOC, true, seed + 10);
    }
    fragmentation();
    threads(false);
    threads(true);
    return done_testing();
}
