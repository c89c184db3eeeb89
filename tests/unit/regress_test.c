/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: labels=quick,reduced timeout=120 */
/* Scenes of mistakes once made in how Gs are stopped, suspended and handed over: each fails
 * without its fix. Where a window is narrow a tracer or a scheduler of the scene's own
 * widens it from its ops, or many rounds look for it. */
#include "scenes.h"

static const struct gt_tracer_host *host;

static int tracer_init(void *t, const struct gt_tracer_host *h)
{
    (void)t;
    host = h;
    return 0;
}

static struct gt_tracer_ops tracer_of_scene(void)
{
    struct gt_tracer_ops t = gt_tracer_none;
    t.init = tracer_init;
    return t;
}

/* ---- a G that takes signals, and a suspender ----------------------------------------- */
struct beaten {
    GT_APTR(struct gt_g) g;
    gt_a64 beats;
    gt_a32 stop, born;
};

static void beats(void *arg)
{
    struct beaten *b = arg;
    uint64_t rng = 7;
    gt_store_relaxed(&b->g, R->self());
    tell(&b->born);
    R->async_preempt(true);
    while (gt_load_relaxed(&b->stop) == 0) {
        for (uint64_t i = gt_rand(&rng) % 512; i > 0; i--)
            gt_cpu_relax();
        gt_add_relaxed(&b->beats, 1u);
        R->checkpoint();
    }
    R->async_preempt(false);
    gt_store_relaxed(&b->stop, 2u);
}

/* Signals at all times, many more than the core itself would send. */
static void *sends_signals(void *arg)
{
    struct gt_runtime *rt = arg;
    while (gt_load_relaxed(&rt->exiting) == 0)
        for (int i = 0; i < 2; i++)
            gt_preempt_p(rt, gt_load_acquire(&rt->allp[i])); /* pair: allp */
    return NULL;
}

static bool beats_again(struct beaten *b)
{
    uint64_t was = gt_load_relaxed(&b->beats);
    for (int64_t end = R->now() + 2 * GT_NS_PER_S; R->now() < end; R->sleep(20000))
        if (gt_load_relaxed(&b->beats) != was)
            return true;
    return false;
}

/* The G reads preempt_stop at its checkpoint; the signal makes it Runnable; the suspender
 * scans and resumes it; it goes on and parks for nobody. */
static void suspends_it(void *arg)
{
    struct beaten *b = arg;
    struct gt_trace_g_view v;
    expect(R->go(beats, b) == 0);
    pthread_detach(thread_of(sends_signals, R->runtime()));
    while (gt_load_acquire(&b->born) == 0) /* pair: test-flag */
        R->yield();
    int64_t end = R->now() + 3 * GT_NS_PER_S;
    while (R->now() < end && gt_load_relaxed(&bad) == 0) {
        for (int i = 0; i < 10; i++)
            if (gt_suspend_g(R->runtime(), gt_load_relaxed(&b->g), &v))
                gt_resume_g(R->runtime(), gt_load_relaxed(&b->g));
        expect(beats_again(b));
    }
    gt_store_relaxed(&b->stop, 1u);
}

static void signal_and_suspender(void)
{
    struct beaten b;
    memset(&b, 0, sizeof b);
    expect(R->run(runtime_new(2), suspends_it, &b) == 0);
}

/* ---- two suspenders -------------------------------------------------------------------- */
#define SUSPENSIONS (GT_TSAN || GT_ASAN ? 50000 : 300000)

struct duel {
    GT_APTR(struct gt_g) g[2];
    gt_a32 born, done;
};

static void suspender(struct duel *d, uint32_t me)
{
    struct gt_trace_g_view v;
    gt_store_relaxed(&d->g[me], R->self());
    tell(&d->born);
    while (gt_load_acquire(&d->born) < 2) /* pair: test-flag */
        R->yield();
    int64_t end = R->now() + 4 * GT_NS_PER_S;
    for (int i = 0; i < SUSPENSIONS && R->now() < end; i++)
        if (gt_suspend_g(R->runtime(), gt_load_relaxed(&d->g[1 - me]), &v))
            gt_resume_g(R->runtime(), gt_load_relaxed(&d->g[1 - me]));
    tell(&d->done);
    while (gt_load_acquire(&d->done) < 2) /* pair: test-flag */
        R->yield();
}

static void suspender_b(void *arg)
{
    suspender(arg, 1);
}

static void suspender_a(void *arg)
{
    expect(R->go(suspender_b, arg) == 0);
    suspender(arg, 0);
}

/* Each takes the other's scan bit while the other still holds its own G's and waits to be
 * Running again before it resumes. */
static void two_suspenders(void)
{
    struct duel d;
    memset(&d, 0, sizeof d);
    expect(R->run(runtime_new(2), suspender_a, &d) == 0);
}

/* ---- a callback arrives while the world is stopped again and again ------------------------- */
#define ARRIVALS 20u
struct arrivals {
    struct gt_runtime *rt;
    gt_a32 stop, n;
};

static gt_tok token_on(void *t, struct gt_mach *m)
{
    (void)t, (void)m;
    return (gt_tok){.v = 8};
}

static void token_off(void *t, struct gt_mach *m, gt_tok tok)
{
    (void)t, (void)m, (void)tok;
}

/* The M of a foreign thread has its P and is still in Syscall: here the thief comes. */
static void slow_proc_start(void *t, struct gt_mach *m, gt_tok tok)
{
    (void)t, (void)tok;
    if (((struct gt_m *)m)->extra)
        gt_sleep_ns(300 * GT_NS_PER_US);
}

static void one_syscall(void *arg)
{
    struct arrivals *a = arg;
    R->syscall_enter(); /* its P remembers this G */
    R->syscall_exit();
    tell(&a->n);
}

static void *calls_back(void *arg)
{
    struct arrivals *a = arg;
    while (gt_load_relaxed(&a->stop) == 0)
        (void)R->callback(a->rt, one_syscall, a);
    return NULL;
}

static void stops_meanwhile(void *arg)
{
    struct arrivals *a = arg;
    R->stop_world(GT_WORLD_TEST);
    host->set_enabled(host, true);
    R->start_world();
    R->expect_callbacks(a->rt, 1);
    pthread_t t = thread_of(calls_back, a);
    int64_t end = R->now() + GT_NS_PER_S, give_up = end + 8 * GT_NS_PER_S;
    while (R->now() < end || (gt_load_relaxed(&a->n) <= ARRIVALS && R->now() < give_up)) {
        R->stop_world(GT_WORLD_TEST);
        R->start_world();
        R->sleep(50000);
    }
    gt_store_relaxed(&a->stop, 1u);
    R->syscall_enter_blocking();
    pthread_join(t, NULL);
    R->syscall_exit();
    R->expect_callbacks(a->rt, -1);
}

/* The P remembers the G of the last callback; the stopper takes it from the arriving one,
 * which has just got it and goes on as Running without a P. */
static void arriving_callback(void)
{
    struct gt_tracer_ops t = tracer_of_scene();
    t.head.flags = 0;
    t.acquire = token_on;
    t.release = token_off;
    t.proc_start = slow_proc_start;
    struct arrivals a = {.rt = runtime_with(2, &t, NULL)};
    expect(R->run(a.rt, stops_meanwhile, &a) == 0);
    expect(gt_load_relaxed(&a.n) > ARRIVALS);
}

/* ---- what sysmon found in the poller --------------------------------------------------------- */
static struct gt_scheduler_ops slow_sched;
static gt_a32 in_hands;
static int ends[2];

static void slow_batch(void *s, struct gt_proc *p, struct gt_tasks *batch)
{
    struct gt_m *m = gt_tls_m();
    if (m && m == m->rt->sysmon_m) {
        tell(&in_hands);
        gt_sleep_ns(30 * GT_NS_PER_MS);
    }
    gt_scheduler_worksteal.enqueue_batch(s, p, batch);
}

static void reads_one(void *wg)
{
    int err;
    char c;
    struct gt_fd *f = R->fd_open(ends[0], &err);
    expect(f != NULL && R->fd_read(f, &c, 1) == 1);
    R->wg_done(wg);
}

static void waits_for_reader(void *arg)
{
    (void)arg;
    struct gt_wg *wg = R->wg_new();
    R->wg_add(wg, 1);
    expect(R->go(reads_one, wg) == 0);
    R->sleep(5 * GT_NS_PER_MS);
    expect(write(ends[1], "x", 1) == 1);
    (void)reaches(&in_hands, 1); /* on the only P */
    R->wg_wait(wg);
}

/* sysmon has the reader in its hands, neither in the poller nor queued; the last M goes
 * idle and finds nothing that could wake it. */
static void sysmon_holds_the_list(void)
{
    slow_sched = gt_scheduler_worksteal;
    slow_sched.enqueue_batch = slow_batch;
    /* On a busy machine another M may still be in the poller, and finds the reader. */
    for (int i = 0; i < 50 && gt_load_acquire(&in_hands) == 0; i++) { /* pair: test-flag */
        if (pipe(ends) != 0)
            bail_out("pipe");
        expect(R->run(runtime_with(1, NULL, &slow_sched), waits_for_reader, NULL) == 0);
        (void)close(ends[0]);
        (void)close(ends[1]);
    }
    expect(gt_load_acquire(&in_hands) == 1); /* pair: test-flag */
}

/* ---- sysmon after a time with all Ps idle ------------------------------------------------ */
static void notes_time(void *arg)
{
    gt_store_relaxed((gt_a64 *)arg, (uint64_t)R->now());
}

static void blocks_after_idling(void *arg)
{
    int err;
    char c;
    gt_a64 ran = {0};
    struct gt_fd *f = R->fd_open(ends[0], &err);
    expect(f != NULL && R->fd_read(f, &c, 1) == 1); /* all idle, woken by the poller */
    expect(R->go(notes_time, &ran) == 0);
    R->syscall_enter();
    for (int i = 0; i < 80 && gt_load_relaxed(&ran) == 0; i++)
        (void)gt_os_nanosleep(100 * GT_NS_PER_MS);
    expect(gt_load_relaxed(&ran) != 0);
    R->syscall_exit();
    (void)arg;
}

static void *writes_later(void *arg)
{
    gt_sleep_ns(200 * GT_NS_PER_MS);
    expect(write(ends[1], "x", 1) == 1);
    return arg;
}

/* All Ps idle: sysmon sleeps; an M of the poller takes a P: nobody wakes sysmon, and no P
 * comes out of a system call any more. */
static void sysmon_wakes_with_the_first_p(void)
{
    if (pipe(ends) != 0)
        bail_out("pipe");
    pthread_t t = thread_of(writes_later, NULL);
    expect(R->run(runtime_new(1), blocks_after_idling, NULL) == 0);
    pthread_join(t, NULL);
}

/* ---- stacks ----- */
/* Parks with `fp` as its frame's saved frame pointer. */
static void parks_with_fp(void *fp)
{
    __asm__ volatile("" ::: "memory");
    ((void **)__builtin_frame_address(0))[0] = fp;
    R->park();
    __builtin_trap(); /* no way back from here */
}

static uint32_t frames_of(void *fp)
{
    uintptr_t pc[64];
    struct gt_trace_g_view v;
    struct gt_g *g = NULL;
    expect(gt_spawn(R->runtime(), parks_with_fp, fp, 0, 0, &g) == 0);
    while (gt_g_status(g) != GT_G_WAITING)
        R->yield();
    expect(host->suspend_g(host, &g->t, &v));
    uint32_t n = host->stack(host, &g->t, 0, pc, 64);
    host->resume_g(host, &g->t);
    return n;
}

static void walks(void *arg)
{
    (void)arg;
    static const intptr_t wild[] = {-16, -8, -1, 0, 8, INTPTR_MAX};
    for (size_t i = 0; i < sizeof wild / sizeof wild[0]; i++) {
        uint32_t n = frames_of((void *)wild[i]);
        expect(n > 0 && n < 16);
    }
}

/* fp + 16 wraps round to a small number and passes for one inside the stack. */
static void wild_frame_pointers(void)
{
    struct gt_tracer_ops t = tracer_of_scene();
    expect(R->run(runtime_with(2, &t, NULL), walks, NULL) == 0);
}

static uint64_t violations_of_stack(struct gt_g *g)
{
    uintptr_t pc[8];
    uint64_t before = gt_load_relaxed(&host->rt->violations);
    (void)host->stack(host, &g->t, 0, pc, 8);
    return gt_load_relaxed(&host->rt->violations) - before;
}

static void takes_own_stack(void *arg)
{
    (void)arg;
    struct gt_m *m = gt_pin();
    struct gt_g *g = gt_m_g(m);
    expect(violations_of_stack(g) == 0);
    gt_g_pretend_wait(m, GT_WAIT_STOP_WORLD);
    expect(violations_of_stack(g) == 0);
    gt_g_pretend_end(m);
    gt_g_pretend_wait(m, GT_WAIT_SYNC); /* as between the change of a park and its end */
    expect(violations_of_stack(g) == 1);
    gt_g_pretend_end(m);
    gt_unpin(m);
}

/* The M has changed its G out of Running and still has it as current; another may own the
 * stack by now. */
static void stack_after_running(void)
{
    struct gt_tracer_ops t = tracer_of_scene();
    unsetenv("GT_VIOLATION");
    expect(R->run(runtime_with(1, &t, NULL), takes_own_stack, NULL) == 0);
}

/* ---- calls one after the other ------------------------------------------------------------ */
static gt_a32 callers_left;
static gt_a32 calls_enough;

static void calls_without_end(void *arg)
{
    (void)arg;
    while (gt_load_relaxed(&calls_enough) == 0) {
        R->syscall_enter();
        gt_sleep_ns(3 * GT_NS_PER_MS);
        R->syscall_exit();
    }
    gt_sub_relaxed(&callers_left, 1u);
}

/* The first runs beside an idle P, so sysmon has come to sleep for 10 ms when the second takes that
 * P; from then on every P is in a call each time it looks, and in another one each time. */
static void callers_take_every_p(void *arg)
{
    (void)arg;
    gt_store_relaxed(&callers_left, 2u);
    for (int i = 0; i < 2; i++) {
        expect(R->go(calls_without_end, NULL) == 0);
        R->sleep(100 * GT_NS_PER_MS);
    }
    for (int i = 0; i < 10; i++)
        R->sleep(GT_NS_PER_MS);
    gt_store_relaxed(&calls_enough, 1u);
    while (gt_load_relaxed(&callers_left) != 0)
        R->sleep(GT_NS_PER_MS);
}

static void calls_end_slices_too(void)
{
    expect(R->run(runtime_with(2, NULL, NULL), callers_take_every_p, NULL) == 0);
}

static const struct scene scenes[] = {
    {calls_end_slices_too, "Gs that go from call to call leave their Ps to others", false},
    {signal_and_suspender, "a G stopped by signal at its checkpoint is not lost", true},
    {two_suspenders, "two suspenders that hold each other's Gs go on", false},
    {arriving_callback, "a P is not stolen from a callback that arrives on it", false},
    {sysmon_holds_the_list, "Gs in sysmon's hands are no deadlock", false},
    {sysmon_wakes_with_the_first_p, "sysmon wakes when a P is idle no more", false},
    {wild_frame_pointers, "a wild frame pointer ends the walk", false},
    {stack_after_running, "a stack taken after Running is a violation", false},
};

int main(void)
{
    const size_t n = sizeof scenes / sizeof scenes[0];
    plan((int)n);
    for (size_t i = 0; i < n; i++)
        run_scene(&scenes[i]);
    return done_testing();
}
