/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The number of Ps changes: Ps are made, die and come back, with the world stopped.
 *
 * Invariants:
 *   I1 allp[0, allp_len) hold Ps that live as long as the runtime; [0, procs) are alive,
 *      the others Dead. A P that comes back is the same struct with the same id.
 *   I2 A dying P leaves nothing behind: its Gs go to the shared queue, its timers to a
 *      living P, its free Gs to the global list; then the tracer learns that it died.
 *   I3 The stopper's own P may die: the stopper then goes on with P 0, and the trace shows
 *      GoStop, ProcStop, ProcStart, GoStart on its M, all inside the stop.
 */
#include <errno.h>

#include "core/gc.h"

static struct gt_p *make_p(struct gt_runtime *rt, int32_t id)
{
    size_t extra = gt_sched(rt)->p_state + gt_tracer(rt)->p_state;
    const struct gt_place *place = &rt->places[id];
    struct gt_p *p = gt_alloc(rt->arena, sizeof *p + extra, place->node);
    if (!p)
        return NULL;
    char *state = (char *)(p + 1);
    p->rt = rt;
    p->t.id = id;
    p->t.node = place->node;
    p->t.sched = gt_sched(rt)->p_state ? state : NULL;
    p->t.trace = gt_tracer(rt)->p_state ? state + gt_sched(rt)->p_state : NULL;
    p->place = *place;
    p->rng = (rt->config.seed ^ ((uint64_t)(uint32_t)id * 0xbf58476d1ce4e5b9ull)) | 1u;
    gt_init(&p->t.status, (uint64_t)GT_P_DEAD);
    if (gt_timers_init(p) != 0) {
        gt_free(rt->arena, p, sizeof *p + extra);
        return NULL;
    }
    if (gt_sched(rt)->p_init && gt_sched(rt)->p_init(rt->sched_state, &p->t) != 0) {
        gt_timers_fini(p);
        gt_free(rt->arena, p, sizeof *p + extra);
        return NULL;
    }
    return p;
}

/* Makes what is missing of [0, n). Returns how many there are then. */
static int32_t make_ps(struct gt_runtime *rt, int32_t n)
{
    int32_t have = gt_load_relaxed(&rt->allp_len);
    for (; have < n; have++) {
        struct gt_p *p = make_p(rt, have);
        if (!p)
            break;
        gt_store_release(&rt->allp[have], p); /* pair: allp */
        gt_store_release(&rt->allp_len, have + 1); /* pair: allp */
    }
    return have < n ? have : n;
}

static void bury_p(struct gt_m *m, struct gt_p *p)
{
    struct gt_runtime *rt = m->rt;
    struct gt_tasks left = {0};
    gt_sched(rt)->drain(rt->sched_state, &p->t, &left);
    if (left.head)
        gt_sched(rt)->enqueue_batch(rt->sched_state, NULL, &left);
    gt_timers_move(p, gt_load_relaxed(&rt->allp[0]));
    gt_gfree_flush(rt, p);
    gt_gc_p_dies(rt, p);
    gt_store_relaxed(&p->sysg, NULL);
    gt_p_set(m, p, gt_tok_none(), GT_P_DEAD);
    GT_PERTURB(m, procs_dead);
    if (gt_tracer(rt)->p_dies)
        gt_tracer(rt)->p_dies(rt->tracer_state, &p->t);
}

/* I3. Before its P dies the stopper moves to P 0. */
static void move_to_p0(struct gt_m *m)
{
    struct gt_runtime *rt = m->rt;
    struct gt_p *own = gt_m_p(m), *p0 = gt_load_relaxed(&rt->allp[0]);
    gt_tok tok = gt_trace_acquire(m);
    if (gt_tok_on(tok))
        gt_journal_told(m, tok, GT_TOLD_MOVE, (uint64_t)p0->t.id,
                        gt_status_version(gt_load_relaxed(&p0->t.status)));
    GT_EMIT(m, tok, go_stop, GT_STOP_PROCS);
    GT_EMIT(m, tok, proc_stop, &own->t);
    m->t.p = NULL;
    gt_store_release(&own->m, NULL); /* pair: p-owner */
    gt_p_wire(m, p0);
    gt_store_relaxed(&p0->async, gt_m_g(m)->async_ok);
    GT_EMIT(m, tok, proc_start);
    GT_EMIT(m, tok, go_start);
    gt_trace_release(m, tok);
    gt_p_bind(m, p0);
}

static void revive(struct gt_m *m, struct gt_p *p, enum gt_pstatus to)
{
    struct gt_runtime *rt = p->rt;
    gt_p_set(m, p, gt_tok_none(), to);
    gt_store_relaxed(&p->preempt, 0u);
    gt_store_relaxed(&p->safe_fn, 0u);
    if (gt_tracer(rt)->p_born)
        gt_tracer(rt)->p_born(rt->tracer_state, &p->t);
}

/* Those of [before, now) that the collector could give their share. */
static int32_t with_shares(struct gt_runtime *rt, int32_t before, int32_t now)
{
    for (int32_t i = before; i < now; i++)
        if (gt_gc_p_born(rt, gt_load_relaxed(&rt->allp[i])) != 0)
            return i;
    return now;
}

/* World stopped by m. 0, or -ENOMEM with as many Ps as there was memory for. */
int gt_procs_resize(struct gt_m *m, int32_t n)
{
    struct gt_runtime *rt = m->rt;
    int32_t before = gt_load_relaxed(&rt->procs);
    int32_t now = make_ps(rt, n);
    now = with_shares(rt, before, now);
    int rc = now < n ? -ENOMEM : 0;
    if (now < 1)
        return -ENOMEM;
    gt_tok tok = gt_trace_acquire(m);
    GT_EMIT(m, tok, procs_change, now);
    gt_trace_release(m, tok);
    GT_PERTURB(m, procs_event);
    for (int32_t i = before; i < now; i++)
        revive(m, gt_load_relaxed(&rt->allp[i]), GT_P_STOPPED);
    if (gt_m_p(m)->t.id >= now)
        move_to_p0(m);
    gt_store_release(&rt->procs, now); /* pair: procs */
    for (int32_t i = now; i < before; i++)
        bury_p(m, gt_load_relaxed(&rt->allp[i]));
    if (gt_sched(rt)->procs_changed)
        gt_sched(rt)->procs_changed(rt->sched_state, before, now);
    gt_add_relaxed(&rt->count.procs_changes, 1u);
    return rc;
}

/* The first Ps, before any M runs. */
int gt_procs_first(struct gt_runtime *rt)
{
    int32_t n = make_ps(rt, rt->config.procs);
    if (n < rt->config.procs)
        return -ENOMEM;
    gt_lock(&rt->sched_lock);
    for (int32_t i = 0; i < n; i++) {
        struct gt_p *p = gt_load_relaxed(&rt->allp[i]);
        revive(NULL, p, GT_P_IDLE);
        gt_p_idle_put(rt, p);
    }
    gt_unlock(&rt->sched_lock);
    gt_store_release(&rt->procs, n); /* pair: procs */
    if (gt_sched(rt)->procs_changed)
        gt_sched(rt)->procs_changed(rt->sched_state, 0, n);
    return 0;
}

/* Any time, from a G. Switches. */
int gt_set_procs(int32_t n)
{
    if (n < 1 || n > GT_PROCS_MAX)
        return -EINVAL;
    gt_checkpoint();
    struct gt_runtime *rt = gt_tls_m()->rt;
    if (rt->config.bind == GT_BIND_PU || rt->config.bind == GT_BIND_CORE) {
        if (n > rt->n_places)
            return -ENOSPC;
    }
    gt_world_stop(rt, GT_WORLD_PROCS);
    int rc = gt_procs_resize(gt_tls_m(), n);
    gt_world_start(rt);
    return rc;
}
