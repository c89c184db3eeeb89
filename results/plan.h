/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan: which cells a run has. An INI file (libinih) with sections
 *
 *   [stress NAME]     tests x schedulers x tracers x syscalls x procs x bind x generation x perturb
 *   [faults NAME]     faults x the same; a fault takes its test from its own line in faults.def
 *   [overhead NAME]   workloads x schedulers x bind; tracers and runtimes share a cell, in turns
 *
 * NAME may be left out. A value is one item or several with commas; a line that begins with a
 * blank and has no '=' goes on with the list above it. `all` stands for every built-in item,
 * among faults `seeds` for the five seeds. A line of its own after #, or the end of one after a
 * blank and ;, is a comment.
 *
 * Thread-safety: none. A plan is not changed once it was read.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gt_plan_kind { GT_PLAN_STRESS, GT_PLAN_FAULTS, GT_PLAN_OVERHEAD, GT_PLAN_KINDS };
const char *gt_plan_kind_name(enum gt_plan_kind k);

enum gt_plan_key {
    GT_PLAN_TESTS,
    GT_PLAN_FAULT_NAMES,
    GT_PLAN_WORKLOADS,
    GT_PLAN_RUNTIMES, /* beside gmp: they take turns within a cell */
    GT_PLAN_SCHEDULERS,
    GT_PLAN_TRACERS,
    GT_PLAN_SYSCALLS,
    GT_PLAN_PROCS,
    GT_PLAN_BIND,
    GT_PLAN_GENERATION,
    GT_PLAN_PERTURB,
    GT_PLAN_DURATION,    /* of one cell. From here on one value, above it lists */
    GT_PLAN_REPETITIONS, /* samples of each figure */
    GT_PLAN_RUNS,        /* how often each cell is run, each time with another seed */
    GT_PLAN_TIMEOUT,     /* after so long a cell is killed; not given: GT_PLAN_PATIENCE */
    GT_PLAN_KEYS
};
/* Of a cell that says none: four times its duration and a minute. */
#define GT_PLAN_PATIENCE(duration_ns) (4 * (duration_ns) + 60000000000ll)

/* What the items of a list may be, said by the caller: the plan knows no plugins. */
struct gt_plan_names {
    /* The i-th item that `group` ("all", "seeds") stands for; NULL past the end. */
    const char *(*at)(enum gt_plan_key key, const char *group, size_t i);
    /* 0, or -EINVAL with what is wrong, and what there is, in err. */
    int (*check)(enum gt_plan_key key, const char *item, char *err, size_t size);
    /* A number with a unit to ns. 0, or -EINVAL with a line in err. */
    int (*duration)(const char *text, int64_t *ns, char *err, size_t size);
};

struct gt_plan_cell {
    enum gt_plan_kind kind;
    uint32_t index;                  /* in the plan, from 0 */
    uint32_t run;                    /* 1 to the section's `runs` */
    const char *value[GT_PLAN_KEYS]; /* as written, NULL: not given. Owned by the plan */
    char *name;                      /* "stress/TEST/scheduler=S/...": no other has it */
    int64_t duration_ns, timeout_ns;
    int line; /* of its section */
};

struct gt_plan {
    char *path; /* as given, for messages */
    char *text; /* the file, whole */
    struct gt_plan_cell *cells;
    uint32_t n_cells;
    struct gt_plan_section *sections;
    uint32_t n_sections;
};

/* Reads and expands. path NULL: gt_plan_default. 0; -EINVAL: the plan is wrong; another
 * negative errno: it could not be read. err: one line, "FILE:LINE: reason". */
int gt_plan_read(struct gt_plan *p, const char *path, const struct gt_plan_names *names, char *err,
                 size_t size);
/* The same from memory; `path` is what messages call it. */
int gt_plan_read_text(struct gt_plan *p, const char *path, const char *text,
                      const struct gt_plan_names *names, char *err, size_t size);
void gt_plan_free(struct gt_plan *p);

/* plans/default.ini, as it was when this was built. */
extern const char gt_plan_default[];

/* A planted fault ends its cell when it is found: most are by then. */
#define GT_PLAN_FAULT_TYPICAL 5000000000ll
/* About how long a cell takes, starting its processes included; of a planted fault at most
 * GT_PLAN_FAULT_TYPICAL. */
int64_t gt_plan_cell_estimate(const struct gt_plan_cell *c);
int64_t gt_plan_estimate(const struct gt_plan *p);
/* The cell's seed in a run of that seed. */
uint64_t gt_plan_cell_seed(const struct gt_plan_cell *c, uint64_t run_seed);

/* The key as it is written, and the option of the programs that takes its value (NULL: an
 * argument without one, or none). */
const char *gt_plan_key_name(enum gt_plan_key key);
const char *gt_plan_key_option(enum gt_plan_key key);
/* What the cells of this kind are about: tests, faults, workloads. */
enum gt_plan_key gt_plan_subject(enum gt_plan_kind kind);
