/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The checks with threads: churn (no G lost, none returned twice, while Ps steal from each
 * other) and park (no G waits while the Ps that may run it are parked).
 */
#include "sched_checks.h"

#define DEADLINE_NS 20000000000 /* nothing moves for so long: lost */

/* ---- churn ------------------------------------------------------------------------------ */
struct churn {
    struct mock *m;
    uint64_t ops_each, stolen;
    gt_a32 stop; /* 1: a verdict is reached */
    gt_a32 twice;
    gt_a64 looks; /* of the onlooker */
};

struct churner {
    struct churn *c;
    pthread_t thread;
    int32_t p;
    uint64_t picks;
    struct gt_tasks kept; /* held for a burst */
};

/* Keeps g; when enough are kept they all go at once, one by one or as a list. */
static void churn_keep(struct churner *w, struct mock_g *g, uint64_t r)
{
    struct mock *m = w->c->m;
    gt_tasks_push(&w->kept, &g->t);
    if (w->kept.n <= (r >> 8) % 400)
        return;
    if ((r >> 20) % 2) {
        mock_put_batch(m, (r >> 21) % 2 ? w->p : -1, &w->kept);
        return;
    }
    for (struct gt_task *t; (t = gt_tasks_pop(&w->kept));)
        mock_put(m, w->p, mock_g_of(t), (r >> 21) % 2 ? GT_ENQ_LOCAL : GT_ENQ_NEXT);
}

static void churn_act(struct churner *w, struct mock_g *g)
{
    uint64_t r = mock_random(&w->c->m->random[w->p]);
    struct mock *m = w->c->m;
    uint64_t what = r % 100;
    if (what < 30)
        mock_put(m, w->p, g, GT_ENQ_YIELD);
    else if (what < 45)
        mock_put(m, w->p, g, GT_ENQ_LOCAL);
    else if (what < 60)
        mock_put(m, w->p, g, GT_ENQ_NEXT);
    else if (what < 68)
        mock_put(m, w->p, g, GT_ENQ_PREEMPTED);
    else if (what < 73)
        mock_put(m, -1, g, GT_ENQ_GLOBAL);
    else
        churn_keep(w, g, r >> 7);
}

/* A long G: what is queued on this P meanwhile is for others to steal. */
static void churn_dawdle(struct churner *w)
{
    if (mock_random(&w->c->m->random[w->p]) % 512 == 0)
        for (int i = 0; i < 20; i++)
            sched_yield();
}

static void *churn_run(void *arg)
{
    struct churner *w = arg;
    int64_t last = mock_nanotime();
    while (w->picks < w->c->ops_each && !gt_load_relaxed(&w->c->stop)) {
        struct mock_g *g = mock_pick_any(w->c->m, w->p);
        if (!g) {
            sched_yield();
            if (w->kept.n) /* perhaps everything is in somebody's hands */
                mock_put_batch(w->c->m, w->p, &w->kept);
            if (mock_nanotime() - last > DEADLINE_NS)
                break;
            continue;
        }
        if (!mock_take(g)) {
            gt_add_relaxed(&w->c->twice, 1u);
            gt_store_relaxed(&w->c->stop, 1u);
            break;
        }
        if (++w->picks % 256 == 0)
            last = mock_nanotime();
        churn_act(w, g);
        churn_dawdle(w);
    }
    return NULL;
}

/* sysmon looks at everything at any time. */
static void *churn_look(void *arg)
{
    struct churn *c = arg;
    while (!gt_load_relaxed(&c->stop)) {
        (void)c->m->ops->has_work(c->m->state, NULL);
        if (c->m->ops->stats) {
            struct gt_scheduler_stats s = {0};
            c->m->ops->stats(c->m->state, &s);
        }
        gt_add_relaxed(&c->looks, 1u);
        sched_yield();
    }
    return NULL;
}

static void churn_threads(struct churn *c, struct churner *w, int32_t n)
{
    pthread_t onlooker;
    for (int32_t i = 0; i < n; i++) {
        w[i] = (struct churner){.c = c, .p = i};
        pthread_create(&w[i].thread, NULL, churn_run, &w[i]);
    }
    pthread_create(&onlooker, NULL, churn_look, c);
    for (int32_t i = 0; i < n; i++)
        pthread_join(w[i].thread, NULL);
    gt_store_relaxed(&c->stop, 1u);
    pthread_join(onlooker, NULL);
}

/* What is still queued comes by drain, what is kept is in the threads' hands: all once. */
static bool demand_complete(struct mock *m, struct churner *w, int32_t n, uint64_t picks,
                            struct verdict *v)
{
    struct churn *c = w[0].c;
    struct gt_tasks out = {NULL, NULL, 0};
    struct gt_scheduler_stats s = {0};
    uint64_t payload = 0;
    uint32_t kept = 0, drained = 0;
    bool good = true;
    for (int32_t i = 0; i < n; i++)
        kept += w[i].kept.n;
    bool seen = mock_has_work(m);
    mock_drain(m, &out);
    for (struct gt_task *t; (t = gt_tasks_pop(&out)); drained++) {
        DEMAND(mock_take(mock_g_of(t)), "twice: drain gave G %llu", (unsigned long long)t->id);
        mock_g_of(t)->payload--; /* drain is no run */
    }
    DEMAND(drained + kept == m->n_gs, "lost: %u of %u Gs", m->n_gs - drained - kept, m->n_gs);
    DEMAND(seen == (drained > 0), "has_work said %d with %u queued", seen, drained);
    for (uint32_t i = 0; i < m->n_gs; i++)
        payload += m->g[i].payload;
    DEMAND(payload == picks, "publication: %llu runs recorded of %llu",
           (unsigned long long)payload, (unsigned long long)picks);
    if (!m->ops->stats)
        goto out;
    m->ops->stats(m->state, &s);
    DEMAND(s.picked_local + s.picked_global + s.stolen == picks,
           "stats: local %llu + global %llu + stolen %llu are not %llu picks",
           (unsigned long long)s.picked_local, (unsigned long long)s.picked_global,
           (unsigned long long)s.stolen, (unsigned long long)picks);
    c->stolen = s.stolen;
    DEMAND(s.enqueued >= picks + drained, "stats: enqueued %llu, came back %llu",
           (unsigned long long)s.enqueued, (unsigned long long)(picks + drained));
out:
    return good;
}

static bool churn_once(const struct gt_scheduler_ops *ops, int32_t threads, uint32_t gs,
                       uint64_t ops_all, bool no_grace, uint64_t *stolen, struct verdict *v)
{
    struct churner w[MOCK_PS];
    OPEN(threads, nodes_for(ops), gs);
    struct churn c = {.m = m, .ops_each = ops_all / (uint64_t)threads};
    uint64_t picks = 0;
    for (int32_t i = 0; no_grace && i < threads; i++)
        mock_set_status(&m->p[i], GT_P_IDLE); /* next slots may be robbed at once */
    for (uint32_t i = 0; i < gs; i++)
        mock_put(m, (int32_t)i % threads, &m->g[i], GT_ENQ_LOCAL);
    churn_threads(&c, w, threads);
    for (int32_t i = 0; i < threads; i++)
        picks += w[i].picks;
    DEMAND(gt_load_relaxed(&c.twice) == 0, "twice: a G was returned to two Ms (%d threads)",
           (int)threads);
    good = demand_complete(m, w, threads, picks, v);
    if (good)
        DEMAND(picks >= c.ops_each, "lost: %llu picks, then nothing more",
               (unsigned long long)picks);
    *stolen += c.stolen;
out:
    CLOSE();
}

/* Few Gs per P: thieves at work. Many: overflow. Without a steal nothing was tested. */
static bool check_churn(const struct gt_scheduler_ops *ops, struct verdict *v)
{
    uint64_t stolen = 0;
    bool good = churn_once(ops, 2, 1500, 400000 / SCALE, false, &stolen, v) &&
                churn_once(ops, 2, 12, 200000 / SCALE, false, &stolen, v) &&
                churn_once(ops, 2, 4, 400000 / SCALE, true, &stolen, v) &&
                churn_once(ops, 4, 40, 200000 / SCALE, false, &stolen, v) &&
                churn_once(ops, 8, 3000, 400000 / SCALE, false, &stolen, v);
    if (good && (ops->head.flags & GT_SCHED_STEALS) && ops->stats)
        DEMAND(stolen >= 100, "inconclusive: only %llu steals", (unsigned long long)stolen);
out:
    return good;
}

/* ---- Gs from outside while the number of Ps changes ----------------------------------------- */
struct outside {
    struct mock *m;
    gt_a32 put, stop;
};

static void *outside_run(void *arg)
{
    struct outside *o = arg;
    for (uint32_t i = 0; i < o->m->n_gs && !gt_load_relaxed(&o->stop); i++) {
        mock_put(o->m, -1, &o->m->g[i], GT_ENQ_GLOBAL);
        gt_add_relaxed(&o->put, 1u);
    }
    return NULL;
}

/* The world is stopped for procs_changed, but threads without a P go on (C2). */
static bool check_outside(const struct gt_scheduler_ops *ops, struct verdict *v)
{
    enum { GS = 20000 / SCALE };
    bool good = true;
    for (int round = 0; good && round < 10; round++) {
        struct mock *m = mock_open(ops, 8, nodes_for(ops), GS);
        struct outside o = {.m = m};
        pthread_t t;
        if (!m)
            return false;
        pthread_create(&t, NULL, outside_run, &o);
        for (int32_t i = 0; gt_load_relaxed(&o.put) < GS && i < 100000; i++)
            (void)mock_set_procs(m, i % 2 ? 8 : 1);
        gt_store_relaxed(&o.stop, 1u);
        pthread_join(t, NULL);
        (void)mock_set_procs(m, 1);
        good = demand_all_back(m, gt_load_relaxed(&o.put), v);
        mock_close(m);
    }
    return good;
}

/* ---- park ------------------------------------------------------------------------------------ */
/*
 * The core's protocol, with an M per P: who enqueues fences and looks for idle Ps; who goes
 * idle puts its P on the mask, fences and asks has_work once more. One M spins at a time.
 */
struct park {
    struct mock *m;
    pthread_mutex_t lock;
    uint64_t idle_mask; /* Guarded by: lock */
    gt_a32 idle;
    gt_ai32 spinning;
    gt_a32 left; /* Gs not done yet */
    gt_a32 done;
    gt_a64 moves; /* what the watchdog watches */
    struct parker *w;
    struct gt_tasks outside; /* Guarded by: lock. Gs that come back by the poller */
    pthread_cond_t poll_cond;
};

struct parker {
    struct park *k;
    pthread_t thread;
    pthread_cond_t cond;
    int32_t p;
    bool woken;    /* Guarded by: lock */
    bool spinning; /* set by the waker under the lock */
};

/* Context: lock held. */
static void park_give_p(struct park *k, int32_t id, bool spinning)
{
    struct parker *w = &k->w[id];
    k->idle_mask &= ~(1ull << id);
    gt_sub_relaxed(&k->idle, 1u);
    mock_set_status(&k->m->p[id], GT_P_RUNNING);
    w->woken = true;
    w->spinning = spinning;
    pthread_cond_signal(&w->cond);
}

static void park_wake(struct park *k)
{
    int32_t zero = 0;
    gt_fence_seqcst();
    if (!gt_load_relaxed(&k->idle) || !gt_cas_relaxed(&k->spinning, &zero, 1))
        return;
    pthread_mutex_lock(&k->lock);
    int32_t id = -1;
    if (k->idle_mask && k->m->ops->choose_idle)
        id = k->m->ops->choose_idle(k->m->state, -1, &k->idle_mask, 1);
    if (k->idle_mask && (id < 0 || !((k->idle_mask >> id) & 1)))
        id = __builtin_ctzll(k->idle_mask);
    if (id >= 0)
        park_give_p(k, id, true);
    else
        gt_sub_relaxed(&k->spinning, 1);
    pthread_mutex_unlock(&k->lock);
}

/* The scheduler asks for one P. */
static void park_host_wake(struct mock *m, int32_t id)
{
    struct park *k = m->arg;
    pthread_mutex_lock(&k->lock);
    if (id >= 0 && ((k->idle_mask >> id) & 1))
        park_give_p(k, id, false);
    pthread_mutex_unlock(&k->lock);
}

static void park_end(struct park *k)
{
    pthread_mutex_lock(&k->lock);
    gt_store_relaxed(&k->done, 1u);
    for (int32_t i = 0; i < gt_load_relaxed(&k->m->procs); i++)
        pthread_cond_signal(&k->w[i].cond);
    pthread_cond_signal(&k->poll_cond);
    pthread_mutex_unlock(&k->lock);
}

/* The poller: a thread without a P that hands Gs over and runs none itself. A wake-up lost
 * between it and an M that goes idle is final. */
static void *park_poll(void *arg)
{
    struct park *k = arg;
    pthread_mutex_lock(&k->lock);
    while (!gt_load_relaxed(&k->done)) {
        struct gt_tasks list = k->outside;
        if (!list.head) {
            pthread_cond_wait(&k->poll_cond, &k->lock);
            continue;
        }
        k->outside = (struct gt_tasks){NULL, NULL, 0};
        pthread_mutex_unlock(&k->lock);
        mock_put_batch(k->m, -1, &list);
        park_wake(k);
        pthread_mutex_lock(&k->lock);
    }
    pthread_mutex_unlock(&k->lock);
    return NULL;
}

static void park_send_outside(struct park *k, struct mock_g *g)
{
    pthread_mutex_lock(&k->lock);
    gt_tasks_push(&k->outside, &g->t);
    pthread_cond_signal(&k->poll_cond);
    pthread_mutex_unlock(&k->lock);
}

/* Runs g, which then is queued again by some kind until it has run often enough. */
static void park_act(struct parker *w, struct mock_g *g)
{
    struct park *k = w->k;
    uint64_t r = mock_random(&k->m->random[w->p]);
    gt_add_relaxed(&k->moves, 1u);
    if (--g->runs_left == 0) {
        if (gt_sub_relaxed(&k->left, 1u) == 1)
            park_end(k);
        return;
    }
    if (r % 4 == 0) {
        park_send_outside(k, g);
        return;
    }
    if (r % 4 == 1)
        mock_put(k->m, -1, g, GT_ENQ_GLOBAL);
    else
        mock_put(k->m, w->p, g, any_kind(r >> 8));
    park_wake(k);
}

static void park_stop_spinning(struct parker *w)
{
    w->spinning = false;
    gt_sub_relaxed(&w->k->spinning, 1);
}

static struct mock_g *park_find(struct parker *w)
{
    struct park *k = w->k;
    uint32_t flags;
    struct mock_g *g = mock_pick(k->m, w->p, GT_PICK_QUEUES, &flags);
    if (!g) {
        if (!w->spinning)
            gt_add_relaxed(&k->spinning, 1);
        w->spinning = true;
        g = mock_pick(k->m, w->p, GT_PICK_STEAL, &flags);
    }
    if (g && w->spinning) {
        park_stop_spinning(w);
        park_wake(k);
    }
    return g;
}

/* Takes the own P back if nobody gave it work meanwhile. */
static void park_take_back(struct parker *w)
{
    struct park *k = w->k;
    pthread_mutex_lock(&k->lock);
    if ((k->idle_mask >> w->p) & 1) {
        park_give_p(k, w->p, true);
        gt_add_relaxed(&k->spinning, 1);
    }
    pthread_mutex_unlock(&k->lock);
}

static void park_idle(struct parker *w)
{
    struct park *k = w->k;
    pthread_mutex_lock(&k->lock);
    w->woken = false;
    mock_set_status(&k->m->p[w->p], GT_P_IDLE);
    k->idle_mask |= 1ull << w->p;
    gt_add_relaxed(&k->idle, 1u);
    w->spinning = false;
    pthread_mutex_unlock(&k->lock);
    gt_sub_relaxed(&k->spinning, 1);
    gt_fence_seqcst();
    if (k->m->ops->has_work(k->m->state, NULL))
        park_take_back(w);
    pthread_mutex_lock(&k->lock);
    while (!w->woken && !gt_load_relaxed(&k->done))
        pthread_cond_wait(&w->cond, &k->lock);
    pthread_mutex_unlock(&k->lock);
}

static void *park_run(void *arg)
{
    struct parker *w = arg;
    while (!gt_load_relaxed(&w->k->done)) {
        struct mock_g *g = park_find(w);
        if (!g)
            park_idle(w);
        else if (mock_take(g))
            park_act(w, g);
        else
            park_end(w->k);
    }
    return NULL;
}

/* false: a G waits and nobody comes. */
static bool park_watch(struct park *k)
{
    uint64_t seen = 0;
    int64_t since = mock_nanotime();
    while (!gt_load_relaxed(&k->done)) {
        struct timespec ms = {0, 1000000};
        uint64_t now = gt_load_relaxed(&k->moves);
        nanosleep(&ms, NULL);
        if (now != seen)
            since = mock_nanotime();
        seen = now;
        if (mock_nanotime() - since > DEADLINE_NS / 4) {
            park_end(k);
            return false;
        }
    }
    return true;
}

static bool park_once(const struct gt_scheduler_ops *ops, int32_t procs, uint32_t gs,
                      uint32_t runs, struct verdict *v)
{
    struct parker w[MOCK_PS];
    pthread_t poller;
    OPEN(procs, nodes_for(ops), gs);
    struct park k = {.m = m, .w = w, .lock = PTHREAD_MUTEX_INITIALIZER,
                     .poll_cond = PTHREAD_COND_INITIALIZER};
    m->arg = &k;
    m->on_wake = park_host_wake;
    gt_init(&k.left, gs);
    for (uint32_t i = 0; i < gs; i++) {
        m->g[i].runs_left = runs;
        mock_put(m, -1, &m->g[i], GT_ENQ_GLOBAL);
    }
    for (int32_t i = 0; i < procs; i++) {
        w[i] = (struct parker){.k = &k, .p = i, .cond = PTHREAD_COND_INITIALIZER};
        pthread_create(&w[i].thread, NULL, park_run, &w[i]);
    }
    pthread_create(&poller, NULL, park_poll, &k);
    bool moved = park_watch(&k);
    pthread_join(poller, NULL);
    for (int32_t i = 0; i < procs; i++)
        pthread_join(w[i].thread, NULL);
    DEMAND(moved, "has_work: %u of %u Gs wait while the Ms are parked (%d Ps)",
           gt_load_relaxed(&k.left), gs, (int)procs);
    DEMAND(gt_load_relaxed(&k.left) == 0, "twice: a G was returned to two Ms");
out:
    CLOSE();
}

static bool check_park(const struct gt_scheduler_ops *ops, struct verdict *v)
{
    return park_once(ops, 2, 1, 20000, v) && park_once(ops, 4, 3, 4000 / SCALE, v) &&
           park_once(ops, 8, 30, 1000 / SCALE, v);
}
