/* SPDX-License-Identifier: Apache-2.0 */
/* How options are taken, for the files that take them. Thread-safety: none. */
#pragma once
#include "options.h"

/* One option being taken. */
struct gt_given {
    struct gt_options *o;
    const struct gt_option *option;
    const char *verb;
    const char *value; /* NULL: a switch */
    char *err;
    size_t err_size;
};

struct gt_option {
    uint32_t bit;
    const char *name;  /* "--procs" */
    const char *value; /* "N", NULL: a switch */
    const char *help;
    int (*take)(const struct gt_given *g);
};

/* "--name=value: " and the reason to err. -EINVAL. */
__attribute__((format(printf, 2, 3))) int gt_option_refuse(const struct gt_given *g,
                                                           const char *fmt, ...);

/* Each takes one option: 0, or -EINVAL with a line in err. In options_stress.c. */
int gt_take_fault(const struct gt_given *g);
int gt_take_runs(const struct gt_given *g);
int gt_take_perturb(const struct gt_given *g);
int gt_take_oracle(const struct gt_given *g);
int gt_take_lean(const struct gt_given *g);
int gt_take_gc_percent(const struct gt_given *g);
int gt_take_gc_limit(const struct gt_given *g);
int gt_take_gc_period(const struct gt_given *g);
int gt_take_gc_poison(const struct gt_given *g);
int gt_take_trace(const struct gt_given *g);
int gt_take_generation(const struct gt_given *g);
int gt_take_header(const struct gt_given *g);
int gt_take_profile(const struct gt_given *g);
