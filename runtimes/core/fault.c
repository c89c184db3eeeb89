/* SPDX-License-Identifier: Apache-2.0 */
/* The list of planted faults as data; the switches stand where the historic code was wrong. */
#include "core/core.h"

static const struct gt_fault_info faults[] = {
#define GT_FAULT_DEF(sym, seed_, ref, oracle_, class_, windows_, test_, syscalls_, options_, text) \
    {.name = #sym, .seed = seed_, .reference = ref, .oracle = oracle_, .cls = class_,               \
     .windows = windows_, .test = test_, .syscalls = syscalls_, .options = options_, .summary = text},
#include "core/faults.def"
#undef GT_FAULT_DEF
};

const struct gt_fault_info *gt_fault_info(size_t i)
{
    return i < sizeof faults / sizeof faults[0] ? &faults[i] : NULL;
}

#if GT_FAULTS && GT_ORACLE
/* Fault mark_after_generation: gt_section_enter as it must not be. */
uint64_t gt_section_open_late(struct gt_m *m)
{
    struct gt_section *s = &m->t.section;
    if (gt_load_relaxed(&s->mark) != 0)
        return gt_section_enter(s, &m->rt->generation, m->rt->asym);
    uint64_t w = gt_load_acquire(&m->rt->generation); /* pair: generation */
    if (w == 0)
        return 0;
    GT_PERTURB(m, section_marked); /* between the two steps, whichever is the first */
    gt_store_relaxed(&s->mark, 1u);
    s->entry = w;
    return w;
}
#endif
