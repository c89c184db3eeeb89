/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "results/cell.h"

static const struct {
    const char *name;
    int status;
} verdicts[GT_VERDICTS] = {
    [GT_VERDICT_OK] = {"ok", 0},
    [GT_VERDICT_FOUND] = {"found", 0},
    [GT_VERDICT_SKIPPED] = {"skipped", 0},
    [GT_VERDICT_INCONCLUSIVE] = {"inconclusive", 3},
    [GT_VERDICT_INCONSISTENT] = {"inconsistent", 1},
    [GT_VERDICT_FAILED] = {"failed", 1},
    [GT_VERDICT_MISSED] = {"missed", 1},
    [GT_VERDICT_VOID] = {"void", 4},
    [GT_VERDICT_INCOMPLETE] = {"incomplete", 5},
};

const char *gt_verdict_name(enum gt_verdict v)
{
    return verdicts[v].name;
}

enum gt_verdict gt_verdict_of(const char *name)
{
    for (int v = 0; name && v < GT_VERDICTS; v++)
        if (strcmp(verdicts[v].name, name) == 0)
            return (enum gt_verdict)v;
    return GT_VERDICT_INCOMPLETE;
}

int gt_verdict_status(enum gt_verdict v)
{
    return verdicts[v].status;
}

static int rank(int status)
{
    static const int order[] = {0, 3, 1, 4, 5};
    for (int i = 0; i < 5; i++)
        if (order[i] == status)
            return i;
    return 4; /* any other is as bad as it gets */
}

int gt_status_worse(int a, int b)
{
    return rank(a) >= rank(b) ? a : b;
}

bool gt_verdict_is_open(enum gt_verdict v)
{
    return v == GT_VERDICT_INCOMPLETE || v == GT_VERDICT_VOID;
}

enum gt_verdict gt_record_verdict(const json_t *record)
{
    return gt_verdict_of(json_string_value(json_object_get(record, "verdict")));
}

json_int_t gt_record_inconsistencies(const json_t *record)
{
    size_t i;
    json_t *e;
    double sum = 0;
    json_array_foreach(json_object_get(record, "benchmarks"), i, e)
        sum += json_number_value(json_object_get(e, "inconsistencies"));
    return (json_int_t)sum;
}

void gt_record_spoil(json_t *record, const char *why)
{
    json_object_set_new(record, "verdict", json_string(gt_verdict_name(GT_VERDICT_INCOMPLETE)));
    json_object_set_new(record, "why", json_string(why));
}
