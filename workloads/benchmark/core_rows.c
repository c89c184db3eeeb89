/* SPDX-License-Identifier: Apache-2.0 */
/* The rows, and how each figure is taken. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/calls.h"
#include "common/cell.h"
#include "common/child.h"
#include "common/foreign.h"
#include "floor.h"
#include "gauntlet/atomic.h"
#include "gauntlet/bench.h"
#include "rows.h"

#define US 1000ll
#define MS 1000000ll

/* ---- a workload -------------------------------------------------------- */
static struct gt_workload_cell workload_cell(const struct gt_bench_cell *c)
{
    return (struct gt_workload_cell){.ops = c->ops,
                                     .workload = c->workload,
                                     .config = c->config,
                                     .n = c->n,
                                     .param = c->row->param,
                                     .seed = c->seed};
}

/* The verdict as a sample's result. */
static int judge(const struct gt_cell_outcome *o, struct gt_bench_sample *s)
{
    if (o->verdict == GT_CELL_OK)
        return 0;
    snprintf(s->why, sizeof s->why, "%.150s", o->why);
    s->wrong = o->verdict == GT_CELL_WRONG || o->verdict == GT_CELL_LEFT ||
               o->verdict == GT_CELL_VIOLATIONS;
    return s->wrong ? 0 : o->rc ? o->rc : -EIO;
}

static double extra_of(const struct gt_workload_result *r, const char *name, double otherwise)
{
    for (size_t i = 0; i < sizeof r->extra / sizeof r->extra[0]; i++)
        if (r->extra_name[i] && strcmp(r->extra_name[i], name) == 0)
            return r->extra[i];
    return otherwise;
}

/* ---- a function on the first G ----------------------------------------- */
struct call {
    const struct gt_bench_cell *c;
    const struct gt_runtime_ops *ops;
    struct gt_bench_sample *s;
    int rc;
    gt_a32 beat, stop;
    struct gt_wg *wg;
};

static int on_first_g(const struct gt_bench_cell *c, struct gt_bench_sample *s, gt_fn fn)
{
    struct call k = {.c = c, .ops = c->ops, .s = s};
    gt_init(&k.beat, 0u);
    gt_init(&k.stop, 0u);
    int rc = c->ops->run(c->rt, fn, &k);
    return rc ? rc : k.rc;
}

/* Wrapped and raw calls in turn, on one thread: the raw ones are the row's floor. */
enum { TURNS = 64 };

static void make_calls(void *arg)
{
    struct call *k = arg;
    const struct gt_runtime_ops *ops = k->ops;
    uint64_t n = k->c->n / TURNS + 1;
    int64_t wrapped_ns = 0, raw_ns = 0;
    for (int turn = 0; turn < TURNS; turn++) {
        int64_t start = ops->now();
        for (uint64_t i = 0; i < n; i++) {
            ops->syscall_enter();
            (void)gt_call_getpid();
            ops->syscall_exit();
        }
        int64_t between = ops->now();
        for (uint64_t i = 0; i < n; i++)
            (void)gt_call_getpid();
        wrapped_ns += between - start;
        raw_ns += ops->now() - between;
    }
    k->s->value = (double)wrapped_ns / (double)(n * TURNS);
    k->s->base = (double)raw_ns / (double)(n * TURNS);
    k->s->ops = n * TURNS;
}
static int measure_syscall(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    return on_first_g(c, s, make_calls);
}

/* ---- stopping the world ------------------------------------------------ */
static void spend(const struct gt_runtime_ops *ops, int64_t ns)
{
    for (int64_t end = ops->now() + ns; ops->now() < end;)
        gt_cpu_relax();
}

/* Mean time of stop_world over n stops, `gap` apart; before each the others must have made
 * a step when k->wg says that there are others. */
static void stop_often(struct call *k, int64_t gap)
{
    const struct gt_runtime_ops *ops = k->ops;
    int64_t spent = 0;
    for (uint64_t i = 0; i < k->c->n; i++) {
        uint32_t beat = gt_load_relaxed(&k->beat);
        spend(ops, gap);
        while (k->wg && gt_load_relaxed(&k->beat) == beat)
            ops->yield(); /* at first it may wait behind us */
        int64_t start = ops->now();
        ops->stop_world(GT_WORLD_TEST);
        spent += ops->now() - start;
        ops->start_world();
    }
    k->s->value = (double)spent / (double)k->c->n;
}

static void stop_idle(void *arg)
{
    stop_often(arg, 200 * US);
}
static int measure_stop_idle(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    return on_first_g(c, s, stop_idle);
}

static void be_busy(void *arg)
{
    struct call *k = arg;
    for (uint32_t i = 1; gt_load_relaxed(&k->stop) == 0; i++) {
        k->ops->checkpoint();
        gt_store_relaxed(&k->beat, i);
    }
    k->ops->wg_done(k->wg);
}

static void stop_busy(void *arg)
{
    struct call *k = arg;
    k->wg = k->ops->wg_new();
    if (!k->wg) {
        k->rc = -ENOMEM;
        return;
    }
    k->ops->wg_add(k->wg, 1);
    k->rc = k->ops->go(be_busy, k);
    if (k->rc == 0) {
        stop_often(k, 200 * US);
        gt_store_relaxed(&k->stop, 1u);
        k->ops->wg_wait(k->wg);
    }
    k->ops->wg_free(k->wg);
}
static int measure_stop_busy(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    return on_first_g(c, s, stop_busy);
}

/* ---- parked Gs --------------------------------------------------------- */
static int measure_parking(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    struct gt_workload_cell cell = workload_cell(c);
    struct gt_cell_outcome o;
    gt_cell_run(&cell, &o);
    s->value = extra_of(&o.result, "park_ns_per_g", 0);
    return judge(&o, s);
}

/* In a process of its own: what another runtime gave back would be found again. */
struct memory_job {
    const struct gt_bench_cell *c;
    const char *what;
};

static void weigh(int fd, void *arg)
{
    const struct memory_job *job = arg;
    struct gt_workload_cell cell = workload_cell(job->c);
    struct gt_bench_sample s = {.base = NAN, .events = NAN};
    struct gt_cell_outcome o;
    gt_cell_run(&cell, &o);
    s.value = extra_of(&o.result, job->what, 0);
    s.rc = judge(&o, &s);
    (void)gt_child_send(fd, &s, sizeof s);
}

static int measure_memory(const struct gt_bench_cell *c, struct gt_bench_sample *s,
                          const char *what)
{
    struct memory_job job = {c, what};
    struct gt_bench_sample got;
    struct gt_child child;
    int64_t deadline = gt_child_clock() + 60000 * MS;
    int rc = gt_child_start(&child, weigh, &job);
    if (rc != 0)
        return rc;
    rc = gt_child_read(&child, &got, sizeof got, deadline, c->env->stop);
    struct gt_child_end end = gt_child_finish(&child, rc == 1 ? deadline : 0);
    if (rc != 1) {
        gt_child_describe(end, s->why, sizeof s->why);
        return rc ? rc : -EIO;
    }
    s->value = got.value;
    s->wrong = got.wrong;
    memcpy(s->why, got.why, sizeof s->why);
    return got.rc;
}
static int measure_rss(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    return measure_memory(c, s, "rss_bytes_per_g");
}
static int measure_page_tables(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    return measure_memory(c, s, "page_table_bytes_per_g");
}

/* ---- doing nothing ----------------------------------------------------- */
enum { IDLE_GS = 64, WINDOWS = 10 };
#define WINDOW_NS (100 * MS)
#define SETTLE_NS (50 * MS)

struct idle {
    const struct gt_bench_cell *c;
    struct gt_bench_sample *s;
};

static int64_t cpu_ns(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * 1000 * MS + ts.tv_nsec;
}

static int64_t others_cpu(void)
{
    return cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* On a plain thread: CPU time of all the others, in per cent of one CPU, window by window. */
static void watch(void *arg)
{
    struct idle *d = arg;
    (void)gt_call_nap(SETTLE_NS);
    int64_t before = others_cpu(), then = gt_child_clock();
    for (int i = 0; i < WINDOWS; i++) {
        (void)gt_call_nap(WINDOW_NS);
        int64_t now = gt_child_clock(), used = others_cpu();
        d->s->value = 100.0 * (double)(used - before) / (double)(now - then);
        before = used;
        then = now;
        if (i + 1 < WINDOWS)
            gt_bench_give(d->c, d->s);
    }
}

static void sleep_long(void *arg)
{
    const struct gt_runtime_ops *ops = arg;
    ops->sleep(3600ll * 1000 * MS);
}

static void stay_idle(void *arg)
{
    struct call *k = arg;
    for (int i = 0; i < IDLE_GS && k->rc == 0; i++)
        k->rc = k->ops->go(sleep_long, (void *)(uintptr_t)k->ops);
    k->ops->sleep(2 * SETTLE_NS + WINDOWS * WINDOW_NS);
}

static int measure_idle(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    struct idle d = {c, s};
    struct gt_foreign watcher;
    int rc = gt_foreign_start(&watcher, watch, &d);
    if (rc != 0)
        return rc;
    rc = on_first_g(c, s, stay_idle);
    gt_foreign_join(&watcher);
    return rc;
}

/* ---- floors as rows, and the raw switch -------------------------------- */
/* On one thread, bound where the Ps are. */
static double bound(const struct gt_bench_cell *c, double (*floor)(uint64_t n))
{
    struct gt_floor_place before;
    bool held = c->config.bind != GT_BIND_NONE && gt_floor_hold(&before);
    double each = floor(c->n);
    if (held)
        gt_floor_let_go(&before);
    return each;
}

static double floor_switch(const struct gt_bench_cell *c)
{
    return bound(c, gt_floor_switch);
}
static double floor_yield(const struct gt_bench_cell *c)
{
    return bound(c, gt_floor_yield);
}
static double floor_spawn(const struct gt_bench_cell *c)
{
    return bound(c, gt_floor_spawn);
}
static double floor_spawn_shared(const struct gt_bench_cell *c)
{
    double one = floor_spawn(c);
    return one < 0 ? one : one / c->row->procs;
}
static double floor_batch(const struct gt_bench_cell *c)
{
    return bound(c, gt_floor_batch);
}
static double floor_pingpong(const struct gt_bench_cell *c)
{
    return bound(c, gt_floor_pingpong);
}
/* Two threads: they bind themselves. */
static double floor_line(const struct gt_bench_cell *c)
{
    return gt_floor_line(c->n);
}
static double floor_wake(const struct gt_bench_cell *c)
{
    return gt_floor_wake(c->n);
}
static double stacks(uint64_t n)
{
    return gt_floor_stacks(n, GT_STACK_DEFAULT);
}
static double floor_stacks(const struct gt_bench_cell *c)
{
    return bound(c, stacks);
}

static double switches(uint64_t n)
{
    int64_t ns = gt_bench_switch(n);
    return ns < 0 ? -1 : (double)ns / (double)n;
}
static int measure_switch(const struct gt_bench_cell *c, struct gt_bench_sample *s)
{
    s->value = bound(c, switches);
    return s->value < 0 ? -ENOTSUP : 0;
}

#define FLOOR_ROW(name, floor)                                                                     \
    static int measure_##name(const struct gt_bench_cell *c, struct gt_bench_sample *s)            \
    {                                                                                              \
        s->value = floor(c->n);                                                                    \
        return s->value < 0 ? -ENOTSUP : 0;                                                        \
    }
FLOOR_ROW(cas, gt_floor_cas)
FLOOR_ROW(clock, gt_floor_clock)
FLOOR_ROW(raw_call, gt_floor_syscall)
FLOOR_ROW(line, gt_floor_line)
FLOOR_ROW(wake, gt_floor_wake)

/* ---- the table --------------------------------------------------------- */
/*
 * Lock-prefixed instructions of the paths (`cas`), core and `worksteal`, one P:
 *   a G begins to run: take it from next or ring 1, Runnable -> Running 1. It stops: 0.
 *   a G is made: Dead -> Runnable 0; put in next 0.   A G is made ready: Waiting -> Runnable 1.
 *   yield        begin 2                                                               =  2
 *   spawn+join   park's permit 1, begin 2; ready's permit 1, ready 1, begin 2          =  7
 *   spawn 1000   pushes another out of next 1, begin 2, wg_done 1                      =  4
 *   ping-pong    twice: send's lock 1, ready 1, receive's lock 1, begin 2              = 10
 *   fork-join    as spawn+join, and a swap of each side at the gate                    =  9
 */
static const struct gt_bench_row rows[] = {
    {.name = "switch",
     .title = "raw switch",
     .summary = "one stack for another, no scheduler; floor: by hand, call and jump back",
     .unit = "ns",
     .floor = "stack switch by hand",
     .target = 3,
     .procs = 1,
     .once = true,
     .own_runtime = true,
     .measure = measure_switch,
     .floor_of = floor_switch},
    {.name = "yield",
     .title = "yield",
     .summary = "two Gs yield on 1 P; floor: two coroutines and a ring",
     .unit = "ns",
     .workload = "yield",
     .floor = "ring and switch by hand",
     .target = 14,
     .stretch = 9,
     .procs = 1,
     .cas = 2,
     .bounded = true,
     .param = 2,
     .measure = gt_bench_measure_workload,
     .floor_of = floor_yield},
    {.name = "spawn-join",
     .title = "spawn+run+join",
     .summary = "one G at a time on 1 P; floor: a coroutine",
     .unit = "ns",
     .workload = "spawn-join",
     .floor = "coroutine by hand",
     .target = 42,
     .stretch = 32,
     .procs = 1,
     .cas = 7,
     .bounded = true,
     .param = 1,
     .measure = gt_bench_measure_workload,
     .floor_of = floor_spawn},
    {.name = "spawn-1000",
     .title = "spawn 1000, join",
     .summary = "a thousand Gs, then join all, each, on 1 P; floor: coroutines",
     .unit = "ns",
     .workload = "spawn-join",
     .floor = "coroutines by hand",
     .target = 45,
     .stretch = 36,
     .procs = 1,
     .cas = 4,
     .bounded = true,
     .param = 2,
     .measure = gt_bench_measure_workload,
     .floor_of = floor_batch},
    {.name = "pingpong-1p",
     .title = "ping-pong, 1 P",
     .summary = "round trip over two unbuffered channels; floor: coroutines",
     .unit = "ns",
     .workload = "pingpong",
     .floor = "rendezvous by hand",
     .target = 60,
     .stretch = 45,
     .procs = 1,
     .cas = 10,
     .bounded = true,
     .measure = gt_bench_measure_workload,
     .floor_of = floor_pingpong},
    {.name = "pingpong-2p",
     .title = "ping-pong, 2 Ps",
     .summary = "the same with 2 Ps; says which share really crossed; floor: a cache line",
     .unit = "ns",
     .workload = "pingpong",
     .floor = "cache line there and back",
     .target = 135,
     .stretch = 110,
     .procs = 2,
     .measure = gt_bench_measure_workload,
     .floor_of = floor_line},
    {.name = "pingpong-2p-poll",
     .title = "ping-pong, polled",
     .summary = "2 Ps, both Gs poll a one-element channel: crosses; floor: a cache line",
     .unit = "ns",
     .workload = "pingpong",
     .floor = "cache line there and back",
     .target = 135,
     .stretch = 110,
     .procs = 2,
     .param = 1,
     .measure = gt_bench_measure_workload,
     .floor_of = floor_line},
    {.name = "forkjoin-1p",
     .title = "fork-join, 1 P",
     .summary = "a task of a fib tree; floor: spawn and join of a coroutine",
     .unit = "ns",
     .workload = "forkjoin",
     .floor = "coroutine by hand",
     .target = 50,
     .stretch = 40,
     .procs = 1,
     .cas = 9,
     .bounded = true,
     .measure = gt_bench_measure_workload,
     .floor_of = floor_spawn},
    {.name = "forkjoin-2p",
     .title = "fork-join, 2 Ps",
     .summary = "the same with 2 Ps; floor: half of it",
     .unit = "ns",
     .workload = "forkjoin",
     .floor = "half a coroutine by hand",
     .target = 26,
     .stretch = 22,
     .procs = 2,
     .cas = 9,
     .bounded = true,
     .measure = gt_bench_measure_workload,
     .floor_of = floor_spawn_shared},
    {.name = "syscall-status",
     .title = "syscall, status",
     .summary = "getpid inside enter and exit, over the raw call",
     .unit = "ns",
     .workload = "syscall-storm",
     .floor = "the raw call",
     .about = GT_BENCH_OVER,
     .paired = true,
     .target = 15,
     .procs = 1,
     .syscalls = GT_SYSCALLS_STATUS,
     .measure = measure_syscall},
    {.name = "syscall-scanbit",
     .title = "syscall, scanbit",
     .summary = "the same under the other model",
     .unit = "ns",
     .workload = "syscall-storm",
     .floor = "the raw call",
     .about = GT_BENCH_OVER,
     .paired = true,
     .target = 10,
     .procs = 1,
     .syscalls = GT_SYSCALLS_SCANBIT,
     .measure = measure_syscall},
    {.name = "stop-idle",
     .title = "stop, idle P",
     .summary = "request to all stopped, the other P idle",
     .unit = "ns",
     .target = 3000,
     .procs = 2,
     .by_clock = true,
     .measure = measure_stop_idle},
    {.name = "stop-busy",
     .title = "stop, busy P",
     .summary = "the same, the other P at checkpoints, over the wake of a thread on another CPU",
     .unit = "ns",
     .floor = "futex wake, one way",
     .about = GT_BENCH_OVER,
     .target = 15000,
     .procs = 2,
     .by_clock = true,
     .measure = measure_stop_busy,
     .floor_of = floor_wake},
    {.name = "parking",
     .title = "parking, time",
     .summary = "spawn until all are parked, over touching and guarding as many stacks",
     .unit = "ns",
     .workload = "million",
     .floor = "touch and guard a stack",
     .about = GT_BENCH_RATIO,
     .target = 1.3,
     .procs = 1,
     .own_runtime = true,
     .samples = 9,
     .fixed_n = true,
     .measure = measure_parking,
     .floor_of = floor_stacks},
    {.name = "parked-rss",
     .title = "parked, RSS, B",
     .summary = "memory of a parked G, all told but page tables",
     .unit = "bytes",
     .workload = "million",
     .target = 4300,
     .procs = 1,
     .own_runtime = true,
     .fixed_n = true,
     .samples = 1,
     .measure = measure_rss},
    {.name = "parked-tables",
     .title = "parked, tables, B",
     .summary = "page tables of a parked G",
     .unit = "bytes",
     .workload = "million",
     .procs = 1,
     .own_runtime = true,
     .fixed_n = true,
     .samples = 1,
     .measure = measure_page_tables},
    {.name = "idle",
     .title = "idle, % of a CPU",
     .summary = "CPU time of the process over a second with all Gs parked behind long timers",
     .unit = "%",
     .procs = 2,
     .fixed_n = true,
     .samples = 1,
     .measure = measure_idle},
    {.name = "cas",
     .title = "(CAS)",
     .summary = "a lock-prefixed compare-and-swap in the own cache",
     .unit = "ns",
     .procs = 1,
     .once = true,
     .bare = true,
     .own_runtime = true,
     .measure = measure_cas},
    {.name = "clock",
     .title = "(clock)",
     .summary = "a read of the monotonic clock",
     .unit = "ns",
     .procs = 1,
     .once = true,
     .bare = true,
     .own_runtime = true,
     .measure = measure_clock},
    {.name = "getpid",
     .title = "(getpid)",
     .summary = "a raw system call",
     .unit = "ns",
     .procs = 1,
     .once = true,
     .bare = true,
     .own_runtime = true,
     .measure = measure_raw_call},
    {.name = "line",
     .title = "(cache line)",
     .summary = "a cache line to another CPU and back, both spinning",
     .unit = "ns",
     .procs = 1,
     .once = true,
     .bare = true,
     .own_runtime = true,
     .measure = measure_line},
    {.name = "wake",
     .title = "(futex wake)",
     .summary = "one way: wake to the first step of a thread on another CPU",
     .unit = "ns",
     .procs = 1,
     .once = true,
     .bare = true,
     .own_runtime = true,
     .measure = measure_wake},
};

const struct gt_bench_row *gt_bench_row_at(size_t i)
{
    static const struct gt_bench_row *(*const others[])(size_t) = {gt_bench_gc_row_at,
                                                                   gt_bench_trace_row_at};
    size_t n = sizeof rows / sizeof rows[0];
    if (i < n)
        return &rows[i];
    i -= n;
    for (size_t k = 0; k < sizeof others / sizeof others[0]; k++) {
        size_t m = 0;
        while (others[k](m))
            if (m++ == i)
                return others[k](i);
        i -= m;
    }
    return NULL;
}

struct gt_bench_row gt_bench_plain_row(const struct gt_workload_ops *w, uint32_t param)
{
    return (struct gt_bench_row){.name = w->head.name,
                                 .summary = w->head.summary,
                                 .unit = "ns",
                                 .workload = w->head.name,
                                 .known = w,
                                 .procs = 2,
                                 .param = param,
                                 .syscalls = GT_SYSCALLS_SCANBIT,
                                 .measure = gt_bench_measure_workload};
}

bool gt_bench_is_workload(const struct gt_bench_row *row)
{
    return row->measure == gt_bench_measure_workload;
}
