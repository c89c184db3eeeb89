/* SPDX-License-Identifier: Apache-2.0 */
/* The differential fuzzer: mutants of seed traces, both readers, one verdict. */
#pragma once
#include "conformance/oracle.h"

struct cf_fuzz {
    const char *oracle;       /* program of Go's reader */
    const char *keep;         /* folder for what differs */
    const char *const *seeds; /* files */
    size_t n_seeds;
    uint64_t seed, count;
    uint64_t seconds;   /* stop after so many; 0: after count mutants */
    uint64_t only;      /* this mutant alone; UINT64_MAX: all */
    enum gt_rule blind; /* pretend that ours does not know this rule: the run must then fail */
    size_t
        max_threads; /* beyond CF_MAX_THREADS what hangs on ties may differ, and is only counted */
};

/* TAP points on standard output. Returns the status to exit with: 0 when all held. */
int cf_fuzz_run(const struct cf_fuzz *f);
