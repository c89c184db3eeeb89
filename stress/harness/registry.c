/* SPDX-License-Identifier: Apache-2.0 */
/* The stress tests by number and by name. */
#include <stdio.h>
#include <string.h>

#include "stress.h"

#define GT_STRESS(symbol, name) extern const struct gt_stress_ops gt_stress_##symbol;
#include "stress.def"
#undef GT_STRESS

static const struct gt_stress_ops *const tests[] = {
#define GT_STRESS(symbol, name) &gt_stress_##symbol,
#include "stress.def"
#undef GT_STRESS
    NULL,
};

const struct gt_stress_ops *gt_stress_at(size_t i)
{
    return i < sizeof tests / sizeof tests[0] ? tests[i] : NULL;
}

const struct gt_stress_ops *gt_stress_find(const char *name, char *err, size_t size)
{
    for (size_t i = 0; tests[i]; i++)
        if (strcmp(tests[i]->head.name, name) == 0)
            return tests[i];
    int at = snprintf(err, size, "stress test '%.64s' is unknown: use", name);
    for (size_t i = 0; tests[i] && at > 0 && (size_t)at < size; i++)
        at += snprintf(err + at, size - (size_t)at, " %s%s", tests[i]->head.name,
                       tests[i + 1] ? "," : "");
    return NULL;
}
