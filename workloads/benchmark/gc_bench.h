/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector measured: forced cycles over a heap of a given size, with so many Gs parked
 * and so many at work, one record of each cycle.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gauntlet/workload.h"

struct gt_gc_bench {
    const struct gt_runtime_ops *ops;
    struct gt_config config;
    uint32_t parked; /* Gs that wait at a channel */
    uint32_t busy;   /* Gs that compute; a checkpoint every 300 ns or so, a yield every 40 us */
    uint64_t heap;   /* bytes that live: half in small nodes, half without pointers */
    uint32_t cycles; /* wanted */
    int64_t most_ns; /* of time for the cycles, but ten cycles at least; 0: as long as it takes */
};

struct gt_gc_cycle { /* ns */
    int64_t asked[GT_GC_STOPS];   /* request to all stopped */
    int64_t stopped[GT_GC_STOPS]; /* request to started again */
    int64_t whole, mark_cpu;
    uint64_t marked, stacks; /* bytes, number */
};

struct gt_gc_bench_result {
    struct gt_gc_cycle *cycle; /* the caller frees it */
    uint32_t n;
    struct gt_gc_stats stats; /* at the end */
    int64_t build_ns;         /* of the heap */
    uint64_t objects;
    char why[160];
};

/* From a plain thread. 0, or negative errno with a reason in `why`. */
int gt_gc_bench_run(const struct gt_gc_bench *b, struct gt_gc_bench_result *r);

/* Sorts n values; the q-th quantile, 0..1: the smallest that so many are not above. */
double gt_gc_quantile(double *v, size_t n, double q);
/* All the stops of a result, of one phase or (GT_GC_STOPS) of both; n of them, to be freed.
 * whole: to started again, else to all stopped. */
double *gt_gc_stops(const struct gt_gc_bench_result *r, int phase, bool whole, size_t *n);
