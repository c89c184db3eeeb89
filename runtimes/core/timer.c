/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers: a heap per P, run by the P's M between Gs and by idle Ms for others.
 *
 * Invariants:
 *   I1 A timer is armed when it is in a heap (home says which) or pending. rt->n_timers
 *      counts those.
 *   I2 In a heap, a timer's when, period and index are guarded by that heap's lock, and
 *      only under it does home go back to NULL. Outside of any heap they are guarded by
 *      the timer's own lock, and only under that does home become set.
 *   I3 runner is the M that runs fn: set under the heap's lock before home goes back to
 *      NULL, cleared under the timer's lock. A timer with a runner is in no heap, so fn
 *      never runs twice at once: a start meanwhile makes it pending, and the runner arms
 *      it when fn has returned.
 *   I4 fn runs without locks, on the system stack of an M with a P, once for each time
 *      it was armed and came due before it was stopped or started anew.
 *   I5 timer_next of a P is the first `when` of the heap, 0 when empty; stored under the lock.
 *   I6 A G's own sleep timer is armed by the park function, when the G is Waiting, and
 *      fires by taking the G; after that the M does not touch it: the G may be asleep in
 *      it again.
 * Ordering:
 *   O1 What came before a start happens before fn; fn happens before the return of a stop
 *      that waited for it.
 *   O2 Who arms stores timer_next, fences, and reads who polls until when; who polls stores
 *      that, fences, and reads timer_next. One of the two sees the other: no timer waits
 *      behind a poll that was meant for a later one.
 * Progress: stop spins while fn runs, which must not block.
 * Limits: what is due is run in order of `when`, ties in any order; a run takes at most
 *   as many timers as were armed when it began.
 */
#include "core/sync.h"

#include <errno.h>
#include <string.h>

#define ARITY 4u
#define FIRST_CAPACITY 16u

struct entry {
    int64_t when; /* a copy of t->when, so that sifting stays in the array */
    struct gt_timer *t;
};

struct GT_ALIGNED gt_timers {
    struct gt_lock lock;
    struct gt_p *p; /* whose timer_next tells the earliest */
    /* Guarded by: lock */
    struct gt_runtime *rt;
    struct entry *heap;
    uint32_t n, capacity;
    int32_t node;
};

struct gt_timer {
    struct gt_rspin lock; /* not used by a sleep timer: only its G starts it */
    struct gt_runtime *rt;
    gt_fn fn;
    void *arg;
    struct gt_g *sleeper; /* constant: whose sleep timer it is, NULL: none's */
    int64_t when, period; /* I2 */
    uint32_t index;
    GT_APTR(struct gt_timers) home;
    GT_APTR(struct gt_m) runner;
    bool pending; /* Guarded by: lock. Started while fn runs */
    bool freed;   /* Guarded by: lock. By its own fn */
};

/* ---- heap; its lock held ---------------------------------------------------------- */
static inline void place(struct gt_timers *ts, uint32_t i, struct entry e)
{
    ts->heap[i] = e;
    e.t->index = i;
}

static void sift_up(struct gt_timers *ts, uint32_t i, struct entry e)
{
    while (i > 0) {
        uint32_t up = (i - 1) / ARITY;
        if (ts->heap[up].when <= e.when)
            break;
        place(ts, i, ts->heap[up]);
        i = up;
    }
    place(ts, i, e);
}

static void sift_down(struct gt_timers *ts, uint32_t i, struct entry e)
{
    for (;;) {
        uint32_t first = i * ARITY + 1, least = first;
        if (first >= ts->n)
            break;
        for (uint32_t c = first + 1; c < first + ARITY && c < ts->n; c++) {
            if (ts->heap[c].when < ts->heap[least].when)
                least = c;
        }
        if (ts->heap[least].when >= e.when)
            break;
        place(ts, i, ts->heap[least]);
        i = least;
    }
    place(ts, i, e);
}

static void publish(struct gt_timers *ts)
{
    gt_store_release(&ts->p->timer_next, ts->n ? ts->heap[0].when : 0); /* pair: timers */
}

static void grow(struct gt_timers *ts)
{
    uint32_t cap = ts->capacity ? ts->capacity * 2 : FIRST_CAPACITY;
    struct entry *heap = gt_alloc(ts->rt->arena, cap * sizeof *heap, ts->node);
    if (!heap)
        gt_throw(ts->rt, "out of memory: %u timers on one P", cap);
    if (ts->heap) {
        memcpy(heap, ts->heap, ts->n * sizeof *heap);
        gt_free(ts->rt->arena, ts->heap, ts->capacity * sizeof *heap);
    }
    ts->heap = heap;
    ts->capacity = cap;
}

static void heap_add(struct gt_timers *ts, struct gt_timer *t)
{
    if (ts->n == ts->capacity)
        grow(ts);
    sift_up(ts, ts->n++, (struct entry){.when = t->when, .t = t});
    gt_store_relaxed(&t->home, ts);
}

/* Its home is the caller's to clear. */
static void heap_remove(struct gt_timers *ts, uint32_t i)
{
    struct entry last = ts->heap[--ts->n];
    if (i == ts->n)
        return;
    if (i > 0 && last.when < ts->heap[(i - 1) / ARITY].when)
        sift_up(ts, i, last);
    else
        sift_down(ts, i, last);
}

/* ---- a P's timers -------------------------------------------------------------------- */
int gt_timers_init(struct gt_p *p)
{
    struct gt_timers *ts = gt_alloc(p->rt->arena, sizeof *ts, p->t.node);
    if (!ts)
        return -ENOMEM;
    gt_lock_init(&ts->lock, GT_RANK_TIMERS);
    ts->rt = p->rt;
    ts->p = p;
    ts->node = p->t.node;
    p->timers = ts;
    return 0;
}

void gt_timers_fini(struct gt_p *p)
{
    struct gt_timers *ts = p->timers;
    if (!ts)
        return;
    if (ts->heap)
        gt_free(p->rt->arena, ts->heap, ts->capacity * sizeof *ts->heap);
    gt_free(p->rt->arena, ts, sizeof *ts);
    p->timers = NULL;
}

void gt_timers_reset(struct gt_p *p)
{
    struct gt_timers *ts = p->timers;
    if (!ts)
        return;
    gt_lock(&ts->lock);
    gt_sub_relaxed(&ts->rt->n_timers, (int32_t)ts->n);
    for (uint32_t i = 0; i < ts->n; i++)
        gt_store_relaxed(&ts->heap[i].t->home, NULL);
    ts->n = 0;
    publish(ts);
    gt_unlock(&ts->lock);
}

int64_t gt_timers_next(struct gt_p *p)
{
    return gt_load_acquire(&p->timer_next); /* pair: timers */
}

int64_t gt_timers_next_all(struct gt_runtime *rt)
{
    int64_t next = 0;
    gt_fence_seqcst(); /* pair: polluntil */
    int32_t n = gt_load_relaxed(&rt->allp_len);
    for (int32_t i = 0; i < n; i++) {
        struct gt_p *p = gt_load_acquire(&rt->allp[i]); /* pair: allp */
        int64_t when = p && p->timers ? gt_timers_next(p) : 0;
        if (when && (!next || when < next))
            next = when;
    }
    return next;
}

/* Each timer has a home throughout, and nobody can look: the world is stopped. */
void gt_timers_move(struct gt_p *from, struct gt_p *to)
{
    struct gt_timers *a = from->timers, *b = to->timers;
    gt_lock(&a->lock);
    uint32_t n = a->n;
    a->n = 0;
    publish(a);
    gt_unlock(&a->lock);
    gt_lock(&b->lock);
    for (uint32_t i = 0; i < n; i++)
        heap_add(b, a->heap[i].t);
    publish(b);
    gt_unlock(&b->lock);
}

/* ---- arm, disarm --------------------------------------------------------------------- */
/* Pinned. Puts t on the caller's P. Returns its `when` if it is the first there now: then
 * the caller calls gt_wake_poller without locks. t may have fired when this returns. */
static int64_t arm(struct gt_m *m, struct gt_timer *t)
{
    struct gt_timers *ts = gt_m_p(m)->timers;
    int64_t when = t->when;
    gt_lock(&ts->lock);
    heap_add(ts, t);
    bool first = ts->heap[0].t == t;
    if (first)
        publish(ts);
    gt_unlock(&ts->lock);
    return first ? when : 0;
}

/*
 * t's lock held. true: it was armed.
 *
 *   M1 stops                        M2 runs the heap
 *   home: H                         heap lock
 *   heap lock: waits                pops t, runner = M2, home = NULL
 *                                   heap unlock, fn
 *   home is NULL: it fired, and who sees that sees the runner
 * home cannot become another heap meanwhile: arming needs t's lock (I2).
 */
static bool disarm(struct gt_timer *t)
{
    struct gt_timers *ts = gt_load_acquire(&t->home); /* pair: timerhome */
    bool was = t->pending;
    t->pending = false;
    if (ts) {
        gt_lock(&ts->lock);
        /* A world stop may have moved it before we had t's lock, not since. */
        if (gt_load_relaxed(&t->home) == ts) {
            heap_remove(ts, t->index);
            gt_store_relaxed(&t->home, NULL);
            publish(ts);
            was = true;
        }
        gt_unlock(&ts->lock);
    }
    if (was)
        gt_sub_relaxed(&t->rt->n_timers, 1);
    return was;
}

static int64_t positive(int64_t when)
{
    return when > 0 ? when : 1; /* 0 says "none" */
}

struct gt_timer *gt_timer_new(struct gt_runtime *rt, gt_fn fn, void *arg)
{
    struct gt_m *m = gt_pin();
    struct gt_timer *t = gt_alloc(rt->arena, sizeof *t, m->t.p ? m->t.p->node : -1);
    gt_unpin(m);
    if (!t)
        return NULL;
    gt_rspin_init(&t->lock, GT_RANK_TIMER);
    t->rt = rt;
    t->fn = fn;
    t->arg = arg;
    return t;
}

void gt_timer_start(struct gt_timer *t, int64_t when, int64_t period)
{
    struct gt_m *m = gt_enter_op();
    struct gt_runtime *rt = t->rt;
    int64_t first = 0;
    gt_rspin_lock(m, &t->lock);
    disarm(t);
    t->when = positive(when);
    t->period = period;
    gt_add_relaxed(&rt->n_timers, 1);
    if (gt_load_relaxed(&t->runner))
        t->pending = true; /* I3 */
    else
        first = arm(m, t);
    gt_rspin_unlock(m, &t->lock);
    if (first)
        gt_wake_poller(rt, first);
}

bool gt_timer_stop(struct gt_timer *t)
{
    struct gt_m *m = gt_enter_op();
    gt_rspin_lock(m, &t->lock);
    bool armed = disarm(t);
    t->period = 0;
    struct gt_m *runner = gt_load_relaxed(&t->runner);
    gt_rspin_unlock(m, &t->lock);
    if (runner && runner != m)
        gt_await(&t->runner, gt_load_acquire(&t->runner) == NULL); /* pair: timerrun */
    return armed;
}

void gt_timer_free(struct gt_timer *t)
{
    if (!t)
        return;
    gt_timer_stop(t);
    struct gt_m *m = gt_pin();
    gt_rspin_lock(m, &t->lock); /* also: whoever ran it has let go of the lock */
    bool own_fn = gt_load_relaxed(&t->runner) != NULL;
    t->freed = own_fn;
    gt_rspin_unlock(m, &t->lock);
    if (!own_fn)
        gt_free(t->rt->arena, t, sizeof *t);
    gt_unpin(m);
}

/* ---- run -------------------------------------------------------------------------------- */
/* The next of a periodic timer keeps its phase, and leaves out what was missed. */
static void next_period(struct gt_timer *t)
{
    int64_t late = gt_nanotime() - t->when;
    t->when += t->period * (late > 0 ? 1 + late / t->period : 1);
}

/* fn has returned: arms t again if it is periodic or was started meanwhile. */
static void end_run(struct gt_m *m, struct gt_timer *t)
{
    struct gt_runtime *rt = m->rt;
    int64_t first = 0;
    gt_rspin_lock(m, &t->lock);
    bool freed = t->freed, again = t->pending;
    if (!again && t->period > 0 && !freed) {
        next_period(t);
        gt_add_relaxed(&rt->n_timers, 1);
        again = true;
    }
    t->pending = false;
    gt_store_release(&t->runner, NULL); /* pair: timerrun */
    if (again)
        first = arm(m, t);
    gt_rspin_unlock(m, &t->lock);
    if (first)
        gt_wake_poller(rt, first);
    if (freed) {
        m->locks++;
        gt_free(rt->arena, t, sizeof *t);
        m->locks--;
    }
}

/* Heap's lock held; given back while fn runs. */
static void run_one(struct gt_m *m, struct gt_timers *ts, struct gt_tasks *woken)
{
    struct gt_timer *t = ts->heap[0].t;
    struct gt_g *sleeper = t->sleeper;
    heap_remove(ts, 0);
    gt_sub_relaxed(&ts->rt->n_timers, 1);
    if (sleeper) {
        gt_store_relaxed(&t->home, NULL); /* I6: t is the G's again once it is ready */
        gt_tasks_push(woken, &sleeper->t);
        return;
    }
    gt_store_relaxed(&t->runner, m);
    gt_store_release(&t->home, NULL); /* pair: timerhome (I3: after runner) */
    publish(ts);
    gt_unlock(&ts->lock);
    t->fn(t->arg);
    end_run(m, t);
    gt_lock(&ts->lock);
}

bool gt_timers_run(struct gt_m *m, struct gt_p *p, int64_t now, int64_t *next)
{
    struct gt_timers *ts = p->timers;
    struct gt_tasks woken = {0};
    uint32_t ran = 0;
    *next = gt_timers_next(p);
    if (*next == 0 || *next > now)
        return false;
    gt_lock(&ts->lock);
    for (uint32_t left = ts->n; left > 0 && ts->n > 0 && ts->heap[0].when <= now; left--) {
        run_one(m, ts, &woken);
        ran++;
    }
    publish(ts);
    *next = ts->n ? ts->heap[0].when : 0;
    gt_unlock(&ts->lock);
    gt_bump(&gt_m_p(m)->count.timers_run, ran);
    if (woken.n == 1)
        gt_ready(gt_g_of(gt_tasks_pop(&woken)), false);
    else
        gt_inject(m, &woken);
    return ran != 0;
}

/* ---- sleep --------------------------------------------------------------------------------- */
/* I6. Once it is armed, t and g are others'. */
static bool sleep_parked(struct gt_g *g, void *arg)
{
    struct gt_m *m = gt_pin();
    struct gt_runtime *rt = m->rt;
    (void)g;
    gt_add_relaxed(&rt->n_timers, 1);
    int64_t first = arm(m, arg);
    gt_unpin(m);
    if (first)
        gt_wake_poller(rt, first);
    return true;
}

static struct gt_timer *sleep_timer(struct gt_g *g)
{
    if (gt_unlikely(!g->sleep_timer)) {
        g->sleep_timer = gt_timer_new(g->rt, NULL, NULL);
        if (!g->sleep_timer)
            gt_throw(g->rt, "out of memory: the timer of goroutine %llu",
                     (unsigned long long)g->t.id);
        g->sleep_timer->sleeper = g;
    }
    return g->sleep_timer;
}

void gt_sleep(int64_t ns)
{
    int64_t when;
    struct gt_g *g = gt_m_g(gt_enter_op());
    if (ns <= 0)
        return;
    struct gt_timer *t = sleep_timer(g);
    if (__builtin_add_overflow(gt_nanotime(), ns, &when))
        when = INT64_MAX;
    t->when = when;
    gt_park(sleep_parked, t, GT_WAIT_SLEEP);
}
