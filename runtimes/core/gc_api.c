/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector's ops, its life with the runtime's, and what happens when memory is short.
 *
 * Invariants:
 *   I1 An allocation pays before it is made (gc_assist.c) and begins a cycle after it: in
 *      between the M is pinned, so that "born black" and the phase agree (GC2).
 *   I2 An object that was just made is on its maker's stack or in its registers: that keeps
 *      it alive through a cycle that its own making begins.
 *   I3 Who cannot switch (it has stopped the world) neither pays nor begins a cycle nor waits
 *      for one.
 */
#include <errno.h>

#include "core/gc_heap.h"
#include "core/gc_state.h"

/* ---- life --------------------------------------------------------------------------------- */
static void set_options(struct gt_gc *gc, const struct gt_gc_options *o)
{
    gc->options = *o;
    if (o->percent == 0)
        gc->options.percent = GT_GC_PERCENT_DEFAULT;
    if (o->period_ns == 0)
        gc->options.period_ns = GT_GC_PERIOD_DEFAULT_NS;
}

static void init_queues(struct gt_gc *gc)
{
    gt_rspin_init(&gc->assist_lock, GT_RANK_GC);
    gt_rspin_init(&gc->end_lock, GT_RANK_GC);
    gt_store_relaxed(&gc->assists.head, NULL);
    gt_store_relaxed(&gc->enders.head, NULL);
    gc->assists.tail = gc->enders.tail = NULL;
    gt_mutex_init(gc->start);
}

/* Empty: no memory for objects is taken. */
int gt_gc_create(struct gt_runtime *rt, const struct gt_gc_options *o)
{
    struct gt_gc *gc = gt_alloc(rt->arena, sizeof *gc, -1);
    if (!gc)
        return -ENOMEM;
    rt->gc = gc;
    gc->rt = rt;
    set_options(gc, o);
    struct gt_heap_options ho = {
        .nodes = gt_topo_nodes(rt->topo),
        .limit = o->limit,
        .poison = o->poison,
        .sweeping = gt_gc_sweep_events,
    };
    int rc = gt_heap_create(rt, &ho, &gc->heap);
    if (rc == 0)
        rc = gt_work_create(rt, &gc->work);
    if (rc == 0)
        rc = gt_gc_marker_create(rt, gc->heap, gc->work);
    gc->start = gt_mutex_new(rt);
    if (rc != 0 || !gc->start)
        return -ENOMEM; /* destroy takes the rest */
    init_queues(gc);
    gt_gc_pace_init(gc);
    return 0;
}

static void share_free(struct gt_gc *gc, struct gt_p *p)
{
    gt_heap_cache_flush(gc->heap, p->gc->cache);
    gt_work_discard(gc->work, p->gc->work);
    gt_heap_cache_free(gc->heap, p->gc->cache);
    gt_work_p_free(gc->work, p->gc->work);
    gt_free(gc->rt->arena, p->gc, sizeof *p->gc);
    p->gc = NULL;
}

void gt_gc_destroy(struct gt_runtime *rt)
{
    struct gt_gc *gc = rt->gc;
    if (!gc)
        return;
    for (int32_t i = 0; i < gt_load_relaxed(&rt->allp_len); i++)
        if (gt_load_relaxed(&rt->allp[i])->gc)
            share_free(gc, gt_load_relaxed(&rt->allp[i]));
    if (rt->gc_marker)
        gt_gc_marker_destroy(rt);
    if (gc->work)
        gt_work_destroy(gc->work);
    if (gc->heap)
        gt_heap_destroy(gc->heap);
    if (gc->start)
        gt_mutex_free(rt, gc->start);
    gt_free(rt->arena, gc, sizeof *gc);
    rt->gc = NULL;
}

/* ---- the end of a run ------------------------------------------------------------------------ */
static void share_reset(struct gt_gc *gc, struct gt_gc_p *gp)
{
    gt_heap_cache_flush(gc->heap, gp->cache);
    gt_work_discard(gc->work, gp->work);
    gp->scan_work = 0;
    gp->marked = gp->born = 0;
    gp->worker = NULL; /* S2 */
    gp->mode = GT_GC_WORKER_NONE;
    gp->in_sweep = false;
    gp->swept = gp->reclaimed = 0;
}

static void daemon_reset(struct gt_gc_daemon *d)
{
    gt_store_relaxed(&d->due, 0u);
    gt_store_relaxed(&d->made, 0u);
    gt_store_relaxed(&d->sleeper, NULL);
}

/* A cycle in the middle is given up: what it marked is forgotten, nothing is freed. */
static void give_up(struct gt_runtime *rt)
{
    struct gt_gc *gc = rt->gc;
    gt_work_discard(gc->work, NULL);
    gt_gc_roots_discard(rt);
    gt_heap_marks_drop(gc->heap);
    gt_store_relaxed(&gc->phase, GT_GC_OFF);
    gt_store_relaxed(&rt->gc_marking, 0u);
    gt_add_relaxed(&gc->ended, 1u);
    gt_add_relaxed(&gc->given_up, 1u);
}

void gt_gc_run_ended(struct gt_runtime *rt)
{
    struct gt_gc *gc = rt->gc;
    for (int32_t i = 0; i < gt_load_relaxed(&rt->allp_len); i++)
        if (gt_load_relaxed(&rt->allp[i])->gc)
            share_reset(gc, gt_load_relaxed(&rt->allp[i])->gc);
    if (gt_gc_marking(rt))
        give_up(rt);
    daemon_reset(&gc->collector);
    daemon_reset(&gc->sweeper);
    init_queues(gc);
    gt_store_relaxed(&gc->credit, 0);
    gt_store_relaxed(&gc->at_work, 0);
    gt_store_relaxed(&gc->used, 0u);
    gt_store_relaxed(&gc->due, 0);
    gt_store_relaxed(&gc->tick, 0u);
    gt_store_relaxed(&gc->no_worker, 0u);
}

/* ---- allocation -------------------------------------------------------------------------------- */
static uint64_t slot_bytes(struct gt_gc *gc, size_t size, const struct gt_gc_layout *layout)
{
    size_t n = size + (layout ? sizeof(void *) : 0);
    if (n <= GT_GC_SMALL_MAX)
        return gc->heap->cls[gt_class_of(n)].slot;
    return (n + GT_GC_PAGE - 1) & ~(uint64_t)(GT_GC_PAGE - 1);
}

static GT_NOINLINE void count_born(struct gt_gc *gc, struct gt_gc_p *gp, size_t size,
                                   const struct gt_gc_layout *layout)
{
    uint64_t n = slot_bytes(gc, size, layout);
    gp->marked += n;
    gp->born += n;
}

/* Pinned, I1. */
static inline void *alloc_pinned(struct gt_m *m, size_t size, const struct gt_gc_layout *layout,
                                 size_t *refilled)
{
    struct gt_gc *gc = m->rt->gc;
    struct gt_gc_p *gp = gt_m_p(m)->gc;
    if (gt_unlikely(!gp) && !(gp = gt_gc_p_of(m)))
        return NULL;
    bool black = gt_gc_marking(m->rt);
    void *o = gt_heap_alloc(gc->heap, m, gp->cache, size, layout, black, refilled);
    if (gt_unlikely(black) && o)
        count_born(gc, gp, size, layout);
    return o;
}

/* The heap has grown. Unpinned. */
static GT_NOINLINE void grown(struct gt_runtime *rt, size_t bytes)
{
    struct gt_gc *gc = rt->gc;
    struct gt_m *m = gt_pin();
    int64_t live = gt_add_relaxed(&gc->pace.live, (int64_t)bytes) + (int64_t)bytes;
    gt_trace_heap_alloc(m, (uint64_t)live);
    bool marking = gt_gc_marking(rt);
    if (!marking)
        gt_gc_sweep_share(m);
    gt_unpin(m);
    if (marking)
        gt_gc_pace_revise(gc);
    if (m->locks != 0) /* I3: as it was before the pin; nobody else unpins */
        return;
    (void)gt_gc_first_use(rt);
    if (!marking && gt_gc_pace_due(gc))
        (void)gt_gc_begin(rt, GT_GC_BY_HEAP);
}

/* ---- short of memory ------------------------------------------------------------------------------ */
#define HUGE_SIZE (1ull << 30) /* from here on it is asked first whether there can be so much */

/* One line of each kind in a runtime's life. */
static void say(struct gt_runtime *rt, enum gt_gc_line line, size_t size)
{
    struct gt_gc *gc = rt->gc;
    uint32_t no = 0;
    if (!gt_cas_relaxed(&gc->said[line], &no, 1u))
        return;
    unsigned long long asked = size, live = (unsigned long long)gt_load_relaxed(&gc->pace.marked),
                       limit = gc->options.limit;
    if (line == GT_GC_OVER_LIMIT)
        gt_warn(rt, "gc_alloc: no %llu bytes under the limit of %llu (%llu live at the last cycle): "
                    "drop objects, or raise the limit (--gc-limit)", asked, limit, live);
    else if (line == GT_GC_TOO_LARGE)
        gt_warn(rt, "gc_alloc: %llu bytes are more than this machine has or the limit allows "
                    "(limit %llu, 0: none; %llu live): ask for less", asked, limit, live);
    else
        gt_warn(rt, "gc_alloc: the system has no memory for %llu bytes (limit %llu, 0: none; %llu "
                    "live): set a limit below what it has (--gc-limit)", asked, limit, live);
}

static bool too_large(struct gt_gc *gc, size_t size)
{
    uint64_t most = gt_os_memory();
    if (gc->options.limit != 0 && gc->options.limit < most)
        most = gc->options.limit;
    return size > most;
}

/* Is a whole cycle worth trying? The first time, and after 1, 2, 4, .. failures in a row. */
static bool worth_a_cycle(struct gt_gc *gc)
{
    uint64_t n = gt_add_relaxed(&gc->futile, 1u);
    return (n & (n - 1)) == 0;
}

static GT_NOINLINE void *alloc_short(struct gt_runtime *rt, size_t size,
                                     const struct gt_gc_layout *layout)
{
    struct gt_gc *gc = rt->gc;
    size_t refilled = 0;
    void *o = NULL;
    bool large = too_large(gc, size);
    if (!large && gt_tls_m()->locks == 0 && worth_a_cycle(gc) &&
        gt_gc_whole(rt, GT_GC_BY_LIMIT) == 0) {
        struct gt_m *m = gt_pin();
        o = alloc_pinned(m, size, layout, &refilled);
        gt_unpin(m);
        if (refilled)
            grown(rt, refilled);
    }
    if (o) {
        gt_store_relaxed(&gc->futile, 0u);
        return o;
    }
    gt_add_relaxed(&gc->count.failed, 1u);
    say(rt, large ? GT_GC_TOO_LARGE : gc->options.limit ? GT_GC_OVER_LIMIT : GT_GC_NO_MEMORY, size);
    return NULL;
}

/* While marking: I1. Switches. */
static GT_NOINLINE void charge(struct gt_runtime *rt, size_t size)
{
    struct gt_g *g = gt_m_g(gt_tls_m());
    uint64_t cycle = gt_load_relaxed(&rt->gc->begun);
    if (g->gc_credit_in != cycle) {
        g->gc_credit_in = cycle;
        g->gc_credit = 0;
    }
    g->gc_credit -= gt_gc_pace_charge(rt->gc, size);
    if (g->gc_credit < 0)
        gt_gc_assist(rt);
}

void *gt_gc_alloc(size_t size, const struct gt_gc_layout *layout)
{
    struct gt_m *m = gt_enter_op();
    struct gt_runtime *rt = m->rt;
    size_t refilled = 0;
    gt_assert(rt, m->t.g != NULL && gt_g_status(gt_m_g(m)) == GT_G_RUNNING);
    if (gt_unlikely(size - 1 >= HUGE_SIZE - 1)) {
        if (size != 0 && too_large(rt->gc, size))
            return alloc_short(rt, size, layout);
        size = size ? size : 1;
    }
    if (gt_gc_marking(rt))
        charge(rt, size);
    m = gt_pin();
    void *o = alloc_pinned(m, size, layout, &refilled);
    gt_unpin(m);
    if (gt_unlikely(refilled != 0))
        grown(rt, refilled);
    return gt_likely(o != NULL) ? o : alloc_short(rt, size, layout);
}

/* ---- the other ops -------------------------------------------------------------------------------- */
int gt_gc_collect(void)
{
    struct gt_m *m = gt_tls_m();
    if (!m || !m->t.g || gt_g_status(gt_m_g(m)) != GT_G_RUNNING)
        return -EPERM;
    m = gt_pin();
    bool stopper = gt_p_status(gt_m_p(m)) == GT_P_STOPPED;
    gt_unpin(m);
    if (stopper)
        return -EBUSY;
    gt_checkpoint();
    return gt_gc_whole(gt_tls_m()->rt, GT_GC_BY_USER);
}

uint64_t gt_gc_goal(const struct gt_runtime *rt)
{
    int64_t goal = gt_load_relaxed(&rt->gc->pace.goal);
    return goal == INT64_MAX ? UINT64_MAX : (uint64_t)goal;
}
