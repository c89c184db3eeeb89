/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector's events, and what a tracer asks about ranges that are open.
 *
 * Invariants:
 *   I1 "Open" is true from after the begin event until after the end event, inside their
 *      sections: a tracer writes the status of a P or G before the first event on it in a
 *      generation, so a begin event must not find its own range open, and an end event must
 *      find the range that it ends (GCSweepActive, then GCSweepEnd).
 *   I2 It is kept whether or not a trace runs, so nothing is stale when the next one begins:
 *
 *      sweeper                         a trace ends, the next begins
 *      GCSweepBegin, in_sweep := 1
 *                                      generation off
 *      swept; no event, the trace is off
 *      (in_sweep stays 1)
 *                                      world stopped, generation 1
 *                                  |   ProcStatus, GCSweepActive: no sweep goes on
 *
 *   I3 in_sweep belongs to who owns the P. A sweeper is pinned until it has ended, so a P that
 *      is stopped, idle, dead or in a system call is in no sweep. gc_assisting belongs to the
 *      G's own M or the holder of its scan bit; it stays true while the assist is parked.
 */
#include "core/gc.h"

void gt_trace_gc(struct gt_m *m, bool begin)
{
    gt_tok tok = gt_trace_acquire(m);
    if (begin)
        GT_EMIT(m, tok, gc_begin);
    else
        GT_EMIT(m, tok, gc_end);
    gt_trace_release(m, tok);
}

void gt_trace_sweep_begin(struct gt_m *m)
{
    struct gt_gc_p *p = gt_m_p(m)->gc;
    gt_tok tok = gt_trace_acquire(m);
    GT_EMIT(m, tok, gc_sweep, true, 0, 0);
    p->in_sweep = true; /* I1 */
    gt_trace_release(m, tok);
}

void gt_trace_sweep_end(struct gt_m *m)
{
    struct gt_gc_p *p = gt_m_p(m)->gc;
    gt_tok tok = gt_trace_acquire(m);
    GT_EMIT(m, tok, gc_sweep, false, p->swept, p->reclaimed);
    p->in_sweep = false; /* I1 */
    p->swept = p->reclaimed = 0;
    gt_trace_release(m, tok);
}

void gt_trace_assist(struct gt_m *m, bool begin)
{
    gt_tok tok = gt_trace_acquire(m);
    GT_EMIT(m, tok, gc_assist, begin);
    gt_m_g(m)->gc_assisting = begin; /* I1 */
    gt_trace_release(m, tok);
}

void gt_trace_heap_alloc(struct gt_m *m, uint64_t bytes)
{
    gt_tok tok = gt_trace_acquire(m);
    GT_EMIT(m, tok, heap_alloc, bytes);
    gt_trace_release(m, tok);
}

/* The goal first: a trace that begins meanwhile says the one or the other. */
void gt_trace_heap_goal(struct gt_m *m, uint64_t bytes)
{
    gt_store_relaxed(&m->rt->heap_goal, bytes);
    gt_tok tok = gt_trace_acquire(m);
    GT_EMIT(m, tok, heap_goal, bytes);
    gt_trace_release(m, tok);
}

void gt_trace_label(struct gt_m *m, const char *label)
{
    gt_tok tok = gt_trace_acquire(m);
    GT_EMIT(m, tok, go_label, label);
    gt_trace_release(m, tok);
}
