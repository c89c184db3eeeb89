/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: timeout=120 */
/*
 * The collector's events: traces that begin and end at any point of a cycle, with every period of
 * generations, every header and both models of system calls, are consistent by the strict rules; and
 * ranges that cross the edge of a trace or of a generation are told right.
 */
#include "core/gc.h"
#include "in_runtime.h"
#include "memory_trace.h"

extern const struct gt_tracer_ops gt_tracer_gen, gt_tracer_locked;

static const struct gt_tracer_ops *tracer;
static struct memory_trace trace;
static struct gt_check_result result;
static uint64_t seen[256]; /* events of all traces of a point */
static uint64_t sweeps_went_on, marks_went_on; /* over all points */

static struct gt_runtime *make(int32_t procs, enum gt_syscall_model model, int32_t percent)
{
    struct gt_config c;
    struct gt_runtime *rt = NULL;
    char err[160] = "";
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_worksteal;
    c.tracer = tracer;
    c.procs = procs;
    c.syscalls = model;
    c.gc.percent = percent;
    c.gc.period_ns = -1;
    if (R->create(&c, &rt, err, sizeof err) != 0)
        bail_out("create: %s", err);
    gt_store_relaxed(&bad, 0u);
    memset(seen, 0, sizeof seen);
    return rt;
}

static void start(int64_t period, uint32_t header)
{
    static struct gt_trace_sink sink;
    sink = memory_trace_sink(&trace);
    memory_trace_reset(&trace);
    struct gt_trace_options o = {
        .sink = &sink, .period_ns = period, .header = header, .raw_stacks = true};
    expect(R->trace_start(&o) == 0);
}

static void stop(void)
{
    expect(R->trace_stop() == 0);
    expect(memory_trace_check(&trace, trace.n, &result) == 0);
    for (int i = 0; i < 256; i++)
        seen[i] += result.stats.by_event[i];
}

static void advance(void)
{
    if (tracer->advance)
        expect(tracer->advance(R->runtime()->tracer_state) == 0);
}

static bool saw(unsigned event)
{
    if (seen[event] == 0)
        diag("no %s", gt_ev_name(event));
    return seen[event] != 0;
}

/* ---- with the collector at work ------------------------------------------------------------ */
enum { MUTATORS = 4, RING = 64, BALLAST = 4000 };

struct node {
    struct node *next;
    uint64_t payload[6];
};
static const uint32_t node_offsets[] = {0};
static const struct gt_gc_layout node_layout = {"node", sizeof(struct node), 1, node_offsets};

static gt_a32 quit;
static struct gt_wg *wg;
static struct node *ballast;

static void mutator(void *arg)
{
    struct node *head = NULL;
    for (uint64_t i = 0; gt_load_relaxed(&quit) == 0; i++) {
        struct node *n = R->gc_alloc(sizeof *n, &node_layout);
        expect(n != NULL);
        if (!n)
            break;
        R->gc_store(&n->next, i % RING ? head : NULL);
        head = n;
        if (i % 16 == 0)
            R->yield();
    }
    (void)arg;
    R->wg_done(wg);
}

static void fill_ballast(void)
{
    expect(R->gc_root_add(&ballast, sizeof ballast) == 0);
    for (int i = 0; i < scale(BALLAST); i++) {
        struct node *n = R->gc_alloc(sizeof *n, &node_layout);
        R->gc_store(&n->next, ballast);
        R->gc_store(&ballast, n);
    }
}

struct scene {
    int64_t period;
    uint32_t header;
    int traces;
};

static void collected(void *arg)
{
    const struct scene *s = arg;
    gt_store_relaxed(&quit, 0u);
    ballast = NULL;
    fill_ballast();
    wg = R->wg_new();
    R->wg_add(wg, MUTATORS);
    for (int i = 0; i < MUTATORS; i++)
        expect(R->go(mutator, NULL) == 0);
    for (int i = 0; i < s->traces; i++) {
        start(s->period, s->header);
        if (i % 3 == 0)
            expect(R->gc() == 0);
        else
            R->sleep(i % 5 * 700000);
        stop();
    }
    gt_store_relaxed(&quit, 1u);
    R->wg_wait(wg);
    R->wg_free(wg);
    R->gc_root_remove(&ballast);
}

static void collected_point(int64_t period, const char *name, uint32_t header,
                            enum gt_syscall_model model)
{
    struct scene s = {period, header, 4};
    struct gt_runtime *rt = make(4, model, 50);
    struct gt_runtime_stats st;
    int rc = R->run(rt, collected, &s);
    bool all = saw(GT_EV_GC_BEGIN) && saw(GT_EV_GC_END) && saw(GT_EV_GC_SWEEP_BEGIN) &&
               saw(GT_EV_GC_SWEEP_END) && saw(GT_EV_HEAP_ALLOC) && saw(GT_EV_HEAP_GOAL) &&
               saw(GT_EV_GO_LABEL);
    marks_went_on += seen[GT_EV_GC_ACTIVE];
    R->stats(rt, &st);
    ok(rc == 0 && gt_load_relaxed(&bad) == 0 && st.violations == 0 && all,
       "%s, generations %s, header %u, model %s: %" PRIu64 " GCBegin, %" PRIu64 " GCActive, %" PRIu64
       " assists, %" PRIu64 " + %" PRIu64 " ranges go on",
       tracer->head.name, name, header, model == GT_SYSCALLS_STATUS ? "status" : "scanbit",
       seen[GT_EV_GC_BEGIN], seen[GT_EV_GC_ACTIVE], seen[GT_EV_GC_MARK_ASSIST_BEGIN],
       seen[GT_EV_GC_MARK_ASSIST_ACTIVE], seen[GT_EV_GC_SWEEP_ACTIVE]);
    R->destroy(rt);
}

/* ---- ranges across an edge, by hand ---------------------------------------------------------- */
static void assist(bool begin)
{
    gt_trace_assist(gt_tls_m(), begin);
}

static void sweep(uint64_t bytes)
{
    struct gt_m *m = gt_pin();
    for (; !gt_m_p(m)->gc; m = gt_pin()) { /* a P has its share from its first object on */
        gt_unpin(m);
        (void)R->gc_alloc(16, NULL);
    }
    gt_trace_sweep_begin(m);
    for (uint64_t i = 0; i < bytes; i++)
        gt_cpu_relax();
    gt_m_p(m)->gc->swept = bytes;
    gt_trace_sweep_end(m);
    gt_unpin(m);
}

/* An assist that a trace meets under way, and one that a trace leaves under way. */
static void assist_at_the_edges(void *arg)
{
    uint32_t header = *(uint32_t *)arg;
    assist(true);
    start(-1, header);
    R->yield();
    advance();
    assist(false);
    assist(true);
    stop();
    expect(seen[GT_EV_GC_MARK_ASSIST_ACTIVE] >= 1 && seen[GT_EV_GC_MARK_ASSIST_END] == 1);
    assist(false);
    uint64_t before = seen[GT_EV_GC_MARK_ASSIST_ACTIVE];
    start(-1, header);
    assist(true);
    advance();
    assist(false);
    stop();
    uint64_t more = seen[GT_EV_GC_MARK_ASSIST_ACTIVE] - before;
    expect(more == (tracer->advance ? 1 : 0));
    expect(seen[GT_EV_GC_MARK_ASSIST_END] == 2);
}

/* A G that waits in the middle of its assist writes nothing: the late pass tells of it. */
static void waits_in_assist(void *arg)
{
    assist(true);
    R->park();
    assist(false);
    *(bool *)arg = true;
    R->wg_done(wg);
}

static gt_a64 waiter;
static void remember(void *arg)
{
    gt_store_release(&waiter, (uint64_t)(uintptr_t)R->self()); /* pair: test-waiter */
    waits_in_assist(arg);
}

static void assist_that_waits(void *arg)
{
    uint32_t header = *(uint32_t *)arg;
    bool ended = false;
    gt_store_relaxed(&waiter, 0u);
    wg = R->wg_new();
    R->wg_add(wg, 1);
    expect(R->go(remember, &ended) == 0);
    struct gt_g *g;
    while (!(g = (struct gt_g *)(uintptr_t)gt_load_acquire(&waiter)) || /* pair: test-waiter */
           gt_g_status(g) != GT_G_WAITING)
        R->yield();
    start(-1, header);
    advance();
    advance();
    R->ready(g);
    R->wg_wait(wg);
    stop();
    expect(ended && seen[GT_EV_GC_MARK_ASSIST_ACTIVE] >= (tracer->advance ? 3 : 1));
    expect(seen[GT_EV_GC_MARK_ASSIST_END] == 1 && seen[GT_EV_GC_MARK_ASSIST_BEGIN] == 0);
    R->wg_free(wg);
}

static gt_a64 swept; /* sweeps ended */

static void sweeps(void *arg)
{
    for (uint64_t i = 0; gt_load_relaxed(&quit) == 0; i++) {
        sweep(i % 512);
        gt_add_relaxed(&swept, 1u);
        R->checkpoint();
    }
    (void)arg;
    R->wg_done(wg);
}

static void sweeps_at_the_edges(void *arg)
{
    uint32_t header = *(uint32_t *)arg;
    gt_store_relaxed(&quit, 0u);
    wg = R->wg_new();
    R->wg_add(wg, 3);
    for (int i = 0; i < 3; i++)
        expect(R->go(sweeps, NULL) == 0);
    for (int i = 0; i < 3; i++) {
        start(0, header);
        for (uint64_t n = gt_load_relaxed(&swept); gt_load_relaxed(&swept) < n + 8;)
            R->yield(); /* some from end to end */
        for (int k = 0; k < 4; k++)
            advance();
        stop();
    }
    gt_store_relaxed(&quit, 1u);
    R->wg_wait(wg);
    R->wg_free(wg);
    expect(saw(GT_EV_GC_SWEEP_BEGIN) && saw(GT_EV_GC_SWEEP_END));
}

static void by_hand(gt_fn fn, uint32_t header, enum gt_syscall_model model, const char *what)
{
    struct gt_runtime *rt = make(4, model, GT_GC_PERCENT_OFF);
    char name[160];
    int rc = R->run(rt, fn, &header);
    snprintf(name, sizeof name, "%s, header %u: %s (%" PRIu64 " sweeps go on)", tracer->head.name,
             header, what, seen[GT_EV_GC_SWEEP_ACTIVE]);
    sweeps_went_on += seen[GT_EV_GC_SWEEP_ACTIVE];
    runtime_end(rt, 4, name, rc);
}

/* ---- all of them ------------------------------------------------------------------------------- */
static const struct {
    int64_t ns;
    const char *name;
} periods[] = {{0, "continuous"}, {1000000, "1ms"}, {1000000000, "1s"}};
static const uint32_t headers[] = {122, 123, 125, 126};

static void scenes_of(const struct gt_tracer_ops *t)
{
    tracer = t;
    for (unsigned h = 0; h < 4; h++) {
        enum gt_syscall_model model = h % 2 ? GT_SYSCALLS_STATUS : GT_SYSCALLS_SCANBIT;
        by_hand(assist_at_the_edges, headers[h], model, "an assist at the edges of traces");
        by_hand(assist_that_waits, headers[h], model, "an assist that waits");
        by_hand(sweeps_at_the_edges, headers[h], model, "sweeps at the edges of traces");
        collected_point(t->advance ? periods[h % 3].ns : -1, t->advance ? periods[h % 3].name : "none",
                        headers[h], model);
        if (t->advance)
            collected_point(periods[(h + 1) % 3].ns, periods[(h + 1) % 3].name, headers[h],
                            h % 2 ? GT_SYSCALLS_SCANBIT : GT_SYSCALLS_STATUS);
    }
}

int main(void)
{
    plan(4 * 5 + 4 * 4 + 2);
    scenes_of(&gt_tracer_gen);
    scenes_of(&gt_tracer_locked);
    ok(sweeps_went_on > 0, "generations changed in the middle of sweeps");
    ok(marks_went_on > 0, "traces or generations began while the collector marked");
    memory_trace_free(&trace);
    return done_testing();
}
