/* SPDX-License-Identifier: Apache-2.0 */
/* What the words of a plan mean in this program. Thread-safety: none. */
#pragma once
#include "results/plan.h"

extern const struct gt_plan_names gt_cli_plan_names;
/* Can the traces of the tracer of that name (or path) be checked? */
bool gt_cli_tracer_is_checkable(const char *name);
