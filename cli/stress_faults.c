/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kill table: each planted fault on the stress test that is for it, N runs with seeds of
 * their own, and what saw it. A run ends when the oracle of faults.def has seen it under one of
 * its classes, and only that is found; who saw something before is named beside. A fault is found
 * when one of its runs found it. A find in a round that never entered the window which the fault
 * needs is a failure of the windows, and of the table.
 *
 * The files of a fault's first find are kept, and of each run that is no plain find; those of
 * a thousand finds would fill the disk.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gauntlet/fault.h"
#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"
#include "harness/cell.h"
#include "harness/seer.h"
#include "stress_verb.h"

struct row {
    const struct gt_fault_info *fault;
    struct gt_stress_plan plan; /* of one cell */
    struct gt_stress_point *points;
    uint32_t runs, found;
    char by[56];           /* oracle/class, of most of them that found it */
    char first[56];        /* of most of them that another saw first; "" none */
    uint32_t others;       /* those, and those that only others saw */
    double seconds;        /* median of those that found it */
    uint64_t events, window; /* median; least (UINT64_MAX: none is needed, or known) */
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
    row->window = UINT64_MAX; /* of a row that an interrupted table never reaches */
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
    for (uint32_t i = 0; row->points && i < row->runs; i++)
        gt_stress_place(&row->plan, i, &row->points[i]); /* also those that an interrupted table never runs */
    return row->points != NULL;
}

static void beat(void *arg, const struct gt_stress_cell *c, const struct gt_stress_result *r)
{
    struct table *t = arg;
    char text[100];
    snprintf(text, sizeof text, "%.50s: %" PRIu64 " events", c->config.fault, r->events);
    gt_progress_beat(&t->progress, text);
}

static bool is_found(const struct gt_stress_point *p)
{
    return p->done && gt_fault_found(&p->cell, &p->result);
}

static const struct gt_stress_sight *sight(const struct gt_stress_point *p)
{
    return gt_fault_sight(&p->cell, &p->result);
}

/* false: interrupted. */
static bool run_once(struct table *t, struct row *row, uint32_t i)
{
    const struct gt_drive drive = {.stop = &gt_stop_asked, .beat = beat, .arg = t};
    struct gt_stress_point *point = &row->points[i];
    bool bailed;
    point->cell.trace = row->plan.o.trace;
    gt_progress_step(&t->progress, row->fault->name);
    if (gt_stress_drive(&point->cell, &drive, &point->result, &bailed) == -EINTR)
        return false;
    point->done = true;
    gt_stress_replay(&row->plan, point, point->result.seed);
    if (is_found(point)) {
        if (row->found++ > 0 && sight(point)->window > 0)
            gt_cell_forget_files(&point->cell, &point->result, true);
    } else if (point->result.verdict != GT_STRESS_INCONCLUSIVE) {
        row->status = gt_exit_worse(row->status, gt_stress_exit(&point->result));
    }
    return true;
}

/* ---- the medians ----------------------------------------------------------- */
static int by_time(const void *a, const void *b)
{
    const struct gt_stress_point *x = a, *y = b;
    if (is_found(x) != is_found(y))
        return is_found(x) ? -1 : 1;
    return (sight(x)->ns > sight(y)->ns) - (sight(x)->ns < sight(y)->ns);
}

/* Of most of the first n points, into name. "" does not count. How many have any. */
static uint32_t most_of(const struct row *row, uint32_t n,
                        const char *(*name_of)(const struct gt_stress_point *), char name[56])
{
    uint32_t any = 0, most = 0;
    name[0] = '\0';
    for (uint32_t i = 0; i < n; i++) {
        const char *own = name_of(&row->points[i]);
        uint32_t same = 0;
        for (uint32_t k = 0; k < n; k++)
            same += strcmp(name_of(&row->points[k]), own) == 0;
        any += *own != '\0';
        if (*own && same > most) {
            most = same;
            snprintf(name, sizeof row->by, "%s", own);
        }
    }
    return any;
}

static const char *seer(const struct gt_stress_point *p)
{
    return sight(p)->name;
}

/* Who saw something in a round before; "": nobody. */
static const char *other(const struct gt_stress_point *p)
{
    bool at_once = is_found(p) && p->result.first.ns == sight(p)->ns;
    return at_once ? "" : p->result.first.name;
}

static void sum_up(struct row *row)
{
    qsort(row->points, row->runs, sizeof *row->points, by_time);
    row->others = most_of(row, row->runs, other, row->first);
    (void)most_of(row, row->found, seer, row->by);
    if (row->found == 0)
        return;
    const struct gt_stress_sight *mid = sight(&row->points[(row->found - 1) / 2]);
    row->seconds = (double)mid->ns / 1e9;
    row->events = mid->events;
    for (uint32_t i = 0; i < row->found && gt_fault_hunted(&row->points[i].cell); i++)
        if (sight(&row->points[i])->window < row->window)
            row->window = sight(&row->points[i])->window;
}

/* ---- the report ------------------------------------------------------------ */
static void print_row(FILE *f, const struct row *r)
{
    char window[24] = "-";
    if (r->window != UINT64_MAX)
        snprintf(window, sizeof window, "%" PRIu64, r->window);
    fprintf(f, "%-24s %-4s %-13s %-7s %3u/%-3u ", r->fault->name,
            r->fault->seed ? r->fault->seed : "-", r->plan.tests[0]->head.name,
            gt_syscalls_name(r->plan.o.syscalls[0]), r->found, r->runs);
    if (r->found)
        fprintf(f, "%7.2f %9" PRIu64 " %7s  %s", r->seconds, r->events, window, r->by);
    else
        fprintf(f, "%7s %9s %7s  not found", "-", "-", "-");
    if (r->others)
        fprintf(f, "%s %s", r->found ? "; first" : ", but seen by", r->first);
    if (r->others && r->found)
        fprintf(f, " (%u of %u)", r->others, r->runs);
    fputc('\n', f);
}

static void print_table(FILE *f, const struct table *t)
{
    uint32_t found = 0;
    fprintf(f, "%-24s %-4s %-13s %-7s %7s %7s %9s %7s  %s\n", "fault", "seed", "test", "model", "found",
            "seconds", "events", "window", "by");
    for (uint32_t i = 0; i < t->n; i++) {
        print_row(f, &t->rows[i]);
        found += t->rows[i].found > 0;
    }
    fprintf(f, "%u of %u faults found, each by the oracle and under a class of faults.def; seconds and "
               "events: to the end\nof the first round in which it was, medians of the runs that found "
               "it; window: how often that round\nhad entered what the fault needs, the least; first: "
               "who saw something before; seed %" PRIu64 "\n", found, t->n, t->asked->o.seed);
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
    gt_json_key(j, "window");
    if (r->window != UINT64_MAX)
        gt_json_uint(j, r->window);
    else
        gt_json_str(j, NULL);
    gt_json_key(j, "first_by_others");
    gt_json_uint(j, r->others);
    gt_json_key(j, "first");
    gt_json_str(j, r->others ? r->first : NULL);
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
        enum gt_exit missed = row->found == 0 || row->window == 0 ? GT_EXIT_BAD : GT_EXIT_OK;
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
