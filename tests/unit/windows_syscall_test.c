/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: workloads labels=quick,reduced timeout=240 */
/* The counters of the windows of system calls (stress/harness/windows.c), under both models: for
 * each, a scene that enters it, and one beside it that does not. */
#include <pthread.h>

#include "windows_scene.h"

#define PATIENCE (100 * GT_NS_PER_S)

/* One call, as long as the stage wants. */
static void one_call(void *arg)
{
    struct scene *s = arg;
    wait_for(&s->go);
    R->syscall_enter();
    tell(&s->inside);
    block_for(&s->stop);
    R->syscall_exit();
    tell(&s->out);
}

/* It is in its call; sysmon is held if `alone`, so that nobody else takes its P. */
static void call_begins(struct scene *s)
{
    expect(R->go(one_call, s) == 0);
    tell(&s->go);
    wait_for(&s->inside);
}

static void call_ends(struct scene *s)
{
    tell(&s->stop);
    wait_for(&s->out);
}

static void stolen_by_stop_fn(void *arg)
{
    struct scene *s = arg;
    gt_lock(&s->rt->sysmon_lock);
    call_begins(s);
    R->stop_world(GT_WORLD_TEST);
    R->start_world();
    gt_unlock(&s->rt->sysmon_lock);
    call_ends(s);
}

static void stolen_by_stop(enum gt_syscall_model model)
{
    struct scene s = {.model = model};
    play(&s, stolen_by_stop_fn);
    IS(&s, syscall_steal, 1);
    IS(&s, syscall_steal_stop, 1);
    IS(&s, syscall_steal_sysmon, 0);
    IS(&s, syscall_steal_safe, 0);
    IS(&s, syscall_lost, 1);
    IS(&s, syscall_reacquire, 1);
    IS(&s, syscall_steal_advance, 0);
    IS(&s, syscall_gives, 0);
}

static void stolen_for_advance_fn(void *arg)
{
    struct scene *s = arg;
    trace_on();
    gt_lock(&s->rt->sysmon_lock);
    call_begins(s);
    gt_unlock(&s->rt->sysmon_lock);
    for (uint64_t i = 0; i < s->k; i++)
        advance(s->rt);
    call_ends(s);
    trace_off();
}

/* With one advance no generation lies inside the call, with two one does. */
static void lasts_over(enum gt_syscall_model model)
{
    for (uint64_t k = 0; k < 3; k++) {
        struct scene s = {.model = model, .k = k, .procs = 2};
        play(&s, stolen_for_advance_fn);
        uint64_t across = COUNT(&s, syscall_across);
        /* The tracer's own reader and advancer make calls as well, none as long as that. */
        is_int((long long)across, k == 2, "a call over %d advances: syscall-across", (int)k);
        IS(&s, syscall_trace_start, 0);
    }
}

static void at_safe_point(struct gt_p *p, void *arg)
{
    (void)p;
    (void)arg;
}

static void stolen_safe_fn(void *arg)
{
    struct scene *s = arg;
    gt_world_lock(s->rt);
    gt_lock(&s->rt->sysmon_lock);
    call_begins(s);
    gt_each_p_safe(s->rt, GT_WAIT_TRACE_STATUS, at_safe_point, NULL);
    gt_unlock(&s->rt->sysmon_lock);
    gt_world_unlock(s->rt);
    call_ends(s);
}

static void stolen_safe(enum gt_syscall_model model)
{
    struct scene s = {.model = model};
    play(&s, stolen_safe_fn);
    IS(&s, syscall_steal, 1);
    IS(&s, syscall_steal_safe, 1);
    IS(&s, syscall_lost, 1);
}

static void stolen_by_sysmon_fn(void *arg)
{
    struct scene *s = arg;
    call_begins(s);
    while (gt_load_relaxed(&s->rt->count.retaken) == 0)
        R->yield();
    call_ends(s);
}

static void stolen_by_sysmon(enum gt_syscall_model model)
{
    struct scene s = {.model = model};
    play(&s, stolen_by_sysmon_fn);
    IS(&s, syscall_steal, 1);
    IS(&s, syscall_steal_sysmon, 1);
    IS(&s, syscall_steal_stop, 0);
}

static void comes_and_goes(void *arg)
{
    struct scene *s = arg;
    gt_lock(&s->rt->sysmon_lock);
    for (uint64_t i = 0; i < s->k; i++) {
        R->syscall_enter();
        R->syscall_exit();
    }
    gt_unlock(&s->rt->sysmon_lock);
    R->syscall_enter_blocking();
    R->syscall_exit();
}

/* Nobody wants the P, and a call that gives it away by itself has lost none. */
static void not_stolen(enum gt_syscall_model model)
{
    struct scene s = {.model = model, .procs = 1, .k = 100};
    play(&s, comes_and_goes);
    IS(&s, syscall_steal, 0);
    IS(&s, syscall_lost, 0);
    IS(&s, syscall_reacquire, 0);
    IS(&s, syscall_gives, 0);
    IS(&s, syscall_gives_other, 0);
}

static void traced_meanwhile_fn(void *arg)
{
    struct scene *s = arg;
    if (s->k == 1)
        trace_on();
    call_begins(s);
    if (s->k != 1)
        trace_on();
    if (s->k != 0)
        trace_off();
    call_ends(s);
    if (s->k == 0)
        trace_off();
}

/* A trace that begins, that ends, and that does both while a call lasts. */
static void traced_meanwhile(enum gt_syscall_model model)
{
    for (uint64_t k = 0; k < 3; k++) {
        struct scene s = {.model = model, .k = k};
        play(&s, traced_meanwhile_fn);
        IS(&s, syscall_trace_start, k != 1);
        IS(&s, syscall_trace_stop, k != 0);
        IS(&s, syscall_across, k == 2);
    }
}

/* The call begins between the look at the Ps and the next generation; then it is robbed. */
static void *holds_sysmon(void *arg)
{
    struct scene *s = arg;
    gt_lock(&s->rt->sysmon_lock);
    gt_add_relaxed(&s->k_held, 1u);
    block_for(&s->release);
    gt_unlock(&s->rt->sysmon_lock);
    return NULL;
}

static void robbed_later_fn(void *arg)
{
    struct scene *s = arg;
    pthread_t t;
    trace_on();
    if (pthread_create(&t, NULL, holds_sysmon, s) != 0)
        bail_out("pthread_create");
    wait_for(&s->k_held);
    expect(R->go(one_call, s) == 0);
    advance(s->rt);
    expect(told(&s->inside));
    R->stop_world(GT_WORLD_TEST);
    R->start_world();
    tell(&s->release);
    pthread_join(t, NULL);
    call_ends(s);
    trace_off();
}

static void robbed_later(enum gt_syscall_model model)
{
    struct scene s = {.model = model, .procs = 3};
    stage(&s);
    expect(R->run(s.rt, robbed_later_fn, &s) == 0);
    count_round(&s);
    scene_close(&s);
    IS(&s, syscall_steal_advance, 1);
    IS(&s, syscall_steal_stop, 1);
}

/* ---- entries that meet a stop: where exact numbers cannot be ------------------------------------- */
static void calls_on(void *arg)
{
    struct scene *s = arg;
    while (!told(&s->stop)) {
        R->syscall_enter();
        R->syscall_exit();
        R->yield();
    }
    R->wg_done(s->wg);
}

static void runs_long(void *arg)
{
    struct scene *s = arg;
    while (!told(&s->stop)) {
        for (volatile int i = 0; i < 100000; i++)
            ;
        R->checkpoint();
    }
    R->wg_done(s->wg);
}

static void meets_fn(void *arg)
{
    struct scene *s = arg;
    s->wg = R->wg_new();
    R->wg_add(s->wg, 9);
    for (int i = 0; i < 8; i++)
        expect(R->go(calls_on, s) == 0);
    expect(R->go(runs_long, s) == 0);
    for (int i = 0; i < 40; i++) {
        R->stop_world(GT_WORLD_TEST);
        R->start_world();
        R->sleep(GT_NS_PER_MS);
    }
    tell(&s->stop);
    R->wg_wait(s->wg);
    R->wg_free(s->wg);
}

/* Delays between the change and the look for a stop, and nowhere else. */
static void meets(enum gt_syscall_model model, enum gt_window w)
{
    struct scene s = {.model = model, .procs = 4, .perturb = GT_PERTURB_HIGH};
    int64_t end = gt_nanotime() + PATIENCE;
    while (s.w.n[w] == 0 && gt_nanotime() < end) {
        scene_open(&s);
        memset(s.rt->perturb.hot, 0, sizeof s.rt->perturb.hot);
        s.rt->perturb.hot[GT_PERTURB_syscall_entered] = true;
        expect(R->run(s.rt, meets_fn, &s) == 0);
        count_round(&s);
        scene_close(&s);
        gt_store_relaxed(&s.stop, 0u);
    }
    ok(s.w.n[w] > 0, "%s: %s (%llu)", model == GT_SYSCALLS_STATUS ? "status" : "scanbit",
       gt_window_name(w), (unsigned long long)s.w.n[w]);
}

/*
 * The way into B1: what the entry gives up has been another's meanwhile.
 *
 *   first                     second                     stops the world
 *   P: Syscall
 *   (waits)                   sysmon took P: runs on it
 *                             (waits in its entry)       stopping, lock held, Ps swept
 *                             P: Syscall (waits)
 *   sees a stop: lock                                    unlocks
 *   gives P up
 */
static struct {
    struct gt_g *first, *second;
    struct gt_p *p;
    gt_a32 in, entering, swept;
} b1;

static void b1_scene(struct gt_m *m, enum gt_perturb_point p)
{
    struct gt_g *g = gt_m_g(m);
    if (p == GT_PERTURB_syscall_entered && g == b1.first) {
        tell(&b1.in);
        block_for(&b1.swept);
    } else if (p == GT_PERTURB_syscall_g_changed && g == b1.second) {
        tell(&b1.entering);
        block_for(&b1.swept);
    } else if (p == GT_PERTURB_syscall_entered && g == b1.second) {
        gt_sleep_ns(5 * GT_NS_PER_MS);
    } else if (p == GT_PERTURB_stop_swept && told(&b1.entering) && !told(&b1.swept)) {
        tell(&b1.swept);
        while (gt_p_status(b1.p) != GT_P_SYSCALL)
            gt_sleep_ns(GT_NS_PER_US);
        gt_sleep_ns(200 * GT_NS_PER_US); /* the first is at the lock by then */
    }
}

static void b1_first(void *arg)
{
    struct scene *s = arg;
    wait_for(&s->go);
    b1.p = gt_m_p(gt_tls_m());
    b1.first = gt_m_g(gt_tls_m());
    R->syscall_enter();
    R->syscall_exit();
    tell(&s->out);
}

/* There are two Ps and one is taken by who stops the world, so it has the first one's. */
static void b1_second(void *arg)
{
    struct scene *s = arg;
    b1.second = gt_m_g(gt_tls_m());
    if (gt_m_p(gt_tls_m()) != b1.p) { /* who stops the world was preempted meanwhile */
        tell(&b1.swept);
        tell(&b1.entering);
    }
    R->syscall_enter();
    R->syscall_exit();
    tell(&s->stop);
}

static void b1_fn(void *arg)
{
    struct scene *s = arg;
    expect(R->go(b1_first, s) == 0);
    tell(&s->go);
    wait_for(&b1.in);
    expect(R->go(b1_second, s) == 0);
    wait_for(&b1.entering);
    R->stop_world(GT_WORLD_TEST);
    R->start_world();
    wait_for(&s->out);
    wait_for(&s->stop);
}

/* On a slow machine the stopper looks again before the first one has the lock, or is preempted. */
static void gives_other(void)
{
    struct scene s = {.model = GT_SYSCALLS_STATUS, .procs = 2, .perturb = GT_PERTURB_LOW};
    int64_t end = gt_nanotime() + PATIENCE;
    int tries = 0;
    for (; COUNT(&s, syscall_gives_other) == 0 && gt_nanotime() < end; tries++) {
        memset(&b1, 0, sizeof b1);
        s = (struct scene){.model = s.model, .procs = s.procs, .perturb = s.perturb};
        scene_open(&s);
        s.rt->perturb.scene = b1_scene;
        expect(R->run(s.rt, b1_fn, &s) == 0);
        count_round(&s);
        scene_close(&s);
    }
    IS(&s, syscall_gives_other, 1);
    diag("syscall-gives-other in run %d", tries);
}

int main(void)
{
    for (int m = GT_SYSCALLS_SCANBIT; m <= GT_SYSCALLS_STATUS; m++) {
        enum gt_syscall_model model = (enum gt_syscall_model)m;
        not_stolen(model);
        stolen_by_stop(model);
        stolen_by_sysmon(model);
        stolen_safe(model);
        lasts_over(model);
        traced_meanwhile(model);
        robbed_later(model);
        meets(model, GT_WINDOW_syscall_gives);
    }
    gives_other();
    ok(gt_load_relaxed(&bad) == 0, "every scene went as written");
    return done_testing();
}
