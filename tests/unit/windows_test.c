/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: workloads labels=quick,reduced timeout=240 */
/* The counters of windows (stress/harness/windows.c): for each, a scene on the real runtime that
 * enters it, as often as the scene says, and one beside it that does not. The windows of system
 * calls: windows_syscall_test.c. */
#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "windows_scene.h"

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

/* Dead as a trace stops is what counts, not in which trace it died or whether in one. */
static void procs_between_fn(void *arg)
{
    (void)arg;
    expect(R->set_procs(3) == 0); /* no trace */
    trace_on();
    trace_off();
    expect(R->set_procs(4) == 0); /* between two */
    trace_on();
    trace_off(); /* one P: dead as the first stopped, there in the second */
    expect(R->set_procs(2) == 0 && R->set_procs(4) == 0);
    trace_on();
    expect(R->set_procs(2) == 0);
    trace_off();
    expect(R->set_procs(4) == 0); /* two more would be, if another trace came */
}

static void procs_between(void)
{
    struct scene s = {.procs = 4};
    play(&s, procs_between_fn);
    IS(&s, proc_died, 2);
    IS(&s, proc_reborn, 0);
    IS(&s, proc_reborn_trace, 1);
}

/* A P that was dead as the first trace stopped dies again before the next, and is not in it. */
static void procs_die_again_fn(void *arg)
{
    struct scene *s = arg;
    expect(R->set_procs(1) == 0);
    trace_on();
    trace_off();
    expect(R->set_procs(2) == 0 && R->set_procs(1) == 0);
    trace_on();
    if (s->k)
        expect(R->set_procs(2) == 0); /* it is, with what was known of it */
    trace_off();
}

static void procs_die_again(void)
{
    struct scene never = {.procs = 2}, there = {.procs = 2, .k = 1};
    play(&never, procs_die_again_fn);
    IS(&never, proc_reborn_trace, 0);
    play(&there, procs_die_again_fn);
    IS(&there, proc_reborn_trace, 1);
}

/* A G that waits, and whose journal alone is looked at: Gs of the tracer wait too. */
struct waiter {
    struct gt_wg *wg, *over;
    struct gt_g *g;
    uint64_t id;
    gt_a32 begun;
};

static void waits_for_wg(void *arg)
{
    struct waiter *w = arg;
    w->g = R->self();
    w->id = R->goid();
    tell(&w->begun);
    R->wg_wait(w->wg);
    R->wg_done(w->over);
}

/* It waits when this returns. */
static void begin_to_wait(struct waiter *w)
{
    w->wg = R->wg_new();
    w->over = R->wg_new();
    R->wg_add(w->wg, 1);
    R->wg_add(w->over, 1);
    expect(R->go(waits_for_wg, w) == 0);
    wait_for(&w->begun);
    while (gt_g_status(w->g) != GT_G_WAITING)
        R->yield();
}

static void end_wait(struct waiter *w)
{
    R->wg_done(w->wg);
    R->wg_wait(w->over);
    R->wg_free(w->wg);
    R->wg_free(w->over);
}

enum { NO_TRACE, WITHIN, ACROSS, BEFORE_TRACE, WAITERS };
static struct waiter waiters[WAITERS];

static void waits_fn(void *arg)
{
    struct scene *s = arg;
    struct waiter *w = waiters;
    begin_to_wait(&w[NO_TRACE]);
    end_wait(&w[NO_TRACE]);
    begin_to_wait(&w[BEFORE_TRACE]);
    trace_on();
    end_wait(&w[BEFORE_TRACE]);
    begin_to_wait(&w[ACROSS]);
    advance(s->rt);
    begin_to_wait(&w[WITHIN]);
    end_wait(&w[WITHIN]);
    end_wait(&w[ACROSS]);
    trace_off();
}

/* ready-across of that G alone. */
static uint64_t ready_across_of(const struct scene *s, uint64_t goid)
{
    struct gt_jentry *e = malloc(s->journal.n * sizeof *e);
    struct gt_windows w = {0};
    size_t n = 0;
    if (!e)
        bail_out("out of memory");
    for (size_t i = 0; i < s->journal.n; i++)
        if (s->journal.e[i].kind != GT_J_G || s->journal.e[i].id == goid)
            e[n++] = s->journal.e[i];
    expect(gt_windows_count(&w, e, n, NULL) == 0);
    free(e);
    return w.n[GT_WINDOW_ready_across];
}

static void ready_across(void)
{
    static const struct {
        const char *what;
        uint64_t n;
    } want[WAITERS] = {[NO_TRACE] = {"without a trace", 0},
                       [WITHIN] = {"within a generation", 0},
                       [ACROSS] = {"into the next generation", 1},
                       [BEFORE_TRACE] = {"from before the trace", 1}};
    struct scene s = {.procs = 1};
    scene_open(&s);
    expect(R->run(s.rt, waits_fn, &s) == 0);
    count_round(&s);
    for (int i = 0; i < WAITERS; i++)
        is_int((long long)ready_across_of(&s, waiters[i].id), (long long)want[i].n, "a G that waits %s: ready-across",
               want[i].what);
    scene_close(&s);
}

/* A thread that ends under a trace, and one that ends without. */
static gt_a32 ending; /* id of that thread */

static void locked_end(void *arg)
{
    (void)arg;
    R->lock_thread();
    gt_store_relaxed(&ending, (uint32_t)gt_thread_id());
}

/* At most 5 s: the G is long gone by then, and its thread an instant after. */
static bool thread_is_gone(uint32_t tid)
{
    for (int i = 0; i < 5000; i++) {
        if (syscall(SYS_tgkill, getpid(), (pid_t)tid, 0) != 0 && errno == ESRCH)
            return true;
        R->sleep(GT_NS_PER_MS);
    }
    return false;
}

static void threads_end_fn(void *arg)
{
    struct scene *s = arg;
    for (uint64_t i = 0; i < s->k; i++) {
        gt_store_relaxed(&ending, 0u);
        expect(R->go(locked_end, NULL) == 0);
        while (gt_load_relaxed(&ending) == 0)
            R->sleep(GT_NS_PER_MS);
        expect(thread_is_gone(gt_load_relaxed(&ending)));
    }
}

static void threads_end_traced(void *arg)
{
    trace_on();
    threads_end_fn(arg);
    trace_off();
}

static void threads_left(void)
{
    struct scene s = {.k = 3}, without = {.k = 3};
    play(&s, threads_end_traced);
    IS(&s, thread_left, s.k);
    play(&without, threads_end_fn);
    IS(&without, thread_left, 0);
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
    quiet(GT_SYSCALLS_SCANBIT);
    quiet(GT_SYSCALLS_STATUS);
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
    procs_between();
    procs_die_again();
    ready_across();
    threads_left();
    foreign();
    ok(gt_load_relaxed(&bad) == 0, "every scene went as written");
    return done_testing();
}
