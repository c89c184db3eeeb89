/* SPDX-License-Identifier: Apache-2.0 */
/* Scenes of one tracer on one runtime, each a trace that is checked by the strict rules. */
#pragma once
#include <unistd.h>

#include "busy.h"
#include "memory_trace.h"

extern const struct gt_tracer_ops gt_tracer_gen, gt_tracer_locked;

static const struct gt_tracer_ops *tracer;
static enum gt_syscall_model model;
static struct memory_trace trace;
static struct gt_check_result result;

static inline struct gt_runtime *traced_runtime(int32_t procs)
{
    struct gt_config c;
    struct gt_runtime *rt = NULL;
    char err[160] = "";
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_worksteal;
    c.tracer = tracer;
    c.procs = procs;
    c.syscalls = model;
    if (R->create(&c, &rt, err, sizeof err) != 0)
        bail_out("create: %s", err);
    gt_store_relaxed(&bad, 0u);
    return rt;
}

static inline void start_to(struct gt_trace_sink *sink, int64_t period, uint32_t header)
{
    struct gt_trace_options o = {.sink = sink, .period_ns = period, .header = header};
    trace.n = trace.complete = 0;
    expect(R->trace_start(&o) == 0);
}

static inline void start(int64_t period, uint32_t header)
{
    static struct gt_trace_sink sink;
    sink = memory_trace_sink(&trace);
    start_to(&sink, period, header);
}

static inline void check(void)
{
    expect(memory_trace_check(&trace, trace.n, &result) == 0);
}

static inline void stop_and_check(void)
{
    expect(R->trace_stop() == 0);
    check();
}

/* ---- load ------------------------------------------------------------------------------ */
static inline void short_calls(void *arg)
{
    (void)arg;
    while (go_on()) {
        R->syscall_enter();
        usleep(50);
        R->syscall_exit();
        R->yield();
    }
    R->wg_done(wg);
}

static inline void many_short_calls(int gs, int64_t ns)
{
    load_begins();
    several(short_calls, NULL, gs);
    R->sleep(ns);
    load_ends();
}

static inline void some_generations(void *arg)
{
    (void)arg;
    start(0, 0);
    many_short_calls(2, 2000000);
    stop_and_check();
}

/* One point: the scene on the first G of a new runtime. */
static inline void scene(gt_fn fn, int32_t procs, const char *what)
{
    struct gt_runtime *rt = traced_runtime(procs);
    runtime_end(rt, procs, what, R->run(rt, fn, rt));
}
