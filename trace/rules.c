/* SPDX-License-Identifier: Apache-2.0 */
/* The table of rules, and the way from Go's error texts to it. */
#include "trace/rules.h"

#include <stdbool.h>
#include <string.h>

static const struct gt_rule_info infos[GT_RULE_COUNT] = {
    [GT_RULE_NONE] = {"GT_RULE_NONE", "", "none", NULL, "No rule is broken.", 0},
#define GT_RULE_ROW(symbol, id, tier, class_name, go_text, explain)                                \
    [GT_RULE_##symbol] = {"GT_RULE_" #symbol, id, class_name, go_text, explain, tier},
#include "trace/rules.def"
#undef GT_RULE_ROW
};

const struct gt_rule_info *gt_rule_info(enum gt_rule rule)
{
    unsigned i = (unsigned)rule;
    return &infos[i < GT_RULE_COUNT ? i : GT_RULE_NONE];
}

/* Does text start with what the glob says? */
static bool glob_starts(const char *glob, const char *text)
{
    for (; *glob && *glob != '*'; glob++, text++)
        if (*glob != *text)
            return false;
    if (!*glob)
        return true;
    for (;; text++) {
        if (glob_starts(glob + 1, text))
            return true;
        if (!*text)
            return false;
    }
}

static size_t literals(const char *glob)
{
    size_t n = 0;
    for (; *glob; glob++)
        n += *glob != '*';
    return n;
}

enum gt_rule gt_rule_of_go_text(const char *text)
{
    enum gt_rule best = GT_RULE_NONE;
    size_t best_n = 0;
    for (int i = 1; i < GT_RULE_COUNT; i++) {
        const char *glob = infos[i].go_text;
        if (!glob || literals(glob) <= best_n || !glob_starts(glob, text))
            continue;
        best = (enum gt_rule)i;
        best_n = literals(glob);
    }
    return best;
}

enum gt_rule gt_rule_of_class(const char *class_name)
{
    for (int i = 1; i < GT_RULE_COUNT; i++)
        if (strcmp(infos[i].class_name, class_name) == 0)
            return (enum gt_rule)i;
    return GT_RULE_NONE;
}
