/* SPDX-License-Identifier: Apache-2.0 */
/* The workloads of workloads.def. Thread-safe. */
#pragma once
#include <stddef.h>

#include "gauntlet/workload.h"

/* The i-th, or NULL past the end. */
const struct gt_workload_ops *gt_workload_at(size_t i);
/* By name, or by the path of a shared object (a '/' in it). NULL with one line in err; an
 * unknown name lists the known ones. */
const struct gt_workload_ops *gt_workload_find(const char *name, char *err, size_t err_size);
