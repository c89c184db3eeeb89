/* SPDX-License-Identifier: Apache-2.0 */
/* What bench keeps of each row, and what it says about it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "benchmark/core_bench.h"
#include "options.h"

/* The samples of one column. */
struct gt_series {
    double *v;
    uint32_t n, capacity;
    double crossed; /* sum over the samples that know it */
    uint32_t n_crossed;
    uint64_t ops;  /* of the last sample */
    bool wrong;    /* the workload's own check failed: void */
    int32_t rc;    /* of the first sample that could not be taken */
    char why[160]; /* of either */
};

struct gt_figures { /* one row */
    const struct gt_bench_row *row;
    struct gt_series columns[GT_BENCH_COLUMNS_MAX], floor, cas;
    bool incomplete; /* the process that measured it did not end well, or was stopped */
    bool crashed;
    bool environment; /* the machine cannot give what was asked for */
    char why[160];
};

struct gt_bench_report {
    const struct gt_options *o;
    const struct gt_bench_env *env;
    struct gt_figures *rows;
    uint32_t n_rows;
    bool stopped;
    double seconds;
    double foreign; /* share of the machine's CPU time that went to others, < 0 unknown */
};

/* true: kept. */
bool gt_series_add(struct gt_series *s, const struct gt_bench_sample *sample);
/* Quantile q of 0..1, between samples by straight lines; NAN without samples. */
double gt_series_quantile(const struct gt_series *s, double q);
static inline double gt_series_median(const struct gt_series *s)
{
    return gt_series_quantile(s, 0.5);
}

/* Turns a sample's value into what the row shows: as it is, less or over the floor. */
double gt_figure_shown(const struct gt_figures *f, double value);
/* 1.25 x (floor + cas x CAS); NAN when the row has none. */
double gt_figure_bound(const struct gt_figures *f);
enum gt_met { GT_MET_NO_TARGET, GT_MET_NOT, GT_MET_TARGET, GT_MET_STRETCH };
enum gt_met gt_figure_met(const struct gt_figures *f, uint32_t column);
bool gt_figure_has(const struct gt_figures *f, uint32_t column); /* a value to show */

void gt_bench_print_table(FILE *f, const struct gt_bench_report *r, bool colour);
void gt_bench_print_json(FILE *f, const struct gt_bench_report *r);
