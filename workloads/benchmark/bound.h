/* SPDX-License-Identifier: Apache-2.0 */
/* Where a runtime's threads may really run, read back from the kernel. */
#pragma once
#include <stdbool.h>

#include "gauntlet/runtime.h"

/* Runs `procs` Gs at once on rt and looks at the threads they are on. `list`: the CPUs of all
 * of them together, "0-1,4". false: `bind` is GT_BIND_PU and a thread may use more than one CPU
 * (with `each`), or all of them together more than `procs`; or nothing could be seen. Context:
 * a plain thread; no run goes on. */
bool gt_bound_look(const struct gt_runtime_ops *ops, struct gt_runtime *rt, int32_t procs,
                   enum gt_bind bind, bool each, char *list, size_t size);
