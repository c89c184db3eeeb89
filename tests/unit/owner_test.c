/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: both */
/* Who may take a stack (core/owner.h): each way that is allowed is not counted, each that is not
 * is counted every time, in the oracle build always, in the lean build when asked for. */
#include "core/run.h"
#include "in_runtime.h"

#define ROUNDS 100
#define FORMAL 20

static bool checks; /* does this runtime look? */

/* Violations of the class that taking g's stack now adds. */
static uint64_t taking(struct gt_g *g)
{
    uintptr_t pc[8];
    struct gt_runtime *rt = gt_tls_m()->rt;
    uint64_t before = gt_load_relaxed(&rt->unowned_stacks);
    (void)rt->tracer_host.stack(&rt->tracer_host, &g->t, 0, pc, 8);
    return gt_load_relaxed(&rt->unowned_stacks) - before;
}

/* ---- the own stack ------------------------------------------------------------------- */
static void own(void)
{
    struct gt_m *m = gt_pin();
    struct gt_g *g = gt_m_g(m);
    expect(taking(g) == 0);
    for (unsigned r = 0; r < GT_WAIT_COUNT; r++) {
        if (!gt_wait_is_running((enum gt_wait_reason)r))
            continue;
        gt_g_pretend_wait(m, (enum gt_wait_reason)r);
        expect(taking(g) == 0);
        gt_g_pretend_end(m);
    }
    gt_unpin(m);
    R->syscall_enter();
    expect(taking(g) == 0);
    R->syscall_exit();
}

/* A park whose event, with its stack, comes after the change. */
static void late_park(void *arg)
{
    struct gt_m *m = gt_on_system(arg);
    struct gt_g *g = gt_m_g(m);
    gt_set_wait_reason(g, GT_WAIT_PARK);
    gt_store_relaxed(&g->m, NULL);
    gt_g_from_running(m, g, gt_tok_none(), GT_G_WAITING);
    expect(taking(g) == checks);
    m->t.g = NULL;
    gt_ready(g, true);
    gt_schedule(m);
}

/* The same of a yield. */
static void late_yield(void *arg)
{
    struct gt_m *m = gt_on_system(arg);
    struct gt_g *g = gt_m_g(m);
    gt_store_relaxed(&g->m, NULL);
    gt_g_from_running(m, g, gt_tok_none(), GT_G_RUNNABLE);
    expect(taking(g) == checks);
    m->t.g = NULL;
    gt_enqueue(m, g, GT_ENQ_YIELD);
    gt_schedule(m);
}

/* ---- another's ------------------------------------------------------------------------- */
static GT_APTR(struct gt_g) parked;
static gt_a32 leave;

static void parks(void *arg)
{
    (void)arg;
    gt_store_release(&parked, R->self()); /* pair: test-parked */
    while (gt_load_acquire(&leave) == 0) /* pair: test-leave */
        R->park();
    gt_store_release(&parked, NULL); /* pair: test-parked */
}

/* Waiting, and whoever readies it may: a G is Waiting for a moment before its permit says so (2),
 * and goes on if that had been given. */
static bool stands(struct gt_g *g)
{
    return gt_load_acquire(&g->permit) == 2 && gt_g_status(g) == GT_G_WAITING; /* pair: permit */
}

static struct gt_g *parked_g(void)
{
    struct gt_g *g;
    while ((g = gt_load_acquire(&parked)) == NULL || !stands(g)) /* pair: test-parked */
        R->yield();
    return g;
}

static void anothers(struct gt_g *g)
{
    struct gt_trace_g_view v;
    struct gt_m *m = gt_pin();
    if (checks)
        expect(taking(g) == 1); /* Waiting, its bit free */
    gt_unpin(m);
    expect(gt_suspend_g(gt_tls_m()->rt, g, &v));
    expect(taking(g) == 0); /* the holder */
    gt_resume_g(gt_tls_m()->rt, g);
}

/* Who unparks a G has no right to its stack, before the change or after. */
static void unparked(struct gt_g *g)
{
    struct gt_m *m = gt_pin();
    expect(gt_swap_acquire(&g->permit, 0u) == 2); /* pair: permit */ /* as ready() does */
    gt_g_change(m, g, gt_tok_none(), GT_G_WAITING, GT_G_RUNNABLE);
    expect(taking(g) == checks);
    gt_enqueue(m, g, GT_ENQ_NEXT);
    gt_unpin(m);
    while (!stands(g))
        R->yield();
}

/* ---- a wait for form's sake, held by another ----------------------------------------------- */
static gt_a32 pretends, looked;

static void pretends_till_looked_at(void *arg)
{
    (void)arg;
    struct gt_m *m = gt_pin();
    gt_g_pretend_wait(m, GT_WAIT_GC_MARK);
    gt_store_release(&pretends, 1u); /* pair: test-pretends */
    gt_await(&looked, gt_load_acquire(&looked) != 0); /* pair: test-looked */
    gt_g_pretend_end(m);
    gt_store_release(&pretends, 0u); /* pair: test-pretends */
    gt_unpin(m);
    gt_store_release(&parked, NULL); /* pair: test-parked */
}

static void starts_pretender(void *arg)
{
    gt_store_release(&parked, R->self()); /* pair: test-parked */
    pretends_till_looked_at(arg);
}

/* The bit is taken by hand: gt_suspend_g would do, but its caller is modelled as waiting too. */
static void formal(void)
{
    gt_store_relaxed(&looked, 0u);
    expect(R->go(starts_pretender, NULL) == 0);
    while (gt_load_acquire(&pretends) == 0) /* pair: test-pretends */
        R->yield();
    struct gt_g *g = gt_load_acquire(&parked); /* pair: test-parked */
    struct gt_m *m = gt_pin();
    expect(gt_g_scan_try(m, g));
    if (checks)
        expect(taking(g) == 1);
    gt_g_scan_end(m, g);
    gt_unpin(m);
    gt_store_release(&looked, 1u); /* pair: test-looked */
    while (gt_load_acquire(&parked) != NULL) /* pair: test-parked */
        R->yield();
}

static void body(void *arg)
{
    (void)arg;
    gt_store_relaxed(&leave, 0u);
    expect(R->go(parks, NULL) == 0);
    for (int i = 0; i < ROUNDS; i++) {
        own();
        gt_mcall(late_park);
        gt_mcall(late_yield);
        anothers(parked_g());
        unparked(parked_g());
    }
    struct gt_g *g = parked_g();
    gt_store_release(&leave, 1u); /* pair: test-leave */
    R->ready(g);
    while (gt_load_acquire(&parked) != NULL) /* pair: test-parked */
        R->yield();
    for (int i = 0; i < FORMAL; i++)
        formal();
}

/* A run in which `body` counts its own, against what the statistics say. */
static void run(bool ask, enum gt_syscall_model model)
{
    struct gt_config c;
    struct gt_runtime *rt = NULL;
    struct gt_runtime_stats s;
    char err[160] = "";
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_worksteal;
    c.tracer = &gt_tracer_none;
    c.procs = 2;
    c.syscalls = model;
    c.check_owner = ask;
    if (R->create(&c, &rt, err, sizeof err) != 0)
        bail_out("create: %s", err);
    checks = ask || GT_ORACLE;
    gt_store_relaxed(&bad, 0u);
    int rc = R->run(rt, body, NULL);
    R->stats(rt, &s);
    uint64_t want = checks ? 4u * ROUNDS + FORMAL : 0;
    ok(rc == 0 && gt_load_relaxed(&bad) == 0 && s.unowned_stacks == want && s.violations == want,
       "%s: %llu unowned stacks counted, %llu wanted", ask ? "asked for" : "not asked for",
       (unsigned long long)s.unowned_stacks, (unsigned long long)want);
    R->destroy(rt);
}

int main(void)
{
    plan(4);
    unsetenv("GT_VIOLATION");
    run(true, GT_SYSCALLS_SCANBIT);
    run(true, GT_SYSCALLS_STATUS);
    run(false, GT_SYSCALLS_SCANBIT);
    run(false, GT_SYSCALLS_STATUS);
    return done_testing();
}
