/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of a row of samples, without assuming how they are spread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct gt_samples {
    double *v;
    uint32_t n, capacity;
};
/* false: no memory. */
bool gt_samples_add(struct gt_samples *s, double value);
void gt_samples_free(struct gt_samples *s);

struct gt_estimate {
    double median, low, high; /* NAN: not to be had */
};
/*
 * The median, and an interval that holds the true one 95 times in 100 at least: between the
 * k-th smallest and the k-th largest sample, k as large as the binomial distribution allows
 * (2 of 9, 8 of 25). Fewer than six samples allow none. Values that are not finite are no samples.
 */
struct gt_estimate gt_estimate_of(const double *v, uint32_t n);
/* The k of so many samples; 0: too few. */
uint32_t gt_estimate_rank(uint32_t n);
/* a[i] - b[i], their estimate. Samples of one index were taken together. */
struct gt_estimate gt_estimate_paired(const double *a, const double *b, uint32_t n);
