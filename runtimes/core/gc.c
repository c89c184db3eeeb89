/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cycle: its phases, and who moves from one to the next.
 *
 *   who asks (gc_alloc over the trigger, gc(); the collector's G for the clock)
 *       sweeps what is left; world semaphore: stop (sweep termination), marking on, start
 *   workers, assists            mark
 *   the collector's G           poked by the last to leave; world semaphore: round of safe
 *       points, stop (mark termination), is it really all? marking off, start; wakes
 *       assists, who waits in gc(), the sweeper
 *   sweeper, who allocates      sweep
 *
 * Mark termination is the collector's, not that of whoever finds the last work: it parks for
 * the world semaphore and stops the world. A worker parked there would be missing on its P, and
 * an assist would make the cycle's pause one user's. It is readied to run next on the P
 * that found the work done, so nothing is lost by the way round.
 *
 * Invariants (with GC1.. of gc.h and S1.. of gc_state.h):
 *   I1 gc->start, then the world semaphore. Who holds gc->start begins a cycle or waits for none:
 *      no cycle begins, ends or is waited for under it.
 *   I2 GC8, in two steps. The round of safe points takes what Ps hold to the shared lists: without
 *      it the stop would nearly always find work. The stop looks again:
 *
 *      collector                   a mutator on P2               a worker
 *      round: P1, P2 had nothing
 *                                  barrier: grey object, in P2's buffer
 *      stop: P2 has one
 *      start, go on marking                                      takes it
 *
 *      Nobody else makes grey objects with the world stopped, and at_work is 0 there, so what
 *      the stop sees is all there is.
 *   I3 Inside a stop nothing is done per G or per span.
 *   I4 A cycle is counted as begun in the stop that begins it, as ended in the stop that ends
 *      it. Who wants a whole cycle after its call waits until `ended` has passed what
 *      `begun` was then: a cycle that had begun may have marked what died since.
 * Progress: marking ends since white objects grow fewer and new ones are black.
 */
#include <errno.h>

#include "core/gc_state.h"

/* ---- shares of Ps: S1 ----------------------------------------------------------------- */
static struct gt_gc_p *share_new(struct gt_gc *gc, struct gt_runtime *rt, int32_t node)
{
    struct gt_gc_p *gp = gt_alloc(rt->arena, sizeof *gp, node);
    if (!gp)
        return NULL;
    gp->cache = gt_heap_cache_new(gc->heap, node);
    gp->work = gp->cache ? gt_work_p_new(gc->work, node) : NULL;
    if (gp->work)
        return gp;
    if (gp->cache)
        gt_heap_cache_free(gc->heap, gp->cache);
    gt_free(rt->arena, gp, sizeof *gp);
    return NULL;
}

struct gt_gc_p *gt_gc_p_of(struct gt_m *m)
{
    struct gt_p *p = gt_m_p(m);
    if (!p->gc)
        p->gc = share_new(m->rt->gc, m->rt, p->t.node);
    return p->gc;
}

/* World stopped. */
static int make_shares(struct gt_runtime *rt)
{
    for (int32_t i = 0; i < gt_load_relaxed(&rt->procs); i++) {
        struct gt_p *p = gt_load_acquire(&rt->allp[i]); /* pair: allp */
        if (!p->gc && !(p->gc = share_new(rt->gc, rt, p->t.node)))
            return -ENOMEM;
    }
    return 0;
}

int gt_gc_p_born(struct gt_runtime *rt, struct gt_p *p)
{
    if (!gt_gc_marking(rt) || p->gc)
        return 0;
    p->gc = share_new(rt->gc, rt, p->t.node);
    return p->gc ? 0 : -ENOMEM;
}

/* What it marked stays in its share, and is counted when the cycle ends. */
void gt_gc_p_dies(struct gt_runtime *rt, struct gt_p *p)
{
    if (!p->gc)
        return;
    gt_heap_cache_flush(rt->gc->heap, p->gc->cache);
    (void)gt_work_flush(rt->gc->work, p->gc->work);
}

/* World stopped, or no M runs: fn for each share, of dead Ps too. */
static void each_share(struct gt_runtime *rt, void (*fn)(struct gt_gc *, struct gt_gc_p *))
{
    for (int32_t i = 0; i < gt_load_relaxed(&rt->allp_len); i++) {
        struct gt_gc_p *gp = gt_load_acquire(&rt->allp[i])->gc; /* pair: allp */
        if (gp)
            fn(rt->gc, gp);
    }
}

/* ---- stops ------------------------------------------------------------------------------ */
static void stop(struct gt_runtime *rt, enum gt_gc_stop which)
{
    gt_world_stop_held(rt, which == GT_GC_STOP_SWEEP_TERM ? GT_WORLD_GC_SWEEP_TERM
                                                          : GT_WORLD_GC_MARK_TERM);
    GT_PERTURB_SELF(gc_stopped);
    gt_gc_hist_add(&rt->gc->asked[which], gt_nanotime() - rt->world_asked);
}

static void start(struct gt_runtime *rt, enum gt_gc_stop which)
{
    int64_t asked = rt->world_asked; /* semaphore held: nobody else asks */
    gt_world_start_held(rt);
    GT_PERTURB_SELF(gc_started);
    gt_gc_hist_add(&rt->gc->stopped[which], rt->world_started - asked);
}

static void set_marking(struct gt_runtime *rt, bool on)
{
    gt_store_relaxed(&rt->gc->phase, on ? GT_GC_MARK : GT_GC_OFF);
    gt_store_relaxed(&rt->gc_marking, on);
    gt_jnote(gt_tls_m(), GT_J_GC, 0, gt_load_relaxed(&rt->gc->begun), !on, on);
    if (on)
        gt_or_acq_rel(&rt->loop_hint, GT_HINT_GC); /* pair: loop-hint */
    else
        gt_and_acq_rel(&rt->loop_hint, ~(uint32_t)GT_HINT_GC); /* pair: loop-hint */
}

/* ---- the beginning ------------------------------------------------------------------------ */
static void share_begins(struct gt_gc *gc, struct gt_gc_p *gp)
{
    gt_heap_cache_flush(gc->heap, gp->cache);
    gp->marked = gp->born = 0;
    gp->scan_work = 0;
    gp->fraction_ns = 0;
}

/* World stopped. */
static int mark_begin(struct gt_runtime *rt, enum gt_gc_why why)
{
    struct gt_gc *gc = rt->gc;
    int rc = make_shares(rt);
    if (rc != 0)
        return rc;
    gt_trace_gc(gt_tls_m(), true); /* GC7 */
    each_share(rt, share_begins);
    gc->why = why;
    gt_store_relaxed(&gc->credit, 0);
    gt_add_relaxed(&gc->begun, 1u);
    gt_gc_pace_mark(gc);
    gt_gc_workers_begin(rt);
    set_marking(rt, true);
    gt_gc_roots_begin(rt);
    return 0;
}

static void collector_main(void *arg);

static void due_again(struct gt_gc *gc)
{
    int64_t period = gc->options.period_ns;
    gt_store_relaxed(&gc->due, period > 0 ? gt_nanotime() + period : 0);
}

static int make_daemon(struct gt_runtime *rt, struct gt_gc_daemon *d, void (*fn)(void *))
{
    if (gt_load_relaxed(&d->made))
        return 0;
    int rc = gt_spawn(rt, fn, rt, GT_GF_SYSTEM, (uintptr_t)__builtin_return_address(0), NULL);
    gt_store_relaxed(&d->made, rc == 0);
    if (rc == 0) /* it ends with the run: nobody is to wait for it, or miss it */
        gt_add_relaxed(&rt->count.exited, 1u);
    return rc;
}

/* gc->start held. */
static int make_daemons(struct gt_runtime *rt)
{
    struct gt_gc *gc = rt->gc;
    if (gt_load_relaxed(&gc->used) != 0)
        return 0;
    int rc = make_daemon(rt, &gc->collector, collector_main);
    if (rc == 0)
        rc = make_daemon(rt, &gc->sweeper, gt_gc_sweeper_main);
    if (rc != 0)
        return rc;
    due_again(gc);
    gt_store_relaxed(&gc->used, 1u);
    gt_lock(&rt->sched_lock);
    gt_sysmon_wake(rt); /* it may sleep longer than until a cycle is due */
    gt_unlock(&rt->sched_lock);
    return 0;
}

int gt_gc_first_use(struct gt_runtime *rt)
{
    if (gt_likely(gt_load_relaxed(&rt->gc->used) != 0))
        return 0;
    gt_mutex_lock_for(rt->gc->start, GT_WAIT_GC_CYCLE);
    int rc = make_daemons(rt);
    gt_mutex_unlock(rt->gc->start);
    return rc;
}

static int begin_held(struct gt_runtime *rt, enum gt_gc_why why)
{
    int rc = make_daemons(rt);
    if (rc != 0)
        return rc;
    gt_gc_sweep_all(rt); /* GC9 */
    gt_world_lock(rt);
    stop(rt, GT_GC_STOP_SWEEP_TERM);
    rc = mark_begin(rt, why);
    start(rt, GT_GC_STOP_SWEEP_TERM);
    gt_world_unlock(rt);
    return rc;
}

static bool wanted(struct gt_runtime *rt, enum gt_gc_why why)
{
    return gt_load_relaxed(&rt->gc->phase) == GT_GC_OFF &&
           (why != GT_GC_BY_HEAP || gt_gc_pace_due(rt->gc));
}

int gt_gc_begin(struct gt_runtime *rt, enum gt_gc_why why)
{
    struct gt_gc *gc = rt->gc;
    int rc = 0;
    if (!wanted(rt, why))
        return 0;
    gt_mutex_lock_for(gc->start, GT_WAIT_GC_CYCLE);
    bool begins = wanted(rt, why);
    if (begins)
        rc = begin_held(rt, why);
    gt_mutex_unlock(gc->start);
    if (begins && rc == 0)
        gt_gc_enlist(rt);
    return rc;
}

/* ---- the end -------------------------------------------------------------------------------- */
static void flush_p(struct gt_p *p, void *arg)
{
    gt_a32 *found = arg;
    if (p->gc && gt_work_flush(p->rt->gc->work, p->gc->work))
        gt_store_relaxed(found, 1u);
}

/* Semaphore held. Ps had grey objects that others could not see. */
static bool round_finds_work(struct gt_runtime *rt)
{
    gt_a32 found;
    gt_init(&found, 0u);
    gt_each_p_safe(rt, GT_WAIT_GC_SAFE_POINT, flush_p, &found);
    return gt_load_relaxed(&found) != 0;
}

/* World stopped: GC8. */
static bool all_marked(struct gt_runtime *rt)
{
    bool found = false;
    for (int32_t i = 0; i < gt_load_relaxed(&rt->allp_len); i++) {
        struct gt_gc_p *gp = gt_load_acquire(&rt->allp[i])->gc; /* pair: allp */
        found |= gp && gt_work_flush(rt->gc->work, gp->work);
    }
    return !found && gt_gc_seems_done(rt->gc, rt);
}

static void share_ends(struct gt_gc *gc, struct gt_gc_p *gp)
{
    gt_heap_cache_flush(gc->heap, gp->cache);
    gt_add_relaxed(&gc->pace.scanned, gp->scan_work);
    gt_add_relaxed(&gc->marked_now, gp->marked);
    gt_add_relaxed(&gc->born_now, gp->born);
    gt_add_relaxed(&gc->count.stacks_scanned, gp->stacks);
    gt_add_relaxed(&gc->count.stack_bytes, gp->stack_bytes);
    gp->scan_work = 0;
    gp->marked = gp->born = gp->stacks = gp->stack_bytes = 0;
}

/* World stopped. */
static void mark_end(struct gt_runtime *rt)
{
    struct gt_gc *gc = rt->gc;
    struct gt_m *m = gt_tls_m();
    gt_store_relaxed(&gc->marked_now, 0u);
    gt_store_relaxed(&gc->born_now, 0u);
    each_share(rt, share_ends);
    uint64_t marked = gt_load_relaxed(&gc->marked_now);
    gt_heap_sweep_begin(gc->heap);
    set_marking(rt, false);
    gt_trace_gc(m, false); /* GC7 */
    gt_gc_pace_end(gc, marked, gt_load_relaxed(&gc->born_now));
    gt_add_relaxed(&gc->ended, 1u);
    gt_add_relaxed(&gc->count.why[gc->why], 1u);
    gt_add_relaxed(&gc->count.marked_bytes, marked);
    due_again(gc);
    gt_trace_heap_alloc(m, marked);
    gt_trace_heap_goal(m, gt_gc_goal(rt));
}

/* Semaphore held. true: the cycle has ended. */
static bool finish_held(struct gt_runtime *rt)
{
    if (gt_load_relaxed(&rt->gc->phase) != GT_GC_MARK || round_finds_work(rt) ||
        !gt_gc_seems_done(rt->gc, rt))
        return false;
    stop(rt, GT_GC_STOP_MARK_TERM);
    bool all = all_marked(rt);
    if (all)
        mark_end(rt);
    else
        gt_add_relaxed(&rt->gc->count.restarts, 1u);
    start(rt, GT_GC_STOP_MARK_TERM);
    return all;
}

static void try_finish(struct gt_runtime *rt)
{
    gt_world_lock(rt);
    bool ended = finish_held(rt);
    gt_world_unlock(rt);
    if (!ended) {
        gt_gc_enlist(rt);
        return;
    }
    gt_gc_wake_all(&rt->gc->assist_lock, &rt->gc->assists);
    gt_gc_wake_all(&rt->gc->end_lock, &rt->gc->enders);
    gt_gc_poke(&rt->gc->sweeper);
}

/* ---- the collector's G --------------------------------------------------------------------- */
/* No memory for a worker on some P: its part is done here. */
static void mark_here(struct gt_runtime *rt)
{
    bool empty = false;
    while (!empty && gt_gc_marking(rt)) {
        (void)gt_gc_mark_some(gt_tls_m(), gt_gc_asked, -1, &empty);
        gt_checkpoint();
    }
}

static void collector_main(void *arg)
{
    struct gt_runtime *rt = arg;
    struct gt_gc *gc = rt->gc;
    for (;;) {
        gt_gc_daemon_wait(&gc->collector, GT_WAIT_SYSTEM);
        if (gt_swap_acquire(&gc->tick, 0u) != 0) /* pair: gc-tick */
            (void)gt_gc_begin(rt, GT_GC_BY_CLOCK);
        if (gt_swap_acquire(&gc->no_worker, 0u) != 0) /* pair: gc-no-worker */
            mark_here(rt);
        if (gt_gc_marking(rt) && gt_gc_seems_done(gc, rt))
            try_finish(rt);
    }
}

/* ---- a whole cycle: I4 ------------------------------------------------------------------------ */
/* Until a cycle that runs has ended. Switches. */
static void wait_for_end(struct gt_runtime *rt)
{
    struct gt_gc *gc = rt->gc;
    struct gt_m *m = gt_tls_m();
    struct gt_g *g = gt_m_g(m);
    gt_rspin_lock(m, &gc->end_lock);
    if (gt_load_relaxed(&gc->phase) == GT_GC_OFF) { /* who ends one takes the lock afterwards */
        gt_rspin_unlock(m, &gc->end_lock);
        return;
    }
    g->waiter.g = g;
    gt_waitq_push(&gc->enders, &g->waiter);
    gt_rspin_park(m, &gc->end_lock, GT_WAIT_GC_CYCLE);
}

int gt_gc_whole(struct gt_runtime *rt, enum gt_gc_why why)
{
    struct gt_gc *gc = rt->gc;
    uint64_t want = gt_load_relaxed(&gc->begun) + 1;
    while (gt_load_relaxed(&gc->ended) < want) {
        int rc = gt_load_relaxed(&gc->begun) < want ? gt_gc_begin(rt, why) : 0;
        if (rc != 0)
            return rc;
        wait_for_end(rt);
    }
    gt_gc_sweep_all(rt);
    return 0;
}

/* ---- the clock ----------------------------------------------------------------------------------- */
int64_t gt_gc_due(const struct gt_runtime *rt)
{
    return gt_load_relaxed(&rt->gc->due);
}

void gt_gc_tick(struct gt_runtime *rt, int64_t now)
{
    struct gt_gc *gc = rt->gc;
    int64_t due = gt_load_relaxed(&gc->due);
    if (due == 0 || now < due)
        return;
    due_again(gc);
    gt_store_release(&gc->tick, 1u); /* pair: gc-tick */
    gt_gc_poke(&gc->collector);
}
