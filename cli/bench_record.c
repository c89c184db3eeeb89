/* SPDX-License-Identifier: Apache-2.0 */
/* Records: what --json prints, and the files of --out. */
#include <math.h>
#include <string.h>

#include "bench.h"
#include "cli.h"

/* Google Benchmark's context, and ours in it. */
static json_t *context(const struct gt_bench_job *j)
{
    const json_t *env = j->environment;
    json_t *c = json_pack("{s:s, s:O?, s:s, s:O?, s:s, s:s, s:s, s:b, s:I, s:i, s:i, s:f, s:b}",
                          "date", j->date, "host_name", json_object_get(env, "host"),
                          "executable", GT_PROGRAM, "num_cpus", json_object_get(env, "num_cpus"),
                          "version", GT_VERSION, "preset", GT_PRESET, "google_benchmark",
                          gt_gb_version(), "oracle", GT_ORACLE, "seed", (json_int_t)j->o.seed,
                          "repetitions", (int)j->env.repetitions, "parked", (int)j->env.parked,
                          "min_time_s", j->min_time_s, "random_interleaving", j->random_order);
    json_object_set_new(c, "seconds", gt_json_number(j->seconds));
    json_object_set_new(c, "foreign_cpu", gt_json_number(j->foreign >= 0 ? j->foreign : NAN));
    json_object_set_new(c, "complete", json_boolean(!gt_stop_asked && j->n_done == j->n_parts));
    json_object_set(c, "environment", j->environment);
    if (j->custom)
        json_object_update_missing(c, j->custom); /* no key of ours is changed */
    return c;
}

static void add_entries(json_t *all, const struct gt_bench_part *p)
{
    size_t i;
    json_t *e;
    json_array_foreach(p->entries, i, e)
        if (p->group.cells[i]->role != GT_BENCH_CAS)
            json_array_append(all, e);
}

/* Parts of one job have different names; a row about a model is there once. */
static json_t *part_name(const struct gt_bench_part *p)
{
    const struct gt_bench_row *row = &p->group.row;
    bool by_model = gt_bench_is_workload(row) && row->syscalls != GT_SYSCALLS_SCANBIT;
    return json_sprintf("bench/%s/procs=%d/bind=%s%s%s", row->name, row->procs,
                        gt_bind_name(p->group.bind), by_model ? "/syscalls=" : "",
                        by_model ? gt_syscalls_name(row->syscalls) : "");
}

static json_t *describe(const struct gt_bench_job *j, const struct gt_bench_part *only)
{
    const struct gt_bench_row *row = only ? &only->group.row : NULL;
    json_t *c = json_pack("{s:s, s:i, s:I, s:f}", "kind", "bench", "run", 1, "seed",
                          (json_int_t)j->o.seed, "duration_s", only ? only->seconds : j->seconds);
    if (!row) {
        json_object_set_new(c, "name", json_string("bench"));
        return c;
    }
    json_object_set_new(c, "name", part_name(only));
    json_object_set_new(c, "workloads", json_string(row->name));
    return c;
}

json_t *gt_bench_record(const struct gt_bench_job *j, const struct gt_bench_part *only)
{
    json_t *entries = json_array();
    enum gt_verdict v = only ? only->verdict : GT_VERDICT_OK;
    const char *why = only ? only->why : "";
    bool ran = false;
    for (uint32_t i = 0; i < j->n_done; i++) {
        const struct gt_bench_part *p = &j->parts[i];
        int status = gt_verdict_status(p->verdict);
        if (only && p != only)
            continue;
        add_entries(entries, p);
        ran |= p->verdict != GT_VERDICT_SKIPPED;
        if (!only && gt_verdict_status(v) != status &&
            gt_status_worse(gt_verdict_status(v), status) == status) {
            v = p->verdict;
            why = p->why;
        }
    }
    if (!only && !ran && v == GT_VERDICT_OK)
        v = GT_VERDICT_SKIPPED;
    if (!only && gt_stop_asked) {
        v = GT_VERDICT_INCOMPLETE;
        why = "interrupted";
    }
    json_t *r = json_pack("{s:i, s:o, s:O, s:s, s:f, s:s, s:o, s:o, s:o}", "schema", 1, "cell",
                          describe(j, only), "command", j->command, "date",
                          j->date, "seconds", only ? only->seconds : j->seconds,
                          "verdict", gt_verdict_name(v), "why",
                          *why ? json_string(why) : json_null(), "context", context(j),
                          "benchmarks", entries);
    return r;
}

/* ---- --out ------------------------------------------------------------------------------- */
static json_t *head(const struct gt_bench_job *j)
{
    json_t *cells = json_array();
    for (uint32_t i = 0; i < j->n_parts; i++)
        json_array_append_new(cells, json_pack("{s:o}", "name", part_name(&j->parts[i])));
    return json_pack("{s:i, s:s, s:s, s:I, s:O, s:o, s:O}", "schema", 1, "kind", "bench", "date",
                     j->date, "seed", (json_int_t)j->o.seed, "arguments",
                     j->command, "cells", cells, "environment", j->environment);
}

static int save_head(const struct gt_bench_job *j, const struct gt_folder *f, bool ended)
{
    json_t *h = head(j);
    if (ended) {
        json_object_set_new(h, "seconds", gt_json_number(j->seconds));
        json_object_set_new(h, "foreign_cpu", gt_json_number(j->foreign >= 0 ? j->foreign : NAN));
        json_object_set_new(h, "complete", json_boolean(!gt_stop_asked && j->n_done == j->n_parts));
    }
    int rc = gt_folder_save_json(f, "run.json", h);
    json_decref(h);
    return rc;
}

int gt_bench_begin_folder(const struct gt_bench_job *j, const struct gt_folder *f)
{
    return save_head(j, f, false);
}

int gt_bench_end_folder(const struct gt_bench_job *j, const struct gt_folder *f)
{
    return save_head(j, f, true);
}

int gt_bench_keep_part(const struct gt_bench_job *j, const struct gt_folder *f, uint32_t index)
{
    char name[GT_FOLDER_NAME];
    json_t *r = gt_bench_record(j, &j->parts[index]);
    int rc = gt_folder_save_json(f, gt_folder_cell_name(index, name), r);
    json_decref(r);
    return rc;
}
