/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Google Benchmark from C. A cell is a function that is called with the number of iterations
 * the library wants, does them in a loop of its own, and hands over the time they took. The
 * library finds that number, repeats, and takes the repetitions of all cells in random order.
 *
 * One process runs at most one set at a time; no function is thread-safe. Everything lives in
 * the library's own state: measure in a child process.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GT_GB_COUNTERS 24
struct gt_gb_state; /* the library's, for the time of one call */

/* Calls gt_gb_begin(), does as many operations as that says, and calls gt_gb_done() or
 * gt_gb_fail(), each once. */
typedef void (*gt_gb_fn)(struct gt_gb_state *s, void *arg);

struct gt_gb_cell {
    const char *name; /* copied */
    gt_gb_fn fn;
    void *arg;
    uint32_t repetitions; /* 0: as the flags say */
    uint64_t iterations;  /* exactly so many; 0: the library finds out */
};

/* One repetition, as the library reports it. */
struct gt_gb_result {
    void *arg; /* of the cell */
    const char *name;
    int64_t repetition, repetitions;
    uint64_t iterations;
    double ns;     /* an iteration, of the time handed over; 0 when it failed */
    double cpu_ns; /* an iteration, of all the process's threads, set-up included */
    bool failed;
    const char *why;
    uint32_t n_counters;
    const char *counter[GT_GB_COUNTERS];
    double value[GT_GB_COUNTERS];
};
/* Called for each repetition of a cell when all of them are done. */
typedef void (*gt_gb_report)(void *arg, const struct gt_gb_result *run);

/* Takes flags (`--benchmark_*`, `--v=N`) without the program's name. 0; -EINVAL: the i-th is
 * none that the library knows, or has no value of its kind, *bad = i. Of _format, _out_format,
 * _color and _time_unit the library prints its usage where the value is nonsense, and ends the
 * process with status 0: the caller takes none of them. */
int gt_gb_flags(int n, const char *const *flags, int *bad);
void gt_gb_register(const struct gt_gb_cell *cell);
/* Runs the registered cells whose name matches `filter` (NULL: all) and forgets them all.
 * How many matched: 0 is for the caller to call a failure. */
size_t gt_gb_run(const char *filter, bool random_order, gt_gb_report report, void *arg);

/* ---- within a call -------------------------------------------------------------- */
uint64_t gt_gb_begin(struct gt_gb_state *s); /* how many operations */
/* All iterations took so long. */
void gt_gb_done(struct gt_gb_state *s, double seconds);
/* Nothing can be made of this repetition. `why` is copied. */
void gt_gb_fail(struct gt_gb_state *s, const char *why);
/* Averaged over threads, of which there is one: never summed. */
void gt_gb_counter(struct gt_gb_state *s, const char *name, double value);

const char *gt_gb_version(void); /* of the library */

#ifdef __cplusplus
}
#endif
