/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timers. Half of the operations are sleeps of many Gs at once; the rest are timers that
 * are stopped before they fire, one-shots whose order is checked, and a periodic one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/gate.h"
#include "common/rng.h"
#include "common/team.h"
#include "gauntlet/workload.h"

enum {
    SLEEPERS = 1000,
    SLEEP_MAX_US = 500,
    SHOTS = 500,
    SHOT_MAX_US = 1000,
    STOPS = 256,
    TICKS = 40,
    TICK_US = 250
};
#define US 1000ll
#define FAR (3600ll * 1000 * 1000 * 1000)

/* ---- sleeps ------------------------------------------------------------ */
struct sleeper {
    const struct gt_runtime_ops *ops;
    struct gt_rng rng;
    uint64_t n, early;
};

static void sleep_often(void *arg)
{
    struct sleeper *s = arg;
    for (uint64_t i = 0; i < s->n; i++) {
        int64_t ns = US * gt_rng_below(&s->rng, SLEEP_MAX_US);
        int64_t before = s->ops->now();
        s->ops->sleep(ns);
        s->early += s->ops->now() - before < ns;
    }
}

static int sleeps(const struct gt_workload_params *p, uint64_t n, struct gt_workload_result *r)
{
    uint32_t k = gt_team_size(p, n < SLEEPERS ? (uint32_t)n : SLEEPERS, 1, 1);
    struct sleeper *s = calloc(k, sizeof *s);
    uint64_t early = 0, share = gt_team_share(n, k);
    if (!s)
        return -ENOMEM;
    for (uint32_t i = 0; i < k; i++)
        s[i] = (struct sleeper){.ops = p->ops, .rng = gt_rng_make(p->seed, i), .n = share};
    int rc = gt_team_run(p, k, s, sizeof *s, sleep_often);
    for (uint32_t i = 0; i < k; i++)
        early += s[i].early;
    free(s);
    gt_workload_check(r, early == 0, "%llu sleeps ended early", (unsigned long long)early);
    r->ops += share * k;
    return rc;
}

/* ---- one-shots --------------------------------------------------------- */
struct volley {
    const struct gt_runtime_ops *ops;
    struct gt_gate all;
    gt_a32 fired;
    uint32_t n;
    int64_t armed; /* when the last of them was started */
};

struct shot {
    struct volley *v;
    struct gt_timer *t;
    int64_t when, at; /* due; fired */
    uint32_t rank;  /* fired as the rank-th, from 1 */
    uint32_t times; /* fired so often */
};

static void fire(void *arg)
{
    struct shot *s = arg;
    struct volley *v = s->v;
    uint32_t n = v->n;
    s->times++;
    s->at = v->ops->now();
    s->rank = gt_load_relaxed(&v->fired) + 1;
    if (gt_add_acq_rel(&v->fired, 1u) + 1 == n)
        gt_gate_open(v->ops, &v->all);
}

static int by_rank(const void *a, const void *b)
{
    const struct shot *x = a, *y = b;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* All have fired; stopping says so, and that none is still inside fire(). */
static void judge_volley(const struct gt_workload_params *p, const struct volley *v, struct shot *s,
                         uint32_t n, struct gt_workload_result *r)
{
    for (uint32_t i = 0; i < n; i++) {
        gt_workload_check(r, !p->ops->timer_stop(s[i].t), "a timer that fired could be stopped");
        gt_workload_check(r, s[i].times == 1, "a one-shot fired %u times", s[i].times);
        gt_workload_check(r, s[i].when <= s[i].at, "a timer fired %lld ns early",
                          (long long)(s[i].when - s[i].at));
    }
    if (p->procs != 1)
        return; /* each P has its own timers */
    qsort(s, n, sizeof *s, by_rank);
    /* A shot due before all were armed may have been armed after a later one fired (the
     * thread that arms can lose its CPU or its P): those say nothing about order. */
    for (uint32_t i = 1; i < n; i++)
        gt_workload_check(r, s[i - 1].when <= s[i].when || s[i].when <= v->armed,
                          "one P: a timer fired before another due %lld ns earlier",
                          (long long)(s[i - 1].when - s[i].when));
}

static void fly(const struct gt_workload_params *p, struct volley *v, struct shot *s,
                struct gt_rng *rng)
{
    gt_init(&v->fired, 0u);
    gt_gate_init(&v->all, p->ops->self());
    int64_t start = p->ops->now() + 100 * US;
    for (uint32_t i = 0; i < v->n; i++) {
        s[i].times = 0;
        s[i].when = start + US * gt_rng_below(rng, SHOT_MAX_US);
    }
    for (uint32_t i = 0; i < v->n; i++)
        p->ops->timer_start(s[i].t, s[i].when, 0);
    v->armed = p->ops->now();
    gt_gate_wait(p->ops, &v->all);
}

static void free_shots(const struct gt_workload_params *p, struct shot *s, uint32_t n)
{
    for (uint32_t i = 0; s && i < n; i++)
        if (s[i].t)
            p->ops->timer_free(s[i].t);
    free(s);
}

/* n one-shots. The shots of a volley move when they are sorted, after all have fired. */
static int volleys(const struct gt_workload_params *p, uint64_t n, struct gt_workload_result *r)
{
    struct volley v = {.ops = p->ops, .n = n < SHOTS ? (uint32_t)n : SHOTS};
    struct gt_rng rng = gt_rng_make(p->seed, 1u << 20);
    int rc = 0;
    for (uint64_t done = 0; done < n && rc == 0; done += v.n) {
        struct shot *s = calloc(v.n, sizeof *s);
        rc = s ? 0 : -ENOMEM;
        for (uint32_t i = 0; i < v.n && rc == 0; i++) {
            s[i].v = &v;
            s[i].t = p->ops->timer_new(fire, &s[i]);
            rc = s[i].t ? 0 : -ENOMEM;
        }
        if (rc == 0) {
            fly(p, &v, s, &rng);
            judge_volley(p, &v, s, v.n, r);
            r->ops += v.n;
        }
        free_shots(p, s, v.n);
    }
    return rc;
}

/* ---- stopped before they fire ------------------------------------------ */
static void never(void *arg)
{
    gt_add_relaxed((gt_a32 *)arg, 1u);
}

static int stops(const struct gt_workload_params *p, uint64_t n, struct gt_workload_result *r)
{
    struct gt_timer *t[STOPS] = {0};
    struct gt_rng rng = gt_rng_make(p->seed, 1u << 21);
    gt_a32 fired;
    gt_init(&fired, 0u);
    int rc = 0;
    for (uint32_t i = 0; i < STOPS && rc == 0; i++)
        rc = (t[i] = p->ops->timer_new(never, &fired)) ? 0 : -ENOMEM;
    for (uint64_t done = 0; done < n && rc == 0; done += STOPS) {
        int64_t now = p->ops->now();
        for (uint32_t i = 0; i < STOPS; i++)
            p->ops->timer_start(t[i], now + FAR + gt_rng_below(&rng, 1u << 30), 0);
        for (uint32_t i = 0; i < STOPS; i++) {
            uint32_t j = (i * 77u) & (STOPS - 1); /* not in the order of starting */
            gt_workload_check(r, p->ops->timer_stop(t[j]), "a timer an hour off had fired");
            gt_workload_check(r, !p->ops->timer_stop(t[j]), "a stopped timer was stopped twice");
        }
        r->ops += STOPS;
    }
    for (uint32_t i = 0; i < STOPS; i++)
        if (t[i])
            p->ops->timer_free(t[i]);
    gt_workload_check(r, gt_load_relaxed(&fired) == 0, "%u stopped timers fired",
                      gt_load_relaxed(&fired));
    return rc;
}

/* ---- periodic ---------------------------------------------------------- */
struct clockwork {
    const struct gt_runtime_ops *ops;
    struct gt_gate enough;
    gt_a32 ticks;
};

static void tick(void *arg)
{
    struct clockwork *c = arg;
    if (gt_add_acq_rel(&c->ticks, 1u) + 1 == TICKS)
        gt_gate_open(c->ops, &c->enough);
}

static int periodic(const struct gt_workload_params *p, struct gt_workload_result *r)
{
    struct clockwork c = {.ops = p->ops};
    gt_init(&c.ticks, 0u);
    gt_gate_init(&c.enough, p->ops->self());
    struct gt_timer *t = p->ops->timer_new(tick, &c);
    if (!t)
        return -ENOMEM;
    int64_t first = p->ops->now() + TICK_US * US;
    p->ops->timer_start(t, first, TICK_US * US);
    gt_gate_wait(p->ops, &c.enough);
    int64_t least = first + (TICKS - 1) * TICK_US * US;
    gt_workload_check(r, p->ops->now() >= least, "%d ticks came too soon", TICKS);
    (void)p->ops->timer_stop(t); /* false when a tick is being made on another P */
    uint32_t ticks = gt_load_acquire(&c.ticks);
    int64_t most = (p->ops->now() - first) / (TICK_US * US) + 1;
    gt_workload_check(r, (int64_t)ticks <= most, "%u ticks where %lld are due", ticks,
                      (long long)most);
    p->ops->sleep(3 * TICK_US * US);
    gt_workload_check(r, gt_load_acquire(&c.ticks) == ticks, "a stopped timer ticks on");
    p->ops->timer_free(t);
    r->ops += ticks;
    return 0;
}

static int run(const struct gt_workload_params *p, struct gt_workload_result *r)
{
    int64_t start = p->ops->now();
    int rc = sleeps(p, p->n / 2 + 1, r);
    if (rc == 0)
        rc = volleys(p, p->n / 4 + 1, r);
    if (rc == 0)
        rc = stops(p, p->n / 4 + 1, r);
    if (rc == 0)
        rc = periodic(p, r);
    r->ns = p->ops->now() - start;
    return rc;
}

const struct gt_workload_ops gt_workload_timers = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_WORKLOAD, struct gt_workload_ops, "timers",
                           "sleeps and timers, started, stopped, periodic", 0),
    .unit = "timer",
    .checks = "nothing early, the order with one P, counts of ticks, silence once stopped",
    .needs = GT_RT_TIMERS | GT_RT_PARK,
    .quick_n = 10000,
    .run = run,
};
