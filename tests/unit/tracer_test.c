/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: timeout=120 */
/*
 * The tracers whose trace can be checked, driven through start, advance and stop: each scene
 * is one that a tracer got wrong once, here or in Go. A trace must have no inconsistency by
 * the strict rules.
 */
#include <pthread.h>
#include <unistd.h>

#include "in_runtime.h"
#include "memory_trace.h"
#include "tracers/common/slots.h"

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
    c.seed = 1;
    c.syscalls = model;
    if (R->create(&c, &rt, err, sizeof err) != 0)
        bail_out("create: %s", err);
    return rt;
}

/* Checks `trace` as it is; expectations count. */
static bool trace_good(const char *what)
{
    uint64_t n = memory_trace_check(&trace, trace.n, &result);
    if (n != 0)
        diag("%s (%s): %" PRIu64 " inconsistencies in %zu bytes", what, tracer->head.name, n, trace.n);
    return n == 0;
}

static void start(int64_t period, uint32_t header)
{
    static struct gt_trace_sink sink;
    sink = memory_trace_sink(&trace);
    struct gt_trace_options o = {.sink = &sink, .period_ns = period, .header = header};
    expect(R->trace_start(&o) == 0);
}

static void stop_and_check(const char *what)
{
    expect(R->trace_stop() == 0);
    expect(trace_good(what));
}

/* ---- load ------------------------------------------------------------------------------ */
static struct gt_wg *wg;
static struct gt_chan *chan;

static void __attribute__((noinline)) some_work(void *arg)
{
    for (int i = 0; i < 20; i++) {
        R->yield();
        if (i % 8 == 0) {
            R->syscall_enter();
            if (i % 16 == 0)
                usleep(30);
            R->syscall_exit();
        }
    }
    (void)arg;
    R->wg_done(wg);
}

static void load(int gs)
{
    wg = R->wg_new();
    for (int i = 0; i < gs; i++) {
        R->wg_add(wg, 1);
        expect(R->go(some_work, NULL) == 0);
    }
    R->wg_wait(wg);
    R->wg_free(wg);
}

static void waits_for_ever_in_the_channel(void *arg)
{
    (void)arg;
    R->chan_recv(chan, NULL);
    R->wg_done(wg);
}

static void coro_body(void *arg)
{
    for (int i = 0; i < 5; i++)
        R->coro_switch(arg ? *(struct gt_coro **)arg : NULL);
}

/* ---- scenes ------------------------------------------------------------------------------ */
static void headers(void *arg)
{
    static const uint32_t all[] = {122, 123, 125, 126};
    (void)arg;
    for (int i = 0; i < 4; i++) {
        memory_trace_reset(&trace);
        start(0, all[i]);
        struct gt_coro *c = NULL;
        c = R->coro_new(coro_body, &c);
        while (R->coro_switch(c))
            load(2);
        R->coro_free(c);
        stop_and_check("headers");
        expect(result.header == all[i]);
        expect(result.stats.by_event[GT_EV_GO_SWITCH] == 0 || all[i] >= 123);
        expect(result.stats.by_event[GT_EV_GO_SWITCH] >= 8 || all[i] < 123);
        expect(result.stats.by_event[GT_EV_GO_STATUS_STACK] == 0 || all[i] >= 123);
    }
}

static void refusals(void *arg)
{
    struct gt_trace_options bad_header = {.period_ns = -1, .header = 124};
    (void)arg;
    expect(R->trace_stop() == 0); /* nothing to stop */
    expect(R->trace_start(&bad_header) == -EINVAL);
    expect(R->trace_start(NULL) == 0);
    expect(R->trace_start(NULL) == -EBUSY);
    load(3);
    expect(R->trace_stop() == 0);
    expect(R->trace_stop() == 0);
}

/* Seed 002: Ps die while one trace runs and come back in a later one. */
static void procs_return(void *arg)
{
    (void)arg;
    for (int i = 0; i < scale(24); i++) {
        memory_trace_reset(&trace);
        expect(R->set_procs(8) == 0);
        start(i % 3 ? -1 : 0, 0);
        load(6);
        expect(R->set_procs(1 + i % 3) == 0);
        load(2);
        stop_and_check("procs that die");
        if (i % 2) {
            memory_trace_reset(&trace);
            start(-1, 126);
            load(2);
            expect(R->set_procs(6) == 0);
            load(6);
            stop_and_check("procs that return");
        }
    }
}

static gt_a32 started, refused;
static void starter(void *arg)
{
    for (int i = 0; i < 5; i++) {
        int rc = R->trace_start(NULL);
        gt_add_relaxed(rc == 0 ? &started : &refused, 1u);
        expect(rc == 0 || rc == -EBUSY);
        R->yield();
        expect(R->trace_stop() == 0);
    }
    (void)arg;
    R->wg_done(wg);
}

static void many_starters(void *arg)
{
    (void)arg;
    wg = R->wg_new();
    gt_store_relaxed(&started, 0u);
    for (int i = 0; i < 6; i++) {
        R->wg_add(wg, 1);
        expect(R->go(starter, NULL) == 0);
    }
    R->wg_wait(wg);
    R->wg_free(wg);
    expect(gt_load_relaxed(&started) > 0);
    memory_trace_reset(&trace);
    start(-1, 0); /* and it still works */
    load(2);
    stop_and_check("after many starters");
}

/* A full disk: tracing stops, the program goes on, whole generations stay a valid trace. */
static void full_sink(void *arg)
{
    (void)arg;
    for (size_t at = 1; at < 60000; at = at * 3 + 5) {
        memory_trace_reset(&trace);
        trace.fail_at = at;
        start(0, 126);
        for (int i = 0; i < 100 && gt_load_relaxed(&trace.failures) == 0; i++)
            load(3);
        load(2);
        int rc = R->trace_stop();
        expect(rc == -ENOSPC || gt_load_relaxed(&trace.failures) == 0);
        expect(gt_load_relaxed(&trace.failures) <= 1); /* it is not called again */
        expect(trace.n <= at);
        if (trace.complete)
            expect(memory_trace_check(&trace, trace.complete, &result) == 0);
    }
    memory_trace_reset(&trace);
    start(-1, 0); /* the next trace is whole */
    load(2);
    stop_and_check("after a full sink");
}

/* Parked and in a system call all the time: their only word is the status of each generation. */
static int pipe_fds[2];
static void sits_in_a_read(void *arg)
{
    char c;
    (void)arg;
    R->syscall_enter_blocking();
    ssize_t n = read(pipe_fds[0], &c, 1);
    R->syscall_exit();
    expect(n == 1);
    R->wg_done(wg);
}

static void still_gs(void *arg)
{
    (void)arg;
    struct gt_wg *mine = wg = R->wg_new();
    chan = R->chan_new(0, 0);
    expect(pipe(pipe_fds) == 0);
    R->wg_add(wg, 2);
    expect(R->go(waits_for_ever_in_the_channel, NULL) == 0);
    expect(R->go(sits_in_a_read, NULL) == 0);
    R->sleep(1000000);
    memory_trace_reset(&trace);
    start(1000000, 123);
    load(3);
    for (int i = 0; i < 5000 && gt_load_relaxed(&trace.marks) < 3 && tracer == &gt_tracer_gen; i++)
        R->sleep(1000000); /* the first generation reads the program's debug data */
    wg = mine;
    expect(R->chan_send(chan, NULL) == 0);
    expect(write(pipe_fds[1], "x", 1) == 1);
    R->wg_wait(mine);
    stop_and_check("still Gs");
    if (tracer == &gt_tracer_gen) {
        expect(result.stats.generations >= 3);
        expect(result.stats.by_event[GT_EV_GO_STATUS_STACK] >= 2);
        expect(memory_trace_has(&trace, "waits_for_ever_in_the_channel"));
    }
    R->wg_free(mine);
    R->chan_free(chan);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static void names(void *arg)
{
    (void)arg;
    memory_trace_reset(&trace);
    start(-1, 0);
    uint64_t task = R->task_begin(0, "the task's name");
    R->region_begin(task, "the region's name");
    R->log(task, "the key", "the value");
    R->label("the label");
    load(2);
    R->region_end(task, "the region's name");
    R->task_end(task);
    stop_and_check("names");
    static const char *const texts[] = {"some_work", "tracer_test.c", "the task's name", "the key",
                                        "the region's name", "the value", "the label", "start trace"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect(memory_trace_has(&trace, texts[i]));
}

/* Foreign threads whose ids the kernel gives out again. */
static void called_back(void *arg)
{
    (void)arg;
    R->yield();
}

static void *foreign(void *rt)
{
    for (int i = 0; i < 3; i++)
        expect(R->callback(rt, called_back, NULL) == 0);
    return NULL;
}

static void foreign_threads(void *arg)
{
    struct gt_runtime *rt = R->runtime();
    (void)arg;
    memory_trace_reset(&trace);
    start(0, 0);
    for (int i = 0; i < scale(40); i++) {
        pthread_t th[3];
        R->expect_callbacks(rt, 3);
        for (int k = 0; k < 3; k++)
            expect(pthread_create(&th[k], NULL, foreign, rt) == 0);
        R->syscall_enter_blocking();
        for (int k = 0; k < 3; k++)
            pthread_join(th[k], NULL);
        R->syscall_exit();
        R->expect_callbacks(rt, -3);
    }
    stop_and_check("foreign threads");
    expect(result.stats.by_event[GT_EV_GO_CREATE_SYSCALL] == (uint64_t)scale(40) * 9);
}

/* Every event the tracer says it wrote is in the trace. */
static void conservation(void *arg)
{
    struct gt_runtime *rt = R->runtime();
    uint64_t before = tracer->count(rt->tracer_state), in_trace = 0;
    (void)arg;
    memory_trace_reset(&trace);
    start(0, 0);
    load(10);
    stop_and_check("conservation");
    uint64_t written = tracer->count(rt->tracer_state) - before;
    for (int i = 0; i < 256; i++)
        if (gt_ev_is_timed((unsigned)i) && i != GT_EV_GO_STATUS_STACK && i != GT_EV_GO_STATUS)
            in_trace += result.stats.by_event[i];
    uint64_t statuses = result.stats.by_event[GT_EV_GO_STATUS];
    expect(written >= in_trace && written <= in_trace + statuses);
    expect(gt_load_relaxed(&trace.marks) == result.stats.generations);
}

static void (*real_sched_lock)(const struct gt_tracer_host *h);
static bool dying;

/* An M dies just before who wants the lock gets it. */
static void lock_after_a_death(const struct gt_tracer_host *h)
{
    real_sched_lock(h);
    if (dying)
        tracer->m_dies(h->rt->tracer_state, h->self(h));
    dying = false;
}

/* What an M that dies meanwhile has written is counted: among the living or among the dead. */
static void counts_the_dying(void *arg)
{
    struct gt_runtime *rt = R->runtime();
    (void)arg;
    memory_trace_reset(&trace);
    start(-1, 0);
    load(10);
    stop_and_check("before a death");
    uint64_t before = tracer->count(rt->tracer_state);
    real_sched_lock = rt->tracer_host.sched_lock;
    rt->tracer_host.sched_lock = lock_after_a_death;
    dying = true;
    expect(tracer->count(rt->tracer_state) == before && before > 0 && !dying);
    rt->tracer_host.sched_lock = real_sched_lock;
}

static void last_words(void *arg) /* ends with the trace on */
{
    (void)arg;
    memory_trace_reset(&trace);
    start(0, 0);
    load(4);
}

static void first_words(void *arg)
{
    (void)arg;
    memory_trace_reset(&trace);
    start(0, 125);
    load(4);
    stop_and_check("a trace after a run that ended with one");
}

static void unstopped(int32_t procs)
{
    struct gt_runtime *rt = traced_runtime(procs);
    int rc = 0;
    gt_store_relaxed(&bad, 0u);
    for (int i = 0; i < 3 && rc == 0; i++) {
        rc = R->run(rt, last_words, NULL);
        if (rc == 0)
            rc = R->run(rt, first_words, NULL);
    }
    runtime_end(rt, procs, "a run that ends with its trace on", rc);
}

static void slots(void)
{
    struct gt_slots s = {0};
    uint64_t w = gt_gen_next(GT_GEN_OFF);
    bool good = gt_gen_number(w) == 1;
    for (int i = 0; i < 50; i++, w = gt_gen_next(w)) {
        good = good && !gt_slots_traced(&s, w) && gt_slots_claim(&s, w) && !gt_slots_claim(&s, w);
        good = good && gt_slots_count(&s, w) == 1 && gt_slots_count(&s, w) == 2;
        good = good && gt_gen_number(gt_gen_next(w)) == gt_gen_number(w) + 1;
        good = good && gt_gen_slot3(gt_gen_next(w)) != gt_gen_slot3(w);
    }
    ok(good, "slots of one generation after the other");
    struct gt_slots dead = {0};
    uint64_t first = gt_gen_next(GT_GEN_OFF);
    gt_slots_claim(&dead, first);
    gt_slots_count(&dead, first);
    uint64_t fourth = gt_gen_next(gt_gen_next(gt_gen_next(first)));
    ok(gt_slots_traced(&dead, fourth), "slots that nobody cleaned are stale three generations on");
}

static const struct {
    gt_fn fn;
    const char *what;
} scenes[] = {
    {headers, "every header"},
    {refusals, "starts that are refused"},
    {procs_return, "Ps that die and come back"},
    {many_starters, "several starters at once"},
    {full_sink, "a sink that fills up"},
    {still_gs, "Gs that do nothing"},
    {names, "names in the trace"},
    {foreign_threads, "foreign threads"},
    {conservation, "events written and read"},
    {counts_the_dying, "the count while an M dies"},
};

int main(void)
{
    static const struct gt_tracer_ops *const tracers[] = {&gt_tracer_gen, &gt_tracer_locked};
    enum { N = sizeof scenes / sizeof *scenes };
    plan(2 + 2 * 2 * 2 * (N + 1));
    slots();
    for (int t = 0; t < 2; t++) {
        for (int m = 0; m < 2; m++) {
            for (int p = 0; p < 2; p++) {
                int32_t procs = p ? 4 : 1;
                char what[120];
                tracer = tracers[t];
                model = m ? GT_SYSCALLS_STATUS : GT_SYSCALLS_SCANBIT;
                for (size_t i = 0; i < N; i++) {
                    snprintf(what, sizeof what, "%s, %s, %s", scenes[i].what, tracer->head.name,
                             m ? "status" : "scanbit");
                    struct gt_runtime *rt = traced_runtime(procs);
                    gt_store_relaxed(&bad, 0u);
                    runtime_end(rt, procs, what, R->run(rt, scenes[i].fn, NULL));
                }
                unstopped(procs);
            }
        }
    }
    memory_trace_free(&trace);
    return done_testing();
}
