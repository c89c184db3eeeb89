/* SPDX-License-Identifier: Apache-2.0 */
#include "figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool gt_series_add(struct gt_series *s, const struct gt_bench_sample *sample)
{
    if (sample->rc != 0 || sample->wrong) {
        if (s->rc == 0 && !s->wrong)
            memcpy(s->why, sample->why, sizeof s->why);
        s->rc = s->rc ? s->rc : sample->rc;
        s->wrong |= sample->wrong;
        return true;
    }
    if (s->n == s->capacity) {
        uint32_t more = s->capacity ? 2 * s->capacity : 16;
        double *v = realloc(s->v, more * sizeof *v);
        if (!v)
            return false;
        s->v = v;
        s->capacity = more;
    }
    s->v[s->n++] = sample->value;
    s->ops = sample->ops;
    if (sample->crossed >= 0) {
        s->crossed += sample->crossed;
        s->n_crossed++;
    }
    return true;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double gt_series_quantile(const struct gt_series *s, double q)
{
    double *sorted = s->n ? malloc(s->n * sizeof *sorted) : NULL;
    if (!sorted)
        return NAN;
    memcpy(sorted, s->v, s->n * sizeof *sorted);
    qsort(sorted, s->n, sizeof *sorted, by_value);
    double at = q * (double)(s->n - 1);
    uint32_t i = (uint32_t)at;
    double result = sorted[i];
    if (i + 1 < s->n)
        result += (at - (double)i) * (sorted[i + 1] - sorted[i]);
    free(sorted);
    return result;
}

double gt_figure_shown(const struct gt_figures *f, double value)
{
    switch (f->row->about) {
    case GT_BENCH_OVER:
        return f->row->paired ? value : value - gt_series_median(&f->floor);
    case GT_BENCH_RATIO:
        return value / gt_series_median(&f->floor);
    case GT_BENCH_VALUE:
        break;
    }
    return value;
}

double gt_figure_bound(const struct gt_figures *f)
{
    if (!f->row->bounded)
        return NAN;
    return 1.25 * (gt_series_median(&f->floor) + f->row->cas * gt_series_median(&f->cas));
}

bool gt_figure_has(const struct gt_figures *f, uint32_t column)
{
    return f->columns[column].n > 0 && !f->columns[column].wrong;
}

enum gt_met gt_figure_met(const struct gt_figures *f, uint32_t column)
{
    if (!gt_figure_has(f, column) || f->row->target <= 0)
        return GT_MET_NO_TARGET;
    double shown = gt_figure_shown(f, gt_series_median(&f->columns[column]));
    if (f->row->stretch > 0 && shown <= f->row->stretch)
        return GT_MET_STRETCH;
    return shown <= f->row->target ? GT_MET_TARGET : GT_MET_NOT;
}
