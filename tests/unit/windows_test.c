/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: workloads labels=quick,reduced timeout=240 */
/* The counters of windows (stress/harness/windows.c): for each, a scene on the real runtime that
 * enters it, as often as the scene says, and one beside it that does not. */
#include "harness/windows.h"
#include <pthread.h>

#include "in_runtime.h"

extern const struct gt_tracer_ops gt_tracer_gen, gt_tracer_locked;

#define PATIENCE (100 * GT_NS_PER_S)

/* ---- one scene -------------------------------------------------------------------------- */
struct scene {
    struct gt_runtime *rt;
    const struct gt_tracer_ops *tracer;
    enum gt_syscall_model model;
    int32_t procs;
    uint32_t perturb;
    struct gt_windows w;
    gt_a32 go, inside, out;
    gt_a32 stop, k_held, release;
    struct gt_wg *wg;
    uint64_t k; /* how often */
    struct gt_jentry *e;
    size_t n, cap;
};

static void keep(const struct gt_jentry *e, void *arg)
{
    struct scene *s = arg;
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 4096;
        s->e = realloc(s->e, s->cap * sizeof *s->e);
        if (!s->e)
            bail_out("out of memory");
    }
    s->e[s->n++] = *e;
}

static void count_round(struct scene *s)
{
    uint64_t lost = 0;
    s->n = 0;
    gt_journal_each(s->rt, keep, s, &lost);
    if (lost != 0 || gt_windows_count(&s->w, s->e, s->n) != 0)
        bail_out("%llu entries lost", (unsigned long long)lost);
}

static void scene_open(struct scene *s)
{
    struct gt_config c;
    char err[160] = "";
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_worksteal;
    c.tracer = s->tracer ? s->tracer : &gt_tracer_gen;
    c.procs = s->procs ? s->procs : 2;
    c.syscalls = s->model;
    c.perturb = s->perturb;
    c.seed = 5;
    if (R->create(&c, &s->rt, err, sizeof err) != 0)
        bail_out("create: %s", err);
    gt_journal_enable(s->rt, 1u << 20);
}

static void scene_close(struct scene *s)
{
    R->destroy(s->rt);
    free(s->e);
    s->e = NULL;
}

static void play(struct scene *s, gt_fn fn)
{
    scene_open(s);
    expect(R->run(s->rt, fn, s) == 0);
    count_round(s);
    scene_close(s);
}

static uint64_t hits(const struct scene *s, enum gt_window w)
{
    return s->w.n[w];
}
#define COUNT(s, sym) hits(s, GT_WINDOW_##sym)
#define IS(s, sym, want)                                                                           \
    is_int((long long)COUNT(s, sym), (long long)(want), "%s, %s: %s", __func__,                    \
           (s)->model == GT_SYSCALLS_STATUS ? "status" : "scanbit",                                \
           gt_window_name(GT_WINDOW_##sym))
#define SOME(s, sym)                                                                               \
    ok(COUNT(s, sym) > 0, "%s, %s: %s (%llu)", __func__,                                           \
       (s)->model == GT_SYSCALLS_STATUS ? "status" : "scanbit",                                    \
       gt_window_name(GT_WINDOW_##sym), (unsigned long long)COUNT(s, sym))

static void tell(gt_a32 *flag)
{
    gt_store_release(flag, 1u); /* pair: scene-flag */
}

static bool told(gt_a32 *flag)
{
    return gt_load_acquire(flag) != 0; /* pair: scene-flag */
}

/* On a G, which gives way meanwhile. */
static void wait_for(gt_a32 *flag)
{
    while (!told(flag)) {
        R->checkpoint();
        gt_thread_yield();
    }
}

/* On a thread, whatever it is in. */
static void block_for(gt_a32 *flag)
{
    while (!told(flag))
        gt_sleep_ns(20 * GT_NS_PER_US);
}

static void trace_on(void)
{
    struct gt_trace_options o = {.period_ns = 3600 * GT_NS_PER_S, .raw_stacks = true};
    expect(R->trace_start(&o) == 0);
}

static void trace_off(void)
{
    expect(R->trace_stop() == 0);
}

static void advance(struct gt_runtime *rt)
{
    expect(rt->tracer->advance(rt->tracer_state) == 0);
}

/* ---- nothing -------------------------------------------------------------------------------- */
static void only_yields(void *arg)
{
    (void)arg;
    for (int i = 0; i < 100; i++)
        R->yield();
}

/* But for the stop that ends a run, in which the last G waits for form's sake. */
static void quiet(enum gt_syscall_model model)
{
    struct scene s = {.model = model, .procs = 1};
    play(&s, only_yields);
    for (int w = 0; w < GT_WINDOWS; w++) {
        uint64_t want = w == GT_WINDOW_world_stop || w == GT_WINDOW_pretend_wait;
        is_int((long long)s.w.n[w], (long long)want, "a run of yields: %s",
               gt_window_name((enum gt_window)w));
        expect(gt_window_text((enum gt_window)w)[0] != '\0');
    }
}

/* ---- traces, stops ---------------------------------------------------------------------------- */
static void traces_fn(void *arg)
{
    struct scene *s = arg;
    for (uint64_t i = 0; i < s->k; i++) {
        trace_on();
        for (uint64_t k = 0; s->rt->tracer->advance && k < 2; k++)
            advance(s->rt);
        trace_off();
    }
}

static void traces(const struct gt_tracer_ops *tracer)
{
    bool gen = tracer == &gt_tracer_gen;
    struct scene s = {.tracer = tracer, .k = 5};
    play(&s, traces_fn);
    IS(&s, trace_start, s.k);
    IS(&s, trace_stop, s.k);
    IS(&s, advance, gen ? 2 * s.k : 0);
    IS(&s, world_stop, (gen ? s.k : 2 * s.k) + 1);
}

static void stops_fn(void *arg)
{
    struct scene *s = arg;
    for (uint64_t i = 0; i < s->k; i++) {
        R->stop_world(GT_WORLD_TEST);
        R->start_world();
    }
}

static void stops(void)
{
    struct scene s = {.k = 7};
    play(&s, stops_fn);
    IS(&s, world_stop, s.k + 1);
    IS(&s, pretend_wait, s.k + 1);
    IS(&s, trace_start, 0);
}

/* ---- Gs ------------------------------------------------------------------------------------------ */
static void give_way(void *arg)
{
    struct scene *s = arg;
    for (uint64_t i = 0; i < s->k; i++) {
        gt_store_relaxed(&gt_m_p(gt_tls_m())->preempt, 1u);
        R->checkpoint();
    }
}

static void preempted(void)
{
    struct scene s = {.procs = 1, .k = 9};
    play(&s, give_way);
    ok(COUNT(&s, preempted) >= s.k, "preempted at least as often as asked");
    IS(&s, suspended, 0);
}

static void runs_on(void *arg)
{
    struct scene *s = arg;
    tell(&s->inside);
    wait_for(&s->stop);
}

static struct gt_g *newest(struct gt_runtime *rt)
{
    gt_lock(&rt->allg_lock);
    struct gt_g *g = rt->all_gs;
    gt_unlock(&rt->allg_lock);
    return g;
}

static void holds(void *arg)
{
    struct scene *s = arg;
    struct gt_trace_g_view v;
    expect(R->go(runs_on, s) == 0);
    struct gt_g *g = newest(s->rt);
    wait_for(&s->inside);
    for (uint64_t i = 0; i < s->k; i++) {
        while (gt_g_status(g) != GT_G_RUNNING) {
            R->checkpoint();
            gt_thread_yield();
        }
        expect(gt_suspend_g(s->rt, g, &v));
        gt_resume_g(s->rt, g);
    }
    tell(&s->stop);
}

static void suspended(void)
{
    struct scene s = {.k = 50};
    play(&s, holds);
    IS(&s, scan_other, s.k);
    SOME(&s, suspended);
    IS(&s, stack_scan, 0);
}

static void parks(void *arg)
{
    (void)arg;
    gt_park(NULL, NULL, GT_WAIT_SLEEP);
}

static void cycles_fn(void *arg)
{
    struct scene *s = arg;
    for (uint64_t i = 0; i < s->k; i++)
        expect(R->gc() == 0);
}

static void cycles(void)
{
    struct scene s = {.k = 3};
    play(&s, cycles_fn);
    IS(&s, gc_cycle, s.k);
    ok(COUNT(&s, stack_scan) >= s.k, "each cycle scans a stack at least");
}

static void coro_body(void *arg)
{
    struct gt_coro **c = arg;
    for (int i = 0; i < 3; i++)
        (void)R->coro_switch(*c);
}

static void coro_fn(void *arg)
{
    struct scene *s = arg;
    struct gt_coro *c = NULL;
    if (s->k != 0)
        R->lock_thread(); /* then each goes through the scheduler */
    c = R->coro_new(coro_body, &c);
    while (R->coro_switch(c))
        ;
    R->coro_free(c);
    if (s->k != 0)
        R->unlock_thread();
}

static void coroutines(void)
{
    struct scene s = {.k = 0}, locked = {.k = 1};
    play(&s, coro_fn);
    IS(&s, switch_direct, 2 * 3 + 2);
    play(&locked, coro_fn);
    IS(&locked, switch_direct, 0);
}

/* ---- lists ------------------------------------------------------------------------------------------ */
#define LIST 3

/* LIST parked Gs. */
static void make_list(struct gt_runtime *rt, struct gt_tasks *l)
{
    *l = (struct gt_tasks){0};
    struct gt_g *g[LIST];
    for (int i = 0; i < LIST; i++) {
        int err = 0;
        struct gt_m *m = gt_pin();
        g[i] = gt_spawn_blocked(m, parks, NULL, 0, &err);
        gt_unpin(m);
        expect(g[i] != NULL);
        gt_tasks_push(l, &g[i]->t);
    }
    (void)rt;
}

static void inject_list(struct gt_runtime *rt)
{
    struct gt_tasks l;
    make_list(rt, &l);
    struct gt_m *m = gt_pin();
    gt_inject(m, &l);
    gt_unpin(m);
}

static void lists_fn(void *arg)
{
    struct scene *s = arg;
    trace_on();
    for (uint64_t i = 0; i < s->k; i++) {
        inject_list(s->rt);
        advance(s->rt);
    }
    trace_off();
}

static void lists(void)
{
    struct scene s = {.k = 6};
    play(&s, lists_fn);
    IS(&s, inject, s.k);
    IS(&s, inject_advance, 0);
}

/* The list begins when every P has been looked at, and ends when the next generation is there. */
static struct scene *staged;
static struct gt_tracer_ops late;

static void late_unblock(void *t, struct gt_mach *m, gt_tok tok, struct gt_task *g)
{
    gt_tracer_gen.go_unblock(t, m, tok, g);
    if (!told(&staged->go) || told(&staged->inside))
        return;
    uint32_t marks = gt_load_relaxed(&staged->rt->journal_marks);
    tell(&staged->inside);
    while (gt_load_relaxed(&staged->rt->journal_marks) == marks)
        gt_sleep_ns(20 * GT_NS_PER_US);
}

static void at_point(const struct gt_tracer_host *h, uint32_t point)
{
    (void)h;
    if (point != GT_PERTURB_dead_cleaned || told(&staged->go))
        return;
    tell(&staged->go);
    block_for(&staged->inside);
}

static void injects_when_told(void *arg)
{
    struct scene *s = arg;
    struct gt_tasks l;
    make_list(s->rt, &l);
    tell(&s->out);
    wait_for(&s->go);
    struct gt_m *m = gt_pin();
    gt_inject(m, &l);
    gt_unpin(m);
    tell(&s->stop);
}

static void list_across_fn(void *arg)
{
    struct scene *s = arg;
    trace_on();
    expect(R->go(injects_when_told, s) == 0);
    wait_for(&s->out);
    advance(s->rt);
    wait_for(&s->stop);
    trace_off();
}

static void stage(struct scene *s)
{
    staged = s;
    scene_open(s);
    s->rt->tracer_host.perturb = at_point;
}

static void list_across(void)
{
    late = gt_tracer_gen;
    late.go_unblock = late_unblock;
    struct scene s = {.tracer = &late, .procs = 3};
    stage(&s);
    expect(R->run(s.rt, list_across_fn, &s) == 0);
    count_round(&s);
    scene_close(&s);
    IS(&s, inject_advance, 1);
    SOME(&s, inject);
}

/* ---- Ps ---------------------------------------------------------------------------------------------- */
static void procs_fn(void *arg)
{
    struct scene *s = arg;
    expect(R->set_procs(2) == 0 && R->set_procs(4) == 0); /* no trace: nothing */
    trace_on();
    expect(R->set_procs(2) == 0 && R->set_procs(4) == 0); /* within a generation: died */
    expect(R->set_procs(3) == 0);
    advance(s->rt);
    expect(R->set_procs(4) == 0); /* died, reborn */
    expect(R->set_procs(1) == 0);
    trace_off();
    trace_on();
    expect(R->set_procs(4) == 0); /* died, reborn in another trace */
    trace_off();
}

static void procs(void)
{
    struct scene s = {.procs = 4};
    play(&s, procs_fn);
    IS(&s, proc_died, 2 + 1 + 3);
    IS(&s, proc_reborn, 1);
    IS(&s, proc_reborn_trace, 3);
}

/* ---- system calls ------------------------------------------------------------------------------------ */
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
        s.n = s.cap = 0;
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

/* ---- foreign threads -------------------------------------------------------------------------------- */
static void called(void *arg)
{
    struct scene *s = arg;
    if (told(&s->go))
        advance(s->rt);
}

static void *calls_in(void *arg)
{
    struct scene *s = arg;
    for (uint64_t i = 0; i < s->k; i++) {
        if (i == s->k / 2)
            tell(&s->go);
        expect(R->callback(s->rt, called, s) == 0);
        gt_store_relaxed(&s->go, 0u);
    }
    return NULL;
}

static void foreign_fn(void *arg)
{
    struct scene *s = arg;
    pthread_t t;
    trace_on();
    R->syscall_enter();
    if (pthread_create(&t, NULL, calls_in, s) != 0)
        bail_out("pthread_create");
    pthread_join(t, NULL);
    R->syscall_exit();
    trace_off();
}

static void foreign(void)
{
    struct scene s = {.k = 8};
    play(&s, foreign_fn);
    IS(&s, foreign_born, s.k);
    IS(&s, foreign_left, s.k);
    IS(&s, foreign_advance, 1);
    IS(&s, thread_reused, s.k - 1);
    IS(&s, advance, 1);
}

int main(void)
{
    traces(&gt_tracer_gen);
    traces(&gt_tracer_locked);
    stops();
    preempted();
    suspended();
    cycles();
    coroutines();
    lists();
    list_across();
    procs();
    foreign();
    for (int m = GT_SYSCALLS_SCANBIT; m <= GT_SYSCALLS_STATUS; m++) {
        enum gt_syscall_model model = (enum gt_syscall_model)m;
        quiet(model);
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
