/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/result.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const oracles[GT_ORACLES] = {"order",    "truth",        "ownership", "locks",
                                                "liveness", "conservation", "test"};

const char *gt_oracle_name(enum gt_oracle o)
{
    return oracles[o];
}

static int oracle_bit(const char *text, size_t n, uint32_t *bits)
{
    for (uint32_t i = 0; i < GT_ORACLE_TEST; i++)
        if (strlen(oracles[i]) == n && memcmp(oracles[i], text, n) == 0) {
            *bits |= 1u << i;
            return 0;
        }
    return -EINVAL;
}

int gt_oracles_parse(const char *text, uint32_t *bits, char *err, size_t size)
{
    *bits = 1u << GT_ORACLE_TEST;
    for (const char *at = text;; at++) {
        size_t n = strcspn(at, ",");
        if (oracle_bit(at, n, bits) != 0) {
            snprintf(err, size,
                     "'%.*s' is no oracle: use order, truth, ownership, locks, liveness, "
                     "conservation",
                     n < 40 ? (int)n : 40, at);
            return -EINVAL;
        }
        at += n;
        if (*at == '\0')
            return 0;
    }
}

const char *gt_stress_verdict_name(enum gt_stress_verdict v)
{
    static const char *const names[] = {"ok",     "inconsistent", "inconclusive", "skipped",
                                        "failed", "void",         "incomplete"};
    return names[v];
}

void gt_result_count(struct gt_stress_result *r, enum gt_oracle o, const char *cls, uint64_t n)
{
    char name[sizeof r->classes[0].name];
    uint32_t i = 0;
    if (n == 0)
        return;
    snprintf(name, sizeof name, "%s/%s", oracles[o], cls);
    if (r->inconsistencies == 0)
        memcpy(r->first.name, name, sizeof name);
    r->inconsistencies += n;
    while (i < r->n_classes && strcmp(r->classes[i].name, name) != 0)
        i++;
    if (i == GT_STRESS_CLASSES)
        return;
    if (i == r->n_classes)
        memcpy(r->classes[r->n_classes++].name, name, sizeof name);
    r->classes[i].n += n;
}

static int severity(enum gt_stress_verdict v)
{
    static const int of[] = {[GT_STRESS_OK] = 0,           [GT_STRESS_SKIPPED] = 1,
                             [GT_STRESS_INCONCLUSIVE] = 2, [GT_STRESS_INCONSISTENT] = 3,
                             [GT_STRESS_FAILED] = 4,       [GT_STRESS_VOID] = 5,
                             [GT_STRESS_INCOMPLETE] = 6};
    return of[v];
}

void gt_result_say(struct gt_stress_result *r, enum gt_stress_verdict v, const char *fmt, ...)
{
    va_list ap;
    if (r->why[0] && severity(v) <= severity(r->verdict))
        return;
    r->verdict = v;
    va_start(ap, fmt);
    vsnprintf(r->why, sizeof r->why, fmt, ap);
    va_end(ap);
}

void gt_result_finding(struct gt_stress_result *r, const char *fmt, ...)
{
    va_list ap;
    if (r->n_findings == GT_STRESS_FINDINGS)
        return;
    va_start(ap, fmt);
    vsnprintf(r->findings[r->n_findings++], sizeof r->findings[0], fmt, ap);
    va_end(ap);
}

void gt_result_file(struct gt_stress_result *r, const char *path)
{
    if (r->n_files < GT_STRESS_FILES)
        snprintf(r->files[r->n_files++], sizeof r->files[0], "%s", path);
}
