/* SPDX-License-Identifier: Apache-2.0 */
#include "plan_names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "benchmark/rows.h"
#include "common/registry.h"
#include "gauntlet/fault.h"
#include "gauntlet/perturb.h"
#include "gauntlet/plugin.h"
#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"
#include "options.h"
#include "stress.h"

/* ---- what there is --------------------------------------------------------- */
static const char *test_at(size_t i)
{
    const struct gt_stress_ops *t = gt_stress_at(i);
    return t ? t->head.name : NULL;
}

static const char *fault_at(size_t i)
{
    const struct gt_fault_info *f = gt_fault_info(i);
    return f ? f->name : NULL;
}

static const char *seed_at(size_t i)
{
    const struct gt_fault_info *f;
    for (size_t k = 0; (f = gt_fault_info(k)) != NULL; k++)
        if (f->seed && i-- == 0)
            return f->name;
    return NULL;
}

/* The rows, then the workloads: what `bench` takes. */
static const char *workload_at(size_t i)
{
    const struct gt_bench_row *row;
    for (size_t k = 0; (row = gt_bench_row_at(k)) != NULL; k++)
        if (i-- == 0)
            return row->name;
    const struct gt_workload_ops *w = gt_workload_at(i);
    return w ? w->head.name : NULL;
}

static const char *runtime_at(size_t i)
{
    const struct gt_plugin_head *h = gt_plugin_builtin(GT_MAGIC_RUNTIME, i);
    return h ? h->name : NULL;
}

static const char *scheduler_at(size_t i)
{
    const struct gt_plugin_head *h = gt_plugin_builtin(GT_MAGIC_SCHEDULER, i);
    return h ? h->name : NULL;
}

static const char *tracer_at(size_t i)
{
    const struct gt_plugin_head *h = gt_plugin_builtin(GT_MAGIC_TRACER, i);
    return h ? h->name : NULL;
}

static const char *model_at(size_t i)
{
    return i < 2 ? gt_syscalls_name((enum gt_syscall_model)i) : NULL;
}

static const char *bind_at(size_t i)
{
    return i <= GT_BIND_NODE ? gt_bind_name((enum gt_bind)i) : NULL;
}

typedef const char *(*at_fn)(size_t i);
static const struct {
    at_fn at;
    const char *what;
} lists[GT_PLAN_KEYS] = {
    [GT_PLAN_TESTS] = {test_at, "stress test"},
    [GT_PLAN_FAULT_NAMES] = {fault_at, "fault"},
    [GT_PLAN_WORKLOADS] = {workload_at, "row or workload of bench"},
    [GT_PLAN_RUNTIMES] = {runtime_at, "runtime that is built here"},
    [GT_PLAN_SCHEDULERS] = {scheduler_at, "scheduler"},
    [GT_PLAN_TRACERS] = {tracer_at, "tracer"},
    [GT_PLAN_SYSCALLS] = {model_at, "syscall model"},
    [GT_PLAN_BIND] = {bind_at, "binding"},
};

static const char *at(enum gt_plan_key key, const char *group, size_t i)
{
    if (key == GT_PLAN_FAULT_NAMES && strcmp(group, "seeds") == 0)
        return seed_at(i);
    return lists[key].at && strcmp(group, "all") == 0 ? lists[key].at(i) : NULL;
}

/* ---- checks ------------------------------------------------------------------ */
static int check_listed(enum gt_plan_key key, const char *item, char *err, size_t size)
{
    const char *name;
    for (size_t i = 0; (name = lists[key].at(i)) != NULL; i++)
        if (strcmp(name, item) == 0)
            return 0;
    size_t n = (size_t)snprintf(err, size, "'%s' is no %s:", item, lists[key].what);
    for (size_t i = 0; (name = lists[key].at(i)) != NULL && n < size; i++)
        n += (size_t)snprintf(err + n, size - n, "%s %s", i ? "," : " use", name);
    if (!lists[key].at(0) && n < size)
        snprintf(err + n, size - n, " there are none");
    return -EINVAL;
}

static int check_plugin(uint32_t magic, const char *item, char *err, size_t size)
{
    return gt_plugin_find(magic, item, err, size) ? 0 : -EINVAL;
}

static int check_procs(const char *item, char *err, size_t size)
{
    uint64_t v;
    if (gt_parse_number(item, 1, GT_PROCS_MAX, &v) == 0)
        return 0;
    snprintf(err, size, "'%.16s' is not a number of Ps: write 1 to %d", item, GT_PROCS_MAX);
    return -EINVAL;
}

static int check_generation(const char *item, char *err, size_t size)
{
    int64_t ns;
    char why[160];
    if (strcmp(item, "continuous") == 0 || gt_parse_duration(item, &ns, why, sizeof why) == 0)
        return 0;
    snprintf(err, size, "'%.32s': %s; or continuous", item, why);
    return -EINVAL;
}

static int check_level(const char *item, char *err, size_t size)
{
    if (gt_perturb_parse(item) >= 0)
        return 0;
    snprintf(err, size, "'%.32s' is no level: use off, low, medium or high", item);
    return -EINVAL;
}

static int check(enum gt_plan_key key, const char *item, char *err, size_t size)
{
    switch (key) {
    case GT_PLAN_SCHEDULERS:
        return check_plugin(GT_MAGIC_SCHEDULER, item, err, size);
    case GT_PLAN_TRACERS:
        return check_plugin(GT_MAGIC_TRACER, item, err, size);
    case GT_PLAN_PROCS:
        return check_procs(item, err, size);
    case GT_PLAN_GENERATION:
        return check_generation(item, err, size);
    case GT_PLAN_PERTURB:
        return check_level(item, err, size);
    default:
        return check_listed(key, item, err, size);
    }
}

bool gt_cli_tracer_is_checkable(const char *name)
{
    char err[512];
    const struct gt_plugin_head *h = gt_plugin_find(GT_MAGIC_TRACER, name, err, sizeof err);
    return h && (h->flags & GT_TRACER_CHECKABLE) != 0;
}

const struct gt_plan_names gt_cli_plan_names = {
    .at = at, .check = check, .duration = gt_parse_duration};
