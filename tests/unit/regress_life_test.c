/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: labels=quick,reduced timeout=120 */
/* Scenes of mistakes once made in the life of runs, threads and callbacks: each fails
 * without its fix. The test stands between the runtime and two functions of the C library,
 * so that threads can fail to start and a wake can take long. */
#include <dlfcn.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include "gauntlet/journal.h"
#include "scenes.h"

/* ---- between the runtime and the C library ------------------------------------------- */
static gt_a32 no_threads, thread_failures;
static gt_a32 spare; /* starts that still succeed */
static gt_a32 slow_wake;
static __thread bool slow_here; /* this thread's wakes are the slow ones */
static gt_a64 real_create, real_syscall; /* any thread may be the first to look them up */

static void *next_of(gt_a64 *known, const char *name)
{
    uint64_t at = gt_load_relaxed(known);
    if (at == 0) {
        at = (uint64_t)(uintptr_t)dlsym(RTLD_NEXT, name);
        gt_store_relaxed(known, at);
    }
    return (void *)(uintptr_t)at;
}

int pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *arg)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    real = (__typeof__(real))next_of(&real_create, "pthread_create");
    uint32_t n = gt_load_relaxed(&spare);
    if (gt_load_relaxed(&no_threads) == 0 || (n > 0 && gt_cas_relaxed(&spare, &n, n - 1)))
        return real(t, a, fn, arg);
    gt_add_relaxed(&thread_failures, 1u);
    return EAGAIN;
}

long syscall(long n, ...)
{
    long (*real)(long, ...) = (__typeof__(real))next_of(&real_syscall, "syscall");
    long a[6];
    va_list ap;
    va_start(ap, n);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(ap, long);
    va_end(ap);
    if (n == SYS_futex && (a[1] & FUTEX_CMD_MASK) == FUTEX_WAKE && slow_here &&
        gt_load_relaxed(&slow_wake) != 0)
        gt_sleep_ns(50 * GT_NS_PER_MS);
    return real(n, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void nothing(void *arg)
{
    (void)arg;
}

static void counts(void *arg)
{
    R->sleep(20 * GT_NS_PER_MS);
    tell(arg);
}

static void returns_late(void *arg)
{
    (void)arg;
    R->sleep(200 * GT_NS_PER_MS);
}

/* ---- a foreign thread that leaves while the run ends ---------------------------------- */
struct leaving {
    struct gt_runtime *rt;
    gt_a32 inside, returned;
    int rc;
};

static struct leaving *leaver; /* for the tracer's op */

/* leave() of extra.c calls this: the end of the run comes here and wakes the M. */
static void waits_for_the_end(void *t, struct gt_task *g)
{
    (void)t, (void)g;
    struct gt_m *m = gt_tls_m();
    struct leaving *l = leaver;
    if (!l || !m || !m->extra)
        return;
    tell(&l->inside);
    for (int i = 0; i < 1000 && gt_load_relaxed(&l->rt->exiting) == 0; i++)
        gt_sleep_ns(GT_NS_PER_MS);
    gt_sleep_ns(20 * GT_NS_PER_MS);
}

static void *calls_once(void *arg)
{
    struct leaving *l = arg;
    l->rc = R->callback(l->rt, nothing, NULL);
    tell(&l->returned);
    return NULL;
}

static void ends_while_it_leaves(void *arg)
{
    struct leaving *l = arg;
    leaver = l;
    pthread_detach(thread_of(calls_once, l));
    while (gt_load_acquire(&l->inside) == 0) /* pair: test-flag */
        R->sleep(GT_NS_PER_MS);
}

/* Keeps the only P long enough for the callback to have to wait for it. */
static void holds_the_p(void *arg)
{
    struct leaving *l = arg;
    leaver = NULL;
    pthread_detach(thread_of(calls_once, l));
    spin_for(100 * GT_NS_PER_MS);
    while (gt_load_acquire(&l->returned) < 2) /* pair: test-flag */
        R->sleep(GT_NS_PER_MS);
}

/* The end of the run sets the park note of an M that is on its way out; in the next run the
 * same M takes it for a P. */
static void note_of_an_earlier_run(void)
{
    struct gt_tracer_ops tr = gt_tracer_none;
    tr.g_dies = waits_for_the_end;
    struct leaving l = {.rt = runtime_with(1, &tr, NULL), .rc = -1};
    expect(R->run(l.rt, ends_while_it_leaves, &l) == 0);
    expect(reaches(&l.returned, 1));
    expect(R->run(l.rt, holds_the_p, &l) == 0);
    expect(l.rc == 0);
}

/* Holds the lock so that others must sleep for it and be woken by who gives it up. */
static void *hogs_the_lock(void *arg)
{
    struct leaving *l = arg;
    while (gt_load_acquire(&l->returned) == 0) { /* pair: test-flag */
        gt_lock(&l->rt->sched_lock);
        gt_sleep_ns(200 * GT_NS_PER_US);
        gt_unlock(&l->rt->sched_lock);
        gt_sleep_ns(20 * GT_NS_PER_US);
    }
    return NULL;
}

static void enters(void *arg)
{
    tell(&((struct leaving *)arg)->inside);
    gt_store_relaxed(&slow_wake, 1u);
}

static void *calls_entering(void *arg)
{
    struct leaving *l = arg;
    slow_here = true;
    l->rc = R->callback(l->rt, enters, l);
    tell(&l->returned);
    return NULL;
}

static void ends_with_a_callback(void *arg)
{
    struct leaving *l = arg;
    pthread_detach(thread_of(calls_entering, l));
    while (gt_load_acquire(&l->inside) == 0) /* pair: test-flag */
        R->sleep(GT_NS_PER_MS);
}

/* The foreign thread is out, and the run over, before it has counted its callback in a
 * runtime that may be gone. */
static void counted_before_it_left(void)
{
    for (int i = 0; i < (GT_TSAN || GT_ASAN ? 6 : 15) && gt_load_relaxed(&bad) == 0; i++) {
        struct gt_runtime_stats st;
        struct leaving l = {.rt = runtime_new(2)};
        gt_store_relaxed(&slow_wake, 0u);
        pthread_t hog[2] = {thread_of(hogs_the_lock, &l), thread_of(hogs_the_lock, &l)};
        expect(R->run(l.rt, ends_with_a_callback, &l) == 0);
        R->stats(l.rt, &st);
        expect(st.callbacks == 1);
        expect(reaches(&l.returned, 1));
        pthread_join(hog[0], NULL);
        pthread_join(hog[1], NULL);
    }
}

/* ---- callbacks while a run begins ------------------------------------------------------- */
#define RUNS (GT_TSAN || GT_ASAN ? 150 : 500)

struct early {
    struct gt_runtime *rt;
    gt_a32 stop, ran;
    gt_a32 refused;
};

static void *calls_all_the_time(void *arg)
{
    struct early *e = arg;
    while (gt_load_relaxed(&e->stop) == 0) {
        R->expect_callbacks(e->rt, 1);
        (void)R->callback(e->rt, nothing, NULL);
        R->expect_callbacks(e->rt, -1);
    }
    return NULL;
}

static void main_ran(void *arg)
{
    struct early *e = arg;
    tell(&e->ran);
    R->sleep(100 * GT_NS_PER_US);
}

/* The foreign thread leaves before the first G is there: nothing runs and nothing can. */
static void before_the_first_g(void)
{
    struct early e = {.rt = runtime_new(4)};
    pthread_t t = thread_of(calls_all_the_time, &e);
    for (int i = 0; i < RUNS; i++)
        expect(R->run(e.rt, main_ran, &e) == 0);
    gt_store_relaxed(&e.stop, 1u);
    pthread_join(t, NULL);
    expect(gt_load_relaxed(&e.ran) == RUNS);
}

static void *calls_for_main(void *arg)
{
    struct early *e = arg;
    if (R->callback(e->rt, nothing, NULL) != 0)
        tell(&e->refused);
    tell(&e->ran);
    return NULL;
}

static void main_is_called_back(void *arg)
{
    struct early *e = arg;
    pthread_detach(thread_of(calls_for_main, e));
    uint32_t n = gt_load_relaxed(&e->stop);
    while (gt_load_acquire(&e->ran) <= n) /* pair: test-flag */
        R->sleep(50 * GT_NS_PER_US);
}

/* The first G runs, and a thread that it makes calls back, before the thread in run() has
 * opened the run. */
static void from_the_first_g(void)
{
    struct early e = {.rt = runtime_new(4)};
    for (uint32_t i = 0; i < RUNS; i++) {
        gt_store_relaxed(&e.stop, i);
        expect(R->run(e.rt, main_is_called_back, &e) == 0);
    }
    expect(gt_load_relaxed(&e.refused) == 0);
}

/* ---- signals on foreign threads -------------------------------------------------------------- */
static bool preempt_blocked(void)
{
    sigset_t s;
    pthread_sigmask(SIG_BLOCK, NULL, &s);
    return sigismember(&s, gt_signal_preempt()) == 1;
}

struct foreign {
    struct gt_runtime *rt;
    gt_a32 in, stop, out;
    bool blocks, before, after;
};

static void spins_in_callback(void *arg)
{
    struct foreign *f = arg;
    R->async_preempt(true);
    tell(&f->in);
    while (gt_load_relaxed(&f->stop) == 0)
        ;
    R->async_preempt(false);
}

static void *calls_and_spins(void *arg)
{
    struct foreign *f = arg;
    sigset_t all;
    sigfillset(&all);
    if (f->blocks)
        pthread_sigmask(SIG_BLOCK, &all, NULL);
    f->before = preempt_blocked();
    (void)R->callback(f->rt, spins_in_callback, f);
    f->after = preempt_blocked();
    tell(&f->out);
    return NULL;
}

static void ends_under_it(void *arg)
{
    struct foreign *f = arg;
    pthread_detach(thread_of(calls_and_spins, f));
    while (gt_load_acquire(&f->in) == 0) /* pair: test-flag */
        R->yield();
    R->sleep(30 * GT_NS_PER_MS);
}

/* The end of the run stops the G inside the handler and leaves the thread from there, with
 * the signal blocked. */
static void leaves_from_the_handler(void)
{
    struct foreign f = {.rt = runtime_new(2)};
    expect(R->run(f.rt, ends_under_it, &f) == 0);
    gt_store_relaxed(&f.stop, 1u);
    expect(reaches(&f.out, 1));
    expect(!f.before && !f.after);
}

static void stops_it(void *arg)
{
    struct foreign *f = arg;
    pthread_detach(thread_of(calls_and_spins, f));
    while (gt_load_acquire(&f->in) == 0) /* pair: test-flag */
        R->yield();
    R->stop_world(GT_WORLD_TEST);
    R->start_world();
    gt_store_relaxed(&f->stop, 1u);
    while (gt_load_acquire(&f->out) == 0) /* pair: test-flag */
        R->sleep(GT_NS_PER_MS);
}

/* A stop waits for a G whose thread never lets the signal in. */
static void thread_that_blocks_signals(void)
{
    struct foreign f = {.rt = runtime_new(2), .blocks = true};
    expect(R->run(f.rt, stops_it, &f) == 0);
    expect(f.before && f.after);
}

/* ---- threads ----- */
static uint32_t ms_made(struct gt_runtime *rt)
{
    uint32_t n = 0;
    gt_lock(&rt->sched_lock);
    for (struct gt_m *m = rt->all_ms; m; m = m->all_next)
        n++;
    gt_unlock(&rt->sched_lock);
    return n;
}

static void ends_locked(void *arg)
{
    R->lock_thread();
    if (arg)
        R->wg_done(arg);
}

static void coroutines_end_locked(void *arg)
{
    struct gt_runtime_stats s;
    (void)arg;
    for (int i = 0; i < 50; i++) {
        struct gt_coro *c = R->coro_new(ends_locked, NULL);
        R->coro_switch(c);
        R->coro_free(c);
    }
    int64_t end = R->now() + 10 * GT_NS_PER_S; /* a busy machine ends threads late */
    do {
        R->sleep(5 * GT_NS_PER_MS);
        R->stats(R->runtime(), &s);
    } while (s.ms_now >= 10 && R->now() < end);
    expect(s.ms_now < 10);
}

/* The M keeps the ended G as its locked one and waits for it for ever. */
static void locked_coroutines(void)
{
    expect(R->run(runtime_new(2), coroutines_end_locked, NULL) == 0);
}

static void gs_end_locked(void *arg)
{
    struct gt_wg *wg = R->wg_new();
    (void)arg;
    for (int i = 0; i < 400; i++) {
        R->wg_add(wg, 1);
        expect(R->go(ends_locked, wg) == 0);
        R->wg_wait(wg);
    }
    R->sleep(20 * GT_NS_PER_MS);
    expect(ms_made(R->runtime()) < 200);
}

/* The thread has ended, but its stack and its M stay until the run ends. */
static void locked_threads_are_joined(void)
{
    expect(R->run(runtime_new(2), gs_end_locked, NULL) == 0);
}

static void *threads_again(void *arg)
{
    gt_sleep_ns(100 * GT_NS_PER_MS);
    gt_store_relaxed(&no_threads, 0u);
    return arg;
}

static void hands_off_without_threads(void *arg)
{
    struct gt_wg *wg = R->wg_new();
    R->wg_add(wg, 1);
    R->lock_thread();
    pthread_detach(thread_of(threads_again, NULL));
    gt_store_relaxed(&no_threads, 1u);
    expect(R->go(ends_locked, wg) == 0);
    R->wg_wait(wg); /* the P needs another M */
    (void)arg;
}

/* The P goes back to the idle ones with work for it, and sysmon sleeps. */
static void work_survives_failing_threads(void)
{
    expect(R->run(runtime_new(1), hands_off_without_threads, NULL) == 0);
    expect(gt_load_relaxed(&thread_failures) > 0);
}

static void *threads_after_many(void *arg)
{
    for (int i = 0; i < 10000 && gt_load_relaxed(&thread_failures) < 100; i++)
        gt_sleep_ns(GT_NS_PER_MS);
    gt_store_relaxed(&no_threads, 0u);
    return arg;
}

static void fails_many_times(void *arg)
{
    struct gt_wg *wg = R->wg_new();
    (void)arg;
    pthread_detach(thread_of(threads_after_many, NULL));
    R->wg_add(wg, 8);
    gt_store_relaxed(&no_threads, 1u);
    for (int i = 0; i < 8; i++) /* more than there are Ms: each takes one with it */
        expect(R->go(ends_locked, wg) == 0);
    R->wg_wait(wg);
    expect(gt_load_relaxed(&thread_failures) >= 100);
    expect(ms_made(R->runtime()) < 20);
}

/* Each try takes a new M struct and leaves it on the list of all. */
static void failing_threads_leave_nothing(void)
{
    expect(R->run(runtime_new(2), fails_many_times, NULL) == 0);
}

/* That a thread was started in an earlier run says nothing about this one. */
static void no_thread_at_all(void)
{
    struct gt_runtime *rt = runtime_new(2);
    expect(R->run(rt, nothing, NULL) == 0);
    for (uint32_t i = 0; i < 2; i++) { /* not even sysmon; sysmon but no M */
        gt_store_relaxed(&spare, i);
        gt_store_relaxed(&no_threads, 1u);
        expect(R->run(rt, nothing, NULL) == -EAGAIN);
        gt_store_relaxed(&no_threads, 0u);
        expect(R->run(rt, nothing, NULL) == 0);
    }
}

/* ---- the journal ----- */
#define JOURNAL_CAP 1024u
#define CALLBACKS 4000

static void counts_entry(const struct gt_jentry *e, void *arg)
{
    (void)e;
    ++*(uint64_t *)arg;
}

static void *calls_many_times(void *arg)
{
    struct early *e = arg;
    for (int i = 0; i < CALLBACKS; i++)
        (void)R->callback(e->rt, nothing, NULL);
    tell(&e->stop);
    return NULL;
}

static void is_called_many_times(void *arg)
{
    struct early *e = arg;
    pthread_detach(thread_of(calls_many_times, e));
    while (gt_load_acquire(&e->stop) == 0) /* pair: test-flag */
        R->sleep(GT_NS_PER_MS);
}

/* Each callback leaves its entries behind as an M that left, and none counts against the
 * limit of one M. */
static void journal_of_callbacks(void)
{
    uint64_t kept = 0, lost = 0;
    struct early e = {.rt = runtime_new(2)};
    gt_journal_enable(e.rt, JOURNAL_CAP);
    expect(R->run(e.rt, is_called_many_times, &e) == 0);
    gt_journal_each(e.rt, counts_entry, &kept, &lost);
    expect(lost > 0 && kept < 8 * JOURNAL_CAP);
}

/* ---- interrupt ----- */
static void interrupts_itself(void *arg)
{
    R->interrupt(arg);
    R->interrupt(arg);
    R->sleep(GT_NS_PER_S);
}

/* One given before a run ends that run and no other, however often it was given. */
static void interrupts(void)
{
    struct gt_runtime *rt = runtime_new(2);
    gt_a32 ran = {0};
    R->interrupt(rt);
    R->interrupt(rt);
    expect(R->run(rt, returns_late, NULL) == -EINTR);
    expect(R->run(rt, counts, &ran) == 0);
    expect(R->run(rt, interrupts_itself, rt) == -EINTR);
    expect(R->run(rt, counts, &ran) == 0);
    R->interrupt(rt); /* after the end: for the next */
    expect(R->run(rt, returns_late, NULL) == -EINTR);
    expect(gt_load_relaxed(&ran) == 2);
    R->destroy(rt);
}

static const struct scene scenes[] = {
    {note_of_an_earlier_run, "a wake of one run is not taken for a P in the next", false},
    {counted_before_it_left, "a callback is counted before its thread is out", false},
    {before_the_first_g, "callbacks while a run begins are no deadlock", false},
    {from_the_first_g, "a thread that the first G made may call back", false},
    {leaves_from_the_handler, "no signal stays blocked after a callback", true},
    {thread_that_blocks_signals, "a foreign thread that blocks signals is stopped too", true},
    {locked_coroutines, "the thread of a coroutine that ends locked ends", false},
    {locked_threads_are_joined, "threads of Gs that end locked are given back", false},
    {work_survives_failing_threads, "work waits for threads that cannot be made yet", false},
    {failing_threads_leave_nothing, "failing starts of threads leave no M behind", false},
    {no_thread_at_all, "a run without any thread says so, and the next one runs", false},
    {journal_of_callbacks, "the journal is bounded over many callbacks", false},
    {interrupts, "an interrupt ends one run, whenever it was given", false},
};

int main(void)
{
    const size_t n = sizeof scenes / sizeof scenes[0];
    plan((int)n);
    for (size_t i = 0; i < n; i++)
        run_scene(&scenes[i]);
    return done_testing();
}
