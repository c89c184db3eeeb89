/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: lean workloads labels=quick,reduced timeout=150 */
/*
 * Every runtime in this process keeps what runtime.h promises (peer_checks.h) and runs every
 * workload that it can: the peers, and gmp as the measure of the checks. Twins: a table with
 * one op broken must fail at the check that is named beside it.
 */
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/cell.h"
#include "common/registry.h"
#include "gauntlet/plugin.h"
#include "peer_checks.h"
#include "tap.h"

#define CHECK_NS (60000 * MS)

static void too_late(void *arg)
{
    const struct scene *s = arg;
    fprintf(stderr, "# no end in sight\n");
    if (s->rt && s->ops->dump)
        s->ops->dump(s->rt, 2);
    bail_out("%s: a check does not end", s->ops->head.name);
}

static struct gt_config config_of(int32_t procs)
{
    struct gt_config c;
    gt_config_init(&c);
    c.scheduler = (const void *)gt_plugin_builtin(GT_MAGIC_SCHEDULER, 0);
    c.tracer = (const void *)gt_plugin_builtin(GT_MAGIC_TRACER, 0);
    c.procs = procs;
    c.seed = 1;
    return c;
}

/* ---- one check ------------------------------------------------------------------------------ */
/* Does it hold? `why`: what does not. */
static bool run_check(const struct gt_runtime_ops *ops, const struct peer_check *k, int32_t procs,
                     char *why, size_t size)
{
    struct scene s = {.ops = ops, .procs = procs};
    struct gt_config c = config_of(procs);
    int rc = ops->create(&c, &s.rt, why, size);
    if (rc != 0)
        return false;
    struct gt_alarm *alarm = gt_alarm_start(CHECK_NS, too_late, &s);
    if (k->outside)
        k->fn(&s);
    else
        rc = ops->run(s.rt, k->fn, &s);
    gt_alarm_stop(alarm);
    ops->destroy(s.rt);
    if (rc != 0)
        snprintf(why, size, "run returned %d%s%s", rc, s.why[0] ? "; " : "", s.why);
    else
        snprintf(why, size, "%s", s.why);
    return rc == 0 && gt_load_relaxed(&s.wrong) == 0;
}

static void test_checks(const struct gt_runtime_ops *ops, int32_t procs)
{
    char why[256];
    for (size_t i = 0; i < PEER_CHECKS; i++) {
        const struct peer_check *k = &peer_checks[i];
        if (k->needs & ~ops->head.flags)
            continue;
        if (GT_ASAN && k->unwinds && strcmp(ops->head.name, "boost-fiber") == 0) {
            skip(1, "%s, %d Ps, %s: AddressSanitizer cannot follow an exception on the library's "
                    "stacks", ops->head.name, procs, k->name);
            continue;
        }
        bool holds = run_check(ops, k, procs, why, sizeof why);
        ok(holds, "%s, %d Ps, %s: %s", ops->head.name, procs, k->name, why);
    }
}

/* Cannot be had here at all? One point for all its checks and workloads. */
static bool is_refused(const struct gt_runtime_ops *ops, int32_t procs)
{
    char why[256];
    struct gt_runtime *rt = NULL;
    struct gt_config c = config_of(procs);
    int rc = ops->create(&c, &rt, why, sizeof why);
    if (rc == 0)
        ops->destroy(rt);
    if (rc == -ENOTSUP)
        skip(1, "%s, %d Ps: %s", ops->head.name, procs, why);
    return rc == -ENOTSUP;
}

/* ---- what cannot be -------------------------------------------------------------------------- */
static void test_refusals(const struct gt_runtime_ops *ops)
{
    const int32_t bad[] = {-1, 0, GT_PROCS_MAX + 1};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char err[256] = "";
        struct gt_runtime *rt = NULL;
        struct gt_config c = config_of(bad[i]);
        ok(ops->create(&c, &rt, err, sizeof err) < 0 && !rt && err[0], "%s, %d Ps: %s",
           ops->head.name, bad[i], err);
    }
}

/* Address space that this process has, and so much more. */
static void limit_memory(struct rlimit *was, uint64_t more)
{
    unsigned long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%llu", &pages) != 1)
        bail_out("/proc/self/statm cannot be read");
    fclose(f);
    getrlimit(RLIMIT_AS, was);
    struct rlimit tight = {pages * (uint64_t)sysconf(_SC_PAGESIZE) + more, was->rlim_max};
    setrlimit(RLIMIT_AS, &tight);
}

/* A thread for each P, and memory for a few: run() says so, and a later one goes well. */
static void test_threads_refused(const struct gt_runtime_ops *ops)
{
    char why[256];
    struct rlimit was;
    struct gt_runtime *rt = NULL;
    struct gt_config c = config_of(64);
    if (GT_ASAN || GT_TSAN) {
        skip(1, "address space cannot be limited under this sanitizer");
        return;
    }
    if (ops->create(&c, &rt, why, sizeof why) != 0)
        bail_out("%s: %s", ops->head.name, why);
    limit_memory(&was, 32u << 20);
    int rc = ops->run(rt, nothing, NULL);
    setrlimit(RLIMIT_AS, &was);
    ok(rc == -EAGAIN || rc == -ENOMEM, "%s: no threads for 64 Ps: %d", ops->head.name, rc);
    is_int(ops->run(rt, nothing, NULL), 0, "%s: the next run is fine", ops->head.name);
    ops->destroy(rt);
}

/* pthread: its Ms are the threads of its Gs, and those that were dropped are gone. */
static void test_threads_now(const struct gt_runtime_ops *ops)
{
    char why[256];
    struct gt_runtime_stats stats;
    struct scene s = {.ops = ops, .procs = 1};
    struct hand h = {.s = &s};
    struct gt_config c = config_of(1);
    if (ops->create(&c, &s.rt, why, sizeof why) != 0)
        bail_out("%s: %s", ops->head.name, why);
    is_int(ops->run(s.rt, leave_some, &h), 0, "%s: a run that leaves Gs behind", ops->head.name);
    ops->stats(s.rt, &stats);
    ok(stats.spawned > stats.exited && stats.ms_now == 0, "%s: none of its threads is left: %d",
       ops->head.name, (int)stats.ms_now);
    ops->destroy(s.rt);
}

/* ---- workloads ------------------------------------------------------------------------------ */
static void test_workloads(const struct gt_runtime_ops *ops, int32_t procs)
{
    const struct gt_workload_ops *w;
    for (size_t i = 0; (w = gt_workload_at(i)) != NULL; i++) {
        struct gt_workload_cell c = {.ops = ops, .workload = w, .config = config_of(procs)};
        struct gt_cell_outcome o;
        char why[200];
        if (gt_cell_lacks(&c, why, sizeof why) || w->op_ns)
            continue; /* op_ns: it times the CPU, not the runtime, and others may use that */
        c.n = w->quick_n / 50 + 1;
        c.gs = 300;
        c.seed = 7;
        c.deadline_ns = CHECK_NS;
        enum gt_cell_verdict v = gt_cell_run(&c, &o);
        ok(v == GT_CELL_OK, "%s, %d Ps, workload %s: %s %s", ops->head.name, procs, w->head.name,
           gt_cell_verdict_name(v), o.why);
    }
}

/* ---- twins: gmp with one op broken ------------------------------------------------------------ */
static int recv_swaps(struct gt_chan *c, void *elem)
{
    return gt_gmp.chan_try_recv(c, elem) == -EPIPE ? -EAGAIN : gt_gmp.chan_try_recv(c, elem);
}
static bool recv_loses(struct gt_chan *c, void *elem)
{
    static uint32_t n;
    if (++n % 16 == 0)
        (void)gt_gmp.chan_recv(c, elem);
    return gt_gmp.chan_recv(c, elem);
}
static int close_again(struct gt_chan *c)
{
    (void)gt_gmp.chan_close(c);
    return 0;
}
static void park_passes(void)
{
    gt_gmp.yield();
}
static void lock_not(struct gt_mutex *m)
{
    (void)m;
}
static void wait_not(struct gt_wg *w)
{
    (void)w;
}
static void sleep_short(int64_t ns)
{
    gt_gmp.sleep(ns - ns / 4);
}
static bool stop_lies(struct gt_timer *t)
{
    (void)gt_gmp.timer_stop(t);
    return true;
}
static uint64_t same_id(void)
{
    return 7;
}
static int64_t read_end(struct gt_fd *f, void *buf, size_t n)
{
    int64_t r = gt_gmp.fd_read(f, buf, n);
    return r < 0 ? 0 : r;
}
static int call_nobody(struct gt_runtime *rt, gt_fn fn, void *arg)
{
    (void)rt;
    (void)fn;
    (void)arg;
    return 0;
}
static int run_is_fine(struct gt_runtime *rt, gt_fn fn, void *arg)
{
    (void)gt_gmp.run(rt, fn, arg);
    return 0;
}

static void must_fail(const struct gt_runtime_ops *twin, const char *what, const char *where)
{
    char why[256];
    for (size_t i = 0; i < PEER_CHECKS; i++)
        if (strcmp(peer_checks[i].name, where) == 0) {
            bool holds = run_check(twin, &peer_checks[i], 1, why, sizeof why);
            ok(!holds, "twin: %s is seen by %s: %s", what, where, why);
        }
}

#define TWIN(op, with, where)                                                                      \
    do {                                                                                           \
        struct gt_runtime_ops twin = gt_gmp;                                                       \
        twin.op = (with);                                                                          \
        must_fail(&twin, #op " = " #with, where);                                                  \
    } while (0)

static void test_twins(void)
{
    struct gt_runtime_ops lockless = gt_gmp;
    lockless.mutex_lock = lockless.mutex_unlock = lock_not;
    must_fail(&lockless, "no lock at all", "locks");
    TWIN(chan_recv, recv_loses, "channels");
    TWIN(chan_try_recv, recv_swaps, "try");
    TWIN(chan_close, close_again, "close");
    TWIN(park, park_passes, "permits");
    TWIN(goid, same_id, "goroutines");
    TWIN(wg_wait, wait_not, "groups");
    TWIN(sleep, sleep_short, "sleep");
    TWIN(timer_stop, stop_lies, "timers");
    TWIN(fd_read, read_end, "files");
    TWIN(callback, call_nobody, "callbacks");
    TWIN(callback, call_nobody, "shutdown");
    TWIN(run, run_is_fine, "deadlock");
    TWIN(run, run_is_fine, "interrupt");
}

int main(void)
{
    const struct gt_plugin_head *h;
    for (size_t i = 0; (h = gt_plugin_builtin(GT_MAGIC_RUNTIME, i)) != NULL; i++) {
        const struct gt_runtime_ops *ops = (const void *)h;
        if (h->flags & GT_RT_SUBPROCESS)
            continue;
        test_refusals(ops);
        if (strcmp(h->name, "pthread") == 0)
            test_threads_now(ops);
        if (strcmp(h->name, "boost-fiber") == 0 && !is_refused(ops, 1))
            test_threads_refused(ops);
        for (int32_t procs = 1; procs <= 2; procs++) {
            if (is_refused(ops, procs))
                continue;
            test_checks(ops, procs);
            if (ops != &gt_gmp)
                test_workloads(ops, procs);
        }
    }
    test_twins();
    return done_testing();
}
