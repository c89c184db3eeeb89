/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of the collector's parts: a cycle driven by hand, step by step, by one G. No cycle
 * of the runtime's own runs in the same run. */
#pragma once
#include "core/gc.h"
#include "core/gc_mark.h"
#include "in_runtime.h"

/* An address that no conservative look takes for one. */
typedef uintptr_t hidden_t;
#define hide(p) (~(uintptr_t)(p))
#define unhide(h) ((void *)~(h))

static inline struct gt_gc_marker *hand_marker(void)
{
    return R->runtime()->gc_marker;
}

static inline void hand_each_p(void (*fn)(struct gt_runtime *, struct gt_p *))
{
    struct gt_runtime *rt = R->runtime();
    for (int32_t i = 0; i < gt_load_relaxed(&rt->procs); i++)
        fn(rt, gt_load_acquire(&rt->allp[i])); /* pair: allp */
}

static inline void hand_share(struct gt_runtime *rt, struct gt_p *p)
{
    struct gt_gc_marker *k = rt->gc_marker;
    if (!p->gc) {
        struct gt_gc_p *gp = gt_alloc(rt->arena, sizeof *gp, p->t.node);
        if (gp)
            gp->cache = gt_heap_cache_new(k->heap, p->t.node);
        if (gp)
            gp->work = gt_work_p_new(k->work, p->t.node);
        if (!gp || !gp->cache || !gp->work)
            bail_out("no memory");
        p->gc = gp;
    }
    gt_heap_cache_flush(k->heap, p->gc->cache);
}

/* Shares for all Ps, so that gt_heap_alloc can be called. */
static inline void hand_shares(void)
{
    gt_world_stop(R->runtime(), GT_WORLD_TEST);
    hand_each_p(hand_share);
    gt_world_start(R->runtime());
}

static inline void *hand_alloc(size_t size, const struct gt_gc_layout *l)
{
    struct gt_m *m = gt_pin();
    size_t refilled = 0;
    void *p = gt_heap_alloc(m->rt->gc_marker->heap, m, gt_m_p(m)->gc->cache, size, l,
                            gt_gc_marking(m->rt), &refilled);
    gt_unpin(m);
    if (!p)
        bail_out("no memory for %zu bytes", size);
    return p;
}

/* Marking begins; roots false: with no root at all, what is to be looked at is told by hand. */
static inline void hand_begin(bool roots)
{
    struct gt_runtime *rt = R->runtime();
    gt_world_stop(rt, GT_WORLD_TEST);
    hand_each_p(hand_share);
    gt_store_relaxed(&rt->gc_marking, 1u);
    gt_gc_roots_begin(rt);
    if (!roots)
        gt_gc_roots_discard(rt);
    gt_world_start(rt);
}

static inline void hand_flush(struct gt_runtime *rt, struct gt_p *p)
{
    (void)gt_work_flush(rt->gc_marker->work, p->gc->work);
}

static inline int64_t hand_drain_some(bool (*until)(struct gt_m *), int64_t budget)
{
    struct gt_m *m = gt_pin();
    int64_t n = gt_gc_drain(m, until, budget);
    gt_unpin(m);
    return n;
}

static inline void hand_drain_by(bool (*until)(struct gt_m *))
{
    struct gt_runtime *rt = R->runtime();
    for (bool any = true; any;) {
        while (hand_drain_some(until, -1) != 0 || !gt_gc_roots_done(rt))
            R->yield();
        gt_world_stop(rt, GT_WORLD_TEST);
        hand_each_p(hand_flush);
        any = gt_work_any(rt->gc_marker->work) || !gt_gc_roots_done(rt);
        gt_world_start(rt);
    }
}

/* All that is to be marked is. */
static inline void hand_drain(void)
{
    hand_drain_by(NULL);
}

static inline bool hand_marked(hidden_t h)
{
    struct gt_obj o;
    return gt_heap_find(hand_marker()->heap, (uintptr_t)unhide(h), &o) && gt_heap_marked(o);
}

/* The cycle ends, all is swept. */
static inline void hand_end(void)
{
    struct gt_runtime *rt = R->runtime();
    uint64_t swept = 0, freed = 0;
    gt_world_stop(rt, GT_WORLD_TEST);
    hand_each_p(hand_share);
    gt_store_relaxed(&rt->gc_marking, 0u);
    gt_heap_sweep_begin(rt->gc_marker->heap);
    gt_world_start(rt);
    struct gt_m *m = gt_pin();
    while (gt_heap_sweep_one(rt->gc_marker->heap, &swept, &freed) != SIZE_MAX)
        ;
    gt_unpin(m);
}

/* fn(arg) on a G of its own, whose stack is gone when this returns. */
struct hand_call {
    gt_fn fn;
    void *arg;
    GT_APTR(struct gt_g) g;
};
static inline void hand_call_main(void *arg)
{
    struct hand_call *c = arg;
    c->fn(c->arg);
    gt_store_release(&c->g, R->self()); /* pair: test-call */
}
static inline void hand_elsewhere(gt_fn fn, void *arg)
{
    struct hand_call c = {.fn = fn, .arg = arg};
    struct gt_g *g;
    expect(R->go(hand_call_main, &c) == 0);
    while (!(g = gt_load_acquire(&c.g)) || gt_g_status(g) != GT_G_DEAD) /* pair: test-call */
        R->yield();
}
