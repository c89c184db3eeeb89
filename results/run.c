/* SPDX-License-Identifier: Apache-2.0 */
#include "results/run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/environment.h"
#include "results/process.h"

/* ---- run.json ------------------------------------------------------------ */
static json_t *cell_names(const struct gt_plan *p)
{
    json_t *names = json_array();
    for (uint32_t i = 0; i < p->n_cells; i++)
        json_array_append_new(names, json_pack("{s:s, s:f}", "name", p->cells[i].name, "duration_s",
                                               (double)p->cells[i].duration_ns / 1e9));
    return names;
}

/* What a program is, whatever it says of itself: a sum of its bytes; null: it cannot be read. */
static json_t *sum_of(const char *path)
{
    unsigned char buf[65536];
    uint64_t h = 0xcbf29ce484222325ull;
    FILE *f = path ? fopen(path, "rb") : NULL;
    size_t n;
    if (!f)
        return json_null();
    while ((n = fread(buf, 1, sizeof buf, f)) > 0)
        for (size_t i = 0; i < n; i++)
            h = (h ^ buf[i]) * 0x100000001b3ull;
    bool whole = !ferror(f);
    fclose(f);
    char text[20];
    snprintf(text, sizeof text, "%016" PRIx64, h);
    return whole ? json_string(text) : json_null();
}

static json_t *program_sums(const struct gt_programs *p)
{
    return json_pack("{s:o, s:o, s:o}", "lean", sum_of(p->lean), "oracle", sum_of(p->oracle), "faults",
                     sum_of(p->faults));
}

static json_t *make_head(const struct gt_run *r)
{
    char date[32];
    const struct gt_programs *p = &r->programs;
    return json_pack("{s:i, s:s, s:I, s:{s:s, s:s, s:f, s:o}, s:{s:s, s:s, s:s?}, s:o, s:o, s:[]}",
                     "schema", 1, "date", gt_environment_date(date), "seed", (json_int_t)r->seed,
                     "plan", "path", r->plan->path, "text", r->plan->text, "estimate_s",
                     (double)gt_plan_estimate(r->plan) / 1e9, "cells", cell_names(r->plan),
                     "programs", "lean", p->lean, "oracle", p->oracle, "faults", p->faults,
                     "program_sums", program_sums(p), "environment", gt_environment(), "resumed");
}

static int make_cells(struct gt_run *r)
{
    r->cells = calloc(r->plan->n_cells, sizeof(json_t *));
    r->start = gt_process_clock();
    return r->cells ? 0 : -ENOMEM;
}

int gt_run_begin(struct gt_run *r)
{
    r->head = make_head(r);
    if (!r->head || make_cells(r) != 0)
        return -ENOMEM;
    return gt_folder_save_json(&r->folder, "run.json", r->head);
}

/* ---- going on ------------------------------------------------------------- */
int gt_run_head(struct gt_run *r, char *err, size_t size)
{
    r->head = gt_folder_load(&r->folder, "run.json", err, size);
    const json_t *text = json_object_get(json_object_get(r->head, "plan"), "text");
    if (r->head && json_is_string(text) && json_is_integer(json_object_get(r->head, "seed")))
        return 0;
    if (!err[0])
        snprintf(err, size, "%s/run.json is no head of a run", r->folder.path);
    return -EBADMSG;
}

static int differs(char *err, size_t size, const char *what, const json_t *was, const json_t *is)
{
    const char *a = json_string_value(was), *b = json_string_value(is);
    if (json_equal(was, is))
        return 0;
    snprintf(err, size, "the run that began has another %s (%s, now %s): begin a new one", what,
             a ? a : "none", b ? b : "none");
    return -EINVAL;
}

static int same_plan(const struct gt_run *r, char *err, size_t size)
{
    json_t *is = cell_names(r->plan);
    const json_t *was = json_object_get(json_object_get(r->head, "plan"), "cells");
    bool same = json_equal(was, is);
    if (!same)
        snprintf(err, size,
                 "the run that began has another plan (%zu cells of %s, here %zu of %s): begin a "
                 "new one",
                 json_array_size(was),
                 json_string_value(json_object_get(json_object_get(r->head, "plan"), "path")),
                 json_array_size(is), r->plan->path);
    json_decref(is);
    return same ? 0 : -EINVAL;
}

/* A program that was not there made its cells void: they run now. */
static int same_programs(const struct gt_run *r, char *err, size_t size)
{
    json_t *now = program_sums(&r->programs), *was = json_object_get(r->head, "program_sums"), *sum;
    const char *name;
    int rc = 0;
    json_object_foreach(now, name, sum)
    {
        char what[64];
        snprintf(what, sizeof what, "%s program", name);
        if (rc == 0 && json_is_string(json_object_get(was, name)))
            rc = differs(err, size, what, json_object_get(was, name), sum);
    }
    if (rc == 0)
        json_object_set(r->head, "program_sums", now);
    json_decref(now);
    return rc;
}

/* The results of two machines or two programs are not one. */
static int same_place(const struct gt_run *r, char *err, size_t size)
{
    json_t *now = gt_environment(), *was = json_object_get(r->head, "environment");
    json_t *build = json_object_get(now, "build"), *was_build = json_object_get(was, "build");
    int rc = differs(err, size, "host", json_object_get(was, "host"), json_object_get(now, "host"));
    static const char *const parts[] = {"revision", "dirty_diff", "compiler", "flags", "preset"};
    for (size_t i = 0; rc == 0 && i < sizeof parts / sizeof parts[0]; i++)
        rc = differs(err, size, parts[i], json_object_get(was_build, parts[i]),
                     json_object_get(build, parts[i]));
    json_decref(now);
    return rc;
}

/* A contradiction is one, whatever cut its cell short: the record stays, and says so. */
static int keep_findings(struct gt_run *r, uint32_t i, json_t *record)
{
    char name[GT_FOLDER_NAME], why[256];
    const char *was = json_string_value(json_object_get(record, "why"));
    json_int_t n = gt_record_inconsistencies(record);
    snprintf(why, sizeof why, "%" JSON_INTEGER_FORMAT " inconsistencies, then %s: %.160s", n,
             gt_verdict_name(gt_record_verdict(record)), was ? was : "");
    json_object_set_new(record, "verdict", json_string(gt_verdict_name(GT_VERDICT_INCONSISTENT)));
    json_object_set_new(record, "why", json_string(why));
    return gt_folder_save_json(&r->folder, gt_folder_cell_name(i, name), record);
}

/* 0, or that of a record that cannot be kept. */
static int load_cells(struct gt_run *r)
{
    char name[GT_FOLDER_NAME], err[512];
    int rc = 0;
    for (uint32_t i = 0; i < r->plan->n_cells && rc == 0; i++) {
        json_t *c = gt_folder_load(&r->folder, gt_folder_cell_name(i, name), err, sizeof err);
        bool open = c && gt_verdict_is_open(gt_record_verdict(c));
        bool findings = open && r->plan->cells[i].kind == GT_PLAN_STRESS &&
                        gt_record_inconsistencies(c) > 0;
        if (findings)
            rc = keep_findings(r, i, c);
        if (c && (!open || findings))
            r->cells[i] = c;
        else
            json_decref(c);
    }
    return rc;
}

int gt_run_resume(struct gt_run *r, char *err, size_t size)
{
    char date[32];
    int rc = same_plan(r, err, size);
    if (rc == 0)
        rc = same_place(r, err, size);
    if (rc == 0)
        rc = same_programs(r, err, size);
    if (rc == 0 && make_cells(r) != 0)
        rc = -ENOMEM;
    if (rc != 0)
        return rc;
    r->resumed = true;
    rc = load_cells(r);
    if (rc != 0)
        return rc;
    json_array_append_new(json_object_get(r->head, "resumed"),
                          json_string(gt_environment_date(date)));
    return gt_folder_save_json(&r->folder, "run.json", r->head);
}

/* ---- the cells -------------------------------------------------------------- */
struct share { /* of a kind of cells, in ns */
    double spent, expected, left;
};

/* How far the estimates were off. */
static double off(const struct share *s)
{
    return s->expected > 0 ? s->spent / s->expected : 1;
}

/* What is left, by the estimates, those of each kind corrected by how far they were off so far. */
static void measure(const struct gt_run *r, struct gt_run_progress *p)
{
    struct share shares[GT_PLAN_KINDS] = {0};
    double left = 0;
    for (uint32_t i = 0; i < r->plan->n_cells; i++) {
        const struct gt_plan_cell *c = &r->plan->cells[i];
        struct share *of = &shares[c->kind];
        double estimate = (double)gt_plan_cell_estimate(c);
        if (!r->cells[i]) {
            double gone = i == r->now ? (double)(gt_process_clock() - r->now_start) : 0;
            of->left += gone < estimate ? estimate - gone : 0;
            continue;
        }
        p->done++;
        of->spent += 1e9 * json_number_value(json_object_get(r->cells[i], "seconds"));
        of->expected += estimate;
    }
    for (int k = 0; k < GT_PLAN_KINDS; k++)
        left += shares[k].left * off(&shares[k]);
    p->left_ns = (int64_t)left;
}

static void tick(void *arg)
{
    struct gt_run *r = arg;
    struct gt_run_progress p = {.total = r->plan->n_cells, .cell = r->plan->cells[r->now].name};
    if (!r->progress)
        return;
    p.elapsed_ns = gt_process_clock() - r->start;
    measure(r, &p);
    r->progress(r->arg, &p);
}

static int keep(struct gt_run *r, uint32_t i, json_t *record)
{
    char name[GT_FOLDER_NAME], why[128];
    int rc = gt_folder_save_json(&r->folder, gt_folder_cell_name(i, name), record);
    if (rc != 0) {
        snprintf(why, sizeof why, "its record cannot be kept: %s", strerror(-rc));
        gt_record_spoil(record, why);
    }
    r->cells[i] = record;
    return rc;
}

static int run_cell(struct gt_run *r, uint32_t i)
{
    struct gt_cell_job job = {.cell = &r->plan->cells[i],
                              .programs = &r->programs,
                              .folder = &r->folder,
                              .environment = json_object_get(r->head, "environment"),
                              .stop = r->stop,
                              .tick = tick,
                              .arg = r};
    job.seed = gt_plan_cell_seed(job.cell, r->seed);
    r->now = i;
    r->now_start = gt_process_clock();
    tick(r);
    json_t *record = gt_cell_record(&job);
    return record ? keep(r, i, record) : -ENOMEM;
}

void gt_run_cells(struct gt_run *r)
{
    for (uint32_t i = 0; i < r->plan->n_cells && r->save_rc == 0; i++) {
        if (r->stop && *r->stop)
            return;
        if (!r->cells[i])
            r->save_rc = run_cell(r, i);
    }
}

int gt_run_status(const struct gt_run *r)
{
    int status = r->save_rc || r->plan->n_cells == 0 ? 5 : 0;
    for (uint32_t i = 0; i < r->plan->n_cells; i++)
        status = gt_status_worse(
            status, r->cells[i] ? gt_verdict_status(gt_record_verdict(r->cells[i])) : 5);
    return status;
}

void gt_run_free(struct gt_run *r)
{
    for (uint32_t i = 0; r->cells && i < r->plan->n_cells; i++)
        json_decref(r->cells[i]);
    free(r->cells);
    json_decref(r->head);
    gt_folder_close(&r->folder);
    *r = (struct gt_run){.folder.lock = -1};
}
