/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mark workers: a system G per P, made by the P's own loop when it is first wanted.
 *
 * Kinds, decided each time the loop takes one:
 *   dedicated   the P does nothing else; leaves for stops and safe points only
 *   fractional  a share of the P's time, when a quarter of the Ps is no whole number
 *   idle        the P has nothing else to do; leaves when it has
 *
 * Invariants:
 *   I1 A worker is Running on its own P, or Waiting and in no queue: it parks at the end of each
 *      stretch, has no checkpoint, and only its P's loop takes it. So who owns a P may take
 *      its worker without asking anybody.
 *   I2 While it marks it is Waiting for form's sake (gt_gc_drain), so that another can scan its
 *      stack; and pinned, so a stop waits until it has left.
 *   I3 at_work counts who may hold grey objects outside the buffers. Who takes it to 0 and sees
 *      neither a grey object nor a root job pokes the collector. Work that only the buffers
 *      of some P have is found by the collector then (gc.c).
 * Progress: I3; marking that is left with all Ps idle is found by work_after_all and
 * whoever goes idle; with no memory for a worker the collector's own G marks.
 */
#include "core/gc_state.h"

#define BUDGET (64ll << 10) /* bytes between two looks at the world */
#define POLL_EVERY (200 * GT_NS_PER_US)

static const char *const labels[] = {"", "GC (dedicated)", "GC (fractional)", "GC (idle)"};

/* ---- a stretch of marking: workers and assists ------------------------------------------- */
bool gt_gc_asked(struct gt_m *m)
{
    return gt_load_relaxed(&gt_m_p(m)->preempt) != 0;
}

/* A dedicated worker gives way to no other G. */
static bool asked_to_stop(struct gt_m *m)
{
    return gt_gc_asked(m) && (gt_load_relaxed(&m->rt->stopping) != 0 ||
                              gt_load_relaxed(&gt_m_p(m)->safe_fn) != 0);
}

bool gt_gc_seems_done(struct gt_gc *gc, struct gt_runtime *rt)
{
    return gt_load_acquire(&gc->at_work) == 0 && /* pair: gc-at-work */
           !gt_work_any(gc->work) && gt_gc_roots_done(rt);
}

static void count_in(struct gt_gc *gc, struct gt_gc_p *gp)
{
    gt_add_relaxed(&gc->pace.scanned, gp->scan_work);
    gp->scan_work = 0;
}

int64_t gt_gc_mark_some(struct gt_m *m, bool (*until)(struct gt_m *), int64_t budget, bool *empty)
{
    struct gt_runtime *rt = m->rt;
    struct gt_gc *gc = rt->gc;
    struct gt_gc_p *gp = gt_m_p(m)->gc;
    m->locks++;
    gt_add_acq_rel(&gc->at_work, 1); /* pair: gc-at-work */
    int64_t began = gt_thread_cpu_time();
    int64_t n = gt_gc_drain(m, until, budget);
    bool asked = until(m);
    *empty = !asked && (budget < 0 || n < budget);
    if (asked)
        gt_work_flush(gc->work, gp->work); /* others shall have it meanwhile */
    gt_add_relaxed(&gc->count.mark_ns, gt_thread_cpu_time() - began);
    count_in(gc, gp);
    bool last = gt_sub_acq_rel(&gc->at_work, 1) == 1; /* pair: gc-at-work */
    if (last && gt_gc_seems_done(gc, rt))
        gt_gc_poke(&gc->collector); /* I3 */
    m->locks--;
    return n;
}

/* ---- a worker's life ------------------------------------------------------------------------ */
/* For a P with an idle worker: a G, a timer of its own, or files to be looked at now and then. */
static bool other_work(struct gt_m *m, int64_t now, int64_t began)
{
    struct gt_runtime *rt = m->rt;
    int64_t timer = gt_timers_next(gt_m_p(m));
    return gt_sched(rt)->has_work(rt->sched_state, NULL) || (timer != 0 && timer <= now) ||
           (gt_load_relaxed(&rt->poll_waiters) != 0 && now - began > POLL_EVERY);
}

/* Has this P's fractional worker had its share, and a fifth more? */
static bool share_used(struct gt_gc *gc, int64_t used, int64_t now)
{
    int64_t share = (now - gc->mark_began) / 65536 * gc->fraction_q16;
    return used > share + share / 5;
}

static bool goes_on(struct gt_m *m, uint32_t mode, int64_t began)
{
    struct gt_runtime *rt = m->rt;
    int64_t now = gt_nanotime();
    switch (mode) {
    case GT_GC_WORKER_IDLE:
        return !gt_gc_asked(m) && !other_work(m, now, began);
    case GT_GC_WORKER_FRACTIONAL:
        return !gt_gc_asked(m) &&
               !share_used(rt->gc, gt_m_p(m)->gc->fraction_ns + now - began, now);
    default:
        return !asked_to_stop(m);
    }
}

/* Pinned. */
static void stretch(struct gt_m *m, uint32_t mode)
{
    struct gt_runtime *rt = m->rt;
    struct gt_gc *gc = rt->gc;
    bool (*until)(struct gt_m *) = mode == GT_GC_WORKER_DEDICATED ? asked_to_stop : gt_gc_asked;
    int64_t began = gt_nanotime();
    bool empty = false;
    while (gt_gc_marking(rt)) {
        gt_gc_enlist(rt); /* what is found meanwhile may be enough for another */
        int64_t n = gt_gc_mark_some(m, until, BUDGET, &empty);
        gt_gc_pay(rt, n);
        gt_gc_pace_revise(gc);
        if (empty || !goes_on(m, mode, began))
            break;
    }
    gt_m_p(m)->gc->fraction_ns += gt_nanotime() - began;
    if (mode == GT_GC_WORKER_DEDICATED)
        gt_add_acq_rel(&gc->dedicated, 1); /* pair: gc-dedicated */
}

static void worker_main(void *arg)
{
    (void)arg;
    for (;;) {
        struct gt_m *m = gt_pin();
        uint32_t mode = gt_m_p(m)->gc->mode;
        gt_trace_label(m, labels[mode]);
        stretch(m, mode);
        gt_m_p(m)->gc->mode = GT_GC_WORKER_NONE;
        gt_unpin(m);
        gt_park(NULL, NULL, GT_WAIT_SYSTEM); /* I1 */
    }
}

/* ---- found by the loop ------------------------------------------------------------------------ */
bool gt_gc_idle_work(struct gt_runtime *rt)
{
    return gt_gc_marking(rt) && (gt_work_any(rt->gc->work) || gt_gc_roots_any(rt));
}

void gt_gc_enlist(struct gt_runtime *rt)
{
    struct gt_m *m = gt_pin();
    gt_fence_light(rt); /* pair: asym */ /* I8 of core.h */
    if (gt_load_relaxed(&rt->idle_ps) != 0 && gt_gc_idle_work(rt))
        gt_wake(rt);
    gt_unpin(m);
}

static bool take_dedicated(struct gt_gc *gc)
{
    int32_t n = gt_load_relaxed(&gc->dedicated);
    while (n > 0)
        if (gt_cas_acq_rel(&gc->dedicated, &n, n - 1)) /* pair: gc-dedicated */
            return true;
    return false;
}

static uint32_t mode_for(struct gt_gc *gc, struct gt_gc_p *gp, bool idle)
{
    if (take_dedicated(gc))
        return GT_GC_WORKER_DEDICATED;
    if (idle)
        return GT_GC_WORKER_IDLE;
    if (gc->fraction_q16 == 0 || share_used(gc, gp->fraction_ns, gt_nanotime()))
        return GT_GC_WORKER_NONE;
    return GT_GC_WORKER_FRACTIONAL;
}

/* Runnable, or NULL: no memory for one. The collector then marks by itself. */
static struct gt_g *worker_of(struct gt_m *m, struct gt_gc_p *gp)
{
    struct gt_gc *gc = m->rt->gc;
    struct gt_g *g = gp->worker;
    int err = 0;
    if (!g) {
        m->locks++; /* the arena's locks */
        g = gp->worker = gt_spawn_unqueued(m, worker_main, NULL, &err);
        m->locks--;
        if (!g) {
            gt_store_release(&gc->no_worker, 1u); /* pair: gc-no-worker */
            gt_gc_poke(&gc->collector);
        }
        return g;
    }
    gt_tok tok = gt_section_begin(m);
    gt_g_change(m, g, tok, GT_G_WAITING, GT_G_RUNNABLE);
    GT_EMIT(m, tok, go_unblock, &g->t);
    gt_section_end(m, tok);
    return g;
}

struct gt_g *gt_gc_find_worker(struct gt_m *m, bool idle)
{
    struct gt_gc *gc = m->rt->gc;
    struct gt_gc_p *gp = gt_m_p(m)->gc;
    if (!gp || !gt_gc_idle_work(m->rt))
        return NULL;
    uint32_t mode = mode_for(gc, gp, idle);
    if (mode == GT_GC_WORKER_NONE)
        return NULL;
    gp->mode = mode;
    struct gt_g *g = worker_of(m, gp);
    if (!g && mode == GT_GC_WORKER_DEDICATED)
        gt_add_acq_rel(&gc->dedicated, 1); /* pair: gc-dedicated */
    return g;
}

void gt_gc_workers_begin(struct gt_runtime *rt)
{
    struct gt_gc *gc = rt->gc;
    int32_t dedicated;
    gt_gc_pace_workers(gt_load_relaxed(&rt->procs), &dedicated, &gc->fraction_q16);
    gt_store_relaxed(&gc->dedicated, dedicated);
    gc->mark_began = gt_nanotime();
}
