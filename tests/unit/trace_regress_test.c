/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: timeout=120 */
/*
 * Scenes in which the tracers, or the core's calls of them, were wrong once. Each fails
 * without its fix. Where a race needs an M to stand still at one place, the scene's tracer is
 * gen with an acquire that is slow there.
 */
#include <pthread.h>
#include <unistd.h>

#include "in_runtime.h"
#include "memory_trace.h"
#include "trace/wire_decode.h"

extern const struct gt_tracer_ops gt_tracer_gen, gt_tracer_locked;

static const struct gt_tracer_ops *tracer;
static enum gt_syscall_model model;
static struct memory_trace trace;
static struct gt_check_result result;

static struct gt_runtime *traced_runtime(int32_t procs)
{
    struct gt_config c;
    struct gt_runtime *rt = NULL;
    char err[160] = "";
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_worksteal;
    c.tracer = tracer;
    c.procs = procs;
    c.syscalls = model;
    if (R->create(&c, &rt, err, sizeof err) != 0)
        bail_out("create: %s", err);
    gt_store_relaxed(&bad, 0u);
    return rt;
}

static void start_to(struct gt_trace_sink *sink, int64_t period, uint32_t header)
{
    struct gt_trace_options o = {.sink = sink, .period_ns = period, .header = header};
    trace.n = trace.complete = 0;
    expect(R->trace_start(&o) == 0);
}

static void start(int64_t period, uint32_t header)
{
    static struct gt_trace_sink sink;
    sink = memory_trace_sink(&trace);
    start_to(&sink, period, header);
}

static void check(void)
{
    expect(memory_trace_check(&trace, trace.n, &result) == 0);
}

static void stop_and_check(void)
{
    expect(R->trace_stop() == 0);
    check();
}

/* ---- load ------------------------------------------------------------------------------ */
static struct gt_wg *wg;
static gt_a32 enough;

static void short_calls(void *arg)
{
    (void)arg;
    while (gt_load_relaxed(&enough) == 0) {
        R->syscall_enter();
        usleep(50);
        R->syscall_exit();
        R->yield();
    }
    R->wg_done(wg);
}

static void many_short_calls(int gs, int64_t ns)
{
    gt_store_relaxed(&enough, 0u);
    wg = R->wg_new();
    for (int i = 0; i < gs; i++) {
        R->wg_add(wg, 1);
        expect(R->go(short_calls, NULL) == 0);
    }
    R->sleep(ns);
    gt_store_relaxed(&enough, 1u);
    R->wg_wait(wg);
    R->wg_free(wg);
}

static void some_generations(void *arg)
{
    (void)arg;
    start(0, 0);
    many_short_calls(2, 2000000);
    stop_and_check();
}

/* ---- births withheld by header 1.22 ------------------------------------------------------ */
static void coro_body(void *arg)
{
    for (int i = 0; i < 3; i++)
        R->coro_switch(*(struct gt_coro **)arg);
}

/* The other side of a coroutine on a locked thread is made ready, not switched to. */
static void born_by_ready(void *arg)
{
    struct gt_coro *c;
    (void)arg;
    start(0, 122);
    many_short_calls(1, 2000000); /* past the first generation */
    c = R->coro_new(coro_body, &c);
    R->lock_thread();
    while (R->coro_switch(c))
        R->yield();
    R->unlock_thread();
    R->coro_free(c);
    many_short_calls(1, 1000000);
    stop_and_check();
}

/* Withheld in one trace: in the next the G was there from the beginning. */
static void born_in_another_trace(void *arg)
{
    static const uint32_t later[] = {123, 122, 126};
    (void)arg;
    for (int i = 0; i < 3; i++) {
        struct gt_coro *c;
        start(-1, 122);
        c = R->coro_new(coro_body, &c);
        stop_and_check();
        start(0, later[i]);
        many_short_calls(1, 2000000);
        expect(R->coro_switch(c));
        many_short_calls(1, 1000000);
        stop_and_check();
        start(0, 122);
        many_short_calls(1, 2000000);
        while (R->coro_switch(c))
            ;
        R->coro_free(c);
        stop_and_check();
    }
}

/* ---- annotations ---------------------------------------------------------------------------- */
static void inside_a_system_call(void *arg)
{
    (void)arg;
    start(-1, 0);
    R->syscall_enter();
    R->log(1, "key", "inside");
    R->region_begin(1, "inside");
    R->syscall_exit();
    R->log(1, "key", "outside");
    stop_and_check();
    expect(result.stats.by_event[GT_EV_USER_LOG] == 1);
}

/* ---- runs that end ------------------------------------------------------------------------ */
static struct gt_runtime *the_runtime;

/* Takes nothing until the run has ended. */
static int64_t write_at_the_end(void *arg, const void *data, size_t n)
{
    (void)arg;
    (void)data;
    while (gt_load_relaxed(&the_runtime->exiting) == 0)
        usleep(500);
    return (int64_t)n;
}

static void stopper(void *arg)
{
    (void)arg;
    R->trace_stop();
    expect(false); /* the run ends first */
}

static void ends_inside_a_stop(void *arg)
{
    struct gt_trace_sink sink = {.write = write_at_the_end};
    (void)arg;
    the_runtime = R->runtime();
    start_to(&sink, -1, 0);
    expect(R->go(stopper, NULL) == 0);
    while (gt_load_relaxed(&the_runtime->trace_on) != 0)
        R->yield();
}

static void stop_of_an_ended_run(int32_t procs)
{
    struct gt_runtime *rt = traced_runtime(procs);
    int rc = R->run(rt, ends_inside_a_stop, NULL);
    if (rc == 0)
        rc = R->run(rt, some_generations, NULL);
    runtime_end(rt, procs, "a run that ends while a goroutine stops the trace", rc);
}

/* Until the thread in run() has made the G that ends the run. */
static void interrupt_and_wait(struct gt_runtime *rt)
{
    uint64_t before = gt_load_relaxed(&rt->count.spawned);
    R->interrupt(rt);
    while (gt_load_relaxed(&rt->count.spawned) == before)
        usleep(100);
}

static gt_a32 stopped;
static void interrupted_in_a_trace(void *arg)
{
    (void)arg;
    start(-1, 0);
    gt_store_relaxed(&stopped, 0u);
    interrupt_and_wait(R->runtime());
    expect(R->trace_stop() == 0);
    gt_store_relaxed(&stopped, 1u);
    R->sleep(10000000000);
}

/* That G stands in the trace, made by a thread that has no P. */
static void made_without_a_p(int32_t procs)
{
    struct gt_runtime *rt = traced_runtime(procs);
    int rc = -EINTR;
    for (int i = 0; i < 50 && rc == -EINTR; i++) {
        rc = R->run(rt, interrupted_in_a_trace, NULL);
        if (gt_load_relaxed(&stopped))
            break; /* else it ran before the trace was out */
    }
    if (gt_load_relaxed(&stopped)) {
        check();
        expect(result.stats.by_event[GT_EV_GO_CREATE_SYSCALL] == 1);
    } else {
        diag("the trace never ended before the run");
    }
    runtime_end(rt, procs, "a goroutine made by a thread without a P", rc == -EINTR ? 0 : rc);
}

static void interrupted_with_the_trace_on(void *arg)
{
    (void)arg;
    start(-1, 0);
    interrupt_and_wait(R->runtime());
    R->sleep(10000000000);
}

/* That thread's M has a buffer when the run is over. */
static void buffer_of_an_ended_run(int32_t procs)
{
    struct gt_runtime *rt = traced_runtime(procs);
    int rc = 0;
    for (int i = 0; i < 3 && rc == 0; i++) {
        rc = R->run(rt, interrupted_with_the_trace_on, NULL);
        rc = rc == -EINTR ? R->run(rt, some_generations, NULL) : rc;
    }
    runtime_end(rt, procs, "a trace after an interrupted run that ended with one", rc);
}

/* ---- no memory ----------------------------------------------------------------------------- */
static gt_a32 calls, fail_at; /* fails at that call, */
static bool fail_once;        /* or from then on */
static void *(*real_map)(size_t size);
static void *failing_map(size_t size)
{
    uint32_t n = gt_add_relaxed(&calls, 1u), at = gt_load_relaxed(&fail_at);
    return n == at || (n > at && !fail_once) ? NULL : real_map(size);
}

/* Whole generations stay a trace whichever mapping fails, and what is not whole says so. */
static int failures;
static void no_memory_once(void *arg)
{
    struct gt_runtime *rt = arg;
    real_map = rt->os.map_pages;
    rt->os.map_pages = failing_map;
    start(0, 126);
    many_short_calls(2, 300000);
    int rc = R->trace_stop();
    rt->os.map_pages = real_map;
    expect(rc == 0 || rc == -ENOMEM);
    failures += rc != 0;
    if (trace.complete)
        expect(memory_trace_check(&trace, trace.complete, &result) == 0);
    expect(rc != 0 || trace.complete == trace.n);
    some_generations(NULL);
}

static void no_memory(int32_t procs)
{
    uint64_t violations = 0;
    bool good = true;
    failures = 0;
    for (uint32_t n = 0; n < 32; n++) {
        struct gt_runtime *rt = traced_runtime(procs);
        struct gt_runtime_stats s;
        gt_store_relaxed(&calls, 0u);
        gt_store_relaxed(&fail_at, n / 2);
        fail_once = n % 2;
        good = good && R->run(rt, no_memory_once, rt) == 0 && gt_load_relaxed(&bad) == 0;
        R->stats(rt, &s);
        violations += s.violations;
        R->destroy(rt);
    }
    ok(good && violations == 0 && failures >= 4, "no memory at any mapping (%d failed)", failures);
}

/* ---- a thief that is slow -------------------------------------------------------------------- */
static struct gt_tracer_ops slow;

/* Between acquire and the change of a status, by an M without a P: a thief, one that returns
 * from a system call, a thread that calls in. With the trace on, or just not yet on. */
static bool slow_when_on;
static bool without_p(struct gt_mach *mach)
{
    struct gt_m *m = (struct gt_m *)(void *)mach;
    if (m == m->rt->sysmon_m || (m->extra && !m->t.g))
        return true;
    return model == GT_SYSCALLS_STATUS && m->t.g && gt_g_status(gt_m_g(m)) == GT_G_SYSCALL;
}

static gt_tok slow_acquire(void *t, struct gt_mach *m)
{
    gt_tok tok = gt_tracer_gen.acquire(t, m);
    if (gt_tok_on(tok) == slow_when_on && without_p(m))
        usleep(slow_when_on ? 1500 : 4000);
    return tok;
}

/* A section older than the system call that a P is taken from put the steal before it. */
/* The generation is stored; it has begun, and nobody ends it before the scene does. */
static gt_a32 gen_stored, gen_begun, gen_ends;
static void waits_when_begun(const struct gt_tracer_host *h, uint32_t point)
{
    (void)h;
    if (point == GT_PERTURB_advance_stored)
        gt_store_relaxed(&gen_stored, 1u);
    if (point == GT_PERTURB_advance_done && gt_load_relaxed(&gen_stored) != 0) {
        gt_store_relaxed(&gen_begun, 1u);
        while (gt_load_relaxed(&gen_ends) == 0)
            usleep(50);
        usleep(2000); /* the scene is on its way into the stop */
    }
}

/* Who stops the trace did nothing in its last generation. */
static void stops_without_an_event(void *arg)
{
    struct gt_runtime *rt = arg;
    rt->tracer_host.perturb = waits_when_begun;
    for (int i = 0; i < scale(20); i++) {
        gt_store_relaxed(&gen_stored, 0u);
        gt_store_relaxed(&gen_begun, 0u);
        gt_store_relaxed(&gen_ends, 0u);
        start(0, 0);
        while (gt_load_relaxed(&gen_stored) == 0)
            R->checkpoint();
        while (gt_load_relaxed(&gen_begun) == 0)
            gt_cpu_relax();
        gt_store_relaxed(&gen_ends, 1u);
        stop_and_check();
    }
}

static void old_section_steals(void *arg)
{
    (void)arg;
    slow_when_on = true;
    for (int i = 0; i < scale(14); i++) {
        start(0, 0);
        many_short_calls(6, 25000000);
        stop_and_check();
    }
}

static void called_back(void *arg)
{
    (void)arg;
}

static void *calls_in(void *rt)
{
    while (gt_load_relaxed(&enough) == 0) {
        expect(R->callback(rt, called_back, NULL) == 0);
        usleep(300);
    }
    return NULL;
}

/* A trace began, and ended a generation, between a thread's look whether there is one and the
 * change of its G. The hint is on all the time, as it may be, so that acquire is called. */
static void thread_calls_in_as_it_starts(void *arg)
{
    struct gt_runtime *rt = arg;
    pthread_t th[4];
    slow_when_on = false;
    gt_store_relaxed(&enough, 0u);
    R->expect_callbacks(rt, 4);
    for (int i = 0; i < 4; i++)
        expect(pthread_create(&th[i], NULL, calls_in, rt) == 0);
    for (int i = 0; i < scale(8); i++) {
        gt_store_release(&rt->trace_on, 1u); /* pair: trace-on */
        R->sleep(3000000);
        start(0, 0);
        R->sleep(12000000);
        stop_and_check();
    }
    gt_store_relaxed(&enough, 1u);
    R->syscall_enter_blocking();
    for (int i = 0; i < 4; i++)
        pthread_join(th[i], NULL);
    R->syscall_exit();
    R->expect_callbacks(rt, -4);
}

/* ---- sections ----------------------------------------------------------------------------------- */
/* A section inside a section belongs to the generation of the first, though the next has
 * begun; and that one's end waits for the outermost. */
static gt_a32 held, advanced;
static void advances(void *arg)
{
    struct gt_runtime *rt = arg;
    while (gt_load_acquire(&held) == 0) /* pair: test-held */
        R->yield();
    expect(rt->tracer->advance(rt->tracer_state) == 0);
    gt_store_release(&advanced, 1u); /* pair: test-advanced */
}

static void nested_over_a_switch(void *arg)
{
    struct gt_runtime *rt = arg;
    start(-1, 0);
    gt_store_relaxed(&advanced, 0u);
    gt_store_relaxed(&held, 0u);
    expect(R->go(advances, rt) == 0);
    R->syscall_enter(); /* an M with a P would have to let the advance in first */
    struct gt_m *m = gt_tls_m();
    gt_tok outer = gt_trace_acquire(m);
    gt_store_release(&held, 1u); /* pair: test-held */
    while (gt_load_relaxed(&rt->generation) == outer.v)
        usleep(100);
    gt_tok inner = gt_trace_acquire(m);
    expect(inner.v == outer.v && gt_load_relaxed(&rt->generation) != inner.v);
    gt_trace_release(m, inner);
    usleep(2000);
    expect(gt_load_acquire(&advanced) == 0); /* pair: test-advanced */
    gt_trace_release(m, outer);
    expect(gt_load_relaxed(&m->t.section.mark) == 0);
    R->syscall_exit();
    while (gt_load_acquire(&advanced) == 0) /* pair: test-advanced */
        R->yield();
    stop_and_check();
}

/* The hint is on while no trace is: no section begins, and none is left open. */
static void hint_without_a_trace(void *arg)
{
    struct gt_runtime *rt = arg;
    uint32_t hint = rt->core_sections ? GT_TRACE_INLINE : GT_TRACE_ASK;
    for (int i = 0; i < scale(10); i++) {
        gt_store_relaxed(&rt->trace_on, hint);
        struct gt_m *m = gt_pin();
        gt_tok tok = gt_trace_acquire(m);
        expect(!gt_tok_on(tok));
        gt_trace_release(m, tok);
        expect(gt_load_relaxed(&m->t.section.mark) == 0);
        gt_unpin(m);
        many_short_calls(3, 300000);
        start(0, 0);
        many_short_calls(3, 300000);
        stop_and_check();
    }
}

/* Every annotation is in the trace, once: written by Gs that a signal stops anywhere, by Ms
 * that end, by threads that call in, while one generation follows the other. */
static gt_a64 said;
static void says(void)
{
    R->log(1, "key", "said");
    gt_add_relaxed(&said, 1u);
}

static void says_on_and_on(void *arg)
{
    (void)arg;
    R->async_preempt(true);
    while (gt_load_relaxed(&enough) == 0) {
        for (int i = 0; i < 200; i++)
            says(); /* no checkpoint in here: who wants the P sends a signal */
        R->yield();
    }
    R->async_preempt(false);
    R->wg_done(wg);
}

static void says_and_ends_its_m(void *arg)
{
    (void)arg;
    R->lock_thread();
    says();
    R->wg_done(wg);
}

static void calls_and_says(void *arg)
{
    (void)arg;
    says();
}

static void *calls_in_once(void *rt)
{
    expect(R->callback(rt, calls_and_says, NULL) == 0);
    return NULL;
}

static void call_in_once(struct gt_runtime *rt)
{
    pthread_t th;
    R->expect_callbacks(rt, 1);
    expect(pthread_create(&th, NULL, calls_in_once, rt) == 0);
    R->syscall_enter_blocking();
    pthread_join(th, NULL);
    R->syscall_exit();
    R->expect_callbacks(rt, -1);
}

static void every_word_once(void *arg)
{
    struct gt_runtime *rt = arg;
    gt_store_relaxed(&enough, 0u);
    gt_store_relaxed(&said, 0u);
    start(0, 0);
    wg = R->wg_new();
    for (int i = 0; i < 3; i++) {
        R->wg_add(wg, 1);
        expect(R->go(says_on_and_on, NULL) == 0);
    }
    for (int i = 0; i < scale(12); i++) {
        R->wg_add(wg, 1);
        expect(R->go(says_and_ends_its_m, NULL) == 0);
        call_in_once(rt);
        R->yield();
    }
    gt_store_relaxed(&enough, 1u);
    R->wg_wait(wg);
    R->wg_free(wg);
    stop_and_check();
    expect(result.stats.by_event[GT_EV_USER_LOG] == gt_load_relaxed(&said));
}

/* ---- changes right after the end ----------------------------------------------------------- */
/* What the trace's statuses say of a G, GT_WIRE_G_COUNT: nothing. */
static uint64_t told_in(const struct gt_batch *b, uint64_t id, uint64_t told)
{
    struct gt_event ev;
    for (const uint8_t *p = b->data, *end = p + b->size; p && p < end;) {
        p = gt_decode_event(p, end, &ev);
        if (p && (ev.type == GT_EV_GO_STATUS || ev.type == GT_EV_GO_STATUS_STACK) &&
            ev.args[0] == id)
            told = ev.args[2];
    }
    return told;
}

static uint64_t status_told(uint64_t id)
{
    struct memory_cursor c = {trace.data, trace.n};
    struct gt_source src = {memory_cursor_read, &c};
    const struct gt_generation *g;
    struct gt_reader *r;
    struct gt_read_error err;
    uint64_t told = GT_WIRE_G_COUNT;
    if (gt_reader_open(&src, &r, &err) != 0)
        return told;
    while (gt_reader_next(r, &g) == 1)
        for (size_t i = 0; i < g->n_batches; i++)
            told = told_in(&g->batches[i], id, told);
    gt_reader_close(r);
    return told;
}

static struct gt_g *in_call;
static gt_a32 call_began, call_ends;
static gt_a64 came; /* id of the G of the thread that calls in */

static void one_call(void *arg)
{
    (void)arg;
    in_call = gt_m_g(gt_tls_m());
    R->syscall_enter();
    gt_store_release(&call_began, 1u); /* pair: test-call */
    while (gt_load_relaxed(&call_ends) == 0)
        usleep(100);
    R->syscall_exit();
    R->wg_done(wg);
}

static void *calls_in_late(void *rt)
{
    while (gt_load_relaxed(&call_ends) == 0)
        usleep(100);
    expect(R->callback(rt, called_back, NULL) == 0);
    return NULL;
}

static void look_who_came(struct gt_task *t, void *arg)
{
    struct gt_g *g = gt_g_of(t);
    (void)arg;
    uint64_t w = gt_load_acquire(&t->status); /* pair: gstatus */
    if (gt_status_of(w) == GT_G_RUNNABLE && (g->flags & GT_GF_EXTRA))
        gt_store_relaxed(&came, t->id);
}

/* The world is stopped and the generation has just ended: what has no P goes on. */
static void (*real_stored)(const struct gt_tracer_host *h, uint64_t w);
static void changes_now(const struct gt_tracer_host *h, uint64_t w)
{
    if (real_stored)
        real_stored(h, w);
    if (w != 0)
        return;
    gt_store_relaxed(&call_ends, 1u);
    while (gt_g_status(in_call) == GT_G_SYSCALL || gt_load_relaxed(&came) == 0) {
        usleep(100);
        h->each_g(h, look_who_came, NULL);
    }
}

/* The call lasted all through the trace, and the thread came after it. */
static void changes_after_the_end(void *arg)
{
    struct gt_runtime *rt = arg;
    pthread_t th;
    gt_store_relaxed(&call_began, 0u);
    gt_store_relaxed(&call_ends, 0u);
    gt_store_relaxed(&came, 0u);
    R->expect_callbacks(rt, 1);
    expect(pthread_create(&th, NULL, calls_in_late, rt) == 0);
    wg = R->wg_new();
    R->wg_add(wg, 1);
    expect(R->go(one_call, NULL) == 0);
    while (gt_load_acquire(&call_began) == 0) /* pair: test-call */
        R->yield();
    real_stored = rt->tracer_host.stored;
    rt->tracer_host.stored = changes_now;
    start(-1, 0);
    stop_and_check();
    R->wg_wait(wg);
    R->wg_free(wg);
    R->syscall_enter_blocking();
    pthread_join(th, NULL);
    R->syscall_exit();
    R->expect_callbacks(rt, -1);
    expect(status_told(in_call->t.id) == GT_WIRE_G_SYSCALL);
    expect(status_told(gt_load_relaxed(&came)) == GT_WIRE_G_COUNT);
}

/* ---- all ---------------------------------------------------------------------------------------- */
static void scene(gt_fn fn, int32_t procs, const char *what)
{
    struct gt_runtime *rt = traced_runtime(procs);
    runtime_end(rt, procs, what, R->run(rt, fn, rt));
}

int main(void)
{
    static const struct gt_tracer_ops *const tracers[] = {&gt_tracer_gen, &gt_tracer_locked};
    plan(2 * 7 + 1 + 2 + 2 * 2 + 2 * 3);
    for (int t = 0; t < 2; t++) {
        tracer = tracers[t];
        model = GT_SYSCALLS_SCANBIT;
        scene(born_by_ready, 2, "a birth withheld, then made ready");
        scene(born_in_another_trace, 2, "a birth withheld in another trace");
        scene(inside_a_system_call, 2, "an annotation inside a system call");
        no_memory(2);
        stop_of_an_ended_run(2);
        made_without_a_p(1);
        buffer_of_an_ended_run(1);
    }
    tracer = &gt_tracer_gen;
    scene(stops_without_an_event, 2, "a trace is stopped by who has no event in its last generation");
    tracer = &gt_tracer_locked; /* gen ends with no world stopped */
    for (int m = 0; m < 2; m++) {
        model = m ? GT_SYSCALLS_STATUS : GT_SYSCALLS_SCANBIT;
        scene(changes_after_the_end, 2, m ? "what changes right after the end, status"
                                          : "what changes right after the end, scanbit");
    }
    slow = gt_tracer_gen;
    slow.head.flags &= ~(uint64_t)GT_TRACER_CORE_SECTIONS; /* so that acquire is called */
    slow.acquire = slow_acquire;
    tracer = &slow;
    for (int m = 0; m < 2; m++) {
        model = m ? GT_SYSCALLS_STATUS : GT_SYSCALLS_SCANBIT;
        scene(old_section_steals, 4, m ? "a slow thief, status" : "a slow thief, scanbit");
        scene(thread_calls_in_as_it_starts, 4, m ? "a thread that calls in as a trace starts, status"
                                                 : "a thread that calls in as a trace starts, scanbit");
    }
    static struct gt_tracer_ops asked;
    asked = gt_tracer_gen;
    asked.head.flags &= ~(uint64_t)GT_TRACER_CORE_SECTIONS;
    model = GT_SYSCALLS_SCANBIT;
    for (int i = 0; i < 2; i++) {
        tracer = i ? &asked : &gt_tracer_gen;
        scene(nested_over_a_switch, 2, "a section in a section, a generation later");
        scene(hint_without_a_trace, 2, "sections while only the hint is on");
        scene(every_word_once, 3, "each annotation is in the trace once");
    }
    memory_trace_free(&trace);
    return done_testing();
}
