/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ps: who has one, who gets one.
 *
 * Invariants:
 *   I1 A P on the idle mask is in status Idle and has no M. It is put there and taken
 *      from there under the scheduler lock.
 *   I2 A P off the mask in status Idle is in one M's hands, which will wire it, hand it
 *      on, stop it or put it back: a world stop counts it and waits.
 *   I3 A P is got outside any tracer section (C4 of tracer.h): else its ProcStart could
 *      stand in an older generation than the ProcStop that made it idle.
 *   I4 An M that carries a P in its hands is pinned.
 */
#include "core/gc.h"

/* ---- idle mask: scheduler lock held ---------------------------------------------- */
void gt_p_idle_put(struct gt_runtime *rt, struct gt_p *p)
{
    gt_assert_held(&rt->sched_lock);
    gt_assert(rt, gt_p_status(p) == GT_P_IDLE);
    rt->idle_mask[p->t.id / 64] |= 1ull << (p->t.id % 64);
    gt_add_acq_rel(&rt->idle_ps, 1); /* pair: idleps */
}

static struct gt_p *idle_remove(struct gt_runtime *rt, int32_t id)
{
    rt->idle_mask[id / 64] &= ~(1ull << (id % 64));
    gt_sub_acq_rel(&rt->idle_ps, 1); /* pair: idleps */
    gt_sysmon_wake(rt); /* I3 of sysmon.c */
    return gt_load_acquire(&rt->allp[id]); /* pair: allp */
}

static bool is_idle(const struct gt_runtime *rt, int32_t id)
{
    return (rt->idle_mask[id / 64] >> (id % 64)) & 1u;
}

static int32_t lowest_idle(const struct gt_runtime *rt)
{
    for (uint32_t i = 0; i < GT_PMASK_WORDS; i++)
        if (rt->idle_mask[i])
            return (int32_t)(i * 64) + __builtin_ctzll(rt->idle_mask[i]);
    return -1;
}

/*
 * C4 of tracer.h: not inside a section, whose generation may be older than that of the
 * ProcStop that made the P idle:
 *
 *   M1, section of n            M2                    advance
 *                                                     n+1
 *                               ProcStop in n+1
 *   takes that P
 *   ProcStart in n: before its ProcStop
 */
static inline void check_no_section(struct gt_runtime *rt)
{
#if GT_ORACLE
    struct gt_m *m = gt_tls_m();
    if (gt_unlikely(m && m->sections != 0))
        gt_violation(rt, GT_V_SECTION, "tracing rule 5: a P is got inside a section");
#else
    (void)rt;
#endif
}

struct gt_p *gt_p_idle_take(struct gt_runtime *rt, int32_t id)
{
    check_no_section(rt);
    gt_assert_held(&rt->sched_lock);
    return is_idle(rt, id) ? idle_remove(rt, id) : NULL;
}

struct gt_p *gt_p_idle_get(struct gt_runtime *rt, int32_t near)
{
    check_no_section(rt);
    gt_assert_held(&rt->sched_lock);
    if (gt_load_relaxed(&rt->idle_ps) == 0)
        return NULL;
    int32_t id = -1;
    if (gt_sched(rt)->choose_idle)
        id = gt_sched(rt)->choose_idle(rt->sched_state, near, rt->idle_mask, GT_PMASK_WORDS);
    if (id < 0 || id >= GT_PROCS_MAX || !is_idle(rt, id))
        id = lowest_idle(rt);
    return id < 0 ? NULL : idle_remove(rt, id);
}

/* ---- wiring ------------------------------------------------------------------------- */
bool gt_m_is_bound_to(const struct gt_m *m, const struct gt_p *p)
{
    return m->bound_to && m->bound_to->place.cpuset == p->place.cpuset;
}

/* A thread follows its P's place; who starts an M for a P looks for one that is there. A foreign
 * thread's binding is its owner's. */
void gt_p_bind(struct gt_m *m, struct gt_p *p)
{
    if (m->rt->config.bind == GT_BIND_NONE || gt_m_is_bound_to(m, p) || m->extra)
        return;
    m->bound_to = p;
    if (gt_topo_bind_thread(m->rt->topo, &p->place, m->bind_error, sizeof m->bind_error) != 0) {
        m->bound_to = NULL; /* nobody knows where it is: it tries again */
        gt_add_relaxed(&m->rt->count.unbound, 1u);
    }
}

void gt_p_wire(struct gt_m *m, struct gt_p *p)
{
    gt_assert(m->rt, m->t.p == NULL && gt_load_relaxed(&p->m) == NULL);
    m->t.p = &p->t;
    gt_store_release(&p->m, m); /* pair: p-owner */
}

void gt_p_acquire(struct gt_m *m, struct gt_p *p)
{
    gt_p_wire(m, p);
    gt_tok tok = gt_trace_acquire(m);
    GT_PERTURB(m, p_wired);
    gt_p_set(m, p, tok, GT_P_RUNNING);
    GT_EMIT(m, tok, proc_start);
    gt_trace_release(m, tok);
    gt_p_bind(m, p);
}

/* Context: m owns its P; with to == STOPPED the scheduler lock is held. */
struct gt_p *gt_p_release(struct gt_m *m, enum gt_pstatus to)
{
    struct gt_p *p = gt_m_p(m);
    gt_tok tok = gt_trace_acquire(m);
    GT_EMIT(m, tok, proc_stop, &p->t);
    GT_PERTURB(m, p_stop_event);
    m->t.p = NULL;
    gt_store_release(&p->m, NULL); /* pair: p-owner */
    gt_p_set(m, p, tok, to);
    gt_trace_release(m, tok);
    return p;
}

/* ---- hand-off -------------------------------------------------------------------------- */
static bool reader_wanted(struct gt_runtime *rt)
{
    return gt_load_relaxed(&rt->reader) != NULL && gt_tracer(rt)->reader_wanted &&
           gt_tracer(rt)->reader_wanted(rt->tracer_state);
}

static bool wants_an_m(struct gt_runtime *rt, struct gt_p *p)
{
    return gt_sched(rt)->has_work(rt->sched_state, &p->t) || reader_wanted(rt) || gt_gc_idle_work(rt);
}

bool gt_p_stopper_takes(struct gt_m *m, struct gt_p *p)
{
    struct gt_runtime *rt = m->rt;
    if (gt_load_relaxed(&rt->stopping) != 0) {
        gt_p_set(m, p, gt_tok_none(), GT_P_STOPPED);
        if (--rt->stop_wait == 0)
            gt_note_wake(&rt->stop_note);
        return true;
    }
    if (gt_load_relaxed(&p->safe_fn) != 0) {
        gt_store_relaxed(&p->safe_fn, 0u);
        rt->safe_fn(p, rt->safe_fn_arg);
        if (--rt->safe_wait == 0)
            gt_note_wake(&rt->safe_note);
    }
    return false;
}

static bool nobody_polls(struct gt_runtime *rt)
{
    return gt_load_relaxed(&rt->idle_ps) == gt_load_relaxed(&rt->procs) - 1 &&
           gt_load_relaxed(&rt->last_poll) != 0 && gt_load_relaxed(&rt->poll_waiters) != 0;
}

/*
 * p is Idle, off the mask and in m's hands (I2): to an M that runs it if there is anything
 * to do, else on the idle mask. Context: any stack, no core locks.
 */
void gt_p_handoff(struct gt_m *m, struct gt_p *p)
{
    struct gt_runtime *rt = m->rt;
    m->locks++;
    int32_t zero = 0;
    gt_add_relaxed(&rt->count.handoffs, 1u);
    GT_PERTURB(m, p_handoff);
    if (wants_an_m(rt, p)) {
        gt_m_start(rt, p, false);
        goto out;
    }
    if (gt_load_relaxed(&rt->spinning) == 0 && gt_load_relaxed(&rt->idle_ps) == 0 &&
        gt_cas_acq_rel(&rt->spinning, &zero, 1)) { /* pair: spinning */
        gt_m_start(rt, p, true);
        goto out;
    }
    gt_lock(&rt->sched_lock);
    if (gt_p_stopper_takes(m, p)) {
        gt_unlock(&rt->sched_lock);
        goto out;
    }
    if (gt_sched(rt)->has_work(rt->sched_state, NULL) || nobody_polls(rt)) {
        gt_unlock(&rt->sched_lock);
        gt_m_start(rt, p, false);
        goto out;
    }
    int64_t when = gt_timers_next(p);
    gt_p_idle_put(rt, p);
    gt_unlock(&rt->sched_lock);
    /* Work enqueued after has_work and before the mask showed p: I8 of core.h. */
    gt_fence_heavy(rt); /* pair: asym */
    if (gt_sched(rt)->has_work(rt->sched_state, NULL))
        gt_wake(rt);
    if (when)
        gt_wake_poller(rt, when);
out:
    m->locks--;
}
