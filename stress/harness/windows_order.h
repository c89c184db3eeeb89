/* SPDX-License-Identifier: Apache-2.0 */
/* A journal in the orders in which windows are counted. Thread-safety: any thread. */
#pragma once
#include "gauntlet/journal.h"

enum gt_journal_order {
    GT_BY_M,      /* by M and its own order: every entry */
    GT_BY_VERSION /* by kind, id, version; of equal ones as they stood. Without GT_J_TOLD */
};

/* A copy of e in that order, to be freed; *n_out: how many. NULL: no memory. In time linear in n. */
struct gt_jentry *gt_journal_ordered(const struct gt_jentry *e, size_t n, enum gt_journal_order by,
                                     size_t *n_out);
