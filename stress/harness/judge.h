/* SPDX-License-Identifier: Apache-2.0 */
/* A recorded trace, checked in the process that made it: what a test's diagnostics say. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "trace/check.h"

#define GT_JUDGE_FINDINGS 3
struct gt_judgement {
    struct gt_check_result result;
    char findings[GT_JUDGE_FINDINGS][512]; /* one line each, "" past the last */
    uint32_t n_findings;
};

/* Reads the trace from the descriptor's beginning, strict rules. 0; -EINVAL: no trace, one
 * line in err; other negative errno. */
int gt_judge(int fd, struct gt_judgement *j, char *err, size_t err_size);
/* "failed-to-advance=1, unknown-stack=2"; "" none. */
const char *gt_judge_classes(const struct gt_judgement *j, char *buf, size_t size);
