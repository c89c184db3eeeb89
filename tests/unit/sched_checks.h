/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The checks that every scheduler has to pass, in one thread. Each returns true, or
 * false with the reason in `why`; the busted twins must fail in the check named for them.
 */
#include "sched_mock.h"

#if GT_TSAN || GT_ASAN
#define SCALE 8u
#else
#define SCALE 1u
#endif

struct verdict {
    char why[200];
};

#define DEMAND(cond, ...)                                                                          \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            snprintf(v->why, sizeof v->why, __VA_ARGS__);                                          \
            good = false;                                                                          \
            goto out;                                                                              \
        }                                                                                          \
    } while (0)

#define OPEN(procs, nodes, gs)                                                                     \
    bool good = true;                                                                              \
    struct mock *m = mock_open(ops, procs, nodes, gs);                                             \
    if (!m) {                                                                                      \
        snprintf(v->why, sizeof v->why, "init or p_init failed");                                  \
        return false;                                                                              \
    }
#define CLOSE()                                                                                    \
    mock_close(m);                                                                                 \
    return good

/* Nodes for which the scheduler has a meaning. */
static int32_t nodes_for(const struct gt_scheduler_ops *ops)
{
    return ops->head.flags & GT_SCHED_NUMA ? MOCK_NODES : 1;
}

static enum gt_enqueue_kind any_kind(uint64_t r)
{
    static const enum gt_enqueue_kind kinds[] = {GT_ENQ_NEXT, GT_ENQ_LOCAL, GT_ENQ_YIELD,
                                                 GT_ENQ_PREEMPTED, GT_ENQ_GLOBAL};
    return kinds[r % 5];
}

/* ---- one G in, one G out ------------------------------------------------------------ */
static bool check_single(const struct gt_scheduler_ops *ops, struct verdict *v)
{
    OPEN(1, 1, 1);
    for (uint64_t k = 0; k < 600; k++) {
        int32_t p = k % 7 == 6 ? -1 : 0;
        DEMAND(!mock_has_work(m), "has_work on an empty scheduler (round %d)", (int)k);
        DEMAND(!mock_pick_any(m, 0), "a G out of an empty scheduler");
        mock_put(m, p, &m->g[0], p < 0 ? GT_ENQ_GLOBAL : any_kind(k));
        DEMAND(mock_has_work(m), "has_work does not see the only G (round %d)", (int)k);
        struct mock_g *g = mock_pick_any(m, 0);
        DEMAND(g == &m->g[0], "lost: the only G is not picked (round %d)", (int)k);
        DEMAND(mock_take(g), "twice: the G was not queued");
    }
out:
    CLOSE();
}

/* ---- a model of what is queued, random steps on several Ps -------------------------------- */
static bool demand_has_work(struct mock *m, uint32_t queued, int32_t p, struct verdict *v)
{
    bool seen = mock_has_work(m), good = true;
    DEMAND(seen || queued == 0, "has_work(NULL) false with %u queued", queued);
    DEMAND(!seen || queued != 0, "has_work(NULL) true with nothing queued");
    DEMAND(p < 0 || m->ops->has_work(m->state, &m->p[p]), "has_work(p) false after p's enqueue");
out:
    return good;
}

static bool check_has_work(const struct gt_scheduler_ops *ops, struct verdict *v)
{
    enum { GS = 400 };
    uint32_t queued = 0, free_gs = GS;
    OPEN(3, nodes_for(ops), GS);
    struct mock_g *idle[GS];
    for (uint32_t i = 0; i < GS; i++)
        idle[i] = &m->g[i];
    for (uint32_t step = 0; step < 40000 / SCALE; step++) {
        uint64_t r = mock_random(&m->random[MOCK_PS]);
        int32_t p = (int32_t)(r % 3);
        if (free_gs && (r >> 8) % 100 < 50) {
            int32_t at = (r >> 16) % 10 == 0 ? -1 : p;
            mock_put(m, at, idle[--free_gs], at < 0 ? GT_ENQ_GLOBAL : any_kind(r >> 20));
            queued++;
            if (!demand_has_work(m, queued, at, v)) {
                good = false;
                goto out;
            }
            continue;
        }
        struct mock_g *g = mock_pick_any(m, p);
        if (!g)
            continue;
        DEMAND(mock_take(g), "twice: G %llu", (unsigned long long)g->t.id);
        idle[free_gs++] = g;
        queued--;
        if (!demand_has_work(m, queued, -1, v)) {
            good = false;
            goto out;
        }
    }
out:
    CLOSE();
}

/* ---- order ---------------------------------------------------------------------------------- */
/* Picks everything on P 0 and demands the order 0, 1, 2 ... n-1. */
static bool demand_order(struct mock *m, uint32_t n, struct verdict *v)
{
    bool good = true;
    for (uint32_t i = 0; i < n; i++) {
        struct mock_g *g = mock_pick_any(m, 0);
        DEMAND(g, "lost: G %u of %u", i, n);
        DEMAND(mock_take(g), "twice: G %u of %u", i, n);
        DEMAND(g == &m->g[i], "order: G %d came as number %u of %u", (int)(g - m->g), i, n);
    }
    DEMAND(!mock_pick_any(m, 0), "one G too many after %u", n);
out:
    return good;
}

/* Batches keep their order on one P. Longer than 60, only where arrival order is strict:
 * others may look at a shared queue in between. */
static bool check_batch_order(const struct gt_scheduler_ops *ops, struct verdict *v)
{
    static const uint32_t sizes[] = {1, 2, 10, 50, 255, 256, 257, 1000};
    OPEN(1, 1, 1000);
    for (size_t i = 0; i < 8; i++) {
        uint32_t n = sizes[i];
        if (n > 60 && !(ops->head.flags & GT_SCHED_FIFO))
            break;
        for (int32_t p = -1; p < 1; p++) {
            struct gt_tasks batch = {NULL, NULL, 0};
            for (uint32_t j = 0; j < n; j++)
                gt_tasks_push(&batch, &m->g[j].t);
            mock_put_batch(m, p, &batch);
            DEMAND(!batch.head && batch.n == 0, "the batch is not empty afterwards");
            good = demand_order(m, n, v);
            if (!good)
                goto out;
        }
    }
out:
    CLOSE();
}

/* Batches of every size come back whole. */
static bool check_batch_whole(const struct gt_scheduler_ops *ops, struct verdict *v)
{
    static const uint32_t sizes[] = {1, 127, 128, 129, 255, 256, 257, 300, 1000};
    OPEN(2, nodes_for(ops), 1000);
    for (size_t i = 0; i < 27; i++) {
        uint32_t n = sizes[i % 9];
        struct gt_tasks batch = {NULL, NULL, 0};
        for (uint32_t j = 0; j < n; j++)
            gt_tasks_push(&batch, &m->g[j].t);
        mock_put_batch(m, (int32_t)(i % 3) - 1, &batch);
        for (uint32_t j = 0; j < n; j++) {
            struct mock_g *g = mock_pick_any(m, (int32_t)(j & 1));
            if (!g)
                g = mock_pick_any(m, (int32_t)(~j & 1));
            DEMAND(g, "lost: %u of %u came back", j, n);
            DEMAND(mock_take(g), "twice: G %llu", (unsigned long long)g->t.id);
        }
        DEMAND(!mock_has_work(m), "has_work after the whole batch came back");
    }
out:
    CLOSE();
}

/* Two schedulers with one history: what one drains is what the other picks. */
static void drain_history(struct mock *m, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        mock_put(m, 0, &m->g[i], i % 5 == 4 ? GT_ENQ_NEXT : GT_ENQ_LOCAL);
}

static bool check_drain_order(const struct gt_scheduler_ops *ops, struct verdict *v)
{
    enum { GS = 50 };
    struct gt_tasks out = {NULL, NULL, 0};
    OPEN(1, 1, GS);
    struct mock *twin = mock_open(ops, 1, 1, GS);
    DEMAND(twin, "init or p_init failed");
    drain_history(m, GS);
    drain_history(twin, GS);
    mock_drain(m, &out);
    DEMAND(out.n == GS, "lost: drain gave %u of %d", out.n, GS);
    for (uint32_t i = 0; i < GS; i++) {
        struct mock_g *d = mock_g_of(gt_tasks_pop(&out)), *g = mock_pick_any(twin, 0);
        DEMAND(g, "lost: pick gave %u of %d", i, GS);
        DEMAND(g->t.id == d->t.id, "order: number %u: drain G %d, pick G %d", i, (int)d->t.id,
               (int)g->t.id);
    }
    DEMAND(!mock_has_work(m), "has_work after drain");
out:
    if (twin)
        mock_close(twin);
    CLOSE();
}

/* ---- the number of Ps changes ------------------------------------------------------------------ */
static bool demand_all_back(struct mock *m, uint32_t n, struct verdict *v)
{
    bool good = true;
    int32_t procs = gt_load_relaxed(&m->procs);
    uint32_t got = 0, misses = 0;
    int64_t until = mock_nanotime() + 5000000000;
    for (int32_t p = 0; got < n && (misses < 64 || mock_nanotime() < until); p = (p + 1) % procs) {
        struct mock_g *g = mock_pick_any(m, p);
        misses = g ? 0 : misses + 1;
        if (!g && misses > 256 && !mock_has_work(m))
            break;
        if (!g)
            continue;
        DEMAND(mock_take(g), "twice: G %llu", (unsigned long long)g->t.id);
        got++;
    }
    DEMAND(got == n, "lost: %u of %u came back with %d Ps", got, n, (int)procs);
    DEMAND(!mock_has_work(m), "has_work after all came back");
out:
    return good;
}

static bool check_procs(const struct gt_scheduler_ops *ops, struct verdict *v)
{
    enum { GS = 900 };
    static const int32_t plan_of_procs[] = {2, 6, 1, 4, 8, 3, 16, 2, 16, 1, 7, 5};
    OPEN(3, nodes_for(ops), GS);
    for (size_t round = 0; round < 48; round++) {
        uint32_t n = (uint32_t)(mock_random(&m->random[MOCK_PS]) % GS);
        int32_t procs = gt_load_relaxed(&m->procs);
        for (uint32_t i = 0; i < n; i++) {
            uint64_t r = mock_random(&m->random[MOCK_PS]);
            int32_t p = r % 8 == 7 ? -1 : (int32_t)((r >> 8) % (uint64_t)procs);
            mock_put(m, p, &m->g[i], p < 0 ? GT_ENQ_GLOBAL : any_kind(r >> 16));
        }
        DEMAND(mock_set_procs(m, plan_of_procs[round % 12]), "p_init failed");
        DEMAND(n == 0 || mock_has_work(m), "has_work does not see %u Gs after procs %d -> %d", n,
               (int)procs, (int)plan_of_procs[round % 12]);
        good = demand_all_back(m, n, v);
        if (!good)
            goto out;
    }
out:
    CLOSE();
}

/* ---- fairness ------------------------------------------------------------------------------------ */
/*
 * k Gs on one P, always runnable. The core lets a chain of inherited picks last one slice
 * (INHERIT_MAX picks; LONG_MAX are more than lie between two looks at a shared queue); so a
 * chain counts as one pick, and at its end the running G is preempted. A policy that breaks
 * chains gives them a new slice each time: with a pair that never rests and work that always
 * comes from without (FAIR_LONG), a G behind the pair may then wait for ever.
 */
#define INHERIT_MAX 16u
#define LONG_MAX 256u
enum {
    FAIR_LOCAL,
    FAIR_YIELD,
    FAIR_PREEMPTED,
    FAIR_MIXED,
    FAIR_GLOBAL,
    FAIR_PAIR,
    FAIR_LONG,
    FAIR_MODES
};

struct fair {
    struct mock *m;
    uint32_t k, mode;
    uint64_t slice, bound, worst;
    uint32_t chain;
};

static void fair_put(struct fair *f, struct mock_g *g, enum gt_enqueue_kind kind, int32_t p)
{
    g->stamp = f->slice;
    mock_put(f->m, p, g, kind);
}

/* G is one of the pair 0 and 1, which hands the slice to and fro. */
static void fair_run_pair(struct fair *f, struct mock_g *g, uint32_t id, uint64_t r)
{
    struct mock_g *other = &f->m->g[id ^ 1u];
    bool over = f->chain >= (f->mode == FAIR_LONG ? LONG_MAX : INHERIT_MAX);
    bool parked = gt_load_relaxed(&other->state) == MOCK_HELD;
    if (parked && (!over || r % 2))
        fair_put(f, other, GT_ENQ_NEXT, 0);
    else if (parked || r % 2) /* if g parked too, nobody would wake it */
        over = true;
    if (over) /* else g parks until the other makes it ready */
        fair_put(f, g, GT_ENQ_PREEMPTED, 0);
}

/* G runs, then is queued again. */
static void fair_run(struct fair *f, struct mock_g *g)
{
    static const enum gt_enqueue_kind by_mode[] = {GT_ENQ_LOCAL, GT_ENQ_YIELD, GT_ENQ_PREEMPTED};
    uint32_t id = (uint32_t)(g - f->m->g);
    uint64_t r = mock_random(&f->m->random[MOCK_PS]);
    if (f->mode >= FAIR_PAIR && id < 2 && f->k > 1) {
        fair_run_pair(f, g, id, r);
    } else if (f->mode == FAIR_GLOBAL || (f->mode == FAIR_LONG && id % 2)) {
        fair_put(f, g, GT_ENQ_GLOBAL, -1);
    } else if (f->mode <= FAIR_PREEMPTED) {
        fair_put(f, g, by_mode[f->mode], 0);
    } else {
        fair_put(f, g, by_mode[r % 3], 0);
    }
}

static void fair_wait(struct fair *f, const struct mock_g *g)
{
    uint64_t waited = f->slice - g->stamp;
    if (waited > f->worst)
        f->worst = waited;
}

static bool fair_one(struct fair *f, struct verdict *v)
{
    bool good = true;
    uint64_t slices = 3 * (f->bound + f->k);
    for (uint32_t i = 0; i < f->k; i++)
        fair_put(f, &f->m->g[i], GT_ENQ_LOCAL, 0);
    while (f->slice < slices) {
        uint32_t flags;
        struct mock_g *g = mock_pick(f->m, 0, GT_PICK_QUEUES, &flags);
        DEMAND(g, "lost: nothing to pick with k=%u, mode %u", f->k, f->mode);
        DEMAND(mock_take(g), "twice: G %llu", (unsigned long long)g->t.id);
        f->chain = flags & GT_PICK_INHERIT ? f->chain + 1 : 0;
        fair_wait(f, g);
        if (f->chain == 0)
            f->slice++;
        fair_run(f, g);
    }
    for (uint32_t i = 0; i < f->k; i++)
        if (gt_load_relaxed(&f->m->g[i].state) == MOCK_QUEUED)
            fair_wait(f, &f->m->g[i]);
    DEMAND(f->worst <= f->bound, "fairness: a G waited %llu picks, %llu allowed (k=%u, mode %u)",
           (unsigned long long)f->worst, (unsigned long long)f->bound, f->k, f->mode);
out:
    return good;
}

static bool check_fairness(const struct gt_scheduler_ops *ops, struct verdict *v)
{
    static const uint32_t ks[] = {1, 2, 10, 255, 256, 300, 1000};
    bool good = true;
    for (size_t i = 0; good && i < sizeof ks / sizeof ks[0]; i++)
        for (uint32_t mode = 0; good && mode < FAIR_MODES; mode++) {
            if (mode == FAIR_LONG && ks[i] > 10)
                continue; /* the same, and LONG_MAX times as many picks */
            struct fair f = {mock_open(ops, 1, 1, 1000), ks[i], mode, 0, 0, 0, 0};
            if (!f.m)
                return false;
            f.bound = ops->fairness(ks[i]);
            good = fair_one(&f, v);
            mock_close(f.m);
        }
    return good;
}

/* Everything else runnable on p goes before a G that yields. */
static bool check_yield(const struct gt_scheduler_ops *ops, struct verdict *v)
{
    OPEN(1, 1, 200);
    for (uint32_t i = 1; i < 200; i++)
        mock_put(m, 0, &m->g[i], i % 3 ? GT_ENQ_LOCAL : GT_ENQ_NEXT);
    mock_put(m, 0, &m->g[0], GT_ENQ_YIELD);
    for (uint32_t i = 0; i < 200; i++) {
        struct mock_g *g = mock_pick_any(m, 0);
        DEMAND(g && mock_take(g), "lost: pick %u", i);
        DEMAND((g == &m->g[0]) == (i == 199), "yield: the yielding G ran as number %u of 200", i);
    }
out:
    CLOSE();
}

/* What waits in the next slots of two running Ps is stolen soon, though not at once. */
static bool check_steal_next(const struct gt_scheduler_ops *ops, struct verdict *v)
{
    OPEN(3, 1, 2);
    for (int round = 0; round < 20; round++) {
        int64_t until = mock_nanotime() + 1000000000;
        mock_put(m, 1, &m->g[0], GT_ENQ_NEXT);
        mock_put(m, 2, &m->g[1], GT_ENQ_NEXT);
        for (int n = 0; n < 2;) {
            struct mock_g *g = mock_pick_any(m, 0);
            DEMAND(g || m->ops->has_work(m->state, NULL), "has_work does not see a next slot");
            DEMAND(g || mock_nanotime() < until, "lost: nobody may steal from a next slot");
            DEMAND(!g || mock_take(g), "twice: a next slot");
            n += g != NULL;
        }
    }
out:
    CLOSE();
}
