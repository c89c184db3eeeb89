/* SPDX-License-Identifier: Apache-2.0 */
#include "stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool gt_samples_add(struct gt_samples *s, double value)
{
    if (s->n == s->capacity) {
        uint32_t more = s->capacity ? 2 * s->capacity : 16;
        double *v = realloc(s->v, more * sizeof *v);
        if (!v)
            return false;
        s->v = v;
        s->capacity = more;
    }
    s->v[s->n++] = value;
    return true;
}

void gt_samples_free(struct gt_samples *s)
{
    free(s->v);
    *s = (struct gt_samples){0};
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

uint32_t gt_estimate_rank(uint32_t n)
{
    double below = 0; /* chance that at most k - 1 of n samples are below the true median */
    uint32_t k = 0;
    while (2 * k + 1 < n) {
        double more = lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0) - n * log(2.0);
        below += exp(more);
        if (below > 0.025)
            break;
        k++;
    }
    return k;
}

/* A new array of those of the n values that are finite, sorted, *kept of them; NULL: none, or no
 * memory. What is no number has no place in an order. */
static double *sorted_finite(const double *v, uint32_t n, uint32_t *kept)
{
    double *sorted = n ? malloc(n * sizeof *sorted) : NULL;
    *kept = 0;
    for (uint32_t i = 0; sorted && i < n; i++)
        if (isfinite(v[i]))
            sorted[(*kept)++] = v[i];
    if (*kept == 0) {
        free(sorted);
        return NULL;
    }
    qsort(sorted, *kept, sizeof *sorted, by_value);
    return sorted;
}

struct gt_estimate gt_estimate_of(const double *v, uint32_t n)
{
    struct gt_estimate e = {NAN, NAN, NAN};
    double *sorted = sorted_finite(v, n, &n);
    uint32_t k = gt_estimate_rank(n);
    if (!sorted)
        return e;
    e.median = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
    if (k > 0) {
        e.low = sorted[k - 1];
        e.high = sorted[n - k];
    }
    free(sorted);
    return e;
}

struct gt_estimate gt_estimate_paired(const double *a, const double *b, uint32_t n)
{
    struct gt_samples d = {0};
    struct gt_estimate e = {NAN, NAN, NAN};
    for (uint32_t i = 0; i < n; i++)
        if (!gt_samples_add(&d, a[i] - b[i]))
            goto out;
    e = gt_estimate_of(d.v, d.n);
out:
    gt_samples_free(&d);
    return e;
}
