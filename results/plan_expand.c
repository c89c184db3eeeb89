/* SPDX-License-Identifier: Apache-2.0 */
/* From sections to cells: every combination of a section's lists, in the order written. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/plan_file.h"

enum { CELLS_MAX = 100000 };
#define START_NS 150000000ll /* a process that loads, looks at the machine and ends */

static uint64_t combinations(const struct gt_plan_section *s)
{
    uint64_t n = s->runs;
    for (int k = 0; k < GT_PLAN_KEYS && n <= CELLS_MAX; k++)
        if (gt_plan_key_is_axis((enum gt_plan_key)k, s->kind) && s->list[k].n)
            n *= s->list[k].n;
    return n;
}

/* The items share a cell. */
static int join(struct gt_plan_section *s, int key)
{
    const struct gt_plan_list *l = &s->list[key];
    size_t size = 1;
    if (l->n == 0 || gt_plan_key_is_axis((enum gt_plan_key)key, s->kind))
        return 0;
    for (uint32_t i = 0; i < l->n; i++)
        size += strlen(l->item[i]) + 1;
    char *text = s->joined[key] = calloc(1, size);
    for (uint32_t i = 0; text && i < l->n; i++) {
        strcat(text, i ? "," : "");
        strcat(text, l->item[i]);
    }
    return text ? 0 : -ENOMEM;
}

static int join_all(struct gt_plan_section *s)
{
    int rc = 0;
    for (int k = 0; k < GT_PLAN_DURATION && rc == 0; k++)
        rc = join(s, k);
    return rc;
}

static int name_cell(struct gt_plan_cell *c)
{
    size_t size = 0;
    enum gt_plan_key subject = gt_plan_subject(c->kind);
    FILE *f = open_memstream(&c->name, &size);
    if (!f)
        return -ENOMEM;
    fprintf(f, "%s/%s", gt_plan_kind_name(c->kind), c->value[subject]);
    for (int k = 0; k < GT_PLAN_RUNS; k++)
        if (k != (int)subject && k != GT_PLAN_DURATION && c->value[k])
            fprintf(f, "/%s=%s", gt_plan_key_name((enum gt_plan_key)k), c->value[k]);
    if (c->run > 1)
        fprintf(f, "/run=%u", c->run);
    return fclose(f) == 0 ? 0 : -ENOMEM;
}

/* The values of combination `i`; the last axis turns fastest, the run slowest. */
static void choose(struct gt_plan_cell *c, const struct gt_plan_section *s, uint64_t i)
{
    for (int k = GT_PLAN_KEYS - 1; k >= 0; k--) {
        const struct gt_plan_list *l = &s->list[k];
        if (l->n == 0)
            continue;
        if (gt_plan_key_is_axis((enum gt_plan_key)k, s->kind)) {
            c->value[k] = l->item[i % l->n];
            i /= l->n;
        } else {
            c->value[k] = k < GT_PLAN_DURATION ? s->joined[k] : l->item[0];
        }
    }
    c->run = (uint32_t)i + 1;
}

static int add_cell(struct gt_plan *p, const struct gt_plan_section *s, uint64_t i)
{
    struct gt_plan_cell *c = &p->cells[p->n_cells];
    *c = (struct gt_plan_cell){.kind = s->kind, .index = p->n_cells, .line = s->line};
    c->duration_ns = s->duration_ns;
    c->timeout_ns = s->timeout_ns ? s->timeout_ns : GT_PLAN_PATIENCE(s->duration_ns);
    choose(c, s, i);
    int rc = name_cell(c);
    if (rc == 0)
        p->n_cells++;
    return rc;
}

static int by_name(const void *a, const void *b)
{
    const struct gt_plan_cell *const *x = a, *const *y = b;
    int order = strcmp((*x)->name, (*y)->name);
    return order ? order : (*x)->index > (*y)->index ? 1 : -1;
}

/* The first, in the order written, of the cells that are there already. */
static int refuse_duplicates(const struct gt_plan *p, char *err, size_t size)
{
    const struct gt_plan_cell **sorted = calloc(p->n_cells, sizeof(struct gt_plan_cell *));
    const struct gt_plan_cell *again = NULL, *first = NULL;
    if (!sorted)
        return -ENOMEM;
    for (uint32_t i = 0; i < p->n_cells; i++)
        sorted[i] = &p->cells[i];
    qsort(sorted, p->n_cells, sizeof *sorted, by_name);
    for (uint32_t i = 1; i < p->n_cells; i++)
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0 &&
            (!again || sorted[i]->index < again->index)) {
            first = sorted[i - 1];
            again = sorted[i];
        }
    free(sorted);
    if (!again)
        return 0;
    return gt_plan_wrong(p, err, size, again->line,
                         "duplicate cell %s, first in the section of line %d", again->name,
                         first->line);
}

int gt_plan_expand(struct gt_plan *p, char *err, size_t size)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < p->n_sections; i++) {
        struct gt_plan_section *s = &p->sections[i];
        total += combinations(s);
        if (total > CELLS_MAX)
            return gt_plan_wrong(p, err, size, s->line, "more than %d cells", CELLS_MAX);
        if (join_all(s) != 0)
            return -ENOMEM;
    }
    p->cells = calloc(total, sizeof *p->cells);
    if (!p->cells)
        return -ENOMEM;
    for (uint32_t i = 0; i < p->n_sections; i++)
        for (uint64_t k = 0, n = combinations(&p->sections[i]); k < n; k++)
            if (add_cell(p, &p->sections[i], k) != 0)
                return -ENOMEM;
    return refuse_duplicates(p, err, size);
}

/* ---- how long ---------------------------------------------------------- */
int64_t gt_plan_cell_estimate(const struct gt_plan_cell *c)
{
    bool ends_early = c->kind == GT_PLAN_FAULTS && c->duration_ns > GT_PLAN_FAULT_TYPICAL;
    return (ends_early ? GT_PLAN_FAULT_TYPICAL : c->duration_ns) + START_NS;
}

int64_t gt_plan_estimate(const struct gt_plan *p)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < p->n_cells; i++)
        sum += gt_plan_cell_estimate(&p->cells[i]);
    return sum;
}

/* splitmix64's mixing; short enough to type. */
uint64_t gt_plan_cell_seed(const struct gt_plan_cell *c, uint64_t run_seed)
{
    uint64_t z = run_seed + (c->index + 1) * 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return (z ^ (z >> 31)) >> 16;
}
