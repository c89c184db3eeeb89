/* SPDX-License-Identifier: Apache-2.0 */
/* plan: what a plan would run. Runs nothing. */
#include <errno.h>
#include <inttypes.h>

#include "cli.h"
#include "harness/json.h"
#include "options.h"
#include "plan_names.h"

static void print_seconds(double seconds)
{
    if (seconds < 90)
        printf("%.1f s", seconds);
    else
        printf("%.1f min", seconds / 60);
}

static void print_cells(const struct gt_plan *p)
{
    uint32_t faults = 0;
    for (uint32_t i = 0; i < p->n_cells; i++) {
        const struct gt_plan_cell *c = &p->cells[i];
        printf("%04u %7.1f s  %s\n", i, (double)gt_plan_cell_estimate(c) / 1e9, c->name);
        faults += c->kind == GT_PLAN_FAULTS;
    }
    printf("%u cells, about ", p->n_cells);
    print_seconds((double)gt_plan_estimate(p) / 1e9);
    if (faults)
        printf(" (planted faults are counted with %.0f s: one that is found ends its cell)",
               (double)GT_PLAN_FAULT_TYPICAL / 1e9);
    putchar('\n');
}

static void print_json(const struct gt_plan *p)
{
    struct gt_json j;
    gt_json_start(&j, stdout);
    gt_json_open(&j, '{');
    gt_json_key(&j, "plan");
    gt_json_str(&j, p->path);
    gt_json_key(&j, "estimate_s");
    gt_json_num(&j, (double)gt_plan_estimate(p) / 1e9);
    gt_json_key(&j, "cells");
    gt_json_open(&j, '[');
    for (uint32_t i = 0; i < p->n_cells; i++) {
        const struct gt_plan_cell *c = &p->cells[i];
        gt_json_open_line(&j, '{');
        gt_json_key(&j, "name");
        gt_json_str(&j, c->name);
        gt_json_key(&j, "kind");
        gt_json_str(&j, gt_plan_kind_name(c->kind));
        gt_json_key(&j, "duration_s");
        gt_json_num(&j, (double)c->duration_ns / 1e9);
        gt_json_key(&j, "timeout_s");
        gt_json_num(&j, (double)c->timeout_ns / 1e9);
        gt_json_close(&j, '}');
    }
    gt_json_close(&j, ']');
    gt_json_close(&j, '}');
    gt_json_end(&j);
}

static int run(const struct gt_verb *v, int argc, char **argv)
{
    struct gt_options o;
    struct gt_plan p;
    char err[4096];
    if (gt_options_parse(&o, v->name, v->options, argc, argv, err, sizeof err) != 0) {
        gt_say(v->name, "%s", err);
        return GT_EXIT_USAGE;
    }
    if (o.n_args > 1) {
        gt_say(v->name, "%s: one plan at a time", o.args[1]);
        return GT_EXIT_USAGE;
    }
    if (o.n_args == 0 && !o.json) {
        fputs(gt_plan_default, stdout);
        return gt_stdout_ok(v->name) ? GT_EXIT_OK : GT_EXIT_BROKEN;
    }
    int rc = gt_plan_read(&p, o.n_args ? o.args[0] : NULL, &gt_cli_plan_names, err, sizeof err);
    if (rc != 0) {
        gt_say(v->name, "%s", err);
        return rc == -ENOMEM ? GT_EXIT_BROKEN : GT_EXIT_USAGE;
    }
    if (o.json)
        print_json(&p);
    else
        print_cells(&p);
    gt_plan_free(&p);
    return gt_stdout_ok(v->name) ? GT_EXIT_OK : GT_EXIT_BROKEN;
}

const struct gt_verb gt_verb_plan = {
    .name = "plan",
    .args = "[FILE]",
    .summary = "the cells that a plan would run, and for how long; runs nothing",
    .text =
        "Without FILE it prints the default plan, from which one's own can begin. A plan is an\n"
        "INI file; each list makes an axis, each combination a cell:\n"
        "  [stress NAME]    tests, schedulers, tracers, syscalls, procs, bind, generation,\n"
        "                   perturb, duration, runs, timeout\n"
        "  [faults NAME]    faults, and the same but for tests\n"
        "  [overhead NAME]  workloads (those, or rows by tracer of `list bench`), schedulers,\n"
        "                   tracers, bind, duration, repetitions, runs, timeout\n"
        "NAME tells sections of a kind apart. `all` is every built-in item, among faults\n"
        "`seeds` the five seeds; schedulers and tracers may be paths. duration and timeout are\n"
        "of one cell and carry a unit. A line that begins with a blank goes on with the list\n"
        "above it. Not given: schedulers, tracers and the rest are the program's defaults.\n",
    .options = GT_OPT_JSON,
    .run = run,
};
