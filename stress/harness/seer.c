/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/seer.h"

#include <inttypes.h>
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

bool gt_fault_lists(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',') {
        at += strspn(at, " ");
        if (strcspn(at, ",") == n && memcmp(at, word, n) == 0)
            return true;
    }
    return false;
}

bool gt_fault_expects(const struct gt_fault_info *f, const char *name)
{
    size_t n = strlen(f->oracle);
    if (strncmp(name, f->oracle, n) != 0 || name[n] != '/')
        return false;
    return gt_fault_lists(f->cls, name + n + 1);
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
    r->due.window = UINT64_MAX;
    if (windows && gt_windows_needed(f->windows, windows, &r->due.window) != 0)
        r->due.window = 0; /* a name that is none: stress_docs_test refuses it */
}

/* What the cell ended with, as far as it was not how its process ended. */
static void say_found(const struct gt_fault_info *f, struct gt_stress_result *r)
{
    const struct gt_stress_sight *s = &r->due;
    if (s->window == 0) {
        r->verdict = GT_STRESS_INCONCLUSIVE;
        snprintf(r->why, sizeof r->why, "%.55s saw the planted fault %.30s in a round that never entered %.80s",
                 s->name, f->name, f->windows);
    } else if (r->verdict == GT_STRESS_INCONSISTENT && s->window == UINT64_MAX) {
        snprintf(r->why, sizeof r->why, "%.55s saw the planted fault %.30s", s->name, f->name);
    } else if (r->verdict == GT_STRESS_INCONSISTENT) {
        snprintf(r->why, sizeof r->why,
                 "%.55s saw the planted fault %.30s, its windows entered %" PRIu64 " times at least", s->name,
                 f->name, s->window);
    }
}

void gt_fault_judge(const struct gt_stress_cell *c, struct gt_stress_result *r)
{
    const struct gt_fault_info *f = gt_fault_hunted(c);
    if (!f || r->inconsistencies == 0 || r->verdict == GT_STRESS_INCOMPLETE ||
        r->verdict == GT_STRESS_VOID)
        return;
    if (r->due.name[0]) {
        say_found(f, r);
        return;
    }
    r->verdict = GT_STRESS_INCONCLUSIVE; /* whatever another made of it */
    r->seed = c->config.seed;            /* all of its rounds again */
    snprintf(r->why, sizeof r->why, "the planted fault %s was seen by %.55s, but not by %s as %.60s",
             f->name, r->first.name, f->oracle, f->cls);
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
