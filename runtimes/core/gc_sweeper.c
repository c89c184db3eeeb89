/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sweeping with its events, the background sweeper, and the sleep of the collector's Gs.
 *
 * Invariants:
 *   I1 From the first span of a range to its end the M is pinned: no preemption between
 *      GCSweepBegin and GCSweepEnd. The begin is written when a span was really swept.
 *   I2 The sweeper ends before the next cycle's first stop: who begins a cycle sweeps with it
 *      until nothing is left, and waits for spans that others have in the middle.
 */
#include "core/gc_state.h"

#define BATCH 10u /* spans between two looks at other Gs */

/* ---- daemons ------------------------------------------------------------------------- */
void gt_gc_poke(struct gt_gc_daemon *d)
{
    gt_store_seqcst(&d->due, 1u); /* pair: gc-daemon */
    struct gt_g *g = gt_load_seqcst(&d->sleeper); /* pair: gc-daemon */
    if (!g || !gt_cas_acq_rel(&d->sleeper, &g, NULL)) /* pair: gc-daemon */
        return;
    struct gt_m *m = gt_pin();
    if (m->t.p) {
        gt_ready(g, true);
    } else {
        struct gt_tasks list = {0};
        gt_tasks_push(&list, &g->t);
        gt_inject(m, &list);
    }
    gt_unpin(m);
}

/* After the swap the G may be anybody's: only the daemon is touched. */
static bool publish_sleeper(struct gt_g *g, void *arg)
{
    struct gt_gc_daemon *d = arg;
    gt_store_seqcst(&d->sleeper, g); /* pair: gc-daemon */
    if (gt_load_seqcst(&d->due) == 0) /* pair: gc-daemon */
        return true;
    return !gt_cas_acq_rel(&d->sleeper, &g, NULL); /* pair: gc-daemon */
}

void gt_gc_daemon_wait(struct gt_gc_daemon *d, enum gt_wait_reason why)
{
    while (gt_swap_acquire(&d->due, 0u) == 0) /* pair: gc-daemon */
        gt_park(publish_sleeper, d, why);
}

/* ---- sweeping ------------------------------------------------------------------------- */
/* Up to n spans in one range. How many. Pinned. */
static uint32_t sweep_batch(struct gt_m *m, uint32_t n)
{
    struct gt_gc *gc = m->rt->gc;
    struct gt_gc_p *gp = gt_m_p(m)->gc;
    uint64_t swept = 0, freed = 0;
    uint32_t done = 0;
    for (; done < n; done++) {
        size_t pages = gt_heap_sweep_one(gc->heap, &swept, &freed);
        if (pages == SIZE_MAX)
            break;
        gt_add_relaxed(&gc->pace.swept_pages, (int64_t)pages);
        if (done == 0 && gp)
            gt_trace_sweep_begin(m);
    }
    if (done > 0 && gp) {
        gp->swept += swept;
        gp->reclaimed += freed;
        gt_trace_sweep_end(m);
    }
    return done;
}

void gt_gc_sweep_events(struct gt_m *m, bool begin, uint64_t swept, uint64_t freed)
{
    struct gt_gc_p *gp = gt_m_p(m)->gc;
    if (begin) {
        gt_trace_sweep_begin(m);
        return;
    }
    gt_add_relaxed(&m->rt->gc->pace.swept_pages, (int64_t)(swept / GT_GC_PAGE));
    gp->swept += swept;
    gp->reclaimed += freed;
    gt_trace_sweep_end(m);
}

/* Proportion: spans swept keep up with bytes taken. Who is asked for its P owes the rest: one large
 * object may owe the whole heap. */
void gt_gc_sweep_share(struct gt_m *m)
{
    struct gt_gc *gc = m->rt->gc;
    struct gt_gc_pace *p = &gc->pace;
    while (!gt_heap_swept(gc->heap)) {
        int64_t taken = gt_load_relaxed(&p->live) - gt_load_relaxed(&p->sweep_from);
        int64_t want = (taken >> 8) * gt_load_relaxed(&p->sweep_ratio) >> 8;
        if (gt_load_relaxed(&p->swept_pages) >= want || gt_gc_asked(m) ||
            sweep_batch(m, BATCH) == 0)
            return;
    }
}

void gt_gc_sweep_all(struct gt_runtime *rt)
{
    while (!gt_heap_swept(rt->gc->heap)) {
        struct gt_m *m = gt_pin();
        uint32_t n = sweep_batch(m, BATCH);
        gt_unpin(m);
        if (n == 0)
            gt_yield(); /* somebody is in the middle of the last ones */
        else
            gt_checkpoint();
    }
}

/* ---- the background sweeper --------------------------------------------------------------- */
/* What the next cycle's heap will hardly need goes back to the kernel. */
static void trim(struct gt_runtime *rt)
{
    struct gt_gc *gc = rt->gc;
    int64_t goal = gt_load_relaxed(&gc->pace.goal), live = gt_load_relaxed(&gc->pace.live);
    struct gt_m *m = gt_pin();
    if (goal < INT64_MAX)
        (void)gt_heap_trim(gc->heap, (size_t)(goal > live ? goal - live + goal / 8 : goal / 8));
    gt_unpin(m);
}

void gt_gc_sweeper_main(void *arg)
{
    struct gt_runtime *rt = arg;
    for (;;) {
        gt_gc_daemon_wait(&rt->gc->sweeper, GT_WAIT_GC_SWEEPER);
        for (uint32_t n = 1; n > 0;) {
            struct gt_m *m = gt_pin();
            n = sweep_batch(m, BATCH);
            gt_unpin(m);
            if (n > 0)
                gt_yield();
        }
        trim(rt);
        gt_gc_trim_stacks(rt);
    }
}
