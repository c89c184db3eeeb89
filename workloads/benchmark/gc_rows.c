/* SPDX-License-Identifier: Apache-2.0 */
/* The rows about the collector. Sweeps over heaps and numbers of Gs: scripts/gc-figures. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gc_bench.h"
#include "rows.h"

enum { PARKED = 10000, BUSY = 2, CYCLES = 50, OBJECT = 64, STORES = 16 };
#define HEAP (16ull << 20)
#define MOST_NS 1000000000ll

/* ---- cycles ------------------------------------------------------------------------------ */
static int run_cycles(const struct gt_bench_cell *c, struct gt_bench_sample *s,
                      struct gt_gc_bench_result *r)
{
    struct gt_gc_bench b = {.ops = c->ops,
                            .config = c->config,
                            .parked = PARKED,
                            .busy = BUSY,
                            .heap = HEAP,
                            .cycles = CYCLES,
                            .most_ns = MOST_NS};
    int rc = gt_gc_bench_run(&b, r);
    s->wrong = rc == -EIO;
    s->ops = r->n;
    memcpy(s->why, r->why, sizeof s->why);
    return s->wrong ? 0 : rc;
}

/* The stops of the cycles that are run, n of them, to be freed by the caller. 0; -ENODATA: there
 * was none, which is no figure; another negative errno. */
static int take_stops(const struct gt_bench_cell *c, struct gt_bench_sample *s, bool whole,
                      double **v, size_t *n)
{
    struct gt_gc_bench_result r;
    int rc = run_cycles(c, s, &r);
    *v = NULL;
    *n = 0;
    if (rc == 0 && !s->wrong) {
        *v = gt_gc_stops(&r, GT_GC_STOPS, whole, n);
        rc = !*v ? -ENOMEM : *n == 0 ? -ENODATA : 0;
    }
    free(r.cycle);
    return rc;
}

/* A sample for each stop; the last one is the caller's to give. */
static int give_stops(const struct gt_bench_cell *c, struct gt_bench_sample *s, bool whole)
{
    double *v;
    size_t n;
    int rc = take_stops(c, s, whole, &v, &n);
    for (size_t i = 0; i < n; i++) {
        s->value = v[i];
        if (i + 1 < n)
            gt_bench_give(c, s);
    }
    free(v);
    return rc;
}

static int measure_stop(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    return give_stops(c, s, false);
}
static int measure_pause(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    return give_stops(c, s, true);
}

static int measure_stop_p99(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    double *v;
    size_t n;
    int rc = take_stops(c, s, false, &v, &n);
    if (n > 0)
        s->value = gt_gc_quantile(v, n, 0.99);
    free(v);
    return rc;
}

static int measure_mark(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    struct gt_gc_bench_result r;
    int rc = run_cycles(c, s, &r);
    if (rc == 0 && !s->wrong && r.n == 0)
        rc = -ENODATA;
    for (uint32_t i = 0; rc == 0 && i < r.n; i++) {
        double kib = (double)r.cycle[i].marked / 1024;
        s->value = kib > 0 ? (double)r.cycle[i].mark_cpu / kib : 0;
        if (i + 1 < r.n)
            gt_bench_give(c, s);
    }
    free(r.cycle);
    return rc;
}

/* ---- allocation and the barrier ------------------------------------------------------------ */
struct call {
    const struct gt_bench_cell *c;
    struct gt_bench_sample *s;
    int rc;
};

static void allocate(void *arg)
{
    struct call *k = arg;
    const struct gt_runtime_ops *ops = k->c->ops;
    int64_t start = ops->now();
    for (uint64_t i = 0; i < k->c->n && k->rc == 0; i++)
        k->rc = ops->gc_alloc(OBJECT, NULL) ? 0 : -ENOMEM;
    k->s->value = (double)(ops->now() - start) / (double)k->c->n;
}

static const uint32_t at[] = {0};
static const struct gt_gc_layout pointers = {"pointers", sizeof(void *), 1, at};

/* Into an object and out again, so that nothing can be left out. */
static void store(void *arg)
{
    struct call *k = arg;
    const struct gt_runtime_ops *ops = k->c->ops;
    void **o = ops->gc_alloc(STORES * sizeof *o, &pointers);
    void *v = ops->gc_alloc(OBJECT, NULL);
    if (!o || !v) {
        k->rc = -ENOMEM;
        return;
    }
    int64_t start = ops->now();
    for (uint64_t i = 0; i < k->c->n; i++)
        ops->gc_store(&o[i % STORES], v);
    k->s->value = (double)(ops->now() - start) / (double)k->c->n;
    k->s->wrong = o[0] != v;
}

static int on_first_g(const struct gt_bench_cell *c, struct gt_bench_sample *s, gt_fn fn)
{
    struct call k = {.c = c, .s = s};
    if (!(c->ops->head.flags & GT_RT_GC))
        return -ENOTSUP;
    int rc = c->ops->run(c->rt, fn, &k);
    return rc ? rc : k.rc;
}
static int measure_alloc(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    return on_first_g(c, s, allocate);
}
static int measure_store(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    return on_first_g(c, s, store);
}

/* By hand: the C library, one block at a time. */
static double floor_alloc(const struct gt_bench_cell *c)
{
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (uint64_t i = 0; i < c->n; i++) {
        void *volatile p = calloc(1, OBJECT);
        free(p);
    }
    clock_gettime(CLOCK_MONOTONIC, &b);
    return ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / (double)c->n;
}

/* ---- the table --------------------------------------------------------------------------- */
#define CYCLE_ROW(name_, title_, summary_, unit_, measure_)                                        \
    {                                                                                              \
        .name = (name_), .title = (title_), .summary = (summary_), .unit = (unit_), .procs = 2,    \
        .own_runtime = true, .fixed_n = true, .samples = 1, .measure = (measure_)                  \
    }
static const struct gt_bench_row rows[] = {
    {.name = "gc-alloc",
     .title = "allocate 64 B",
     .summary = "an object without pointers, 1 P, its part in cycles and sweeping included",
     .unit = "ns",
     .floor = "calloc and free",
     .procs = 1,
     .measure = measure_alloc,
     .floor_of = floor_alloc},
    {.name = "gc-store",
     .title = "store a pointer",
     .summary = "gc_store while no cycle marks",
     .unit = "ns",
     .procs = 1,
     .measure = measure_store},
    CYCLE_ROW("gc-stop", "cycle: stop",
              "request to all stopped, both stops of a cycle; 10,000 Gs parked, 2 Ps busy", "ns",
              measure_stop),
    CYCLE_ROW("gc-stop-p99", "cycle: stop, p99", "of the same, over up to 50 cycles", "ns",
              measure_stop_p99),
    CYCLE_ROW("gc-pause", "cycle: pause", "the same until the world goes on again", "ns",
              measure_pause),
    CYCLE_ROW("gc-mark", "mark a KiB", "CPU time of marking over what was marked, a heap of 16 MiB",
              "ns", measure_mark),
};

const struct gt_bench_row *gt_bench_gc_row_at(size_t i)
{
    return i < sizeof rows / sizeof rows[0] ? &rows[i] : NULL;
}
