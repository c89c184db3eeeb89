/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of the checker by number, and what is known about each. GT_C_ONLY
 *
 * Thread-safety: constants only.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum gt_rule {
    GT_RULE_NONE = 0,
#define GT_RULE_ROW(symbol, id, tier, class_name, go_text, explain) GT_RULE_##symbol,
#include "trace/rules.def"
#undef GT_RULE_ROW
    GT_RULE_COUNT
};

struct gt_rule_info {
    const char *symbol;     /* "GT_RULE_O5_STUCK" */
    const char *id;         /* "O5", "1.12", "L7" */
    const char *class_name; /* kebab-case, unique */
    const char *go_text;    /* glob of Go's error text (rules.def says how); NULL: none */
    const char *explain;    /* one sentence */
    int tier;               /* 1, 2, 3; 0: GT_RULE_NONE */
};

/* Never NULL; an unknown number gives the entry of GT_RULE_NONE. */
const struct gt_rule_info *gt_rule_info(enum gt_rule rule);

/* The rule that Go's error text (one line) names; GT_RULE_NONE: none of ours. */
enum gt_rule gt_rule_of_go_text(const char *text);
/* By class name; GT_RULE_NONE: unknown. */
enum gt_rule gt_rule_of_class(const char *class_name);

#ifdef __cplusplus
}
#endif
