/* SPDX-License-Identifier: Apache-2.0 */
#include "common/registry.h"

#include <stdio.h>
#include <string.h>

#define GT_WORKLOAD(symbol, name, summary) extern const struct gt_workload_ops gt_workload_##symbol;
#include "workloads.def"
#undef GT_WORKLOAD

static const struct gt_workload_ops *const builtin[] = {
#define GT_WORKLOAD(symbol, name, summary) &gt_workload_##symbol,
#include "workloads.def"
#undef GT_WORKLOAD
};

const struct gt_workload_ops *gt_workload_at(size_t i)
{
    return i < sizeof builtin / sizeof builtin[0] ? builtin[i] : NULL;
}

static void say_unknown(const char *name, char *err, size_t size)
{
    int at = snprintf(err, size, "workload '%s' is unknown: use ", name);
    for (size_t i = 0; gt_workload_at(i) && at >= 0 && (size_t)at < size; i++)
        at += snprintf(err + at, size - (size_t)at, "%s, ", gt_workload_at(i)->head.name);
    if (at >= 0 && (size_t)at < size)
        snprintf(err + at, size - (size_t)at, "or the path of a shared object, with a '/' in it");
}

const struct gt_workload_ops *gt_workload_find(const char *name, char *err, size_t err_size)
{
    if (strchr(name, '/'))
        return (const void *)gt_plugin_find(GT_MAGIC_WORKLOAD, name, err, err_size);
    for (size_t i = 0; gt_workload_at(i); i++)
        if (strcmp(gt_workload_at(i)->head.name, name) == 0)
            return gt_workload_at(i);
    say_unknown(name, err, err_size);
    return NULL;
}
