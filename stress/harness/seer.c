/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/seer.h"

#include <stdio.h>
#include <string.h>

const struct gt_fault_info *gt_fault_named(const char *name)
{
    const struct gt_fault_info *f;
    for (size_t i = 0; name && (f = gt_fault_info(i)) != NULL; i++)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

bool gt_fault_expects(const struct gt_fault_info *f, const char *name)
{
    size_t n = strlen(f->oracle);
    if (strncmp(name, f->oracle, n) != 0 || name[n] != '/')
        return false;
    const char *cls = name + n + 1;
    size_t k = strlen(cls);
    for (const char *at = f->cls; *at; at += strcspn(at, ","), at += *at == ',') {
        at += strspn(at, " ");
        if (strcspn(at, ",") == k && memcmp(at, cls, k) == 0)
            return true;
    }
    return false;
}

const char *gt_fault_seer(const struct gt_fault_info *f, const struct gt_stress_result *r)
{
    for (uint32_t i = 0; i < r->n_classes; i++)
        if (gt_fault_expects(f, r->classes[i].name))
            return r->classes[i].name;
    return NULL;
}

const struct gt_fault_info *gt_fault_hunted(const struct gt_stress_cell *c)
{
    const struct gt_fault_info *f = gt_fault_named(c->config.fault);
    for (uint32_t i = 0; f && i < GT_ORACLES; i++)
        if ((c->oracles >> i & 1u) && strcmp(gt_oracle_name((enum gt_oracle)i), f->oracle) == 0)
            return f;
    return NULL;
}

void gt_fault_note(const struct gt_fault_info *f, struct gt_stress_result *r, int64_t ns,
                   const uint64_t windows[GT_WINDOWS])
{
    const char *name = f && !r->due.name[0] ? gt_fault_seer(f, r) : NULL;
    if (!name)
        return;
    memcpy(r->due.name, name, sizeof r->due.name);
    r->due.ns = ns;
    r->due.events = r->events;
    if (gt_windows_needed(f->windows, windows, &r->due.window) != 0)
        r->due.window = 0; /* a name that is none: fault_test refuses it */
}

void gt_fault_judge(const struct gt_stress_cell *c, struct gt_stress_result *r)
{
    const struct gt_fault_info *f = gt_fault_hunted(c);
    char first[sizeof r->first.name];
    if (!f || r->inconsistencies == 0 || r->due.name[0] || r->verdict == GT_STRESS_INCOMPLETE ||
        r->verdict == GT_STRESS_VOID)
        return;
    memcpy(first, r->first.name, sizeof first);
    r->verdict = GT_STRESS_INCONCLUSIVE; /* whatever another made of it */
    r->seed = c->config.seed;            /* all of its rounds again */
    snprintf(r->why, sizeof r->why, "the planted fault %s was seen by %s, but not by %s as %.60s",
             f->name, first, f->oracle, f->cls);
}

bool gt_fault_found(const struct gt_stress_cell *c, const struct gt_stress_result *r)
{
    return gt_fault_hunted(c) ? r->due.name[0] != '\0' : r->inconsistencies > 0;
}

const struct gt_stress_sight *gt_fault_sight(const struct gt_stress_cell *c,
                                             const struct gt_stress_result *r)
{
    return gt_fault_hunted(c) && r->due.name[0] ? &r->due : &r->first;
}
