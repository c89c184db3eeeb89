/* SPDX-License-Identifier: Apache-2.0 */
/* The list of planted faults as data; the switches stand where the historic code was wrong. */
#include "gauntlet/fault.h"

static const struct gt_fault_info faults[] = {
#define GT_FAULT_DEF(sym, seed_, ref, oracle_, class_, test_, syscalls_, text)                     \
    {.name = #sym, .seed = seed_, .reference = ref, .oracle = oracle_, .cls = class_,               \
     .test = test_, .syscalls = syscalls_, .summary = text},
#include "core/faults.def"
#undef GT_FAULT_DEF
};

const struct gt_fault_info *gt_fault_info(size_t i)
{
    return i < sizeof faults / sizeof faults[0] ? &faults[i] : NULL;
}
