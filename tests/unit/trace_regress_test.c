/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: timeout=120 */
/*
 * Scenes in which the tracers, or the core's calls of them, were wrong once. Each fails
 * without its fix. Those of sections, and of what happens beside an end: trace_sections_test.c.
 */
#include "trace_scenes.h"

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
/* ---- all ---------------------------------------------------------------------------------------- */
int main(void)
{
    static const struct gt_tracer_ops *const tracers[] = {&gt_tracer_gen, &gt_tracer_locked};
    plan(2 * 7);
    model = GT_SYSCALLS_SCANBIT;
    for (int t = 0; t < 2; t++) {
        tracer = tracers[t];
        scene(born_by_ready, 2, "a birth withheld, then made ready");
        scene(born_in_another_trace, 2, "a birth withheld in another trace");
        scene(inside_a_system_call, 2, "an annotation inside a system call");
        no_memory(2);
        stop_of_an_ended_run(2);
        made_without_a_p(1);
        buffer_of_an_ended_run(1);
    }
    memory_trace_free(&trace);
    return done_testing();
}
