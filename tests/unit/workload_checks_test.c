/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: both workloads labels=quick,full */
/* Do the workloads notice? Each runs on the runtime with one operation broken, and must
 * say what is wrong; with nothing broken it must pass. */
#include <stdio.h>
#include <string.h>

#include "common/cell.h"
#include "common/registry.h"
#include "gauntlet/atomic.h"
#include "tap.h"

static gt_a32 calls;

/* True for every 7th call: most of the work goes well. */
static bool now_and_then(void)
{
    return gt_add_relaxed(&calls, 1u) % 7 == 6;
}

/* ---- broken operations ------------------------------------------------------------- */
static uint64_t other_goid(void)
{
    return gt_gmp.goid() + (now_and_then() ? 1 : 0);
}

static bool recv_flips_a_bit(struct gt_chan *c, void *elem)
{
    bool got = gt_gmp.chan_recv(c, elem);
    if (got && now_and_then())
        *(unsigned char *)elem ^= 1;
    return got;
}

static bool recv_loses(struct gt_chan *c, void *elem)
{
    bool got = gt_gmp.chan_recv(c, elem);
    return got && now_and_then() ? gt_gmp.chan_recv(c, elem) : got;
}

static void no_lock(struct gt_mutex *m)
{
    (void)m;
}

static int64_t read_flips_a_bit(struct gt_fd *f, void *buf, size_t n)
{
    int64_t got = gt_gmp.fd_read(f, buf, n);
    if (got > 0 && now_and_then())
        *(unsigned char *)buf ^= 1;
    return got;
}

/* Half the time would pass for all of it on a machine that is slow to wake. */
static void sleep_not(int64_t ns)
{
    gt_gmp.sleep(now_and_then() ? 0 : ns);
}

/* And lets it fire: on a slow machine it would be due before its G waits. */
static void start_early(struct gt_timer *t, int64_t when, int64_t period)
{
    bool early = now_and_then();
    gt_gmp.timer_start(t, early ? 1 : when, period);
    if (early)
        gt_gmp.yield();
}

static bool stop_lies(struct gt_timer *t)
{
    bool was = gt_gmp.timer_stop(t);
    return now_and_then() ? !was : was;
}

static int keep_procs(int32_t n)
{
    return now_and_then() ? 0 : gt_gmp.set_procs(n);
}

static int no_callback(struct gt_runtime *rt, gt_fn fn, void *arg)
{
    return now_and_then() ? 0 : gt_gmp.callback(rt, fn, arg);
}

static bool no_switch(struct gt_coro *c)
{
    return now_and_then() ? true : gt_gmp.coro_switch(c);
}

static void linger(void *arg)
{
    (void)arg;
    gt_gmp.park();
}

static int go_and_linger(gt_fn fn, void *arg)
{
    int rc = gt_gmp.go(fn, arg);
    return rc ? rc : gt_gmp.go(linger, NULL);
}

static int no_memory(gt_fn fn, void *arg)
{
    return now_and_then() ? -12 : gt_gmp.go(fn, arg);
}

/* ---- a broken collector, a broken stop ---------------------------------------------------- */
/* Given out twice: zeroed again, for one that still holds it. */
static void *alloc_twice(size_t size, const struct gt_gc_layout *layout)
{
    static gt_a64 last;
    uint64_t mine = gt_load_relaxed(&last);
    if (size != 56) /* a node of two links */
        return gt_gmp.gc_alloc(size, layout);
    if (mine && now_and_then()) {
        gt_store_relaxed(&last, 0u);
        return memset((void *)(uintptr_t)mine, 0, size);
    }
    void *p = gt_gmp.gc_alloc(size, layout);
    gt_store_relaxed(&last, (uint64_t)(uintptr_t)p);
    return p;
}

static void *alloc_dirty(size_t size, const struct gt_gc_layout *layout)
{
    unsigned char *p = gt_gmp.gc_alloc(size, layout);
    if (p && now_and_then())
        p[size / 2] = 1;
    return p;
}

static void store_lost(void *slot, void *value)
{
    if (!now_and_then())
        gt_gmp.gc_store(slot, value);
}

static int no_cycle(void)
{
    return 0;
}

static void no_stop(enum gt_world_kind kind)
{
    (void)kind;
}

static void no_start(void)
{
}

static int64_t others_run(void)
{
    gt_gmp.yield();
    return gt_gmp.now();
}

/* ---- scenes ---------------------------------------------------------------------------- */
static struct gt_cell_outcome run(const char *workload, const struct gt_runtime_ops *ops)
{
    char err[512];
    struct gt_cell_outcome o;
    struct gt_workload_cell c = {.ops = ops,
                                 .workload = gt_workload_find(workload, err, sizeof err),
                                 .n = 1000,
                                 .gs = 500,
                                 .seed = 3,
                                 .deadline_ns = 40000000000ll};
    gt_config_init(&c.config);
    c.config.scheduler = (const void *)gt_plugin_builtin(GT_MAGIC_SCHEDULER, 0);
    c.config.tracer = (const void *)gt_plugin_builtin(GT_MAGIC_TRACER, 0);
    if (!c.workload)
        bail_out("%s", err);
    gt_store_relaxed(&calls, 0u);
    gt_cell_run(&c, &o);
    return o;
}

static void notices(const char *workload, const char *broken, const struct gt_runtime_ops *ops,
                    enum gt_cell_verdict want)
{
    struct gt_cell_outcome o = run(workload, ops);
    if (ok(o.verdict == want, "%s notices %s: %s", workload, broken, o.why))
        return;
    diag("verdict %s, not %s: %s", gt_cell_verdict_name(o.verdict), gt_cell_verdict_name(want),
         o.why);
}

/* One operation of the table replaced. */
#define NOTICES(workload, member, broken)                                                          \
    do {                                                                                           \
        struct gt_runtime_ops ops_ = gt_gmp;                                                       \
        ops_.member = (broken);                                                                    \
        notices(workload, #broken, &ops_, GT_CELL_WRONG);                                          \
    } while (0)

static void test_whole(void)
{
    for (size_t i = 0; gt_workload_at(i); i++) {
        struct gt_cell_outcome o = run(gt_workload_at(i)->head.name, &gt_gmp);
        ok(o.verdict == GT_CELL_OK, "%s passes: %s", gt_workload_at(i)->head.name, o.why);
    }
}

static void test_broken(void)
{
    NOTICES("yield", goid, other_goid);
    NOTICES("pingpong", chan_recv, recv_flips_a_bit);
    NOTICES("fanout", chan_recv, recv_flips_a_bit);
    NOTICES("fanout", chan_recv, recv_loses);
    NOTICES("procs-churn", chan_recv, recv_flips_a_bit);
    NOTICES("procs-churn", set_procs, keep_procs);
    NOTICES("netpoll-echo", fd_read, read_flips_a_bit);
    NOTICES("timers", sleep, sleep_not);
    NOTICES("timers", timer_start, start_early);
    NOTICES("timers", timer_stop, stop_lies);
    NOTICES("callback", callback, no_callback);
    NOTICES("stacks", coro_switch, no_switch);
    NOTICES("gc-trees", gc_alloc, alloc_twice);
    NOTICES("gc-trees", gc_alloc, alloc_dirty);
    NOTICES("gc-trees", gc_store, store_lost);
    NOTICES("gc-trees", chan_recv, recv_flips_a_bit);
    NOTICES("gc-stop", gc, no_cycle);
    NOTICES("gc-stop", chan_recv, recv_flips_a_bit);
    struct gt_runtime_ops ops = gt_gmp;
    ops.mutex_lock = ops.mutex_unlock = no_lock;
    notices("mutex", "no_lock", &ops, GT_CELL_WRONG);
    ops = gt_gmp;
    ops.stop_world = no_stop;
    ops.start_world = no_start;
    ops.now = others_run;
    notices("gc-stop", "a world that goes on", &ops, GT_CELL_WRONG);
    ops = gt_gmp;
    ops.go = go_and_linger;
    notices("yield", "Gs left behind", &ops, GT_CELL_LEFT);
}

/* An error of go() comes back as such, with everything joined that had started. */
static void test_refused(void)
{
    static const char *const names[] = {"spawn-join",   "forkjoin",    "million", "timers",
                                        "netpoll-echo", "procs-churn", "fanout",
                                        "gc-trees",     "gc-stop"};
    struct gt_runtime_ops ops = gt_gmp;
    ops.go = no_memory;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        notices(names[i], "no memory for a G", &ops, GT_CELL_FAILED);
}

/* The list, which the build and the documents read, says what the tables say. */
static void test_list(void)
{
    size_t i = 0;
#define GT_WORKLOAD(symbol, name_, summary_)                                                       \
    is_str(gt_workload_at(i)->head.name, name_, "the name of %s", #symbol);                        \
    is_str(gt_workload_at(i)->head.summary, summary_, "the summary of %s", #symbol);               \
    i++;
#include "workloads.def"
#undef GT_WORKLOAD
    ok(!gt_workload_at(i), "no more than the list");
}

static void test_lacking(void)
{
    struct gt_runtime_ops ops = gt_gmp;
    ops.head.flags &= ~(uint64_t)GT_RT_NETPOLL;
    notices("netpoll-echo", "a runtime without files", &ops, GT_CELL_SKIPPED);
}

int main(void)
{
    test_whole();
    test_broken();
    test_refused();
    test_lacking();
    test_list();
    return done_testing();
}
