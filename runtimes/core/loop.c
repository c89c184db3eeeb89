/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler loop of an M: find a runnable G, run it.
 *
 * Invariants:
 *   I1 gt_schedule runs on the M's system stack with no lock and no pin, and its M has
 *      no current G.
 *   I2 An M is counted in rt->spinning exactly while m->spinning; it has a P then, and
 *      nothing to run.
 *   I3 Before an M without work parks, it has looked at every queue after it stopped
 *      being counted as spinning and its P became idle (I8 of core.h).
 * The race that I3 closes:
 *
 *      M1 makes work                       M2 goes idle
 *      enqueue(g)                          spinning--, P on the idle list
 *      fence (light)                       fence (heavy)
 *      idle Ps? spinning? -> wake    |     has_work? -> take a P back
 *
 *   Without either fence both may read the old value and g waits with an idle P beside it.
 * Progress: a found G is run; an M without work ends in the poller or parked, and the last
 * to stop spinning looks once more.
 */
#include "core/gc.h"
#include "core/run.h"

void gt_fence_heavy(const struct gt_runtime *rt)
{
    if (rt->asym)
        (void)gt_os_membarrier();
    else
        gt_fence_seqcst(); /* pair: asym */
}

void gt_execute(struct gt_m *m, struct gt_g *g, bool inherit)
{
    gt_run(m, g, inherit);
}

static struct gt_idle_view view_of(struct gt_runtime *rt, struct gt_p *p)
{
    struct gt_idle_view v = {
        .procs = gt_load_relaxed(&rt->procs),
        .idle = gt_load_relaxed(&rt->idle_ps),
        .spinning = gt_load_relaxed(&rt->spinning),
        .cpus = rt->sched_host.cpus,
        .p = p ? p->t.id : -1,
        .node = p ? p->t.node : -1,
    };
    return v;
}

void gt_wake(struct gt_runtime *rt)
{
    struct gt_idle_view v = view_of(rt, NULL);
    if (gt_sched(rt)->want_wake ? !gt_sched(rt)->want_wake(rt->sched_state, &v) : v.spinning != 0)
        return;
    if (v.idle == 0)
        return;
    GT_PERTURB_SELF(wake_seen);
    int32_t zero = v.spinning;
    if (!gt_cas_acq_rel(&rt->spinning, &zero, v.spinning + 1)) /* pair: spinning */
        return;
    gt_add_relaxed(&rt->count.wakeups, 1u);
    gt_m_start(rt, NULL, true);
}

/* The M found work or stops: it no longer spins. */
static void stop_spinning(struct gt_m *m)
{
    m->spinning = false;
    int32_t before = gt_sub_acq_rel(&m->rt->spinning, 1); /* pair: spinning */
    gt_assert(m->rt, before > 0);
    (void)before;
}

/* The trace reader is a G like others, made runnable when the tracer wants it. */
static bool ready_reader(struct gt_m *m)
{
    struct gt_runtime *rt = m->rt;
    if (gt_likely(gt_load_relaxed(&rt->reader) == NULL) || !gt_tracer(rt)->reader_wanted ||
        !gt_tracer(rt)->reader_wanted(rt->tracer_state))
        return false;
    /* Before it looks: what comes now sets it again. */
    gt_and_acq_rel(&rt->loop_hint, ~(uint32_t)GT_HINT_READER); /* pair: loop-hint */
    struct gt_g *g = gt_swap_acquire(&rt->reader, NULL); /* pair: reader */
    if (!g)
        return false;
    gt_ready(g, false);
    return true;
}

/* Gs whose files became ready; m keeps its P. */
static bool poll_network(struct gt_m *m)
{
    struct gt_runtime *rt = m->rt;
    struct gt_tasks list = {0};
    if (gt_load_relaxed(&rt->poll_waiters) == 0 || gt_load_relaxed(&rt->last_poll) == 0)
        return false;
    gt_netpoll(rt, 0, &list);
    gt_bump(&gt_m_p(m)->count.netpolls, 1u);
    if (!list.head)
        return false;
    GT_PERTURB(m, poll_found);
    gt_inject(m, &list);
    return true;
}

/* Due timers of other Ps: their Ms may run long Gs. */
static bool steal_timers(struct gt_m *m, int64_t now, int64_t *next)
{
    struct gt_runtime *rt = m->rt;
    bool ran = false;
    if (gt_load_relaxed(&rt->n_timers) == 0)
        return false;
    int32_t n = gt_load_relaxed(&rt->procs);
    for (int32_t i = 0; i < n; i++) {
        struct gt_p *p = gt_load_acquire(&rt->allp[i]); /* pair: allp */
        int64_t when = gt_timers_next(p);
        if (when && when <= now)
            ran |= gt_timers_run(m, p, now, &when);
        if (when && (*next == 0 || when < *next))
            *next = when;
    }
    return ran;
}

static bool must_stop(struct gt_m *m)
{
    return gt_load_relaxed(&m->rt->stopping) != 0 ||
           gt_load_relaxed(&gt_m_p(m)->safe_fn) != 0;
}

/* How long this M may spin: < 0 not at all, 0 one round. */
static int64_t spin_budget(struct gt_m *m)
{
    struct gt_runtime *rt = m->rt;
    struct gt_idle_view v = view_of(rt, gt_m_p(m));
    if (gt_sched(rt)->spin)
        return gt_sched(rt)->spin(rt->sched_state, &v);
    return m->spinning || 2 * v.spinning < v.procs - v.idle ? 0 : -1;
}

/*
 * Looks for work at others', for as long as the policy lets it. Returns a G, or NULL with
 * *again when there may be something to do on the own P.
 */
static struct gt_g *spin(struct gt_m *m, bool *inherit, bool *again, int64_t *next_timer)
{
    struct gt_runtime *rt = m->rt;
    int64_t budget = spin_budget(m);
    if (budget < 0 && !m->spinning)
        return NULL;
    if (!m->spinning) {
        m->spinning = true;
        gt_add_acq_rel(&rt->spinning, 1); /* pair: spinning */
    }
    int64_t now = gt_nanotime(), deadline = now + budget;
    for (;;) {
        struct gt_g *g = gt_pick(m, GT_PICK_STEAL, inherit);
        if (g)
            return g;
        *next_timer = 0;
        *again = must_stop(m) || steal_timers(m, now, next_timer) || poll_network(m);
        if (*again || now >= deadline)
            return NULL;
        for (int i = 0; i < 16; i++)
            gt_cpu_relax();
        now = gt_nanotime();
    }
}

/* Gives the P up and parks or polls. Returns when m has a P again and should look anew. */
static void go_idle(struct gt_m *m, int64_t next_timer);

static struct gt_g *find_runnable(struct gt_m *m, bool *inherit)
{
    for (;;) {
        struct gt_runtime *rt = m->rt;
        struct gt_p *p = gt_m_p(m);
        if (gt_unlikely(gt_load_relaxed(&rt->stopping) != 0)) {
            gt_m_stop_for_world(m);
            continue;
        }
        if (gt_unlikely(gt_load_relaxed(&p->safe_fn) != 0))
            gt_run_safe_fn(m, p);
        int64_t next = gt_timers_next(p);
        if (gt_unlikely(next != 0)) {
            int64_t now = gt_nanotime();
            if (next <= now)
                gt_timers_run(m, p, now, &next);
        }
        ready_reader(m);
        struct gt_g *g;
        if (gt_gc_marking(rt) && (g = gt_gc_find_worker(m, false)) != NULL)
            return g;
        g = gt_pick(m, GT_PICK_QUEUES, inherit);
        if (gt_likely(g != NULL))
            return g;
        if (poll_network(m))
            continue;
        bool again = false;
        g = spin(m, inherit, &again, &next);
        if (g)
            return g;
        if (again)
            continue;
        if (gt_gc_marking(rt) && (g = gt_gc_find_worker(m, true)) != NULL)
            return g;
        go_idle(m, next);
    }
}

/* After the P went idle: is there anything after all? I3. */
static bool work_after_all(struct gt_runtime *rt)
{
    gt_fence_heavy(rt); /* pair: asym */ /* I8 */
    return gt_sched(rt)->has_work(rt->sched_state, NULL) || gt_load_relaxed(&rt->stopping) != 0 ||
           gt_gc_idle_work(rt) ||
           (gt_load_relaxed(&rt->reader) != NULL && gt_tracer(rt)->reader_wanted &&
            gt_tracer(rt)->reader_wanted(rt->tracer_state));
}

static struct gt_p *take_idle_p(struct gt_m *m, struct gt_p *was)
{
    struct gt_runtime *rt = m->rt;
    gt_lock(&rt->sched_lock);
    struct gt_p *p = gt_p_idle_take(rt, was->t.id);
    if (!p)
        p = gt_p_idle_get(rt, was->t.id);
    gt_unlock(&rt->sched_lock);
    return p;
}

/*
 * One M at a time blocks in the poller, until a file is ready, the next timer is due, or
 * somebody breaks it (an earlier timer, the end). Returns with a P, or without when it
 * should park.
 */
static bool block_in_poller(struct gt_m *m, struct gt_p *was)
{
    struct gt_runtime *rt = m->rt;
    int64_t next = gt_timers_next_all(rt);
    bool files = gt_load_relaxed(&rt->poll_waiters) != 0;
    if ((!files && !next) || gt_netpoll_init(rt) != 0)
        return false;
    if (gt_swap_acq_rel(&rt->last_poll, 0) == 0) /* pair: lastpoll */
        return false;
    gt_store_seqcst(&rt->poll_until, next ? next : INT64_MAX); /* pair: polluntil */
    /* A timer armed since `next` was read sees poll_until, or we see the timer. */
    int64_t again = gt_timers_next_all(rt), now = gt_nanotime();
    if (again && (!next || again < next))
        next = again;
    int64_t wait = next ? (next > now ? next - now : 0) : -1;
    if (gt_load_relaxed(&rt->exiting) != 0 || gt_load_seqcst(&rt->stopping) != 0)
        wait = 0; /* pair: stopping */
    struct gt_tasks list = {0};
    gt_netpoll(rt, wait, &list);
    gt_store_relaxed(&rt->poll_until, 0);
    gt_store_release(&rt->last_poll, gt_nanotime()); /* pair: lastpoll */
    gt_add_relaxed(&rt->count.netpolls, 1u);
    struct gt_p *p = take_idle_p(m, was);
    if (!p) {
        gt_inject(m, &list);
        return false;
    }
    gt_p_acquire(m, p);
    if (list.head)
        gt_inject(m, &list);
    return true;
}

/* true: m parked or took a P and shall look again; false: the P is kept. */
static bool put_p_idle(struct gt_m *m)
{
    struct gt_runtime *rt = m->rt;
    gt_lock(&rt->sched_lock);
    if (must_stop(m)) {
        gt_unlock(&rt->sched_lock);
        return false;
    }
    gt_p_idle_put(rt, gt_p_release(m, GT_P_IDLE));
    gt_unlock(&rt->sched_lock);
    return true;
}

static void go_idle(struct gt_m *m, int64_t next_timer)
{
    struct gt_runtime *rt = m->rt;
    struct gt_p *was = gt_m_p(m);
    (void)next_timer;
    if (!put_p_idle(m))
        return;
    GT_PERTURB(m, idle_published);
    bool spun = m->spinning;
    if (spun)
        stop_spinning(m);
    GT_PERTURB(m, idle_recheck);
    if (!GT_FAULT(wakeup_lost) && work_after_all(rt)) {
        struct gt_p *p = take_idle_p(m, was);
        if (p) {
            gt_p_acquire(m, p);
            if (spun) {
                m->spinning = true;
                gt_add_acq_rel(&rt->spinning, 1); /* pair: spinning */
            }
            return;
        }
    }
    if (block_in_poller(m, was))
        return;
    gt_m_stop(m);
}

void gt_schedule(struct gt_m *m)
{
    struct gt_runtime *rt = m->rt;
    gt_assert(rt, m->locks == 0 && m->t.g == NULL);
    for (;;) {
        if (gt_unlikely(m->lockedg != NULL)) {
            gt_m_stop_locked(m);
            gt_run(m, m->lockedg, false);
        }
        gt_store_relaxed(&gt_m_p(m)->preempt, 0u);
        bool inherit = false;
        struct gt_g *g = find_runnable(m, &inherit);
        if (m->spinning) {
            stop_spinning(m);
            gt_wake_maybe(rt);
        }
        if (gt_unlikely(g->lockedm != NULL)) {
            gt_m_start_locked(m, g);
            continue;
        }
        gt_run(m, g, inherit);
    }
}
