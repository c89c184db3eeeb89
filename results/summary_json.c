/* SPDX-License-Identifier: Apache-2.0 */

#include "results/summary.h"

static json_t *verdicts(const uint32_t by[GT_VERDICTS])
{
    json_t *all = json_object();
    for (int v = 0; v < GT_VERDICTS; v++)
        if (by[v])
            json_object_set_new(all, gt_verdict_name((enum gt_verdict)v), json_integer(by[v]));
    return all;
}

static json_t *row_json(const struct gt_summary_row *r)
{
    return json_pack("{s:s, s:s, s:b, s:i, s:o, s:I, s:I, s:I, s:o, s:o, s:i, s:i, s:o}",
                     "scheduler", r->scheduler, "tracer", r->tracer, "checkable", r->checkable,
                     "cells", (int)r->cells, "verdicts", verdicts(r->by_verdict), "inconsistencies",
                     (json_int_t)r->inconsistencies, "windows", (json_int_t)r->windows, "events",
                     (json_int_t)r->events, "ns_per_event", gt_json_number(r->ns_event),
                     "overhead_percent", gt_json_number(100 * gt_summary_overhead(r)),
                     "overhead_workloads", (int)r->n_overhead, "void_figures", (int)r->n_void,
                     "world_stop_max_ns",
                     r->world_stop_max_ns ? json_integer(r->world_stop_max_ns) : json_null());
}

static json_t *fault_json(const struct gt_summary_fault *f)
{
    return json_pack("{s:s, s:i, s:i, s:i, s:s?, s:s?, s:o, s:o, s:o, s:s?, s:s?}", "fault", f->name, "runs",
                     (int)f->runs, "found", (int)f->found, "missed", (int)f->missed, "oracle",
                     f->oracle, "class", f->cls, "as_expected",
                     f->found ? json_true() : json_null(), "seconds",
                     f->found ? json_real(f->seconds) : json_null(), "events",
                     f->found ? json_real(f->events) : json_null(), "first", f->first, "why", f->why);
}

static json_t *cell_json(const struct gt_run *r, uint32_t i)
{
    char file[GT_FOLDER_NAME];
    const json_t *record = r->cells[i];
    const char *why = json_string_value(json_object_get(record, "why"));
    return json_pack("{s:i, s:s, s:s?, s:s?, s:s?}", "index", (int)i, "name",
                     r->plan->cells[i].name, "verdict",
                     record ? gt_verdict_name(gt_record_verdict(record)) : NULL, "why", why, "file",
                     record ? gt_folder_cell_name(i, file) : NULL);
}

json_t *gt_summary_json(const struct gt_summary *s)
{
    const struct gt_run *r = s->run;
    json_t *rows = json_array(), *faults = json_array(), *cells = json_array();
    for (uint32_t i = 0; i < s->n_rows; i++)
        json_array_append_new(rows, row_json(&s->rows[i]));
    for (uint32_t i = 0; i < s->n_faults; i++)
        json_array_append_new(faults, fault_json(&s->faults[i]));
    for (uint32_t i = 0; i < r->plan->n_cells; i++)
        json_array_append_new(cells, cell_json(r, i));
    return json_pack("{s:i, s:s, s:O, s:i, s:b, s:I, s:o, s:I, s:I, s:o, s:o, s:o, s:O}", "schema", 1,
                     "folder", r->folder.path, "date", json_object_get(r->head, "date"), "status",
                     s->status, "complete", s->missing == 0 && r->save_rc == 0, "seed",
                     (json_int_t)r->seed, "verdicts", verdicts(s->by_verdict), "rounds", (json_int_t)s->rounds,
                     "void_rounds", (json_int_t)s->void_rounds, "rows", rows,
                     "faults", faults, "cells", cells, "environment",
                     json_object_get(r->head, "environment"));
}
