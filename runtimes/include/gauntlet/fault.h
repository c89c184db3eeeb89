/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The planted faults: as lists and reports show them, and their switches for plugins of this
 * tree. In a plugin of another tree every switch is 0.
 */
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
    const char *cls;       /* under which class of inconsistency; several with commas: any */
    const char *windows;   /* that a round must have entered in which that oracle sees it: "a,b|c"
                              is a, and b or c; or "none: REASON" */
    const char *test;      /* the stress test that is meant to find it */
    const char *syscalls;  /* the syscall model in which it exists: "status", "scanbit", "both" */
    const char *options;   /* of that stress test when it looks for it, as one types them; may be "" */
    const char *summary;
};

/* The i-th, in every build; NULL past the end. Only the oracle program of the preset
 * `faults` can switch one on (gt_config.fault). */
const struct gt_fault_info *gt_fault_info(size_t i);

/* A plugin's switch: GT_FAULT_IN(host->fault, symbol). One load and one predicted branch in
 * the oracle program of that preset; elsewhere the constant 0, and the word is not read. */
#ifndef GT_FAULTS
#define GT_FAULTS 0
#endif
#if GT_FAULTS && GT_ORACLE
enum gt_fault_id {
#define GT_FAULT_DEF(sym, ...) GT_FAULT_ID_##sym,
#include "core/faults.def"
#undef GT_FAULT_DEF
    GT_FAULT_COUNT
};
#define GT_FAULT_IN(word, sym)                                                                     \
    __builtin_expect(gt_load_relaxed(word) == GT_FAULT_ID_##sym + 1u, 0)
#else
#define GT_FAULT_IN(word, sym) 0
#endif

#ifdef __cplusplus
}
#endif
