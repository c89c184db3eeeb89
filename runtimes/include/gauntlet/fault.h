/* SPDX-License-Identifier: Apache-2.0 */
/* The planted faults, as lists and reports show them. */
#pragma once
#include "gauntlet/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct gt_fault_info {
    const char *name;
    const char *seed;      /* "000" to "004", NULL: not one of the five seeds */
    const char *reference; /* where the historic bug is written down */
    const char *oracle;    /* which oracle must see it */
    const char *cls;       /* under which class of inconsistency */
    const char *summary;
};

/* The i-th, in every build; NULL past the end. Only the oracle program of the preset
 * `faults` can switch one on (gt_config.fault). */
const struct gt_fault_info *gt_fault_info(size_t i);

#ifdef __cplusplus
}
#endif
