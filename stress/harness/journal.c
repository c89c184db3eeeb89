/* SPDX-License-Identifier: Apache-2.0 */
/* A round's journal as an array. The lean build's runtime keeps none. */
#include "gauntlet/journal.h"

#include <errno.h>
#include <stdlib.h>

#include "harness/cell.h"

#if GT_ORACLE
struct filling {
    struct gt_cell_life *l;
    bool failed;
};

static void add(const struct gt_jentry *e, void *arg)
{
    struct filling *f = arg;
    struct gt_cell_life *l = f->l;
    if (l->n_journal == l->cap_journal) {
        size_t cap = l->cap_journal ? 2 * l->cap_journal : 65536;
        struct gt_jentry *more = realloc(l->journal, cap * sizeof *more);
        if (!more) {
            f->failed = true;
            return;
        }
        l->journal = more;
        l->cap_journal = cap;
    }
    l->journal[l->n_journal++] = *e;
}

int gt_cell_journal(struct gt_cell_life *l)
{
    struct filling f = {l, false};
    l->n_journal = 0;
    (void)gt_journal_each(l->rt, add, &f, &l->lost);
    return f.failed ? -ENOMEM : 0;
}

void gt_cell_journal_on(struct gt_cell_life *l, uint64_t entries_per_m)
{
    gt_journal_enable(l->rt, entries_per_m);
}

void gt_cell_journal_next(struct gt_cell_life *l)
{
    gt_journal_next_round(l->rt);
}
#else
int gt_cell_journal(struct gt_cell_life *l)
{
    l->n_journal = 0;
    return 0;
}

void gt_cell_journal_on(struct gt_cell_life *l, uint64_t entries_per_m)
{
    (void)l;
    (void)entries_per_m;
}

void gt_cell_journal_next(struct gt_cell_life *l)
{
    (void)l;
}
#endif
