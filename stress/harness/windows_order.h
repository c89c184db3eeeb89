/* SPDX-License-Identifier: Apache-2.0 */
/* A journal in the orders in which windows are counted. Thread-safety: any thread. */
#pragma once
#include "harness/windows.h"

enum gt_journal_order {
    GT_BY_M,      /* by M and its own order: every entry */
    GT_BY_VERSION /* by kind, id, version; of equal ones as they stood. Kinds of gt_journal_life */
};

/* A copy of e in that order, in space until that is used again; *n_out: how many. NULL: no memory.
 * In time linear in n. e may be what a call with this space returned. */
struct gt_jentry *gt_journal_ordered(const struct gt_jentry *e, size_t n, enum gt_journal_order by,
                                     struct gt_windows_space *space, size_t *n_out);
/* Is it of a kind of which one entry follows the other: of a G, a P, a call, a thread? */
static inline bool gt_journal_life(const struct gt_jentry *e)
{
    return e->kind == GT_J_G || e->kind == GT_J_P || e->kind == GT_J_LOST || e->kind == GT_J_THREAD;
}
