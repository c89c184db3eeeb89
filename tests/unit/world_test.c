/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: labels=quick,reduced timeout=120 */
/* Stops, safe points, suspended Gs, procs changes: while the world is stopped nothing of
 * user code runs; what was suspended stays still; no G is lost when Ps die. */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "in_runtime.h"

#define BUSY 24

struct busy {
    struct gt_wg *wg;
    gt_a32 stop;
    gt_a64 steps;
    GT_APTR(struct gt_g) g[BUSY];
    gt_a32 ids, born;
};

static void spinner(void *arg)
{
    struct busy *b = arg;
    uint32_t i = gt_add_relaxed(&b->ids, 1u);
    gt_store_relaxed(&b->g[i], R->self());
    gt_add_acq_rel(&b->born, 1u); /* pair: test-born */
    for (uint64_t n = 0; gt_load_relaxed(&b->stop) == 0; n++) {
        gt_add_relaxed(&b->steps, 1u);
        if (n % 7 == i % 7)
            R->yield();
        else if (n % 64 == 0) {
            R->syscall_enter();
            (void)syscall(SYS_getppid);
            R->syscall_exit();
        } else {
            R->checkpoint();
        }
    }
    R->wg_done(b->wg);
}

static void start_busy(struct busy *b, uint32_t n)
{
    memset(b, 0, sizeof *b);
    b->wg = R->wg_new();
    R->wg_add(b->wg, (int32_t)n);
    for (uint32_t i = 0; i < n; i++)
        expect(R->go(spinner, b) == 0);
    while (gt_load_acquire(&b->born) < n) /* pair: test-born */
        R->yield();
}

static void end_busy(struct busy *b)
{
    gt_store_relaxed(&b->stop, 1u);
    R->wg_wait(b->wg);
    R->wg_free(b->wg);
}

/* Nothing moves between stop and start; something does between start and stop. */
static void stops(void *arg)
{
    struct busy b;
    uint64_t moved = 0;
    start_busy(&b, BUSY);
    for (int i = 0; i < (R->procs() > 2 ? 40 : 200); i++) {
        R->stop_world(GT_WORLD_TEST);
        uint64_t before = gt_load_relaxed(&b.steps);
        if (i % 20 == 0)
            gt_sleep_ns(300 * GT_NS_PER_US);
        expect(gt_load_relaxed(&b.steps) == before);
        R->start_world();
        R->yield();
        moved += gt_load_relaxed(&b.steps) != before;
    }
    expect(moved > 10);
    end_busy(&b);
    (void)arg;
}

static void stopper(void *arg)
{
    struct busy *b = arg;
    for (int i = 0; i < 60; i++) {
        R->stop_world(GT_WORLD_TEST);
        R->start_world();
    }
    R->wg_done(b->wg);
}

/* Several stoppers at once, and procs changes among them. */
static void many_stoppers(void *arg)
{
    struct busy b;
    (void)arg;
    start_busy(&b, 8);
    R->wg_add(b.wg, 4);
    for (int i = 0; i < 4; i++)
        expect(R->go(stopper, &b) == 0);
    for (int i = 0; i < 60; i++)
        expect(R->set_procs(1 + (i * 7) % 12) == 0);
    end_busy(&b);
}

/* ---- procs ---------------------------------------------------------------------- */
static void procs_bounds(void *arg)
{
    (void)arg;
    int32_t was = R->procs();
    expect(R->set_procs(0) == -EINVAL);
    expect(R->set_procs(-1) == -EINVAL);
    expect(R->set_procs(GT_PROCS_MAX + 1) == -EINVAL);
    expect(R->procs() == was);
    expect(R->set_procs(GT_PROCS_MAX) == 0);
    expect(R->procs() == GT_PROCS_MAX);
    expect(R->set_procs(1) == 0);
    expect(R->procs() == 1);
}

static void counted(void *arg)
{
    struct busy *b = arg;
    R->yield();
    gt_add_relaxed(&b->steps, 1u);
    R->wg_done(b->wg);
}

/* Ps die with Gs on their queues and timers on their heaps. */
static void dying_ps(void *arg)
{
    struct busy b = {0};
    (void)arg;
    b.wg = R->wg_new();
    for (int round = 0; round < 40; round++) {
        expect(R->set_procs(8) == 0);
        R->wg_add(b.wg, 300);
        for (int i = 0; i < 300; i++)
            expect(R->go(counted, &b) == 0);
        expect(R->set_procs(1 + round % 3) == 0);
    }
    R->wg_wait(b.wg);
    expect(gt_load_relaxed(&b.steps) == 40 * 300);
    R->wg_free(b.wg);
}

static void sleeper(void *arg)
{
    struct busy *b = arg;
    R->sleep(2 * GT_NS_PER_MS);
    gt_add_relaxed(&b->steps, 1u);
    R->wg_done(b->wg);
}

static void dying_timers(void *arg)
{
    struct busy b = {0};
    (void)arg;
    b.wg = R->wg_new();
    for (int round = 0; round < 10; round++) {
        expect(R->set_procs(6) == 0);
        R->wg_add(b.wg, 50);
        for (int i = 0; i < 50; i++)
            expect(R->go(sleeper, &b) == 0);
        for (int i = 0; i < 20; i++)
            R->yield();
        expect(R->set_procs(1) == 0);
    }
    R->wg_wait(b.wg);
    expect(gt_load_relaxed(&b.steps) == 500);
    R->wg_free(b.wg);
}

/* ---- safe points -------------------------------------------------------------------- */
struct seen {
    gt_a32 n[GT_PROCS_MAX];
};

static void mark_p(struct gt_p *p, void *arg)
{
    struct seen *s = arg;
    gt_add_relaxed(&s->n[p->t.id], 1u);
}

static void safe_points(void *arg)
{
    struct busy b;
    static struct seen s;
    struct gt_runtime *rt = R->runtime();
    (void)arg;
    start_busy(&b, 12);
    for (int i = 0; i < (R->procs() > 2 ? 20 : 60); i++) {
        memset(&s, 0, sizeof s);
        gt_world_lock(rt);
        gt_each_p_safe(rt, GT_WAIT_TRACE_STATUS, mark_p, &s);
        for (int32_t p = 0; p < R->procs(); p++)
            expect(gt_load_relaxed(&s.n[p]) == 1);
        gt_world_unlock(rt);
        R->yield();
    }
    end_busy(&b);
}

/* ---- suspended Gs ---------------------------------------------------------------------- */
static void suspend_one(struct gt_runtime *rt, struct gt_g *g)
{
    struct gt_trace_g_view v;
    uintptr_t pc[32];
    if (!gt_suspend_g(rt, g, &v))
        return;
    uint64_t w = gt_load_relaxed(&g->t.status);
    bool self = g == R->self();
    expect(self || (w & GT_STATUS_SCAN));
    expect(self || gt_status_of(w) != GT_G_RUNNING);
    if (v.status != GT_G_SYSCALL)
        expect(rt->tracer_host.stack(&rt->tracer_host, &g->t, 0, pc, 32) > 0);
    gt_cpu_relax();
    expect(self || gt_load_relaxed(&g->t.status) == w);
    gt_resume_g(rt, g);
}

static void suspends(void *arg)
{
    struct busy b;
    struct gt_runtime *rt = R->runtime();
    (void)arg;
    start_busy(&b, BUSY);
    for (int round = 0; round < 20; round++)
        for (uint32_t i = 0; i < BUSY; i++)
            suspend_one(rt, gt_load_relaxed(&b.g[i]));
    suspend_one(rt, R->self());
    end_busy(&b);
}

struct pair {
    struct busy *b;
    struct gt_wg *wg;
};

static void suspender(void *arg)
{
    struct pair *x = arg;
    struct gt_runtime *rt = R->runtime();
    for (int round = 0; round < 10; round++)
        for (uint32_t i = 0; i < BUSY; i++)
            suspend_one(rt, gt_load_relaxed(&x->b->g[i]));
    R->wg_done(x->wg);
}

/* Suspenders of the same Gs, beside stops. */
static void many_suspenders(void *arg)
{
    struct busy b;
    struct pair x = {&b, R->wg_new()};
    (void)arg;
    start_busy(&b, BUSY);
    R->wg_add(x.wg, 3);
    for (int i = 0; i < 3; i++)
        expect(R->go(suspender, &x) == 0);
    for (int i = 0; i < 20; i++) {
        R->stop_world(GT_WORLD_TEST);
        R->start_world();
    }
    R->wg_wait(x.wg);
    R->wg_free(x.wg);
    end_busy(&b);
}

/* A stack that the caller does not own is refused and counted. */
static void unowned_main(void *arg)
{
    struct busy b;
    struct gt_runtime *rt = arg;
    uintptr_t pc[8];
    start_busy(&b, 2);
    expect(rt->tracer_host.stack(&rt->tracer_host, &gt_load_relaxed(&b.g[0])->t, 0, pc, 8) == 0);
    end_busy(&b);
}

static void unowned(void)
{
    struct gt_runtime_stats s;
    struct gt_runtime *rt = runtime_new(2);
    gt_store_relaxed(&bad, 0u);
    int rc = R->run(rt, unowned_main, rt);
    R->stats(rt, &s);
    ok(rc == 0 && gt_load_relaxed(&bad) == 0 && s.violations == 1,
       "a stack taken by who does not own it is one violation (%llu)",
       (unsigned long long)s.violations);
    R->destroy(rt);
}

int main(void)
{
    static const struct {
        gt_fn fn;
        const char *what;
    } tests[] = {
        {stops, "nothing runs while the world is stopped"},
        {many_stoppers, "stoppers and procs changes side by side"},
        {procs_bounds, "procs: 1 to 1024"},
        {dying_ps, "no G is lost when Ps die"},
        {dying_timers, "no timer is lost when Ps die"},
        {safe_points, "a safe-point round runs once per P"},
        {suspends, "a suspended G stays still and its stack can be walked"},
        {many_suspenders, "suspenders of the same Gs, beside stops"},
    };
    enum { N = sizeof tests / sizeof tests[0] };
    plan(N * N_PROC_COUNTS * 2 + 1);
    for (int t = 0; t < N; t++)
        for (int i = 0; i < N_PROC_COUNTS; i++) {
            in_runtime(proc_counts[i], tests[t].fn, NULL, tests[t].what);
            in_runtime_status(proc_counts[i], tests[t].fn, NULL, tests[t].what);
        }
    unowned();
    return done_testing();
}
