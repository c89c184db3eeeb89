/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thread ids that come back quickly, under a trace of endless short generations (seed 004):
 * a few foreign threads call in and out, each time on whatever M is free, so one thread id is
 * on many Ms in turn, and one M has many thread ids. Each M's stream is told apart: by the
 * tracer's view of births and deaths, by whose thread writes, and by the check of the trace.
 */
#include <pthread.h>

#include "in_runtime.h"
#include "memory_trace.h"

extern const struct gt_tracer_ops gt_tracer_gen, gt_tracer_locked, gt_tracer_count;

#define THREADS 4
#define CALLS scale(100)
#define SERIALS_MAX 65536
#define LIVE_MAX 64

/* ---- a tracer that watches over births and deaths ---------------------------------------- */
/* Guarded by: the scheduler lock. */
static struct {
    struct {
        uint64_t serial;
        int32_t tid;
    } live[LIVE_MAX];
    uint32_t n;
    uint8_t seen[SERIALS_MAX];
    uint64_t born, died;
} view;
static const struct gt_tracer_ops *inner;
static const struct gt_tracer_host *host;
static gt_a64 arrivals, departures;

static uint32_t find_live(uint64_t serial)
{
    uint32_t i = 0;
    while (i < view.n && view.live[i].serial != serial)
        i++;
    return i;
}

static bool tid_is_live(int32_t tid)
{
    for (uint32_t i = 0; i < view.n; i++)
        if (view.live[i].tid == tid)
            return true;
    return false;
}

static void born(void *t, struct gt_mach *m)
{
    host->assert_sched_locked(host);
    expect(m->serial < SERIALS_MAX && !view.seen[m->serial % SERIALS_MAX]);
    expect(m->tid == gt_thread_id() && !tid_is_live(m->tid));
    expect(view.n < LIVE_MAX);
    view.seen[m->serial % SERIALS_MAX] = 1;
    view.live[view.n % LIVE_MAX].serial = m->serial;
    view.live[view.n++ % LIVE_MAX].tid = m->tid;
    view.born++;
    if (inner->m_born)
        inner->m_born(t, m);
}

static void dies(void *t, struct gt_mach *m)
{
    host->assert_sched_locked(host);
    uint32_t i = find_live(m->serial);
    expect(i < view.n && view.live[i].tid == m->tid && m->tid == gt_thread_id());
    if (i < view.n)
        view.live[i] = view.live[--view.n];
    view.died++;
    inner->m_dies(t, m);
}

static void create_syscall(void *t, struct gt_mach *m, gt_tok tok, struct gt_task *g)
{
    expect(m->tid == gt_thread_id());
    gt_add_relaxed(&arrivals, 1u);
    inner->go_create_syscall(t, m, tok, g);
}

static void destroy_syscall(void *t, struct gt_mach *m, gt_tok tok)
{
    expect(m->tid == gt_thread_id());
    gt_add_relaxed(&departures, 1u);
    inner->go_destroy_syscall(t, m, tok);
}

static int init(void *t, const struct gt_tracer_host *h)
{
    host = h;
    return inner->init(t, h);
}

/* ---- foreign threads ---------------------------------------------------------------------- */
static struct gt_runtime *rt;
static gt_a32 running;

static void called(void *arg)
{
    uintptr_t i = (uintptr_t)arg;
    if (i % 2 == 0)
        R->yield();
    if (i % 3 == 0) {
        R->syscall_enter();
        R->syscall_exit();
    }
}

static void *calls(void *arg)
{
    for (int i = 0; i < CALLS; i++)
        expect(R->callback(rt, called, (void *)(uintptr_t)i) == 0);
    gt_sub_acq_rel(&running, 1u); /* pair: test-running */
    return arg;
}

static void body(void *arg)
{
    struct memory_trace *trace = arg;
    struct gt_trace_sink sink = memory_trace_sink(trace);
    struct gt_trace_options o = {.sink = &sink, .period_ns = 0, .raw_stacks = true};
    pthread_t t[THREADS];
    rt = R->runtime();
    expect(R->trace_start(&o) == 0);
    R->expect_callbacks(rt, THREADS);
    gt_store_relaxed(&running, (uint32_t)THREADS);
    for (int i = 0; i < THREADS; i++)
        expect(pthread_create(&t[i], NULL, calls, NULL) == 0);
    while (gt_load_acquire(&running) > 0) /* pair: test-running */
        R->sleep(200000);
    R->syscall_enter_blocking();
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    R->syscall_exit();
    R->expect_callbacks(rt, -THREADS);
    expect(R->trace_stop() == 0);
}

static struct gt_runtime *watched(const struct gt_tracer_ops *t, struct gt_tracer_ops *ops,
                                  enum gt_syscall_model model)
{
    struct gt_config c;
    struct gt_runtime *made = NULL;
    char err[160] = "";
    inner = t;
    *ops = *t;
    ops->init = init;
    ops->m_born = born;
    ops->m_dies = dies;
    ops->go_create_syscall = create_syscall;
    ops->go_destroy_syscall = destroy_syscall;
    memset(&view, 0, sizeof view);
    gt_store_relaxed(&arrivals, 0u);
    gt_store_relaxed(&departures, 0u);
    gt_store_relaxed(&bad, 0u);
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_worksteal;
    c.tracer = ops;
    c.procs = 2;
    c.syscalls = model;
    if (R->create(&c, &made, err, sizeof err) != 0)
        bail_out("create: %s", err);
    return made;
}

/* Two runs: the threads of the second are told apart from those of the first. */
static void comes_back(const struct gt_tracer_ops *t, enum gt_syscall_model model)
{
    static struct memory_trace trace;
    struct gt_tracer_ops ops;
    struct gt_check_result result;
    struct gt_runtime_stats s;
    uint64_t wrong = 0;
    struct gt_runtime *r = watched(t, &ops, model);
    for (int i = 0; i < 2; i++) {
        memory_trace_reset(&trace);
        expect(R->run(r, body, &trace) == 0);
        wrong += memory_trace_check(&trace, trace.n, &result);
    }
    R->stats(r, &s);
    uint64_t want = 2ull * THREADS * (uint64_t)CALLS, all = gt_load_relaxed(&arrivals);
    ok(gt_load_relaxed(&bad) == 0 && wrong == 0 && s.violations == 0 && view.n == 0 &&
           view.born == view.died && view.born >= want && all == gt_load_relaxed(&departures) &&
           all >= want,
       "%s, %s: %llu Ms born, %llu died, %llu calls seen, %llu inconsistencies, %llu violations",
       t->head.name, model == GT_SYSCALLS_STATUS ? "status" : "scanbit",
       (unsigned long long)view.born, (unsigned long long)view.died, (unsigned long long)all,
       (unsigned long long)wrong, (unsigned long long)s.violations);
    R->destroy(r);
    memory_trace_free(&trace);
}

/* ---- the twin: an M leaves the view without the scheduler lock ------------------------------- */
static uint64_t counted;

static void leaves_unlocked(void *arg)
{
    (void)arg;
    struct gt_m *m = gt_pin();
    uint64_t before = gt_load_relaxed(&m->rt->violations);
    m->rt->tracer->m_dies(m->rt->tracer_state, &m->t);
    counted = gt_load_relaxed(&m->rt->violations) - before;
    gt_unpin(m);
}

static void unlocked(const struct gt_tracer_ops *t)
{
    struct gt_config c;
    struct gt_runtime *made = NULL;
    char err[160] = "";
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_worksteal;
    c.tracer = t;
    c.procs = 1;
    if (R->create(&c, &made, err, sizeof err) != 0)
        bail_out("create: %s", err);
    int rc = R->run(made, leaves_unlocked, NULL);
    ok(rc == 0 && counted == 1, "%s: leaving without the scheduler lock is counted", t->head.name);
    R->destroy(made);
}

int main(void)
{
    plan(6);
    unsetenv("GT_VIOLATION");
    comes_back(&gt_tracer_gen, GT_SYSCALLS_SCANBIT);
    comes_back(&gt_tracer_gen, GT_SYSCALLS_STATUS);
    comes_back(&gt_tracer_locked, GT_SYSCALLS_SCANBIT);
    unlocked(&gt_tracer_gen);
    unlocked(&gt_tracer_locked);
    unlocked(&gt_tracer_count);
    return done_testing();
}
