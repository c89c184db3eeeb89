/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `stress`: what the names mean decides which of them runs. */
#pragma once
#include "cli.h"
#include "gauntlet/fault.h"
#include "harness/drive.h"
#include "harness/tap.h"
#include "options.h"

/* Workloads alone: o->args are their names, none: all. An exit status. */
int gt_stress_workloads(const struct gt_options *o);

/* Stress tests, the oracle program only. */
#define GT_TESTS_MAX 128
struct gt_stress_plan {
    struct gt_options o; /* filled in: every list has a member */
    const struct gt_stress_ops *tests[GT_TESTS_MAX];
    uint32_t n_tests;
    uint32_t n_cells;
    const char *program; /* with which a replay command begins: "/path/gauntlet-oracle stress" */
    char aim[128];       /* words that the options may point into: gt_stress_aim */
    bool one;            /* the program is that of one test: no names in a replay */
};
int gt_stress_tests(struct gt_stress_plan *p);
/* The kill table: every fault of faults.def, on the test that is for it. */
int gt_stress_faults(struct gt_stress_plan *p);

/* What was not given and the line of p->o.fault in faults.def says; none, or `all`: nothing. 0,
 * or -EINVAL with a line in err. */
int gt_stress_aim(struct gt_stress_plan *p, char *err, size_t size);
/* What was not given. A fault wants one scheduler and more time. */
void gt_stress_fill_in(struct gt_stress_plan *p);
/* The i-th cell: tests outermost, Ps innermost; from n_cells on those of the second run, ... */
void gt_stress_place(const struct gt_stress_plan *p, uint32_t i, struct gt_stress_point *point);
/* The command that repeats the round of that seed. */
void gt_stress_replay(const struct gt_stress_plan *p, struct gt_stress_point *point, uint64_t seed);
/* Of the run-th run. */
uint64_t gt_stress_seed(uint64_t seed, uint32_t run);
enum gt_exit gt_stress_exit(const struct gt_stress_result *r);

/* The program of one stress test. */
int gt_stress_one(const struct gt_stress_ops *test, int argc, char **argv);
