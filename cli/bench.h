/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the verb bench share. A part is a group and what has become of it. */
#pragma once
#include <jansson.h>
#include <regex.h>

#include "benchmark/group.h"
#include "options.h"
#include "results/cell.h"

/* A pair says something of tracing from so many repetitions on. */
#define GT_BENCH_PAIR_LEAST 9

struct gt_bench_part {
    struct gt_bench_group group;
    json_t *entries; /* one for each cell of the group, in order; the CAS has none */
    enum gt_verdict verdict; /* the worst of the entries */
    char why[320];           /* its reason */
    double seconds;
};

struct gt_bench_job {
    struct gt_options o;
    struct gt_bench_env env;
    struct gt_bench_choice choice;
    struct gt_bench_part *parts;
    uint32_t n_parts, n_done;
    regex_t filter; /* of --benchmark_filter */
    bool filtered, filter_inverted;
    bool list_only, random_order;
    double min_time_s; /* of a repetition */
    char date[32];  /* of the beginning: a run is known by it */
    double seconds;
    double foreign; /* share of the machine's CPU time that went to others; < 0: unknown */
    json_t *environment;
    json_t *command;
    json_t *custom; /* of --benchmark_context; NULL: none */
};

/* ---- bench_plan.c: what is to be measured ------------------------------------------ */
/* Fills parts. 0 or -EINVAL, -E2BIG, -ENOMEM with one line in err. */
int gt_bench_plan(struct gt_bench_job *j, char *err, size_t size);
/* Takes those --benchmark_* flags that the planning needs, hands the others to the library. 0 or
 * -EINVAL, -ENOMEM with one line in err. */
int gt_bench_flags(struct gt_bench_job *j, char *err, size_t size);
void gt_bench_job_free(struct gt_bench_job *j);

/* ---- bench_child.c: measuring a part in a process of its own ------------------------ */
void gt_bench_run_part(struct gt_bench_job *j, struct gt_bench_part *p);

/* ---- bench_entry.c: what is said of a cell -------------------------------------------- */
/* Of a cell that was measured, in the process that did. */
json_t *gt_bench_entry(const struct gt_bench_group *g, const struct gt_bench_cell *c,
                       const char *hardware);
/* Of one that was not. */
json_t *gt_bench_entry_lost(const struct gt_bench_cell *c, enum gt_verdict v, const char *why);

/* ---- bench_record.c -------------------------------------------------------------------- */
/* One object of all parts done, or of the one given. NULL: no memory. */
json_t *gt_bench_record(const struct gt_bench_job *j, const struct gt_bench_part *only);
/* run.json, before the first part. 0 or negative errno. */
int gt_bench_begin_folder(const struct gt_bench_job *j, const struct gt_folder *f);
/* At the end: run.json once more, with what was seen of the whole. */
int gt_bench_end_folder(const struct gt_bench_job *j, const struct gt_folder *f);
int gt_bench_keep_part(const struct gt_bench_job *j, const struct gt_folder *f, uint32_t index);

/* ---- bench_table.c ---------------------------------------------------------------------- */
void gt_bench_print_table(FILE *f, const struct gt_bench_job *j, bool colour);
/* A number in an entry, by a path of keys such as "pair.ns.median"; NAN: not there. */
double gt_bench_number(const json_t *entry, const char *path);
const char *gt_bench_text(const json_t *entry, const char *key); /* "": none */
