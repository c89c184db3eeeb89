/* SPDX-License-Identifier: Apache-2.0 */
/* Between the halves of plan.h: the sections as they were read, before they become cells. */
#pragma once
#include "results/plan.h"

struct gt_plan_list {
    char **item; /* copies */
    uint32_t n;
    int line; /* 0: not given */
};

struct gt_plan_section {
    enum gt_plan_kind kind;
    char *title; /* as in the brackets */
    int line;
    struct gt_plan_list list[GT_PLAN_KEYS];
    char *joined[GT_PLAN_DURATION]; /* lists that share a cell, with commas */
    int64_t duration_ns, timeout_ns;
    uint32_t runs;
};

/* Does the key belong into sections of this kind? */
bool gt_plan_key_fits(enum gt_plan_key key, enum gt_plan_kind kind);
/* Its values are one each for cells of their own; else it has one value, or all share a cell. */
bool gt_plan_key_is_axis(enum gt_plan_key key, enum gt_plan_kind kind);
bool gt_plan_key_is_scalar(enum gt_plan_key key);

/* Writes "FILE:LINE: ..." once: what was said first stays. -EINVAL. */
int gt_plan_wrong(const struct gt_plan *p, char *err, size_t size, int line, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Sections to cells. 0, -EINVAL with a line in err, -ENOMEM. */
int gt_plan_expand(struct gt_plan *p, char *err, size_t size);
