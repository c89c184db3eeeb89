/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: both workloads labels=full,reduced timeout=300 serial */
/*
 * Is a live object ever freed? Ten million objects (fewer under sanitizers) made by eight Gs
 * that look at each one before they drop it, with freed memory filled; each cell a child
 * process. And does the heap stay small: 200 cycles over a known live set.
 *
 *   GT_GC_ALLOCS  objects to make instead, in rounds with new seeds, with progress
 *   GT_SEED       the first seed (default: drawn)
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/cell.h"
#include "common/child.h"
#include "common/registry.h"
#include "common/rng.h"
#include "common/things.h"
#include "gauntlet/atomic.h"
#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"
#include "tap.h"

#if GT_TSAN
enum { OBJECTS = 100000, ROUND = 200000, LIMIT_S = 600, CYCLES = 10, LIVE_KIB = 3072 };
#elif GT_ASAN
enum { OBJECTS = 1000000, ROUND = 2000000, LIMIT_S = 300, CYCLES = 50, LIVE_KIB = 3072 };
#elif GT_DEBUG || !GT_ORACLE /* the ten million are the release build's with the oracle */
enum { OBJECTS = 2000000, ROUND = 20000000, LIMIT_S = 120, CYCLES = 200, LIVE_KIB = 8192 };
#else
enum { OBJECTS = 10000000, ROUND = 20000000, LIMIT_S = 120, CYCLES = 200, LIVE_KIB = 8192 };
#endif
enum { MUTATORS = 8, DUMP_S = 5 };
/* LIVE_KIB: more than half of the least goal that a heap has, 4 MiB. */
#define S 1000000000ll

/* ---- where to run it ------------------------------------------------------------------------ */
struct place {
    enum gt_syscall_model syscalls;
    int32_t procs;
};
static const struct place places[] = {
    {GT_SYSCALLS_SCANBIT, 2}, {GT_SYSCALLS_STATUS, 2}, {GT_SYSCALLS_SCANBIT, 8},
    {GT_SYSCALLS_STATUS, 8},  {GT_SYSCALLS_SCANBIT, 1},
};
enum { PLACES = sizeof places / sizeof places[0] };

static struct gt_workload_cell cell_at(size_t i, uint64_t n, uint64_t seed)
{
    char err[512];
    size_t n_schedulers = 0;
    struct gt_workload_cell c = {.ops = &gt_gmp, .n = n, .param = MUTATORS, .seed = seed};
    while (gt_plugin_builtin(GT_MAGIC_SCHEDULER, n_schedulers))
        n_schedulers++;
    c.workload = gt_workload_find("gc-trees", err, sizeof err);
    if (!c.workload)
        bail_out("%s", err);
    gt_config_init(&c.config);
    c.config.scheduler = (const void *)gt_plugin_builtin(GT_MAGIC_SCHEDULER, i % n_schedulers);
    c.config.tracer = (const void *)gt_plugin_builtin(GT_MAGIC_TRACER, 0);
    c.config.syscalls = places[i % PLACES].syscalls;
    c.config.procs = places[i % PLACES].procs;
    c.config.gc.poison = true;
    c.config.seed = seed;
    c.deadline_ns = LIMIT_S * S;
    return c;
}

static void in_child(int fd, void *arg)
{
    struct gt_cell_outcome o;
    gt_cell_run(arg, &o);
    (void)gt_child_send(fd, &o, sizeof o);
}

/* One cell in a child process. False: it failed, `why` says how. */
static bool run_cell(struct gt_workload_cell *c, struct gt_cell_outcome *o, char *why, size_t size)
{
    struct gt_child child;
    int64_t deadline = gt_child_clock() + c->deadline_ns + DUMP_S * S;
    if (gt_child_start(&child, in_child, c) != 0)
        bail_out("no child process can be made");
    int got = gt_child_read(&child, o, sizeof *o, deadline, NULL);
    struct gt_child_end end = gt_child_finish(&child, deadline);
    if (got != 1 || end.how != GT_CHILD_EXITED || end.code != 0) {
        gt_child_describe(end, why, size);
        return false;
    }
    snprintf(why, size, "%s: %.150s", gt_cell_verdict_name(o->verdict), o->why);
    return o->verdict == GT_CELL_OK;
}

static const char *title(const struct gt_workload_cell *c, char *buf, size_t size)
{
    snprintf(buf, size, "%s, %s, %d Ps", c->config.scheduler->head.name,
             c->config.syscalls == GT_SYSCALLS_STATUS ? "status" : "scanbit", c->config.procs);
    return buf;
}

static void say_figures(const struct gt_cell_outcome *o)
{
    static const char *const phases[GT_GC_STOPS] = {"sweep termination", "mark termination"};
    const struct gt_gc_stats *g = &o->gc;
    diag("  %" PRIu64 " cycles, %.2f M objects/s, %.1f MiB allocated, memory %.1f MiB",
         g->cycles, 1e3 * (double)o->result.ops / (double)(o->result.ns + 1),
         (double)g->alloc_bytes / 1048576, (double)g->memory / 1048576);
    for (int i = 0; i < GT_GC_STOPS; i++)
        diag("  %s, us to all stopped: p50 %.1f p99 %.1f max %.1f; to going on: p50 %.1f p99 "
             "%.1f max %.1f",
             phases[i], (double)g->asked[i].p50 / 1e3, (double)g->asked[i].p99 / 1e3,
             (double)g->asked[i].max / 1e3, (double)g->stopped[i].p50 / 1e3,
             (double)g->stopped[i].p99 / 1e3, (double)g->stopped[i].max / 1e3);
}

/* ---- no live object is freed ---------------------------------------------------------------- */
static void test_soak(uint64_t seed)
{
    uint64_t made = 0;
    for (size_t i = 0; i < PLACES; i++) {
        struct gt_workload_cell c = cell_at(i, OBJECTS / PLACES, seed + i);
        struct gt_cell_outcome o = {0};
        char why[256], name[96];
        bool fine = run_cell(&c, &o, why, sizeof why);
        if (!ok(fine, "%" PRIu64 " objects of 8 Gs live as long as they are used: %s",
                o.result.ops, title(&c, name, sizeof name)))
            diag("%s; seed %" PRIu64, why, seed + i);
        say_figures(&o);
        /* Less would say nothing: every G asks for one, the heap for the others. */
        ok(o.gc.cycles >= MUTATORS / 2, "%" PRIu64 " cycles ran meanwhile", o.gc.cycles);
        ok(o.gc.frees >= o.result.ops / 2, "%" PRIu64 " objects were freed", o.gc.frees);
        made += o.result.ops;
    }
    ok(made >= OBJECTS, "%" PRIu64 " objects in all", made);
}

/* ---- would it be noticed? ------------------------------------------------------------------- */
enum { TWIN_ROUNDS = 50, TWIN_OBJECTS = 200000 };

static void store_without_barrier(void *slot, void *value)
{
    *(void *volatile *)slot = value;
}

/* The same with a broken barrier: objects are freed that somebody holds. */
static void test_twin(uint64_t seed)
{
    struct gt_runtime_ops ops = gt_gmp;
    ops.gc_store = store_without_barrier;
    for (uint32_t i = 0; i < TWIN_ROUNDS; i++) {
        struct gt_workload_cell c = cell_at(0, TWIN_OBJECTS, seed + i);
        struct gt_cell_outcome o = {0};
        char why[256];
        c.ops = &ops;
        c.deadline_ns = 20 * S;
        if (!run_cell(&c, &o, why, sizeof why)) {
            pass("without the barrier it is noticed, in round %u: %s", i + 1, why);
            return;
        }
    }
    fail("without the barrier it is noticed: %d rounds of %d objects", TWIN_ROUNDS, TWIN_OBJECTS);
}

/* ---- the heap stays small -------------------------------------------------------------------- */
enum { LIVE_DEPTH = 10, MAKERS = 4, LIVE_MOST = 256 };

struct steady {
    gt_a32 over;
    double worst; /* the heap over what is live, of all looks */
    uint64_t looks, lost, cycles, beyond, beyond_live;
    uint64_t live; /* bytes of slots */
    int rc;
    struct gt_wg *wg;
    gt_a64 wrong;
    struct gt_runtime *rt;
};

static void make_garbage(void *arg)
{
    struct steady *s = arg;
    struct gt_maker m;
    struct gt_rng rng = gt_rng_make(7, gt_gmp.goid());
    gt_maker_init(&m, &gt_gmp, 1);
    while (gt_load_relaxed(&s->over) == 0 && m.rc == 0 && m.wrong == 0) {
        struct gt_link tree = gt_tree_new(&m, gt_rng_between(&rng, 1, 4), true);
        struct gt_link blob = gt_blob_new(&m, gt_rng_below(&rng, 256));
        (void)gt_blob_look(&m, blob);
        (void)gt_tree_count(&m, tree);
    }
    gt_add_relaxed(&s->wrong, m.wrong + (m.rc != 0));
    gt_gmp.wg_done(s->wg);
}

/* Twice what lives, and spans in the caches of Ps that are counted when they are taken. */
#define SLACK (1u << 20)

static void look(struct steady *s, const struct gt_gc_stats *g, uint64_t marked)
{
    double ratio = (double)g->heap_now / (double)s->live;
    s->looks++;
    s->worst = ratio > s->worst ? ratio : s->worst;
    s->beyond += g->heap_now > 2 * marked + SLACK;
    s->beyond_live += g->heap_now > 2 * s->live + SLACK;
}

static void watch(struct steady *s, struct gt_maker *m, const struct gt_link *live, uint32_t n)
{
    struct gt_gc_stats g;
    gt_gmp.gc_stats(s->rt, &g);
    uint64_t first = g.cycles, last = first, marked = g.heap_live;
    for (uint32_t at = 0; last - first < CYCLES && gt_load_relaxed(&s->wrong) == 0;) {
        gt_gmp.yield();
        gt_gmp.gc_stats(s->rt, &g);
        /* The snapshot may have the heap of before a cycle's end and its mark of after. */
        look(s, &g, g.heap_live > marked ? g.heap_live : marked);
        if (g.cycles == last)
            continue;
        last = g.cycles;
        marked = g.heap_live;
        s->lost += gt_tree_count(m, live[at++ % n]) != gt_tree_size(LIVE_DEPTH);
    }
    s->cycles = last - first;
}

static void steady_state(void *arg)
{
    struct steady *s = arg;
    struct gt_maker m;
    struct gt_link live[LIVE_MOST];
    struct gt_gc_stats g;
    uint64_t tree = gt_tree_size(LIVE_DEPTH) * sizeof(struct gt_thing) * 3 / 2;
    uint32_t n = (uint32_t)(LIVE_KIB * 1024 / tree);
    gt_maker_init(&m, &gt_gmp, 0);
    for (uint32_t i = 0; i < n; i++)
        live[i] = gt_tree_new(&m, LIVE_DEPTH, false);
    s->rc = m.rc ? m.rc : gt_gmp.gc();
    gt_gmp.gc_stats(s->rt, &g);
    s->live = g.heap_live;
    s->wg = gt_gmp.wg_new();
    gt_gmp.wg_add(s->wg, MAKERS);
    for (int i = 0; i < MAKERS && s->rc == 0; i++)
        s->rc = gt_gmp.go(make_garbage, s);
    if (s->rc == 0)
        watch(s, &m, live, n);
    gt_store_relaxed(&s->over, 1u);
    gt_gmp.wg_wait(s->wg);
    gt_gmp.wg_free(s->wg);
    for (uint32_t i = 0; i < n; i++)
        s->lost += gt_tree_count(&m, live[i]) != gt_tree_size(LIVE_DEPTH);
}

static void test_steady(int32_t procs)
{
    struct gt_workload_cell c = cell_at(0, 0, 1);
    struct steady s = {.rt = NULL};
    char err[160];
    gt_init(&s.over, 0u);
    gt_init(&s.wrong, 0ull);
    c.config.procs = procs;
    c.config.gc.poison = false;
    if (gt_gmp.create(&c.config, &s.rt, err, sizeof err) != 0)
        bail_out("create: %s", err);
    int rc = gt_gmp.run(s.rt, steady_state, &s);
    gt_gmp.destroy(s.rt);
    ok(rc == 0 && s.rc == 0 && s.lost == 0 && gt_load_relaxed(&s.wrong) == 0,
       "%" PRIu64 " cycles over %.1f MiB that live, %d Ps", s.cycles,
       (double)s.live / 1048576, procs);
    diag("  the heap was %.2f of the live bytes at most; %" PRIu64 " looks", s.worst, s.looks);
    is_int(s.beyond, 0, "never more than twice what the last cycle found alive");
    is_int(s.beyond_live, 0, "never more than twice what really lives");
    ok(s.cycles >= CYCLES, "%" PRIu64 " cycles were seen", s.cycles);
}

/* ---- for ever --------------------------------------------------------------------------------- */
struct total {
    uint64_t objects, cycles, rounds;
    int64_t ns, worst_p99[GT_GC_STOPS], worst[GT_GC_STOPS];
};

static void add_up(struct total *t, const struct gt_cell_outcome *o)
{
    t->objects += o->result.ops;
    t->cycles += o->gc.cycles;
    t->ns += o->result.ns;
    t->rounds++;
    for (int i = 0; i < GT_GC_STOPS; i++) {
        if (o->gc.asked[i].p99 > t->worst_p99[i])
            t->worst_p99[i] = o->gc.asked[i].p99;
        if (o->gc.asked[i].max > t->worst[i])
            t->worst[i] = o->gc.asked[i].max;
    }
}

static void soak_for(uint64_t wanted, uint64_t seed)
{
    struct total t = {0};
    while (t.objects < wanted) {
        uint64_t left = wanted - t.objects;
        struct gt_workload_cell c = cell_at(t.rounds, left < ROUND ? left : ROUND, seed);
        struct gt_cell_outcome o = {0};
        char why[256], name[96];
        bool fine = run_cell(&c, &o, why, sizeof why);
        add_up(&t, &o);
        if (!ok(fine, "round %" PRIu64 ": %" PRIu64 " objects: %s", t.rounds, o.result.ops,
                title(&c, name, sizeof name))) {
            diag("%s; seed %" PRIu64, why, seed);
            break;
        }
        say_figures(&o);
        diag("%" PRIu64 " of %" PRIu64 " objects, %.0f s", t.objects, wanted, (double)t.ns / 1e9);
        seed = gt_rng_mix(seed + 1) >> 16;
    }
    diag("in all: %" PRIu64 " objects, %" PRIu64 " cycles, %.2f M objects/s", t.objects, t.cycles,
         1e3 * (double)t.objects / (double)(t.ns + 1));
    for (int i = 0; i < GT_GC_STOPS; i++)
        diag("in all: %s: p99 of the worst round %.1f us, longest %.1f us",
             i == GT_GC_STOP_SWEEP_TERM ? "sweep termination" : "mark termination",
             (double)t.worst_p99[i] / 1e3, (double)t.worst[i] / 1e3);
    ok(t.objects >= wanted, "%" PRIu64 " objects", t.objects);
}

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    char *end;
    if (!text || !*text)
        return otherwise;
    uint64_t v = strtoull(text, &end, 0);
    if (*end != '\0')
        bail_out("%s=%s is no number", name, text);
    return v;
}

int main(void)
{
    uint64_t seed = number("GT_SEED", (uint64_t)time(NULL)), wanted = number("GT_GC_ALLOCS", 0);
    if (!(gt_gmp.head.flags & GT_RT_GC))
        skip_all("this runtime has no collector");
    diag("seed %" PRIu64, seed);
    if (wanted) {
        soak_for(wanted, seed);
        return done_testing();
    }
    test_soak(seed);
    if (GT_TSAN)
        skip(1, "without the barrier the sanitizer would notice first");
    else
        test_twin(seed);
    test_steady(2);
    test_steady(8);
    return done_testing();
}
