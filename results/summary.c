/* SPDX-License-Identifier: Apache-2.0 */
#include "results/summary.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading records ------------------------------------------------------ */
static const char *text_of(const json_t *e, const char *key)
{
    const char *s = json_string_value(json_object_get(e, key));
    return s ? s : "";
}

static uint64_t count_of(const json_t *e, const char *key)
{
    double v = json_number_value(json_object_get(e, key));
    return v > 0 ? (uint64_t)v : 0;
}

static uint64_t sum_of(const json_t *object)
{
    const char *key;
    json_t *v;
    double sum = 0;
    json_object_foreach((json_t *)object, key, v) sum += json_number_value(v);
    return sum > 0 ? (uint64_t)sum : 0;
}

/* ---- rows ------------------------------------------------------------------ */
/* After the last row of that scheduler. There is room for one more. */
static struct gt_summary_row *make_room(struct gt_summary *s, const char *scheduler)
{
    uint32_t at = s->n_rows;
    while (at > 0 && strcmp(s->rows[at - 1].scheduler, scheduler) != 0)
        at--;
    if (at == 0)
        at = s->n_rows;
    memmove(&s->rows[at + 1], &s->rows[at], (s->n_rows - at) * sizeof *s->rows);
    return &s->rows[at];
}

static struct gt_summary_row *row_of(struct gt_summary *s, const char *scheduler,
                                     const char *tracer)
{
    for (uint32_t i = 0; i < s->n_rows; i++)
        if (strcmp(s->rows[i].scheduler, scheduler) == 0 && strcmp(s->rows[i].tracer, tracer) == 0)
            return &s->rows[i];
    struct gt_summary_row *more = realloc(s->rows, (s->n_rows + 1) * sizeof *more);
    if (!more)
        return NULL;
    s->rows = more;
    struct gt_summary_row *row = make_room(s, scheduler);
    *row = (struct gt_summary_row){
        .scheduler = strdup(scheduler), .tracer = strdup(tracer), .ns_event = NAN};
    s->n_rows++;
    return row->scheduler && row->tracer ? row : NULL;
}

static int add_stress_entry(struct gt_summary *s, const json_t *e, enum gt_verdict v)
{
    struct gt_summary_row *row = row_of(s, text_of(e, "scheduler"), text_of(e, "tracer"));
    if (!row)
        return -ENOMEM;
    row->cells++;
    row->by_verdict[v]++;
    row->fine += v == GT_VERDICT_OK;
    row->checkable |= json_is_true(json_object_get(e, "checkable"));
    row->inconsistencies += count_of(e, "inconsistencies"); /* whatever became of the cell */
    s->rounds += count_of(e, "rounds");
    s->void_rounds += count_of(e, "void_rounds");
    s->void_cells += count_of(e, "void_rounds") > 0;
    if (gt_verdict_is_open(v))
        return 0; /* kept, but not counted */
    int64_t stop = (int64_t)count_of(e, "world_stop_max_ns");
    row->events += count_of(e, "events");
    row->windows += sum_of(json_object_get(e, "windows"));
    row->world_stop_max_ns = stop > row->world_stop_max_ns ? stop : row->world_stop_max_ns;
    return 0;
}

/* A record without entries still belongs to a row: the one that was asked for. */
static int add_stress(struct gt_summary *s, const json_t *record)
{
    json_t *e, *entries = json_object_get(record, "benchmarks");
    const json_t *cell = json_object_get(record, "cell");
    enum gt_verdict v = gt_record_verdict(record);
    size_t i;
    if (json_array_size(entries) == 0) {
        struct gt_summary_row *row =
            row_of(s, text_of(cell, "schedulers"), text_of(cell, "tracers"));
        if (!row)
            return -ENOMEM;
        row->cells++;
        row->by_verdict[v]++;
        return 0;
    }
    json_array_foreach(entries, i, e)
    {
        enum gt_verdict own = gt_record_verdict(e);
        int rc = add_stress_entry(s, e, json_array_size(entries) == 1 ? v : own);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* ---- figures ---------------------------------------------------------------- */
static bool is_event(const json_t *e)
{
    return strcmp(text_of(e, "row"), "event") == 0;
}

/* Of the table: an event's price, or a pair. */
static bool is_figure(const json_t *e)
{
    return strcmp(text_of(e, "runtime"), "floor") != 0 &&
           gt_record_verdict(e) != GT_VERDICT_SKIPPED &&
           (is_event(e) || json_object_get(json_object_get(e, "pair"), "percent"));
}

static void add_figure(struct gt_summary_row *row, const json_t *e, bool open)
{
    const json_t *share = json_object_get(json_object_get(e, "pair"), "percent");
    const json_t *percent = json_object_get(share, "median"), *value = json_object_get(e, "median");
    bool event = is_event(e);
    enum gt_verdict v = gt_record_verdict(e);
    if (open || v != GT_VERDICT_OK) {
        row->n_void++;
    } else if (event && json_is_number(value)) {
        row->ns_event = json_number_value(value);
    } else if (json_is_number(percent) && json_number_value(percent) > -100) {
        row->log_overhead += log1p(json_number_value(percent) / 100);
        row->n_overhead++;
    }
}

/* What a program said before it was killed is kept, but is no figure. */
static int add_overhead(struct gt_summary *s, const json_t *record)
{
    bool open = gt_verdict_is_open(gt_record_verdict(record));
    size_t i;
    json_t *e;
    json_array_foreach(json_object_get(record, "benchmarks"), i, e)
    {
        const char *runtime = text_of(e, "runtime");
        bool ours = !*runtime || strcmp(runtime, "gmp") == 0;
        if (!is_figure(e))
            continue;
        struct gt_summary_row *row =
            row_of(s, ours ? text_of(e, "scheduler") : runtime, text_of(e, "tracer"));
        if (!row)
            return -ENOMEM;
        add_figure(row, e, open);
    }
    return 0;
}

double gt_summary_overhead(const struct gt_summary_row *row)
{
    return row->n_overhead ? expm1(row->log_overhead / row->n_overhead) : NAN;
}

/* ---- faults ------------------------------------------------------------------ */
static struct gt_summary_fault *fault_of(struct gt_summary *s, const char *name)
{
    for (uint32_t i = 0; i < s->n_faults; i++)
        if (strcmp(s->faults[i].name, name) == 0)
            return &s->faults[i];
    struct gt_summary_fault *more = realloc(s->faults, (s->n_faults + 1) * sizeof *more);
    char *copy = strdup(name);
    if (more)
        s->faults = more;
    if (!more || !copy) {
        free(copy);
        return NULL;
    }
    s->faults[s->n_faults] = (struct gt_summary_fault){.name = copy};
    return &s->faults[s->n_faults++];
}

static const json_t *found_in(const json_t *record)
{
    size_t i;
    json_t *e;
    json_array_foreach(json_object_get(record, "benchmarks"), i, e)
    {
        json_t *found = json_object_get(e, "found");
        if (json_is_object(found))
            return found;
    }
    return NULL;
}

static int note_found(struct gt_summary_fault *f, const json_t *found)
{
    if (f->found++ > 0)
        return 0;
    f->oracle = strdup(text_of(found, "oracle"));
    f->cls = strdup(text_of(found, "class"));
    f->seconds = json_number_value(json_object_get(found, "seconds"));
    f->events = json_number_value(json_object_get(found, "events"));
    const json_t *first = json_object_get(found, "first");
    if (json_is_object(first) &&
        asprintf(&f->first, "%s/%s", text_of(first, "oracle"), text_of(first, "class")) < 0)
        f->first = NULL;
    return f->oracle && f->cls ? 0 : -ENOMEM;
}

static int add_fault(struct gt_summary *s, const json_t *record)
{
    struct gt_summary_fault *f = fault_of(s, text_of(json_object_get(record, "cell"), "faults"));
    enum gt_verdict v = gt_record_verdict(record);
    if (!f)
        return -ENOMEM;
    f->runs++;
    if (v == GT_VERDICT_FOUND)
        return note_found(f, found_in(record));
    f->missed += v == GT_VERDICT_MISSED;
    if (f->why)
        return 0;
    f->why = strdup(text_of(record, "why"));
    return f->why ? 0 : -ENOMEM;
}

/* ---- all ---------------------------------------------------------------------- */
static int add_record(struct gt_summary *s, enum gt_plan_kind kind, const json_t *record)
{
    switch (kind) {
    case GT_PLAN_STRESS:
        return add_stress(s, record);
    case GT_PLAN_FAULTS:
        return add_fault(s, record);
    case GT_PLAN_OVERHEAD:
    case GT_PLAN_KINDS:
        break;
    }
    return add_overhead(s, record);
}

int gt_summary_make(struct gt_summary *s, const struct gt_run *r,
                    bool (*checkable)(const char *tracer))
{
    *s = (struct gt_summary){.run = r, .status = gt_run_status(r)};
    for (uint32_t i = 0; i < r->plan->n_cells; i++) {
        if (!r->cells[i]) {
            s->missing++;
            continue;
        }
        s->done++;
        s->by_verdict[gt_record_verdict(r->cells[i])]++;
        if (add_record(s, r->plan->cells[i].kind, r->cells[i]) != 0)
            return -ENOMEM;
    }
    for (uint32_t i = 0; i < s->n_rows; i++)
        s->rows[i].checkable |= checkable(s->rows[i].tracer);
    return 0;
}

void gt_summary_free(struct gt_summary *s)
{
    for (uint32_t i = 0; i < s->n_rows; i++) {
        free(s->rows[i].scheduler);
        free(s->rows[i].tracer);
    }
    for (uint32_t i = 0; i < s->n_faults; i++) {
        free(s->faults[i].name);
        free(s->faults[i].oracle);
        free(s->faults[i].cls);
        free(s->faults[i].first);
        free(s->faults[i].why);
    }
    free(s->rows);
    free(s->faults);
    *s = (struct gt_summary){0};
}
