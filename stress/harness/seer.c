/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/seer.h"

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
    return r->first.name;
}
