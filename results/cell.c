/* SPDX-License-Identifier: Apache-2.0 */
#include "results/cell.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "results/environment.h"
#include "results/process.h"

enum { ARGS_MAX = GT_PLAN_KEYS + 8, LOG_MAX = 8192 };

/* ---- the command -------------------------------------------------------- */
struct command {
    char *argv[ARGS_MAX];
    int n;
    bool failed; /* no memory */
};

__attribute__((format(printf, 2, 3))) static void add(struct command *c, const char *fmt, ...)
{
    va_list ap;
    char *text = NULL;
    va_start(ap, fmt);
    if (c->n == ARGS_MAX - 1 || vasprintf(&text, fmt, ap) < 0)
        c->failed = true;
    else
        c->argv[c->n++] = text;
    va_end(ap);
}

static void free_command(struct command *c)
{
    for (int i = 0; i < c->n; i++)
        free(c->argv[i]);
}

static const char *program_of(const struct gt_cell_job *job)
{
    switch (job->cell->kind) {
    case GT_PLAN_STRESS:
        return job->programs->oracle;
    case GT_PLAN_FAULTS:
        return job->programs->faults;
    case GT_PLAN_OVERHEAD:
    case GT_PLAN_KINDS:
        break;
    }
    return job->programs->lean;
}

static void add_values(struct command *c, const struct gt_plan_cell *cell)
{
    for (int k = 0; k < GT_PLAN_KEYS; k++) {
        const char *option = gt_plan_key_option((enum gt_plan_key)k);
        if (option && cell->value[k])
            add(c, "%s=%s", option, cell->value[k]);
    }
}

static struct command command_of(const struct gt_cell_job *job)
{
    struct command c = {0};
    const struct gt_plan_cell *cell = job->cell;
    enum gt_plan_key subject = gt_plan_subject(cell->kind);
    char files[GT_FOLDER_NAME];
    add(&c, "%s", program_of(job));
    add(&c, "%s", cell->kind == GT_PLAN_OVERHEAD ? "bench" : "stress");
    if (!gt_plan_key_option(subject))
        add(&c, "%s", cell->value[subject]);
    add_values(&c, cell);
    add(&c, "--seed=%" PRIu64, job->seed);
    if (cell->kind != GT_PLAN_OVERHEAD)
        add(&c, "--out=%s/%s", job->folder->path, gt_folder_files_name(cell->index, files));
    add(&c, "--json");
    return c;
}

/* ---- its verdict ---------------------------------------------------------- */
struct judged {
    enum gt_verdict verdict;
    char why[512];
};

__attribute__((format(printf, 3, 4))) static void judge(struct judged *j, enum gt_verdict v,
                                                        const char *fmt, ...)
{
    va_list ap;
    j->verdict = v;
    va_start(ap, fmt);
    vsnprintf(j->why, sizeof j->why, fmt, ap);
    va_end(ap);
}

/* The last line that has something in it. */
static const char *last_line(const char *text, char *buf, size_t size)
{
    size_t end = strlen(text), begin;
    while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == ' '))
        end--;
    for (begin = end; begin > 0 && text[begin - 1] != '\n';)
        begin--;
    snprintf(buf, size, "%.*s", (int)(end - begin), text + begin);
    return buf;
}

static enum gt_verdict verdict_of_status(int status)
{
    switch (status) {
    case 0:
        return GT_VERDICT_OK;
    case 1:
        return GT_VERDICT_FAILED;
    case 3:
        return GT_VERDICT_INCONCLUSIVE;
    case 4:
        return GT_VERDICT_VOID;
    default:
        return GT_VERDICT_INCOMPLETE;
    }
}

/* Nothing but the end of the process is known. */
static void judge_end(struct judged *j, const struct gt_process_end *end)
{
    char what[128], line[320];
    gt_process_describe(end, what, sizeof what);
    last_line(end->err, line, sizeof line);
    bool refused = end->how == GT_PROCESS_EXITED && end->code == 4;
    judge(j, refused ? GT_VERDICT_VOID : GT_VERDICT_INCOMPLETE, "%s%s%s", what, *line ? ": " : "",
          line);
}

/* The worst of the cells that the program ran, and its reason. */
static void judge_stress(struct judged *j, const json_t *entries)
{
    size_t i;
    json_t *e;
    json_array_foreach(entries, i, e)
    {
        enum gt_verdict v = gt_record_verdict(e);
        const char *why = json_string_value(json_object_get(e, "why"));
        int status = gt_verdict_status(v), so_far = gt_verdict_status(j->verdict);
        if (i == 0 || (status != so_far && gt_status_worse(status, so_far) == status))
            judge(j, v, "%s", why ? why : "");
    }
}

/* Found in a round that never entered the window which the fault needs: then that is not what
 * was found. */
static void judge_window(struct judged *j, const json_t *found)
{
    const json_t *window = json_object_get(found, "window");
    if (json_is_integer(window) && json_integer_value(window) == 0)
        judge(j, GT_VERDICT_FAILED, "found in a round that did not enter the window it needs");
    else
        judge(j, GT_VERDICT_FOUND, "%s", "");
}

static void judge_missed(struct judged *j, const json_t *others)
{
    const char *oracle = json_string_value(json_object_get(others, "oracle"));
    const char *cls = json_string_value(json_object_get(others, "class"));
    if (others)
        judge(j, GT_VERDICT_MISSED, "seen by %s/%s, not by who must (list faults)",
              oracle ? oracle : "?", cls ? cls : "?");
    else
        judge(j, GT_VERDICT_MISSED, "no oracle saw it");
}

static void judge_fault(struct judged *j, const json_t *entries)
{
    size_t i;
    json_t *e;
    judge_stress(j, entries);
    bool broken = gt_verdict_is_open(j->verdict) || j->verdict == GT_VERDICT_SKIPPED;
    const json_t *others = NULL;
    json_array_foreach(entries, i, e)
    {
        const json_t *found = json_object_get(e, "found");
        if (!json_is_object(found))
            continue;
        if (json_is_false(json_object_get(found, "as_expected"))) {
            others = found;
            continue;
        }
        judge_window(j, found);
        return;
    }
    if (!broken)
        judge_missed(j, others);
    else if (j->verdict == GT_VERDICT_SKIPPED)
        j->verdict = GT_VERDICT_VOID;
}

/* Entries that were skipped are no fault of the others: a tracer that writes nothing has no
 * price for an event. */
static void judge_overhead(struct judged *j, const json_t *entries, int status)
{
    size_t i;
    json_t *e;
    judge(j, verdict_of_status(status), "%s", "");
    json_array_foreach(entries, i, e)
    {
        const char *why = json_string_value(json_object_get(e, "why"));
        if (gt_record_verdict(e) == j->verdict && why && !j->why[0])
            judge(j, j->verdict, "%s", why);
    }
}

/* The program ended by itself and said something: does its status say the same? */
static void judge_entries(struct judged *j, const struct gt_plan_cell *cell, const json_t *entries,
                          int status)
{
    if (cell->kind == GT_PLAN_OVERHEAD)
        judge_overhead(j, entries, status);
    else if (cell->kind == GT_PLAN_FAULTS)
        judge_fault(j, entries);
    else
        judge_stress(j, entries);
    int said = gt_verdict_status(j->verdict);
    bool by_rule = (cell->kind == GT_PLAN_FAULTS && (status == 1 || status == 3)) ||
                   (j->verdict == GT_VERDICT_SKIPPED && status == 4); /* nothing could be run */
    if (status != said && !by_rule && gt_status_worse(status, said) == status)
        judge(j, verdict_of_status(status), "exit status %d, though no entry says why", status);
}

/* ---- the record ------------------------------------------------------------ */
/* What the program said, as an array; NULL: nothing that can be read. */
static json_t *entries_of(const struct gt_plan_cell *cell, const struct gt_process_end *end,
                          json_t **said)
{
    json_t *entries;
    *said = end->out_n && !end->out_cut ? json_loadb(end->out, end->out_n, 0, NULL) : NULL;
    entries = json_object_get(*said, cell->kind == GT_PLAN_OVERHEAD ? "benchmarks" : "cells");
    return json_is_array(entries) && json_array_size(entries) ? entries : NULL;
}

/* Google Benchmark's readers want name, run_type and a time. */
static void name_entries(json_t *entries, const struct gt_plan_cell *cell)
{
    size_t i;
    json_t *e;
    json_array_foreach(entries, i, e)
    {
        json_t *seconds = json_object_get(e, "duration_s");
        if (json_object_get(e, "name") || !json_is_object(e))
            continue;
        json_object_set_new(e, "name", json_string(cell->name));
        json_object_set_new(e, "run_type", json_string("iteration"));
        if (json_is_number(seconds))
            json_object_set_new(e, "real_time", json_real(json_number_value(seconds)));
        json_object_set_new(e, "time_unit", json_string("s"));
    }
}

static json_t *describe_cell(const struct gt_cell_job *job)
{
    const struct gt_plan_cell *c = job->cell;
    json_t *v = json_pack("{s:i, s:s, s:s, s:i, s:I, s:f, s:f}", "index", (int)c->index, "kind",
                          gt_plan_kind_name(c->kind), "name", c->name, "run", (int)c->run, "seed",
                          (json_int_t)job->seed, "duration_s", (double)c->duration_ns / 1e9,
                          "timeout_s", (double)c->timeout_ns / 1e9);
    for (int k = 0; v && k < GT_PLAN_DURATION; k++)
        if (c->value[k])
            json_object_set_new(v, gt_plan_key_name((enum gt_plan_key)k), json_string(c->value[k]));
    return v;
}

/* Replaces what JSON cannot hold. */
static json_t *any_text(const char *text, size_t max)
{
    size_t n = strlen(text);
    char *copy = strdup(n > max ? text + (n - max) : text);
    json_t *v = copy ? json_string(copy) : NULL;
    for (char *c = copy; c && !v && *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    if (copy && !v)
        v = json_string(copy);
    free(copy);
    return v ? v : json_null();
}

static json_t *new_record(const struct gt_cell_job *job, const struct command *c)
{
    char date[32];
    json_t *argv = json_array();
    json_t *record = json_pack("{s:i, s:o, s:o, s:s}", "schema", 1, "cell", describe_cell(job),
                               "command", argv, "date", gt_environment_date(date));
    for (int i = 0; record && i < c->n; i++)
        json_array_append_new(argv, any_text(c->argv[i], SIZE_MAX));
    return record;
}

static void fill_in(json_t *record, const struct gt_cell_job *job, json_t *said, json_t *entries,
                    const struct judged *j)
{
    json_t *context = json_object_get(said, "context");
    context = json_is_object(context) ? json_copy(context) : json_object();
    json_t *from_us = json_pack("{s:O*, s:O*, s:O*}", "date", json_object_get(record, "date"),
                                "host_name", json_object_get(job->environment, "host"), "num_cpus",
                                json_object_get(job->environment, "num_cpus"));
    json_object_update_missing(context, from_us);
    json_decref(from_us);
    json_object_set(context, "environment", (json_t *)job->environment);
    if (entries)
        name_entries(entries, job->cell);
    json_object_set_new(record, "verdict", json_string(gt_verdict_name(j->verdict)));
    json_object_set_new(record, "why", j->why[0] ? any_text(j->why, SIZE_MAX) : json_null());
    json_object_set_new(record, "context", context);
    json_object_set_new(record, "benchmarks", entries ? json_incref(entries) : json_array());
}

static void execute(json_t *record, const struct gt_cell_job *job, const struct command *c,
                    struct judged *j)
{
    struct gt_process p = {.argv = c->argv,
                           .timeout_ns = job->cell->timeout_ns,
                           .stop = job->stop,
                           .tick = job->tick,
                           .arg = job->arg};
    struct gt_process_end end;
    json_t *said = NULL, *entries = NULL;
    if (gt_process_run(&p, &end) != 0) {
        judge(j, GT_VERDICT_INCOMPLETE, "out of memory");
        fill_in(record, job, NULL, NULL, j);
        return;
    }
    entries = entries_of(job->cell, &end, &said);
    if (entries && end.how == GT_PROCESS_EXITED && end.code != 2)
        judge_entries(j, job->cell, entries, end.code);
    else
        judge_end(j, &end);
    if (end.how == GT_PROCESS_NOT_STARTED)
        judge(j, GT_VERDICT_VOID, "%s cannot be started: %s", c->argv[0], strerror(end.code));
    json_object_set_new(record, "seconds", json_real((double)end.ns / 1e9));
    fill_in(record, job, said, entries, j);
    if (end.err[0] && gt_verdict_status(j->verdict) != 0)
        json_object_set_new(record, "log", any_text(end.err, LOG_MAX));
    json_decref(said);
    gt_process_free(&end);
}

/* Of a cell that is as it should be the record is enough. Folders in it are left alone. */
static void drop_files(const struct gt_cell_job *job)
{
    char name[GT_FOLDER_NAME];
    char *path = gt_folder_path(job->folder, gt_folder_files_name(job->cell->index, name));
    DIR *d = path ? opendir(path) : NULL;
    struct dirent *e;
    while (d && (e = readdir(d)) != NULL)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            (void)unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
    if (path)
        (void)rmdir(path);
    free(path);
}

json_t *gt_cell_record(const struct gt_cell_job *job)
{
    struct judged j = {GT_VERDICT_INCOMPLETE, ""};
    if (!program_of(job)) {
        struct command none = {0};
        json_t *record = new_record(job, &none);
        judge(&j, GT_VERDICT_VOID,
              "no faults build: cmake --preset faults && cmake --build build/faults, or "
              "--faults-program=PATH");
        if (record)
            fill_in(record, job, NULL, NULL, &j);
        return record;
    }
    struct command c = command_of(job);
    json_t *record = c.failed ? NULL : new_record(job, &c);
    if (record)
        execute(record, job, &c, &j);
    free_command(&c);
    if (record && gt_verdict_status(gt_record_verdict(record)) == 0)
        drop_files(job);
    return record;
}
