/* SPDX-License-Identifier: Apache-2.0 */
/* What may stand in a plan. */
#include <string.h>

#include "results/plan_file.h"

enum {
    STRESS = 1u << GT_PLAN_STRESS,
    FAULTS = 1u << GT_PLAN_FAULTS,
    OVERHEAD = 1u << GT_PLAN_OVERHEAD
};

static const struct key {
    const char *name, *option;
    uint32_t kinds;
    uint32_t axis; /* kinds in which each value makes a cell */
} keys[GT_PLAN_KEYS] = {
    [GT_PLAN_TESTS] = {"tests", NULL, STRESS, STRESS},
    [GT_PLAN_FAULT_NAMES] = {"faults", "--fault", FAULTS, FAULTS},
    [GT_PLAN_WORKLOADS] = {"workloads", NULL, OVERHEAD, OVERHEAD},
    [GT_PLAN_RUNTIMES] = {"runtimes", "--runtime", OVERHEAD, 0},
    [GT_PLAN_SCHEDULERS] = {"schedulers", "--scheduler", STRESS | FAULTS | OVERHEAD,
                            STRESS | FAULTS | OVERHEAD},
    [GT_PLAN_TRACERS] = {"tracers", "--tracer", STRESS | FAULTS | OVERHEAD, STRESS | FAULTS},
    [GT_PLAN_SYSCALLS] = {"syscalls", "--syscalls", STRESS | FAULTS, STRESS | FAULTS},
    [GT_PLAN_PROCS] = {"procs", "--procs", STRESS | FAULTS, STRESS | FAULTS},
    [GT_PLAN_BIND] = {"bind", "--bind", STRESS | FAULTS | OVERHEAD, STRESS | FAULTS | OVERHEAD},
    [GT_PLAN_GENERATION] = {"generation", "--generation", STRESS | FAULTS, STRESS | FAULTS},
    [GT_PLAN_PERTURB] = {"perturb", "--perturb", STRESS | FAULTS, STRESS | FAULTS},
    [GT_PLAN_DURATION] = {"duration", "--duration", STRESS | FAULTS | OVERHEAD, 0},
    [GT_PLAN_REPETITIONS] = {"repetitions", "--repetitions", OVERHEAD, 0},
    [GT_PLAN_RUNS] = {"runs", NULL, STRESS | FAULTS | OVERHEAD, 0},
    [GT_PLAN_TIMEOUT] = {"timeout", NULL, STRESS | FAULTS | OVERHEAD, 0},
};

static const struct kind {
    const char *name;
    enum gt_plan_key subject;
} kinds[GT_PLAN_KINDS] = {
    {"stress", GT_PLAN_TESTS}, {"faults", GT_PLAN_FAULT_NAMES}, {"overhead", GT_PLAN_WORKLOADS}};

const char *gt_plan_kind_name(enum gt_plan_kind k)
{
    return kinds[k].name;
}

enum gt_plan_key gt_plan_subject(enum gt_plan_kind kind)
{
    return kinds[kind].subject;
}

const char *gt_plan_key_name(enum gt_plan_key key)
{
    return keys[key].name;
}

const char *gt_plan_key_option(enum gt_plan_key key)
{
    return keys[key].option;
}

bool gt_plan_key_fits(enum gt_plan_key key, enum gt_plan_kind kind)
{
    return (keys[key].kinds & 1u << kind) != 0;
}

bool gt_plan_key_is_axis(enum gt_plan_key key, enum gt_plan_kind kind)
{
    return (keys[key].axis & 1u << kind) != 0;
}

bool gt_plan_key_is_scalar(enum gt_plan_key key)
{
    return key >= GT_PLAN_DURATION;
}
