/* SPDX-License-Identifier: Apache-2.0 */
/* For unit tests that run inside a runtime. Checks of many Gs are counted and become one
 * TAP point after the run. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "tap.h"

extern const struct gt_scheduler_ops gt_scheduler_worksteal;
extern const struct gt_tracer_ops gt_tracer_none;

static const struct gt_runtime_ops *const R = &gt_gmp;

/* Failed expectations since the last in_runtime; the first is printed. */
static gt_a64 bad;
static inline void expect_at(bool good, const char *what, int line)
{
    if (!good && gt_add_relaxed(&bad, 1u) == 0)
        fprintf(stderr, "# line %d: %s does not hold\n", line, what);
}
#define expect(cond) expect_at((cond), #cond, __LINE__)

static inline struct gt_runtime *runtime_of(int32_t procs, enum gt_syscall_model model)
{
    struct gt_config c;
    struct gt_runtime *rt = NULL;
    char err[160] = "";
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_worksteal;
    c.tracer = &gt_tracer_none;
    c.procs = procs;
    c.seed = 1;
    c.syscalls = model;
    if (R->create(&c, &rt, err, sizeof err) != 0)
        bail_out("create: %s", err);
    return rt;
}

static inline struct gt_runtime *runtime_new(int32_t procs)
{
    return runtime_of(procs, GT_SYSCALLS_SCANBIT);
}

static inline void runtime_end(struct gt_runtime *rt, int32_t procs, const char *what, int rc)
{
    struct gt_runtime_stats s;
    R->stats(rt, &s);
    if (rc != 0)
        diag("run returned %d", rc);
    ok(rc == 0 && gt_load_relaxed(&bad) == 0 && s.violations == 0, "%s, %d Ps", what, procs);
    R->destroy(rt);
}

/* Runs fn(arg) as the first G of a new runtime; one TAP point. */
static inline void in_runtime(int32_t procs, gt_fn fn, void *arg, const char *what)
{
    struct gt_runtime *rt = runtime_new(procs);
    gt_store_relaxed(&bad, 0u);
    runtime_end(rt, procs, what, R->run(rt, fn, arg));
}

/* The same under the status model. */
static inline void in_runtime_status(int32_t procs, gt_fn fn, void *arg, const char *what)
{
    struct gt_runtime *rt = runtime_of(procs, GT_SYSCALLS_STATUS);
    gt_store_relaxed(&bad, 0u);
    runtime_end(rt, procs, what, R->run(rt, fn, arg));
}

static const int32_t proc_counts[] = {1, 2, 8};
#define N_PROC_COUNTS 3
#define scale(n) (GT_TSAN || GT_ASAN ? (n) / 8 + 1 : (n))
