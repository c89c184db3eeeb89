/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows about tracing: what a hook costs while the tracer is off, an event while it is on,
 * a whole operation with its events, and how many bytes an event takes. A column for each
 * tracer; that of `none` compares off with off: the noise of the method.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/calls.h"
#include "common/child.h"
#include "common/rng.h"
#include "floor.h"
#include "gauntlet/atomic.h"
#include "gauntlet/bench.h"
#include "gauntlet/tracer.h"
#include "rows.h"

#ifndef GT_HAS_UNHOOKED
#define GT_HAS_UNHOOKED 0
#endif

/* Pairs of a sample about a hook, of which the middle one counts: others may take the CPU
 * meanwhile. A sample is at least so many operations. */
enum { HOOK_PAIRS = 8, LEAST = 5000, FRAMES = 10, BYTES_N = 100000 };

struct job {
    const struct gt_bench_cell *c;
    const struct gt_runtime_ops *ops;
    struct gt_bench_sample *s;
    uint64_t n;
    int64_t ns;
    int rc;
    uint64_t bytes;
};

typedef int (*work_fn)(const struct gt_runtime_ops *ops, uint64_t n);

static int on_first_g(const struct gt_bench_cell *c, struct gt_bench_sample *s, gt_fn fn)
{
    struct job j = {.c = c, .ops = c->ops, .s = s};
    int rc = c->ops->run(c->rt, fn, &j);
    return rc ? rc : j.rc;
}

static uint64_t at_least(uint64_t n, uint64_t parts)
{
    return n / parts < LEAST ? LEAST : n / parts;
}

/* ---- operations, n of them, on one P ---------------------------------------- */
struct partner {
    const struct gt_runtime_ops *ops;
    struct gt_wg *wg;
    struct gt_chan *there, *back;
    uint64_t n;
};

static void yielder(void *arg)
{
    struct partner *p = arg;
    for (uint64_t i = 0; i < p->n; i++)
        p->ops->yield();
    p->ops->wg_done(p->wg);
}

static int work_yield(const struct gt_runtime_ops *ops, uint64_t n)
{
    struct partner p = {.ops = ops, .wg = ops->wg_new(), .n = n / 2};
    if (!p.wg)
        return -ENOMEM;
    ops->wg_add(p.wg, 1);
    int rc = ops->go(yielder, &p);
    for (uint64_t i = 0; i < p.n && rc == 0; i++)
        ops->yield();
    if (rc == 0)
        ops->wg_wait(p.wg);
    ops->wg_free(p.wg);
    return rc;
}

static void ponger(void *arg)
{
    struct partner *p = arg;
    uint64_t v;
    while (p->ops->chan_recv(p->there, &v))
        (void)p->ops->chan_send(p->back, &v);
    p->ops->wg_done(p->wg);
}

static int rally(struct partner *p)
{
    const struct gt_runtime_ops *ops = p->ops;
    uint64_t v;
    ops->wg_add(p->wg, 1);
    int rc = ops->go(ponger, p);
    if (rc != 0)
        return rc;
    for (uint64_t i = 0; i < p->n; i++) {
        (void)ops->chan_send(p->there, &i);
        if (!ops->chan_recv(p->back, &v) || v != i)
            rc = -EIO;
    }
    ops->chan_close(p->there);
    ops->wg_wait(p->wg);
    return rc;
}

static int work_pingpong(const struct gt_runtime_ops *ops, uint64_t n)
{
    struct partner p = {.ops = ops, .wg = ops->wg_new(), .n = n};
    p.there = ops->chan_new(sizeof n, 0);
    p.back = ops->chan_new(sizeof n, 0);
    int rc = p.wg && p.there && p.back ? rally(&p) : -ENOMEM;
    if (p.back)
        ops->chan_free(p.back);
    if (p.there)
        ops->chan_free(p.there);
    if (p.wg)
        ops->wg_free(p.wg);
    return rc;
}

struct child {
    const struct gt_runtime_ops *ops;
    struct gt_g *parent;
    gt_a32 done;
};

static void child_main(void *arg)
{
    struct child *c = arg;
    gt_store_release(&c->done, 1u); /* pair: bench-child */
    c->ops->ready(c->parent);
}

static int work_spawn(const struct gt_runtime_ops *ops, uint64_t n)
{
    struct child c = {.ops = ops, .parent = ops->self()};
    for (uint64_t i = 0; i < n; i++) {
        gt_init(&c.done, 0u);
        int rc = ops->go(child_main, &c);
        if (rc != 0)
            return rc;
        do
            ops->park();
        while (gt_load_acquire(&c.done) == 0); /* pair: bench-child */
    }
    return 0;
}

static int work_syscall(const struct gt_runtime_ops *ops, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        ops->syscall_enter();
        (void)gt_call_getpid();
        ops->syscall_exit();
    }
    return 0;
}

static int timed(const struct gt_runtime_ops *ops, work_fn work, uint64_t n, int64_t *ns)
{
    int64_t start = ops->now();
    int rc = work(ops, n);
    *ns = ops->now() - start;
    return rc;
}

/* ---- tracing on less tracing off --------------------------------------------- */
static int64_t swallow(void *arg, const void *data, size_t n)
{
    (void)data;
    *(uint64_t *)arg += n;
    return (int64_t)n;
}

/* The same with a trace on; a tracer that never is on (`none`) leaves it off. */
static int timed_on(struct job *j, work_fn work, int64_t *ns)
{
    struct gt_trace_sink sink = {.write = swallow, .arg = &j->bytes};
    struct gt_trace_options o = {.sink = &sink, .period_ns = -1};
    int rc = j->ops->trace_start(&o);
    if (rc != 0 && rc != -ENOTSUP)
        return rc;
    bool on = rc == 0;
    rc = timed(j->ops, work, j->n, ns);
    int stopped = on ? j->ops->trace_stop() : 0;
    return rc ? rc : stopped;
}

static work_fn work_of(const struct gt_bench_row *row)
{
    static const work_fn works[] = {work_yield, work_pingpong, work_spawn, work_syscall};
    return works[row->param];
}
enum { YIELD, PINGPONG, SPAWN, SYSCALL };

/* One pair in random order: ns of each half. */
static int on_off_pair(struct job *j, struct gt_rng *rng, int64_t *on, int64_t *off)
{
    work_fn work = work_of(j->c->row);
    bool flip = gt_rng_below(rng, 2) != 0;
    int rc = flip ? timed_on(j, work, on) : timed(j->ops, work, j->n, off);
    if (rc == 0)
        rc = flip ? timed(j->ops, work, j->n, off) : timed_on(j, work, on);
    return rc;
}

static void on_and_off(void *arg)
{
    struct job *j = arg;
    struct gt_rng rng = gt_rng_make(j->c->seed, (uint64_t)gt_child_clock());
    int64_t on = 0, off = 0, before = gt_bench_traced(j->c->rt);
    j->n = at_least(j->c->n, 1);
    j->rc = on_off_pair(j, &rng, &on, &off);
    j->s->value = (double)on / (double)j->n;
    j->s->base = (double)off / (double)j->n;
    j->s->ops = j->n;
    int64_t wrote = gt_bench_traced(j->c->rt) - before;
    if (before >= 0 && wrote > 0)
        j->s->events = (double)wrote / (double)j->n;
}

static int measure_on(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    return on_first_g(c, s, on_and_off);
}

/* ---- one event ---------------------------------------------------------------- */
static void events(void *arg)
{
    struct job *j = arg;
    enum gt_bench_event e = (enum gt_bench_event)j->c->row->param;
    struct gt_trace_sink sink = {.write = swallow, .arg = &j->bytes};
    struct gt_trace_options o = {.sink = &sink, .period_ns = -1};
    j->n = at_least(j->c->n, 1);
    j->rc = j->ops->trace_start(&o);
    if (j->rc != 0)
        return;
    int64_t ns = gt_bench_events(e, j->n, e == GT_BENCH_STACK ? FRAMES : 0);
    j->rc = j->ops->trace_stop();
    j->s->value = (double)ns / (double)j->n;
}

static int measure_event(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    return on_first_g(c, s, events);
}

static double floor_event(const struct gt_bench_cell *c)
{
    struct gt_floor_place before;
    bool held = c->config.bind != GT_BIND_NONE && gt_floor_hold(&before);
    double each = gt_floor_event(c->n);
    if (held)
        gt_floor_let_go(&before);
    return each;
}

/* ---- bytes ---------------------------------------------------------------------- */
static void weigh(void *arg)
{
    struct job *j = arg;
    int64_t before = gt_bench_traced(j->c->rt);
    j->n = BYTES_N;
    j->rc = timed_on(j, work_of(j->c->row), &j->ns);
    int64_t wrote = gt_bench_traced(j->c->rt) - before;
    if (j->rc == 0 && (before < 0 || wrote <= 0 || j->bytes == 0))
        j->rc = -ENOTSUP; /* it writes nothing, or does not say what */
    j->s->value = wrote > 0 ? (double)j->bytes / (double)wrote : 0;
}

static int measure_bytes(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    return on_first_g(c, s, weigh);
}

/* ---- tracing off less no hooks ---------------------------------------------------- */
#if GT_HAS_UNHOOKED
extern const struct gt_runtime_ops gt_gmp_unhooked; /* the core, compiled with GT_NO_HOOKS */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double middle(double *v, size_t n)
{
    qsort(v, n, sizeof *v, by_value);
    return (v[(n - 1) / 2] + v[n / 2]) / 2;
}

struct side {
    const struct gt_runtime_ops *ops;
    struct gt_runtime *rt;
    work_fn work;
    uint64_t n;
    int64_t ns;
    int rc;
};

static void one_side(void *arg)
{
    struct side *s = arg;
    (void)s->work(s->ops, s->n / 16); /* warm */
    s->rc = timed(s->ops, s->work, s->n, &s->ns);
}

static int run_side(struct side *s)
{
    int rc = s->ops->run(s->rt, one_side, s);
    return rc ? rc : s->rc;
}

/* Medians of the pairs' differences, and of the side without hooks. */
static int pairs(struct side *with, struct side *without, struct gt_rng *rng, double *diff,
                 double *base)
{
    double d[HOOK_PAIRS], b[HOOK_PAIRS];
    for (int i = 0; i < HOOK_PAIRS; i++) {
        bool flip = gt_rng_below(rng, 2) != 0;
        int rc = run_side(flip ? without : with);
        if (rc == 0)
            rc = run_side(flip ? with : without);
        if (rc != 0)
            return rc;
        d[i] = (double)(with->ns - without->ns) / (double)with->n;
        b[i] = (double)without->ns / (double)with->n;
    }
    *diff = middle(d, HOOK_PAIRS);
    *base = middle(b, HOOK_PAIRS);
    return 0;
}

/* Two sections stand in a yield (GoStop, GoStart) and two in a system call. */
#define HOOKS 2

static int measure_hook(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    uint64_t n = at_least(c->n, 2 * HOOK_PAIRS);
    struct side with = {.ops = &gt_gmp, .work = work_of(c->row), .n = n}, without = with;
    struct gt_rng rng = gt_rng_make(c->seed, (uint64_t)gt_child_clock());
    double diff = 0, base = 0;
    without.ops = &gt_gmp_unhooked;
    int rc = with.ops->create(&c->config, &with.rt, s->why, sizeof s->why);
    if (rc != 0)
        return rc;
    rc = without.ops->create(&c->config, &without.rt, s->why, sizeof s->why);
    if (rc == 0) {
        rc = pairs(&with, &without, &rng, &diff, &base);
        without.ops->destroy(without.rt);
    }
    with.ops->destroy(with.rt);
    s->value = base + diff / HOOKS;
    s->base = base;
    s->ops = n;
    return rc;
}
#else
static int measure_hook(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    (void)c;
    snprintf(s->why, sizeof s->why, "only the release build has a core without hooks");
    return -ENOTSUP;
}
#endif

/* ---- the table ---------------------------------------------------------------------- */
#define ON_ROW(name_, title_, summary_, param_, target_, model_)                                   \
    {.name = name_, .title = title_, .summary = summary_, .unit = "ns",                            \
     .floor = "the same with tracing off", .about = GT_BENCH_OVER, .paired = true,                 \
     .by_tracer = true, .target = target_, .procs = 1, .syscalls = model_, .param = param_,        \
     .measure = measure_on}
#define HOOK_ROW(name_, title_, summary_, param_)                                                  \
    {.name = name_, .title = title_, .summary = summary_, .unit = "ns",                            \
     .floor = "the operation without hooks", .about = GT_BENCH_OVER, .paired = true,               \
     .target = 1, .procs = 1, .once = true, .own_runtime = true, .by_clock = true, .param = param_,                  \
     .measure = measure_hook}
#define BYTES_ROW(name_, title_, summary_, param_)                                                 \
    {.name = name_, .title = title_, .summary = summary_, .unit = "bytes", .by_tracer = true,      \
     .target = 5, .procs = 1, .fixed_n = true, .samples = 9, .param = param_,                      \
     .measure = measure_bytes}

static const struct gt_bench_row rows[] = {
    HOOK_ROW("hook-yield", "hook off, yield",
             "a hook with tracing off: half of a yield less a yield of a core without hooks", YIELD),
    HOOK_ROW("hook-syscall", "hook off, syscall", "the same with enter, getpid, exit", SYSCALL),
    {.name = "event",
     .title = "event",
     .summary = "section and event without a stack, tracing on; floor: counter and 6 bytes",
     .unit = "ns",
     .floor = "counter and 6 bytes by hand",
     .about = GT_BENCH_RATIO,
     .by_tracer = true,
     .target = 1.5,
     .procs = 1,
     .param = GT_BENCH_NO_STACK,
     .measure = measure_event,
     .floor_of = floor_event},
    {.name = "event-stack",
     .title = "event, 10 frames",
     .summary = "the same with a stack of 10 frames that is known already",
     .unit = "ns",
     .floor = "counter and 6 bytes by hand",
     .about = GT_BENCH_RATIO,
     .by_tracer = true,
     .target = 3,
     .procs = 1,
     .param = GT_BENCH_STACK,
     .measure = measure_event,
     .floor_of = floor_event},
    ON_ROW("on-yield", "on: yield", "a yield with tracing on, less off, in pairs", YIELD, 45, 0),
    ON_ROW("on-pingpong", "on: ping-pong", "a round trip on 1 P, likewise", PINGPONG, 110, 0),
    ON_ROW("on-spawn", "on: spawn+join", "one G at a time, likewise", SPAWN, 110, 0),
    ON_ROW("on-syscall", "on: syscall", "enter, getpid, exit, model scanbit, likewise", SYSCALL, 40,
           GT_SYSCALLS_SCANBIT),
    ON_ROW("on-sys-status", "on: syscall, st.", "the same under the model status", SYSCALL, 40,
           GT_SYSCALLS_STATUS),
    BYTES_ROW("bytes-yield", "bytes, yield", "of the whole trace, an event, 100,000 yields", YIELD),
    BYTES_ROW("bytes-pingpong", "bytes, ping-pong", "the same, 100,000 round trips", PINGPONG),
};

const struct gt_bench_row *gt_bench_trace_row_at(size_t i)
{
    return i < sizeof rows / sizeof rows[0] ? &rows[i] : NULL;
}
