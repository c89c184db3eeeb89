/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kill table: each planted fault on the stress test that is for it, N runs with seeds of
 * their own, and what saw it. A run ends at its first inconsistency, whatever oracle counts
 * it; a fault is found when one of its runs found it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gauntlet/fault.h"
#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"
#include "harness/seer.h"
#include "stress_verb.h"

struct row {
    const struct gt_fault_info *fault;
    struct gt_stress_plan plan; /* of one cell */
    struct gt_stress_point *points;
    uint32_t runs, found;
    char by[56];           /* oracle/class, of most of them that found it */
    double seconds;        /* median of those */
    uint64_t events;
    enum gt_exit status;   /* worst of its runs, what was found apart */
};

struct table {
    const struct gt_stress_plan *asked;
    struct gt_progress progress;
    struct row *rows;
    uint32_t n;
    enum gt_exit status;
};

/* ---- one fault ------------------------------------------------------------ */
static bool place_row(struct row *row, const struct gt_stress_plan *asked)
{
    char err[2048] = "";
    row->plan = *asked;
    row->plan.o.fault = row->fault->name;
    row->runs = asked->o.runs ? asked->o.runs : 1;
    row->plan.o.runs = row->runs;
    if (row->plan.n_tests == 0)
        row->plan.tests[row->plan.n_tests++] = gt_stress_find(row->fault->test, err, sizeof err);
    if (!row->plan.tests[0] || gt_stress_aim(&row->plan, err, sizeof err) != 0) {
        gt_say("stress", "the fault %s: %s", row->fault->name, err);
        return false;
    }
    gt_stress_fill_in(&row->plan);
    row->plan.n_cells = 1; /* of lists the first */
    row->points = calloc(row->runs, sizeof *row->points);
    return row->points != NULL;
}

static void beat(void *arg, const struct gt_stress_cell *c, const struct gt_stress_result *r)
{
    struct table *t = arg;
    char text[100];
    snprintf(text, sizeof text, "%.50s: %" PRIu64 " events", c->config.fault, r->events);
    gt_progress_beat(&t->progress, text);
}

/* false: interrupted. */
static bool run_once(struct table *t, struct row *row, uint32_t i)
{
    const struct gt_drive drive = {.stop = &gt_stop_asked, .beat = beat, .arg = t};
    struct gt_stress_point *point = &row->points[i];
    bool bailed;
    gt_stress_place(&row->plan, i, point);
    point->cell.trace = row->plan.o.trace;
    gt_progress_step(&t->progress, row->fault->name);
    if (gt_stress_drive(&point->cell, &drive, &point->result, &bailed) == -EINTR)
        return false;
    point->done = true;
    gt_stress_replay(&row->plan, point, point->result.seed);
    if (point->result.inconsistencies > 0)
        row->found++;
    else if (point->result.verdict != GT_STRESS_INCONCLUSIVE)
        row->status = gt_exit_worse(row->status, gt_stress_exit(&point->result));
    return true;
}

/* ---- the medians ----------------------------------------------------------- */
static int by_time(const void *a, const void *b)
{
    const struct gt_stress_point *x = a, *y = b;
    bool found_x = x->result.inconsistencies > 0, found_y = y->result.inconsistencies > 0;
    if (found_x != found_y)
        return found_x ? -1 : 1;
    return (x->result.first.ns > y->result.first.ns) - (x->result.first.ns < y->result.first.ns);
}

static const char *seer(const struct row *row, uint32_t i)
{
    return gt_fault_seer(row->fault, &row->points[i].result);
}

static uint32_t seen_by(const struct row *row, const char *name)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < row->found; i++)
        n += strcmp(seer(row, i), name) == 0;
    return n;
}

static void sum_up(struct row *row)
{
    uint32_t most = 0;
    if (row->found == 0)
        return;
    qsort(row->points, row->runs, sizeof *row->points, by_time);
    const struct gt_stress_result *mid = &row->points[(row->found - 1) / 2].result;
    row->seconds = (double)mid->first.ns / 1e9;
    row->events = mid->first.events;
    for (uint32_t i = 0; i < row->found; i++) {
        const char *name = seer(row, i);
        uint32_t n = seen_by(row, name);
        if (n > most)
            snprintf(row->by, sizeof row->by, "%s", name);
        most = n > most ? n : most;
    }
}

/* ---- the report ------------------------------------------------------------ */
static void print_row(FILE *f, const struct row *r)
{
    fprintf(f, "%-26s %-4s %-15s %-7s %3u/%-3u ", r->fault->name,
            r->fault->seed ? r->fault->seed : "-", r->plan.tests[0]->head.name,
            gt_syscalls_name(r->plan.o.syscalls[0]), r->found, r->runs);
    if (r->found)
        fprintf(f, "%8.2f %10" PRIu64 "  %s%s\n", r->seconds, r->events, r->by,
                gt_fault_expects(r->fault, r->by) ? "" : " (!)");
    else
        fprintf(f, "%8s %10s  not found\n", "-", "-");
}

static void print_table(FILE *f, const struct table *t)
{
    uint32_t found = 0;
    fprintf(f, "%-26s %-4s %-15s %-7s %7s %8s %10s  %s\n", "fault", "seed", "test", "model", "found",
            "seconds", "events", "by");
    for (uint32_t i = 0; i < t->n; i++) {
        print_row(f, &t->rows[i]);
        found += t->rows[i].found > 0;
    }
    fprintf(f, "%u of %u faults found; seconds and events: to the end of the first round that is "
               "not consistent,\nmedians of the runs that found it; (!): not by the oracle and class "
               "of faults.def; seed %" PRIu64 "\n", found, t->n, t->asked->o.seed);
}

static void json_row(struct gt_json *j, const struct row *r)
{
    gt_json_open(j, '{');
    gt_json_key(j, "name");
    gt_json_str(j, r->fault->name);
    gt_json_key(j, "seed");
    gt_json_str(j, r->fault->seed);
    gt_json_key(j, "expected");
    gt_json_open_line(j, '{');
    gt_json_key(j, "oracle");
    gt_json_str(j, r->fault->oracle);
    gt_json_key(j, "class");
    gt_json_str(j, r->fault->cls);
    gt_json_close(j, '}');
    gt_json_key(j, "options");
    gt_json_str(j, r->fault->options);
    gt_json_key(j, "runs");
    gt_json_uint(j, r->runs);
    gt_json_key(j, "found");
    gt_json_uint(j, r->found);
    gt_json_key(j, "by");
    gt_json_str(j, r->found ? r->by : NULL);
    gt_json_key(j, "as_expected");
    gt_json_bool(j, r->found && gt_fault_expects(r->fault, r->by));
    gt_json_key(j, "median_s");
    gt_json_num(j, r->seconds);
    gt_json_key(j, "median_events");
    gt_json_uint(j, r->events);
    gt_json_key(j, "cells");
    gt_json_cells(j, r->points, r->runs);
    gt_json_close(j, '}');
}

static void print_json(FILE *f, const struct table *t)
{
    struct gt_json j;
    gt_json_start(&j, f);
    gt_json_open(&j, '{');
    gt_json_key(&j, "schema");
    gt_json_uint(&j, 1);
    gt_json_key(&j, "seed");
    gt_json_uint(&j, t->asked->o.seed);
    gt_json_key(&j, "faults");
    gt_json_open(&j, '[');
    for (uint32_t i = 0; i < t->n; i++)
        json_row(&j, &t->rows[i]);
    gt_json_close(&j, ']');
    gt_json_close(&j, '}');
    gt_json_end(&j);
}

static void save(struct table *t, const char *name, void (*print)(FILE *f, const struct table *t))
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (f) {
        print(f, t);
        fclose(f);
    }
    if (!f || gt_save("stress", t->asked->o.out, name, text, size) != 0)
        t->status = GT_EXIT_BROKEN;
    free(text);
}

/* ---- all of them ------------------------------------------------------------ */
static void run_rows(struct table *t)
{
    bool go_on = true;
    for (uint32_t i = 0; i < t->n && go_on; i++) {
        struct row *row = &t->rows[i];
        for (uint32_t k = 0; k < row->runs && go_on; k++)
            go_on = run_once(t, row, k);
        sum_up(row);
        enum gt_exit missed = row->found == 0 ? GT_EXIT_BAD : GT_EXIT_OK;
        t->status = gt_exit_worse(t->status, gt_exit_worse(missed, row->status));
    }
    if (!go_on)
        t->status = GT_EXIT_BROKEN;
}

static bool place_rows(struct table *t)
{
    bool seeds = strcmp(t->asked->o.fault, "seeds") == 0;
    const struct gt_fault_info *f;
    for (uint32_t i = 0; (f = gt_fault_info(i)) != NULL; i++) {
        if (seeds && !f->seed)
            continue;
        t->rows[t->n].fault = f;
        if (!place_row(&t->rows[t->n++], t->asked))
            return false;
    }
    return true;
}

static void free_rows(struct table *t)
{
    for (uint32_t i = 0; t->rows && i < t->n; i++)
        free(t->rows[i].points);
    free(t->rows);
}

int gt_stress_faults(struct gt_stress_plan *p)
{
    struct table t = {.asked = p, .status = GT_EXIT_OK};
    size_t n = 0;
    while (gt_fault_info(n))
        n++;
    t.rows = calloc(n + 1, sizeof *t.rows);
    if (t.rows && place_rows(&t)) {
        gt_progress_start(&t.progress, (int)(t.n * t.rows[0].runs));
        run_rows(&t);
        gt_progress_end(&t.progress);
        (p->o.json ? print_json : print_table)(stdout, &t);
        if (p->o.out) {
            save(&t, "faults.txt", print_table);
            save(&t, "faults.json", print_json);
        }
    } else {
        t.status = GT_EXIT_BROKEN;
    }
    free_rows(&t);
    return gt_stdout_ok("stress") ? (int)t.status : GT_EXIT_BROKEN;
}
