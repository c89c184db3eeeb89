/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: timeout=120 */
/*
 * CPU samples in traces: they stand in the generation in which they were taken, name threads, Ps
 * and Gs that there are, and survive threads that come and go, traces that start and stop in quick
 * succession, runs that end in the middle of one. That they find the right functions in the right
 * shares: profile_shares_test.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "in_runtime.h"
#include "memory_trace.h"
#include "trace/reader.h"

extern const struct gt_tracer_ops gt_tracer_gen, gt_tracer_locked;

enum { HZ = 1000 };

static const struct gt_tracer_ops *tracer;
static struct memory_trace trace;
static struct gt_trace_sink sink;

static int start(int64_t period, uint32_t header, uint32_t hz)
{
    sink = memory_trace_sink(&trace);
    memory_trace_reset(&trace);
    struct gt_trace_options o = {.sink = &sink,
                                 .period_ns = period,
                                 .header = header,
                                 .raw_stacks = true,
                                 .profile_hz = hz};
    return R->trace_start(&o);
}

/* ---- what the samples say ------------------------------------------------------------------ */
struct samples {
    uint64_t n, with_g, with_p, early, outside, without_stack, wrong_p;
    uint64_t previous; /* least time of the generation before */
};

/*
 * A sample may be older than the generation's first batch (early): a tick comes between the
 * change of the generation's number and the first event in it, and that may last. Then it is
 * still younger than the generation before.
 */
static void look_at(const struct gt_generation *g, int32_t procs, struct samples *s)
{
    for (size_t i = 0; i < g->n_samples; i++) {
        const struct gt_cpu_sample *c = &g->samples[i];
        const struct gt_stack_entry *e = gt_generation_stack(g, c->stack);
        s->n++;
        s->with_g += c->g != 0;
        s->with_p += c->p != GT_WIRE_NO_P;
        s->wrong_p += c->p != GT_WIRE_NO_P && c->p >= (uint64_t)procs;
        s->early += c->ts < g->min_ts;
        s->outside += c->ts < s->previous;
        s->without_stack += !e || e->n == 0;
    }
    s->previous = g->min_ts;
}

static struct samples read_samples(int32_t procs)
{
    struct samples s = {0};
    struct gt_bytes bytes = {trace.data, trace.n, 0};
    struct gt_source src = {gt_read_bytes, &bytes};
    const struct gt_generation *g;
    struct gt_reader *r;
    struct gt_read_error err;
    if (gt_reader_open(&src, &r, &err) != 0)
        return s;
    while (gt_reader_next(r, &g) == 1)
        look_at(g, procs, &s);
    gt_reader_close(r);
    return s;
}

static void check(int32_t procs, struct samples *all)
{
    struct gt_check_result res;
    expect(memory_trace_check(&trace, trace.n, &res) == 0);
    struct samples s = read_samples(procs);
    expect(s.outside == 0 && s.without_stack == 0 && s.wrong_p == 0);
    if (s.outside + s.without_stack + s.wrong_p)
        diag("%" PRIu64 " of %" PRIu64 " samples of another generation, %" PRIu64
             " without a stack, %" PRIu64 " of Ps that are not", s.outside, s.n, s.without_stack,
             s.wrong_p);
    all->n += s.n;
    all->early += s.early;
    all->with_g += s.with_g;
    all->with_p += s.with_p;
}

/* ---- scenes ---------------------------------------------------------------------------------- */
static struct gt_wg *wg;
static gt_a32 quit;
static uint32_t header;

/* Everything that may be interrupted: sections, tracer, system calls, switches, channels. */
static void busy(void *arg)
{
    struct gt_chan *c = R->chan_new(sizeof(int), 1);
    for (int i = 0; gt_load_relaxed(&quit) == 0; i++) {
        R->chan_send(c, &i);
        R->yield();
        R->chan_recv(c, &i);
        R->syscall_enter();
        R->syscall_exit();
        R->log(0, "i", "text");
        for (volatile int k = 0; k < 20000; k++)
            ; /* fewer events for the samples */
    }
    R->chan_free(c);
    (void)arg;
    R->wg_done(wg);
}

static void with_busy(int gs, void (*scene)(void))
{
    gt_store_relaxed(&quit, 0u);
    wg = R->wg_new();
    R->wg_add(wg, gs);
    for (int i = 0; i < gs; i++)
        expect(R->go(busy, NULL) == 0);
    scene();
    gt_store_relaxed(&quit, 1u);
    R->wg_wait(wg);
    R->wg_free(wg);
}

static struct samples found;

/* Until there are some: how fast they come is the kernel's affair. */
static void sampled_once(int64_t period)
{
    uint64_t before = found.n;
    for (int ms = 30; found.n < before + 3 && ms < 20000; ms *= 2) {
        expect(start(period, header, HZ) == 0);
        R->sleep(ms * GT_NS_PER_MS);
        expect(R->trace_stop() == 0);
        check(4, &found);
    }
    expect(found.n >= before + 3);
}

static void continuous(void)
{
    sampled_once(0);
}
static void long_generation(void)
{
    sampled_once(-1);
}

static void in_quick_succession(void)
{
    for (int i = 0; i < 30; i++) {
        expect(start(i % 2 ? 0 : -1, header, i % 3 ? HZ : 0) == 0);
        R->sleep(i % 4 * 1000000);
        expect(R->trace_stop() == 0);
        struct samples s = {0};
        check(4, &s);
        expect(i % 3 != 0 || s.n == 0);
    }
}

/* Foreign threads: each call makes an M that has a ticker while the trace is on. */
static struct gt_runtime *callee;
static void in_callback(void *arg)
{
    for (volatile int i = 0; i < 20000; i++)
        ;
    R->yield();
    (void)arg;
}
static void *foreign(void *arg)
{
    for (int i = 0; i < 40; i++)
        if (gt_gmp.callback(callee, in_callback, NULL) != 0)
            break;
    return arg;
}
static void threads_come_and_go(void)
{
    pthread_t t[4];
    callee = R->runtime();
    R->expect_callbacks(callee, 1);
    expect(start(1000000, header, HZ) == 0);
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < 4; i++)
            expect(pthread_create(&t[i], NULL, foreign, NULL) == 0);
        R->syscall_enter_blocking();
        for (int i = 0; i < 4; i++)
            pthread_join(t[i], NULL);
        R->syscall_exit();
    }
    expect(R->trace_stop() == 0);
    R->expect_callbacks(callee, -1);
    check(4, &found);
}

static void run_scene(void *scene)
{
    with_busy(4, *(void (**)(void))scene);
}

static struct gt_runtime *make(void)
{
    struct gt_config c;
    struct gt_runtime *rt = NULL;
    char err[160] = "";
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_worksteal;
    c.tracer = tracer;
    c.procs = 4;
    if (R->create(&c, &rt, err, sizeof err) != 0)
        bail_out("create: %s", err);
    gt_store_relaxed(&bad, 0u);
    return rt;
}

static void point(void (*scene)(void), const char *what)
{
    struct gt_runtime *rt = make();
    char name[160];
    memset(&found, 0, sizeof found);
    int rc = R->run(rt, run_scene, &scene);
    snprintf(name, sizeof name, "%s, header %u: %s", tracer->head.name, header, what);
    runtime_end(rt, 4, name, rc);
}

/* ---- ends ---------------------------------------------------------------------------------------- */
static void leave_it_on(void *arg)
{
    expect(start(1000000, 123, HZ) == 0);
    for (volatile int i = 0; i < 3000000; i++)
        ;
    (void)arg;
}

/* The run ends with tickers on; the next one on the same runtime traces and samples anew. */
static void ended_in_the_middle(void)
{
    struct gt_runtime *rt = make();
    void (*scene)(void) = long_generation;
    memset(&found, 0, sizeof found);
    header = 123;
    int rc = R->run(rt, leave_it_on, NULL);
    if (rc == 0)
        rc = R->run(rt, run_scene, &scene);
    runtime_end(rt, 4, "a run that ends with tickers on, and one after it", rc);
}

static void bad_rate(void *arg)
{
    expect(start(-1, 123, GT_PROFILE_HZ_MAX + 1) == -EINVAL);
    expect(start(-1, 123, 0) == 0);
    expect(R->trace_stop() == 0);
    (void)arg;
}

static gt_a32 passed_on;
static void others(int signo)
{
    (void)signo;
    gt_add_relaxed(&passed_on, 1u);
}

int main(void)
{
    static const struct gt_tracer_ops *const tracers[] = {&gt_tracer_gen, &gt_tracer_locked};
    if (GT_TSAN)
        skip_all("ThreadSanitizer delays signals to points of its own");
    /* Somebody else's handler of the same signal, there before ours. */
    struct sigaction a = {.sa_handler = others};
    if (sigaction(SIGPROF, &a, NULL) != 0)
        bail_out("sigaction");
    plan(2 * 5 + 4);
    for (int i = 0; i < 2; i++) {
        tracer = tracers[i];
        header = 126;
        point(continuous, "samples stand in their generations");
        header = 122;
        point(long_generation, "samples of a long generation");
        header = 123;
        point(in_quick_succession, "traces in quick succession, sampled and not");
        point(threads_come_and_go, "threads come and go");
        struct gt_runtime *rt = make();
        runtime_end(rt, 4, "a rate that no clock has is refused, and nothing stays on",
                    R->run(rt, bad_rate, NULL));
    }
    tracer = &gt_tracer_gen;
    ended_in_the_middle();
    ok(raise(SIGPROF) == 0 && gt_load_relaxed(&passed_on) == 1,
       "another's signal of that number goes to its handler");
    diag("%" PRIu64 " samples, %" PRIu64 " older than their generation's first batch", found.n,
         found.early);
    ok(found.n < 8 || found.early < found.n * 3 / 4,
       "most samples stand in the generation in which they were taken");
    struct gt_runtime *rt = make();
    runtime_end(rt, 4, "a runtime after all that", R->run(rt, in_callback, NULL));
    memory_trace_free(&trace);
    return done_testing();
}
