/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table: at most 100 columns.
 *   24 implementation | 9 cells | 16 inconsistencies | 10 windows | 9 events | 10 ns/event |
 *   10 overhead | 12 worst stop
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "results/summary.h"

enum { TROUBLE_MAX = 12 };

/* ---- numbers -------------------------------------------------------------- */
/* 950, 12.3k, 1.23M */
static const char *brief(char *buf, size_t size, double v)
{
    static const char units[] = {0, 'k', 'M', 'G', 'T'};
    size_t u = 0;
    while (v >= 999.5 && u + 1 < sizeof units) {
        v /= 1000;
        u++;
    }
    if (u == 0)
        snprintf(buf, size, "%.0f", v);
    else
        snprintf(buf, size, "%.*f%c", v >= 99.95 ? 0 : v >= 9.995 ? 1 : 2, v, units[u]);
    return buf;
}

static const char *duration(char *buf, size_t size, double ns)
{
    static const struct {
        double ns;
        const char *unit;
    } units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}, {1, "ns"}};
    size_t u = 0;
    while (u < 3 && ns < 0.9995 * units[u].ns)
        u++;
    double v = ns / units[u].ns;
    snprintf(buf, size, "%.*f %s", v >= 99.95 || u == 3 ? 0 : v >= 9.995 ? 1 : 2, v, units[u].unit);
    return buf;
}

/* ---- rows ------------------------------------------------------------------- */
static const char *inconsistencies(char *buf, size_t size, const struct gt_summary_row *row)
{
    uint32_t nothing = row->by_verdict[GT_VERDICT_VOID] + row->by_verdict[GT_VERDICT_INCOMPLETE] +
                       row->by_verdict[GT_VERDICT_SKIPPED];
    if (row->cells == nothing && row->inconsistencies == 0)
        snprintf(buf, size, "-");
    else if (!row->checkable && row->inconsistencies == 0)
        snprintf(buf, size, "not checkable");
    else
        snprintf(buf, size, "%" PRIu64, row->inconsistencies);
    return buf;
}

static const char *cells(char *buf, size_t size, const struct gt_summary_row *row)
{
    uint32_t ran = row->cells - row->by_verdict[GT_VERDICT_SKIPPED];
    if (ran == 0)
        snprintf(buf, size, "-");
    else
        snprintf(buf, size, "%u/%u", row->fine, ran);
    return buf;
}

static const char *counted(char *buf, size_t size, const struct gt_summary_row *row, uint64_t n)
{
    if (row->cells == 0)
        snprintf(buf, size, "-");
    else
        brief(buf, size, (double)n);
    return buf;
}

static void print_row(FILE *f, const struct gt_summary_row *row)
{
    char name[64], fine[24], bad[32], windows[24], events[24], each[24] = "-", over[24] = "-",
                                                               stop[32] = "-";
    double overhead = gt_summary_overhead(row);
    snprintf(name, sizeof name, "%s/%s", *row->scheduler ? row->scheduler : "default",
             *row->tracer ? row->tracer : "default");
    if (!isnan(row->ns_event))
        snprintf(each, sizeof each, "%.1f", row->ns_event);
    if (!isnan(overhead))
        snprintf(over, sizeof over, "%.1f%s", 100 * overhead, row->n_void ? "~" : "");
    else if (row->n_void)
        snprintf(over, sizeof over, "void");
    if (row->world_stop_max_ns > 0)
        duration(stop, sizeof stop, (double)row->world_stop_max_ns);
    fprintf(f, "%-24.24s%9s%16s%10s%9s%10s%10s%12s\n", name, cells(fine, sizeof fine, row),
            inconsistencies(bad, sizeof bad, row),
            counted(windows, sizeof windows, row, row->windows),
            counted(events, sizeof events, row, row->events), each, over, stop);
}

static void print_rows(FILE *f, const struct gt_summary *s)
{
    if (s->n_rows == 0)
        return;
    fprintf(f, "%-24s%9s%16s%10s%9s%10s%10s%12s\n", "scheduler/tracer", "cells ok",
            "inconsistencies", "windows", "events", "ns/event", "overhead%", "worst stop");
    for (uint32_t i = 0; i < s->n_rows; i++)
        print_row(f, &s->rows[i]);
}

/* ---- planted faults ---------------------------------------------------------- */
static void print_fault(FILE *f, const struct gt_summary_fault *x)
{
    char by[96] = "", events[24], after[64] = "";
    const char *verdict = x->missed ? "MISSED" : x->found == x->runs ? "found" : "void";
    if (x->found) {
        snprintf(by, sizeof by, "%s/%s%s", x->oracle, x->cls, x->first ? " (+)" : "");
        snprintf(after, sizeof after, "%.1f s, %s events", x->seconds,
                 brief(events, sizeof events, x->events));
    }
    fprintf(f, "  %-23.23s %-6s %u/%u  ", x->name, verdict, x->found, x->runs);
    if (x->found)
        fprintf(f, "%-39.39s %.20s\n", by, after);
    else
        fprintf(f, "%.59s\n", x->why ? x->why : "");
}

static void print_faults(FILE *f, const struct gt_summary *s)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < s->n_faults; i++)
        found += s->faults[i].found == s->faults[i].runs;
    if (s->n_faults == 0)
        return;
    fprintf(f, "%splanted faults: %u of %u found\n", s->n_rows ? "\n" : "", found, s->n_faults);
    bool first = false;
    for (uint32_t i = 0; i < s->n_faults; i++) {
        print_fault(f, &s->faults[i]);
        first |= s->faults[i].first != NULL;
    }
    if (first)
        fprintf(f, "  (+) after another oracle had seen something: result.json says which\n");
}

/* ---- what went wrong ----------------------------------------------------------- */
static void print_trouble_cell(FILE *f, const json_t *record)
{
    const char *name = json_string_value(json_object_get(json_object_get(record, "cell"), "name"));
    const char *why = json_string_value(json_object_get(record, "why"));
    int index = (int)json_integer_value(json_object_get(json_object_get(record, "cell"), "index"));
    fprintf(f, "  %04d %-12s %.80s\n", index, gt_verdict_name(gt_record_verdict(record)), name);
    if (why && *why)
        fprintf(f, "       %.93s\n", why);
}

/* Of planted faults the lines above have told. */
static void print_trouble(FILE *f, const struct gt_summary *s)
{
    uint32_t shown = 0, all = 0;
    for (uint32_t i = 0; i < s->run->plan->n_cells; i++) {
        const json_t *record = s->run->cells[i];
        if (!record || s->run->plan->cells[i].kind == GT_PLAN_FAULTS ||
            gt_verdict_status(gt_record_verdict(record)) == 0)
            continue;
        if (all++ == 0)
            fprintf(f, "\nnot as it should be (the command and the log are in cells/NNNN.json):\n");
        if (shown < TROUBLE_MAX) {
            print_trouble_cell(f, record);
            shown++;
        }
    }
    if (all > shown)
        fprintf(f, "  and %u more\n", all - shown);
}

static bool has_figures(const struct gt_summary *s)
{
    for (uint32_t i = 0; i < s->n_rows; i++)
        if (!isnan(s->rows[i].ns_event) || s->rows[i].n_overhead)
            return true;
    return false;
}

static void print_counts(FILE *f, const struct gt_summary *s)
{
    fprintf(f, "\n%u of %u cells", s->done, s->done + s->missing);
    for (int v = 0; v < GT_VERDICTS; v++)
        if (s->by_verdict[v])
            fprintf(f, ", %u %s", s->by_verdict[v], gt_verdict_name((enum gt_verdict)v));
    fprintf(f, "; seed %" PRIu64 "\n", s->run->seed);
    if (s->void_rounds)
        fprintf(f, "%" PRIu64 " of %" PRIu64 " rounds, of %u cells, are void: the journal was too small, "
                   "nothing is known of them\n", s->void_rounds, s->rounds, s->void_cells);
    if (has_figures(s))
        fprintf(f, "ns/event: section and event; overhead: of tracing on over off, %s\n",
                "geometric mean of the workloads");
    for (uint32_t i = 0; i < s->n_rows; i++)
        if (s->rows[i].n_void) {
            fprintf(f, "~ without figures that are void\n");
            break;
        }
    if (s->missing)
        fprintf(f, "incomplete: %u cells did not run; `gauntlet run --resume` goes on\n",
                s->missing);
}

void gt_summary_print(FILE *f, const struct gt_summary *s)
{
    print_rows(f, s);
    print_faults(f, s);
    print_trouble(f, s);
    print_counts(f, s);
    fprintf(f, "results in %s/cells\nreport in %s/report.txt and result.json\n",
            s->run->folder.path, s->run->folder.path);
}
