/* SPDX-License-Identifier: Apache-2.0 */
/* Who saw a planted fault, and was it who had to? Thread-safety: any thread. */
#pragma once
#include "gauntlet/fault.h"
#include "harness/result.h"

/* NULL: none is called so. */
const struct gt_fault_info *gt_fault_named(const char *name);
/* Is "oracle/class" the oracle of faults.def, under one of its classes? */
bool gt_fault_expects(const struct gt_fault_info *f, const char *name);
/* "oracle/class" of who saw it, of several the one that had to; "": nobody. Points into r. */
const char *gt_fault_seer(const struct gt_fault_info *f, const struct gt_stress_result *r);
