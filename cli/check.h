/* SPDX-License-Identifier: Apache-2.0 */
/* check: what is kept of each file, and the two ways to print it. */
#pragma once
#include <stdio.h>

#include "cli.h"
#include "harness/json.h"
#include "trace/check.h"

enum gt_check_verdict {
    GT_CHECK_CONSISTENT,
    GT_CHECK_INCONSISTENT,
    GT_CHECK_UNREADABLE,  /* no valid header, or the input failed */
    GT_CHECK_CHANGED,     /* the file was written to while it was read */
    GT_CHECK_INTERRUPTED, /* asked to stop */
};
const char *gt_check_verdict_name(enum gt_check_verdict v);

struct gt_kept_stuck {
    struct gt_where at;
    char *event, *waits_for, *freed_by;
};

struct gt_kept_finding {
    enum gt_rule rule;
    struct gt_where at;
    bool first_error;
    char *event, *states, *explain;
    struct gt_kept_stuck *stuck;
    size_t n_stuck, more_stuck; /* kept; counted only */
};

/* One file, checked as far as it went. */
struct gt_checked {
    const char *name;
    enum gt_rules rules;
    enum gt_check_verdict verdict;
    char error[320];        /* of every verdict but the first two: one line */
    bool has_result;        /* a valid header was there */
    struct gt_check_result result;
    struct gt_kept_finding *findings;
    size_t n_findings;
    double seconds; /* the check took */
};

/* Of a file with a result. */
void gt_check_print(FILE *f, const struct gt_checked *c);
void gt_check_json(struct gt_json *j, const struct gt_checked *c);

/* A header as people write it: 123 is "1.23". */
const char *gt_header_name(uint32_t header, char buf[16]);
/* What Go's reader says of such an error, "..." for what varies. */
const char *gt_check_go_text(enum gt_rule rule, char *buf, size_t size);
