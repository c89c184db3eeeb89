/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: lean workloads labels=full timeout=180 serial */
/* GT_TEST: presets=release,clang */
/*
 * gmp-fused: every workload, traced, its trace by the strict rules; what it refuses; and two
 * copies of the core in one process that take turns, live together, and share its signals.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cell.h"
#include "common/registry.h"
#include "gauntlet/scheduler.h"
#include "memory_trace.h"
#include "port/port.h"

extern const struct gt_scheduler_ops gt_scheduler_worksteal, gt_scheduler_global;
extern const struct gt_tracer_ops gt_tracer_gen, gt_tracer_none, gt_tracer_locked;

enum { OPS = 4000, GS = 2000, PROCS = 3, TURNS = 6 };
static const struct gt_runtime_ops *fused;

static struct gt_config config_of(const struct gt_tracer_ops *tracer)
{
    struct gt_config c;
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_worksteal;
    c.tracer = tracer;
    c.procs = PROCS;
    c.seed = 1;
    return c;
}

/* ---- every workload ------------------------------------------------------------------ */
static void traced(const struct gt_runtime_ops *ops, const struct gt_workload_ops *w,
                   enum gt_syscall_model model, struct memory_trace *t)
{
    struct gt_trace_sink sink = memory_trace_sink(t);
    struct gt_trace_options o = {.sink = &sink, .period_ns = GT_NS_PER_MS, .profile_hz = 500};
    struct gt_workload_cell c = {.ops = ops, .workload = w, .config = config_of(&gt_tracer_gen)};
    struct gt_cell_outcome out;
    struct gt_check_result res;
    memory_trace_reset(t);
    c.config.syscalls = model;
    c.n = OPS;
    c.gs = GS;
    c.seed = 1;
    c.trace = &o;
    c.deadline_ns = 60 * GT_NS_PER_S;
    gt_cell_run(&c, &out);
    ok(out.verdict == GT_CELL_OK && out.trace_rc == 0, "%s on %s: %s", w->head.name, ops->head.name,
       out.verdict == GT_CELL_OK ? "its own check" : out.why);
    is_int((long long)memory_trace_check(t, t->n, &res), 0, "%s on %s: inconsistencies of its trace",
           w->head.name, ops->head.name);
    ok(res.stats.by_event[GT_EV_GO_START] > 0, "%s: and it holds events", w->head.name);
}

static void every_workload(void)
{
    struct memory_trace t = {0};
    const struct gt_workload_ops *w;
    for (size_t i = 0; (w = gt_workload_at(i)) != NULL; i++)
        traced(fused, w, i % 2 ? GT_SYSCALLS_STATUS : GT_SYSCALLS_SCANBIT, &t);
    memory_trace_free(&t);
}

/* ---- what it takes -------------------------------------------------------------------- */
static void refused(struct gt_config c, const char *what)
{
    struct gt_runtime *rt = NULL;
    char err[200] = "";
    is_int(fused->create(&c, &rt, err, sizeof err), -ENOTSUP, "%s is refused", what);
    ok(rt == NULL && strstr(err, "worksteal") && strstr(err, "gen") && !strchr(err, '\n'),
       "in one line that names what it has: %s", err);
}

static int32_t trace_rc;
static void try_trace(void *arg)
{
    (void)arg;
    trace_rc = fused->trace_start(NULL);
}

static void takes_its_own(void)
{
    static struct gt_scheduler_ops alike; /* another plugin of the same name */
    struct gt_config c = config_of(&gt_tracer_locked);
    struct gt_runtime *rt = NULL;
    char err[200] = "";
    refused(c, "another tracer");
    c = config_of(&gt_tracer_gen);
    c.scheduler = &gt_scheduler_global;
    refused(c, "another scheduler");
    alike = gt_scheduler_worksteal;
    c.scheduler = &alike;
    refused(c, "another scheduler of the same name");
    c = config_of(&gt_tracer_none);
    is_int(fused->create(&c, &rt, err, sizeof err), 0, "the null tracer is taken %s", err);
    ok(fused->run(rt, try_trace, NULL) == 0 && trace_rc == -ENOTSUP, "and no trace starts");
    fused->destroy(rt);
    is_str(fused->scheduler, "worksteal", "it says which scheduler it has");
    is_str(fused->tracer, "gen", "and which tracer");
    ok(!gt_gmp.scheduler && !gt_gmp.tracer, "gmp takes any");
}

/* ---- two cores in one process ---------------------------------------------------------- */
/* One that computes for ever with its signal on, one that wants the P: 1 P. */
struct hog {
    const struct gt_runtime_ops *ops;
    gt_a32 seen, stop;
    struct gt_wg *wg;
};

static void computes(void *arg)
{
    struct hog *h = arg;
    h->ops->async_preempt(true);
    while (gt_load_relaxed(&h->seen) < 5)
        gt_cpu_relax();
    h->ops->async_preempt(false);
    gt_store_relaxed(&h->stop, 1u);
    h->ops->wg_done(h->wg);
}

static void looks(void *arg)
{
    struct hog *h = arg;
    while (gt_load_relaxed(&h->stop) == 0) {
        gt_add_relaxed(&h->seen, 1u);
        h->ops->yield();
    }
    h->ops->wg_done(h->wg);
}

static void preempts(void *arg)
{
    struct hog *h = arg;
    h->wg = h->ops->wg_new();
    h->ops->wg_add(h->wg, 2);
    (void)h->ops->go(computes, h);
    (void)h->ops->go(looks, h);
    h->ops->wg_wait(h->wg);
    h->ops->wg_free(h->wg);
}

static struct gt_runtime *made(const struct gt_runtime_ops *ops, int32_t procs)
{
    struct gt_config c = config_of(&gt_tracer_gen);
    struct gt_runtime *rt = NULL;
    char err[200] = "";
    c.procs = procs;
    if (ops->create(&c, &rt, err, sizeof err) != 0)
        bail_out("%s: %s", ops->head.name, err);
    return rt;
}

static bool hog_on(const struct gt_runtime_ops *ops, struct gt_runtime *rt)
{
    struct hog h = {.ops = ops};
    struct gt_runtime_stats before, after;
    ops->stats(rt, &before);
    bool ran = ops->run(rt, preempts, &h) == 0;
    ops->stats(rt, &after);
    return ran && after.preempted_async > before.preempted_async;
}

/* Made and ended in turns, so that each has claimed below and above the other. */
static void in_turns(void)
{
    struct gt_runtime *a = made(&gt_gmp, 1), *b;
    bool good = true;
    for (int i = 0; i < TURNS; i++) {
        b = made(fused, 1);
        good = hog_on(fused, b) && hog_on(&gt_gmp, a) && good;
        gt_gmp.destroy(a);
        raise(gt_signal_preempt()); /* nobody's: this thread is no M */
        a = made(&gt_gmp, 1);
        good = hog_on(&gt_gmp, a) && hog_on(fused, b) && good;
        fused->destroy(b);
        raise(gt_signal_preempt());
    }
    gt_gmp.destroy(a);
    raise(gt_signal_preempt());
    ok(good, "gmp and gmp-fused in turns, each preempts by signal, %d times", TURNS);
}

struct beside {
    const struct gt_runtime_ops *ops;
    struct gt_runtime *rt;
    bool good;
};

static void hog_beside(void *arg)
{
    struct beside *s = arg;
    for (int i = 0; i < TURNS; i++)
        s->good = hog_on(s->ops, s->rt) && s->good;
}

/* Both run at once, on threads of their own, with their signals. */
static void at_once(void)
{
    struct beside s[2] = {{&gt_gmp, made(&gt_gmp, 1), true}, {fused, made(fused, 1), true}};
    struct gt_thread t[2];
    for (int i = 0; i < 2; i++)
        if (gt_thread_start(&t[i], hog_beside, &s[i], 0) != 0)
            bail_out("no thread");
    for (int i = 0; i < 2; i++) {
        gt_thread_join(&t[i]);
        s[i].ops->destroy(s[i].rt);
    }
    ok(s[0].good && s[1].good, "gmp and gmp-fused at once, each preempts by signal");
}

/* CPU samples of both: SIGPROF belongs to the process too. */
static void sampled_in_turns(void)
{
    const struct gt_workload_ops *w = gt_workload_find("profile", NULL, 0);
    struct memory_trace t = {0};
    for (int i = 0; i < 4; i++)
        traced(i % 2 ? fused : &gt_gmp, w, GT_SYSCALLS_SCANBIT, &t);
    memory_trace_free(&t);
}

int main(void)
{
    char err[200] = "";
    fused = (const void *)gt_plugin_find(GT_MAGIC_RUNTIME, "gmp-fused", err, sizeof err);
    if (!fused)
        skip_all("%s", err);
    takes_its_own();
    every_workload();
    in_turns();
    at_once();
    sampled_in_turns();
    return done_testing();
}
