/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: labels=quick,reduced timeout=120 */
/* Timers and sleep: never early, in order, none lost, none twice, stop. */
#include "in_runtime.h"

/* ---- sleep ------------------------------------------------------------------------------- */
struct naps {
    struct gt_wg *done;
    gt_a32 finished;
    uint64_t seed;
};

static void napper(void *arg)
{
    struct naps *n = arg;
    uint64_t rng = gt_add_relaxed(&gt_m_g(gt_tls_m())->rt->task_ids, 1u) * 77 + 1 + n->seed;
    for (int i = 0; i < 10; i++) {
        int64_t ns = (int64_t)(gt_rand(&rng) % (2 * GT_NS_PER_MS)), t0 = R->now();
        R->sleep(ns);
        expect(R->now() - t0 >= ns);
    }
    gt_add_relaxed(&n->finished, 1u);
    R->wg_done(n->done);
}

static void sleep_test(void *arg)
{
    (void)arg;
    uint32_t gs = scale(200);
    struct naps n = {.done = R->wg_new(), .seed = 5};
    R->wg_add(n.done, (int32_t)gs);
    for (uint32_t i = 0; i < gs; i++)
        expect(R->go(napper, &n) == 0);
    R->wg_wait(n.done);
    expect(gt_load_relaxed(&n.finished) == gs);
    R->sleep(0);
    R->sleep(-5);
    R->wg_free(n.done);
}

static void spinner(void *arg)
{
    gt_a32 *stop = arg;
    while (!gt_load_relaxed(stop))
        R->yield();
}

/* A sleeper is woken on time although its P is busy, and although all are idle. */
static void punctual_test(void *arg)
{
    (void)arg;
    static gt_a32 stop; /* read by the spinner, which ends some time after */
    int64_t worst = 0;
    gt_store_relaxed(&stop, 0u);
    for (int busy = 0; busy < 2; busy++) {
        if (busy)
            expect(R->go(spinner, &stop) == 0);
        for (int i = 0; i < 10; i++) {
            int64_t t0 = R->now();
            R->sleep(3 * GT_NS_PER_MS);
            int64_t late = R->now() - t0 - 3 * GT_NS_PER_MS;
            worst = late > worst ? late : worst;
            expect(late >= 0);
        }
    }
    gt_store_relaxed(&stop, 1u);
    expect(worst < 2 * GT_NS_PER_S); /* a lost timer is late for ever; the machine may be slow */
}

/* ---- timer functions --------------------------------------------------------------------- */
struct shot {
    struct gt_timer *t;
    int64_t when;
    gt_a32 fired, running;
    gt_a32 *order;
    uint32_t me, at;
    struct gt_g *waiter;
};

static void fire(void *arg)
{
    struct shot *s = arg;
    expect(gt_add_relaxed(&s->running, 1u) == 0);
    expect(gt_nanotime() >= s->when);
    gt_add_relaxed(&s->fired, 1u);
    if (s->order)
        s->at = gt_add_relaxed(s->order, 1u);
    gt_sub_relaxed(&s->running, 1u);
    if (s->waiter)
        R->ready(s->waiter);
}

/* Armed in random order on one P, they fire by time, each once. */
static void heap_test(void *arg)
{
    (void)arg;
    enum { N = 400 };
    static struct shot s[N];
    gt_a32 order = {0};
    uint64_t rng = 99;
    uint32_t armed = 0;
    memset(s, 0, sizeof s);
    int64_t base = R->now() + 50 * GT_NS_PER_MS;
    for (uint32_t i = 0; i < N; i++) {
        s[i].me = (uint32_t)(gt_rand(&rng) % 5000);
        s[i].when = base + (int64_t)s[i].me * GT_NS_PER_US;
        s[i].order = &order;
        s[i].t = R->timer_new(fire, &s[i]);
        R->timer_start(s[i].t, s[i].when, 0);
    }
    bool in_time = R->now() < base; /* all armed before the first fired */
    if (!in_time)
        diag("this machine armed them too late: their order is not looked at");
    for (uint32_t i = 0; i < N; i += 3) { /* some leave from the middle */
        bool stopped = R->timer_stop(s[i].t);
        expect(stopped == (gt_load_relaxed(&s[i].fired) == 0));
        s[i].me = stopped ? UINT32_MAX : s[i].me;
    }
    for (uint32_t i = 0; i < N; i++)
        armed += s[i].me != UINT32_MAX;
    int64_t end = R->now() + 10 * GT_NS_PER_S;
    while (gt_load_relaxed(&order) < armed && R->now() < end)
        R->sleep(GT_NS_PER_MS);
    R->sleep(GT_NS_PER_MS);
    for (uint32_t i = 0; i < N; i++) {
        expect(gt_load_relaxed(&s[i].fired) == (s[i].me != UINT32_MAX));
        expect(!R->timer_stop(s[i].t));
        for (uint32_t j = 0; in_time && R->procs() == 1 && j < i; j++) {
            if (s[i].me != UINT32_MAX && s[j].me != UINT32_MAX && s[i].me != s[j].me)
                expect((s[i].me < s[j].me) == (s[i].at < s[j].at));
        }
    }
    for (uint32_t i = 0; i < N; i++)
        R->timer_free(s[i].t);
}

/* Started again by its own function while somebody else moves it about. */
struct chain {
    struct gt_timer *t;
    gt_a32 left, fired, running;
    struct gt_g *waiter;
};

static void link_fn(void *arg)
{
    struct chain *c = arg;
    expect(gt_add_relaxed(&c->running, 1u) == 0);
    gt_add_relaxed(&c->fired, 1u);
    bool last = gt_sub_relaxed(&c->left, 1u) == 1;
    if (!last)
        R->timer_start(c->t, gt_nanotime() + 10 * GT_NS_PER_US, 0);
    struct gt_g *waiter = c->waiter;
    gt_sub_relaxed(&c->running, 1u);
    if (last)
        R->ready(waiter);
}

static void chain_test(void *arg)
{
    (void)arg;
    struct chain c = {.waiter = R->self()};
    uint32_t n = scale(500);
    gt_store_relaxed(&c.left, n);
    c.t = R->timer_new(link_fn, &c);
    R->timer_start(c.t, 0, 0); /* long past: at once */
    R->park();
    expect(gt_load_relaxed(&c.fired) == n);
    R->timer_free(c.t);
}

static void tick(void *arg)
{
    struct shot *s = arg;
    expect(gt_add_relaxed(&s->running, 1u) == 0);
    gt_add_relaxed(&s->fired, 1u);
    gt_sub_relaxed(&s->running, 1u);
}

static void period_test(void *arg)
{
    (void)arg;
    struct shot s = {0};
    s.t = R->timer_new(tick, &s);
    int64_t t0 = R->now();
    R->timer_start(s.t, t0 + GT_NS_PER_MS, GT_NS_PER_MS);
    do
        R->sleep(50 * GT_NS_PER_MS);
    while (gt_load_relaxed(&s.fired) < 2 && R->now() < t0 + 10 * GT_NS_PER_S);
    R->timer_stop(s.t);
    uint32_t n = gt_load_relaxed(&s.fired);
    int64_t passed = (R->now() - t0) / GT_NS_PER_MS;
    expect(n >= 2 && n <= passed);
    R->sleep(5 * GT_NS_PER_MS);
    expect(gt_load_relaxed(&s.fired) == n);
    R->timer_free(s.t);
}

/* ---- stop against fire ------------------------------------------------------------------- */
struct race {
    struct gt_wg *done;
    gt_a32 stopped, fired;
};

static void racer(void *arg)
{
    struct race *r = arg;
    for (int i = 0; i < scale(400); i++) {
        struct shot s = {0};
        s.t = R->timer_new(fire, &s);
        s.when = R->now() + (i % 5) * 2 * GT_NS_PER_US;
        R->timer_start(s.t, s.when, 0);
        if (i % 3 == 0)
            R->yield();
        else if (i % 7 == 0) /* moved: fires once, for the later time only, or was too late */
            R->timer_start(s.t, s.when, 0);
        bool stopped = R->timer_stop(s.t);
        uint32_t fired = gt_load_relaxed(&s.fired);
        expect(gt_load_relaxed(&s.running) == 0); /* fn is not running after a stop */
        expect(stopped ? fired <= (i % 7 == 0) : fired == 1 || (i % 7 == 0 && fired == 2));
        gt_add_relaxed(stopped ? &r->stopped : &r->fired, 1u);
        R->timer_free(s.t);
        s.when = INT64_MAX; /* a late fire would say so */
    }
    R->wg_done(r->done);
}

static void stop_test(void *arg)
{
    (void)arg;
    struct race r = {.done = R->wg_new()};
    R->wg_add(r.done, 4);
    for (int i = 0; i < 4; i++)
        expect(R->go(racer, &r) == 0);
    R->wg_wait(r.done);
    expect(gt_load_relaxed(&r.stopped) > 0);
    diag("stopped %u, fired %u", gt_load_relaxed(&r.stopped), gt_load_relaxed(&r.fired));
    R->wg_free(r.done);
}

/* Stop, and free, wait for a function that runs on another P. */
static void slow_fn(void *arg)
{
    struct shot *s = arg;
    gt_store_relaxed(&s->running, 1u);
    gt_add_relaxed(&s->fired, 1u);
    int64_t till = gt_nanotime() + 200 * GT_NS_PER_US;
    while (gt_nanotime() < till)
        ;
    gt_store_relaxed(&s->running, 0u);
}

static void slow_test(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20; i++) {
        struct shot s = {0};
        s.t = R->timer_new(slow_fn, &s);
        R->timer_start(s.t, R->now() + 100 * GT_NS_PER_US, i % 2 ? GT_NS_PER_MS : 0);
        int64_t end = R->now() + 5 * GT_NS_PER_MS; /* others run it if they can, else we do */
        while (!gt_load_relaxed(&s.running) && R->now() < end)
            ;
        if (i % 3 == 0)
            R->timer_start(s.t, R->now(), 0); /* while fn runs: pending */
        else
            expect(!R->timer_stop(s.t) || i % 2 || gt_load_relaxed(&s.fired) == 0);
        expect(i % 3 == 0 || gt_load_relaxed(&s.running) == 0);
        R->timer_free(s.t);
        expect(gt_load_relaxed(&s.running) == 0);
    }
}

/* Its own function frees it. */
static void free_self(void *arg)
{
    struct shot *s = arg;
    R->timer_stop(s->t);
    R->timer_free(s->t);
    R->ready(s->waiter);
}

static void free_test(void *arg)
{
    (void)arg;
    for (int i = 0; i < 50; i++) {
        struct shot s = {.waiter = R->self()};
        s.t = R->timer_new(free_self, &s);
        R->timer_start(s.t, R->now(), i % 2 ? GT_NS_PER_MS : 0);
        R->park();
    }
    R->timer_free(NULL);
}

/* ---- Ps that die take no timer with them ------------------------------------------------- */
static void sleep_20ms(void *arg)
{
    struct naps *n = arg;
    R->sleep(20 * GT_NS_PER_MS);
    gt_add_relaxed(&n->finished, 1u);
    R->wg_done(n->done);
}

static void move_test(void *arg)
{
    (void)arg;
    int32_t procs = R->procs();
    struct naps n = {.done = R->wg_new()};
    R->wg_add(n.done, 200);
    for (int i = 0; i < 200; i++)
        expect(R->go(sleep_20ms, &n) == 0);
    R->sleep(GT_NS_PER_MS);
    expect(R->set_procs(1) == 0);
    R->wg_wait(n.done);
    expect(gt_load_relaxed(&n.finished) == 200);
    expect(R->set_procs(procs) == 0);
    R->wg_free(n.done);
}

int main(void)
{
    plan(9 * N_PROC_COUNTS);
    for (int i = 0; i < N_PROC_COUNTS; i++) {
        int32_t p = proc_counts[i];
        in_runtime(p, sleep_test, NULL, "sleeps are not early");
        in_runtime(p, punctual_test, NULL, "sleeps end");
        in_runtime(p, heap_test, NULL, "timers fire by time, once");
        in_runtime(p, chain_test, NULL, "a timer that starts itself");
        in_runtime(p, period_test, NULL, "a period");
        in_runtime(p, stop_test, NULL, "stop against fire");
        in_runtime(p, slow_test, NULL, "stop waits for a function that runs");
        in_runtime(p, free_test, NULL, "a function that frees its timer");
        in_runtime(p, move_test, NULL, "timers of a P that dies");
    }
    return done_testing();
}
