/* SPDX-License-Identifier: Apache-2.0 */
/* Who saw a planted fault, and was it who must? Thread-safety: any thread. */
#pragma once
#include "gauntlet/fault.h"
#include "harness/result.h"

/* NULL: none is called so. */
const struct gt_fault_info *gt_fault_named(const char *name);
/* Is `word` one of `list`, "a,b" or "a, b"? */
bool gt_fault_lists(const char *list, const char *word);
/* Is "oracle/class" that of the oracle of faults.def, under one of its classes? */
bool gt_fault_expects(const struct gt_fault_info *f, const char *name);
/* Of the classes of r the first that gt_fault_expects; NULL: none. Points into r. */
const char *gt_fault_seer(const struct gt_fault_info *f, const struct gt_stress_result *r);
/* The fault of a cell that goes on until it is seen by who must: NULL where there is none, or
 * where that oracle was not asked for (then any will do). */
const struct gt_fault_info *gt_fault_hunted(const struct gt_stress_cell *c);
/* What is known of the planted fault's first sighting by who must, if r has one and did not.
 * windows: how often its round had entered each, NULL: not known. */
void gt_fault_note(const struct gt_fault_info *f, struct gt_stress_result *r, int64_t ns,
                   const uint64_t windows[GT_WINDOWS]);
/* The verdict at the end, and why: what others alone saw is not the fault found, nor is what was seen
 * in a round that never entered the windows which the fault needs. */
void gt_fault_judge(const struct gt_stress_cell *c, struct gt_stress_result *r);
/* Was it found? Of a cell without a fault: was anything? */
bool gt_fault_found(const struct gt_stress_cell *c, const struct gt_stress_result *r);
/* When and by whom: `due` where it is hunted and found, else the first. */
const struct gt_stress_sight *gt_fault_sight(const struct gt_stress_cell *c,
                                             const struct gt_stress_result *r);
