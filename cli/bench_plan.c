/* SPDX-License-Identifier: Apache-2.0 */
/* From the command line to parts: rows and workloads, by number of Ps, model and binding. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "common/calls.h"
#include "common/registry.h"
#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"

#define S 1000000000ll
#define DEFAULT_NS (30 * S)
#define LEAST_S 0.001
#define MOST_S 0.05
#define OURS_TO_WRITE                                                                              \
    "each group is a process of its own, so files are ours to write: --json prints Google "        \
    "Benchmark's layout, --out=DIR keeps it"
enum { REPETITIONS = 25, PARKED = 100000, MILLION = 1000000, CALIBRATION = 4 };

/* ---- the library's flags ------------------------------------------------------------- */
static const char *value_of(const char *flag, const char *name)
{
    size_t n = strlen(name);
    if (strncmp(flag, name, n) != 0 || (flag[n] != '=' && flag[n] != '\0'))
        return NULL;
    return flag[n] == '=' ? flag + n + 1 : "true";
}

/* What the library would do with it is not done here: 0, or -EINVAL with a line in err. */
static int refuse_flag(const char *flag, char *err, size_t size)
{
    static const struct {
        const char *name, *why;
    } refused[] = {
        {"--benchmark_out", OURS_TO_WRITE},
        {"--benchmark_out_format", OURS_TO_WRITE},
        {"--benchmark_format", OURS_TO_WRITE},
        {"--benchmark_time_unit", "figures are in ns"},
        {"--benchmark_color", "NO_COLOR is heeded, and colour is for terminals only"},
        {"--benchmark_report_aggregates_only", "every sample is kept"},
        {"--benchmark_display_aggregates_only", "every sample is kept"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (value_of(flag, refused[i].name)) {
            snprintf(err, size, "%s is not taken: %s", flag, refused[i].why);
            return -EINVAL;
        }
    return 0;
}

static bool is_true(const char *v)
{
    return strcmp(v, "false") != 0 && strcmp(v, "0") != 0 && strcmp(v, "no") != 0;
}

static int take_filter(struct gt_bench_job *j, const char *v, char *err, size_t size)
{
    char why[128];
    j->filter_inverted = *v == '-';
    if (j->filter_inverted)
        v++;
    if (strcmp(v, "all") == 0)
        v = ".";
    if (j->filtered)
        regfree(&j->filter);
    j->filtered = false;
    int rc = regcomp(&j->filter, v, REG_EXTENDED | REG_NOSUB);
    if (rc != 0) {
        regerror(rc, &j->filter, why, sizeof why);
        snprintf(err, size, "--benchmark_filter=%s: no regular expression: %s", v, why);
        return -EINVAL;
    }
    j->filtered = true;
    return 0;
}

/* Seconds, with or without their unit. */
static int take_min_time(struct gt_bench_job *j, const char *v, char *err, size_t size)
{
    char *end;
    j->min_time_s = strtod(v, &end);
    if (end != v && (*end == '\0' || strcmp(end, "s") == 0) && j->min_time_s >= 1e-6 &&
        j->min_time_s <= 3600)
        return 0;
    snprintf(err, size, "--benchmark_min_time=%s: write seconds, 1e-6 to 3600", v);
    return -EINVAL;
}

static int take_repetitions(struct gt_bench_job *j, const char *v, char *err, size_t size)
{
    uint64_t n;
    if (gt_parse_number(v, 1, 1000, &n) != 0) {
        snprintf(err, size, "--benchmark_repetitions=%s: write a number from 1 to 1000", v);
        return -EINVAL;
    }
    j->o.repetitions = (uint32_t)n;
    return 0;
}

static int take_list_tests(struct gt_bench_job *j, const char *v, char *err, size_t size)
{
    (void)err;
    (void)size;
    j->list_only = is_true(v);
    return 0;
}

static int take_interleaving(struct gt_bench_job *j, const char *v, char *err, size_t size)
{
    (void)err;
    (void)size;
    j->random_order = is_true(v);
    return 0;
}

/* KEY=VALUE[,KEY=VALUE], into the context of the JSON. */
static int take_context(struct gt_bench_job *j, const char *v, char *err, size_t size)
{
    char *copy = strdup(v), *at = copy, *pair;
    int rc = copy ? 0 : -ENOMEM;
    if (rc == 0 && !j->custom)
        j->custom = json_object();
    while (rc == 0 && (pair = strsep(&at, ",")) != NULL) {
        char *equals = strchr(pair, '=');
        json_t *value = equals && equals != pair ? json_string(equals + 1) : NULL;
        if (equals)
            *equals = '\0';
        if (!value || json_object_set_new(j->custom, pair, value) != 0)
            rc = -EINVAL;
    }
    free(copy);
    if (rc == -EINVAL)
        snprintf(err, size, "--benchmark_context=%s: write KEY=VALUE, in UTF-8", v);
    return rc;
}

/* 1: taken; 0: the library's own business. */
static int take_flag(struct gt_bench_job *j, const char *flag, char *err, size_t size)
{
    static const struct {
        const char *name;
        int (*take)(struct gt_bench_job *j, const char *v, char *err, size_t size);
    } ours[] = {
        {"--benchmark_filter", take_filter},
        {"--benchmark_list_tests", take_list_tests},
        {"--benchmark_enable_random_interleaving", take_interleaving},
        {"--benchmark_repetitions", take_repetitions},
        {"--benchmark_min_time", take_min_time},
        {"--benchmark_context", take_context},
    };
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        const char *v = value_of(flag, ours[i].name);
        int rc = v ? ours[i].take(j, v, err, size) : 0;
        if (v)
            return rc == 0 ? 1 : rc;
    }
    return refuse_flag(flag, err, size);
}

int gt_bench_flags(struct gt_bench_job *j, char *err, size_t size)
{
    int n = 0, bad = 0;
    j->random_order = true;
    for (int i = 0; i < j->o.n_flags; i++) {
        int rc = take_flag(j, j->o.flags[i], err, size);
        if (rc == -ENOMEM)
            snprintf(err, size, "out of memory");
        if (rc < 0)
            return rc;
        if (rc == 0)
            j->o.flags[n++] = j->o.flags[i];
    }
    j->o.n_flags = n;
    if (gt_gb_flags(n, j->o.flags, &bad) != 0) {
        snprintf(err, size, "%s: not known to Google Benchmark %s, or no value for it",
                 j->o.flags[bad], gt_gb_version());
        return -EINVAL;
    }
    return 0;
}

/* ---- settings ------------------------------------------------------------------------ */
static void choose_runtimes(struct gt_bench_job *j)
{
    struct gt_bench_choice *c = &j->choice;
    c->runtimes[0] = j->o.runtime;
    c->n_runtimes = 1;
    for (uint32_t i = 0; i < j->o.n_runtimes && i < GT_BENCH_LIST; i++) {
        c->runtimes[i] = j->o.runtimes[i];
        c->n_runtimes = i + 1;
    }
}

static void choose_schedulers(struct gt_bench_job *j)
{
    struct gt_bench_choice *c = &j->choice;
    const struct gt_plugin_head *h;
    c->n_traced = j->o.n_schedulers ? 0 : 1;
    for (uint32_t i = 0; i < j->o.n_schedulers && i < GT_BENCH_LIST; i++)
        c->schedulers[c->n_schedulers++] = j->o.schedulers[i];
    for (size_t i = 0; j->o.n_schedulers == 0 && c->n_schedulers < GT_BENCH_LIST &&
                       (h = gt_plugin_builtin(GT_MAGIC_SCHEDULER, i)) != NULL;
         i++)
        c->schedulers[c->n_schedulers++] = (const void *)h;
}

/* Workloads are measured with tracing off unless tracers are named; rows about tracing with
 * every tracer there is. */
static void choose_tracers(struct gt_bench_job *j)
{
    struct gt_bench_choice *c = &j->choice;
    const struct gt_plugin_head *h;
    for (uint32_t i = 0; i < j->o.n_tracers && i < GT_BENCH_LIST; i++) {
        c->tracers[c->n_tracers++] = j->o.tracers[i];
        c->row_tracers[c->n_row_tracers++] = j->o.tracers[i];
    }
    if (j->o.n_tracers > 0)
        return;
    for (size_t i = 0; c->n_row_tracers < GT_BENCH_LIST &&
                       (h = gt_plugin_builtin(GT_MAGIC_TRACER, i)) != NULL;
         i++) {
        c->row_tracers[c->n_row_tracers++] = (const void *)h;
        if (c->n_tracers == 0 && (h->flags & GT_TRACER_NULL))
            c->tracers[c->n_tracers++] = (const void *)h;
    }
}

/* ---- parts --------------------------------------------------------------------------- */
static bool wanted(void *arg, const char *name)
{
    const struct gt_bench_job *j = arg;
    if (!j->filtered)
        return true;
    return (regexec(&j->filter, name, 0, NULL, 0) == 0) != j->filter_inverted;
}

static bool same(const struct gt_bench_group *g, const struct gt_bench_row *row, enum gt_bind bind)
{
    if (g->bind != bind || g->row.procs != row->procs || g->row.syscalls != row->syscalls)
        return false;
    if (gt_bench_is_workload(row) && gt_bench_is_workload(&g->row))
        return strcmp(g->row.workload, row->workload) == 0 && g->row.param == row->param;
    return strcmp(g->row.name, row->name) == 0;
}

static int add_part(struct gt_bench_job *j, const struct gt_bench_row *row, enum gt_bind bind)
{
    for (uint32_t i = 0; i < j->n_parts; i++)
        if (same(&j->parts[i].group, row, bind))
            return 0;
    struct gt_bench_part *more = realloc(j->parts, (j->n_parts + 1) * sizeof *more);
    if (!more)
        return -ENOMEM;
    j->parts = more;
    struct gt_bench_part *p = &j->parts[j->n_parts++];
    *p = (struct gt_bench_part){.group = {.row = *row, .bind = bind}};
    return 0;
}

/* Under each binding; where none was asked for: to PUs where there are enough. */
static int add_bound(struct gt_bench_job *j, const struct gt_bench_row *row)
{
    enum gt_bind by_itself = row->procs <= gt_call_cpus() ? GT_BIND_PU : GT_BIND_NONE;
    int rc = 0;
    if (row->bare)
        return add_part(j, row, GT_BIND_NONE);
    if (j->o.n_binds == 0)
        return add_part(j, row, by_itself);
    for (uint32_t i = 0; i < j->o.n_binds && rc == 0; i++)
        rc = add_part(j, row, j->o.binds[i]);
    return rc;
}

/* The row of that workload with so many Ps, or one made for it. */
static struct gt_bench_row row_with(const struct gt_bench_row *row, int32_t procs)
{
    const struct gt_bench_row *other;
    struct gt_bench_row r = *row;
    for (size_t i = 0; (other = gt_bench_row_at(i)) != NULL; i++)
        if (gt_bench_is_workload(other) && strcmp(other->workload, row->workload) == 0 &&
            other->param == row->param && other->procs == procs)
            return *other;
    r.name = row->workload;
    r.title = NULL;
    r.procs = procs;
    r.floor = NULL;
    r.floor_of = NULL;
    r.bounded = false;
    r.about = GT_BENCH_VALUE;
    r.target = r.stretch = 0;
    return r;
}

static int add_models(struct gt_bench_job *j, const struct gt_bench_row *row)
{
    int rc = j->o.n_syscalls ? 0 : add_bound(j, row);
    for (uint32_t i = 0; i < j->o.n_syscalls && rc == 0; i++) {
        struct gt_bench_row r = *row;
        r.syscalls = j->o.syscalls[i];
        rc = add_bound(j, gt_bench_is_workload(row) ? &r : row);
    }
    return rc;
}

static int add_procs(struct gt_bench_job *j, const struct gt_bench_row *row, char *err, size_t size)
{
    int rc = j->o.n_procs ? 0 : add_models(j, row);
    for (uint32_t i = 0; i < j->o.n_procs && rc == 0; i++) {
        struct gt_bench_row r = *row;
        if (gt_bench_is_workload(row)) {
            r = row_with(row, j->o.procs[i]);
        } else if (j->o.procs[i] != row->procs) {
            snprintf(err, size, "--procs=%d: the row %s has %d; --procs is for workloads",
                     j->o.procs[i], row->name, row->procs);
            return -EINVAL;
        }
        rc = add_models(j, &r);
    }
    return rc;
}

static void say_rows(char *err, size_t size)
{
    size_t at = strlen(err);
    int n = snprintf(err + at, size - at, "; or a row:");
    for (size_t i = 0; gt_bench_row_at(i) && n > 0 && at + (size_t)n < size; i++) {
        at += (size_t)n;
        n = snprintf(err + at, size - at, "%s %s", i ? "," : "", gt_bench_row_at(i)->name);
    }
}

/* "pingpong:1" */
static int add_workload(struct gt_bench_job *j, const char *name, char *err, size_t size)
{
    char only[128];
    const char *colon = strchr(name, '/') ? NULL : strrchr(name, ':');
    uint64_t param = 0;
    snprintf(only, sizeof only, "%.*s", colon ? (int)(colon - name) : (int)strlen(name), name);
    const struct gt_workload_ops *w = gt_workload_find(only, err, size);
    if (!w) {
        say_rows(err, size);
        return -EINVAL;
    }
    if (colon && gt_parse_number(colon + 1, 0, UINT32_MAX, &param) != 0) {
        snprintf(err, size, "%s: behind the colon stands the workload's param, a number", name);
        return -EINVAL;
    }
    struct gt_bench_row plain = gt_bench_plain_row(w, (uint32_t)param);
    plain.procs = w->min_procs > 2 ? w->min_procs : 2;
    return add_procs(j, &plain, err, size);
}

/* The row of that name, or all rows of the workload of that name, or a workload alone. */
static int add_named(struct gt_bench_job *j, const char *name, char *err, size_t size)
{
    const struct gt_bench_row *row;
    bool any = false;
    for (size_t i = 0; (row = gt_bench_row_at(i)) != NULL; i++)
        if (strcmp(row->name, name) == 0)
            return add_procs(j, row, err, size);
    for (size_t i = 0; (row = gt_bench_row_at(i)) != NULL; i++)
        if (row->workload && strcmp(row->workload, name) == 0) {
            bool own = !gt_bench_is_workload(row) && j->o.n_procs;
            int rc = own ? 0 : add_procs(j, row, err, size);
            if (rc != 0)
                return rc;
            any |= !own;
        }
    return any ? 0 : add_workload(j, name, err, size);
}

static int add_all(struct gt_bench_job *j, char *err, size_t size)
{
    const struct gt_bench_row *row;
    int rc = 0;
    for (size_t i = 0; rc == 0 && (row = gt_bench_row_at(i)) != NULL; i++)
        if (!j->o.n_procs || gt_bench_is_workload(row))
            rc = add_procs(j, row, err, size);
    return rc;
}

/* ---- cells --------------------------------------------------------------------------- */
/* Repetitions so long that all of them take about the time given. */
static double repetition_s(const struct gt_bench_job *j)
{
    double all = (double)(j->o.duration_ns ? j->o.duration_ns : DEFAULT_NS) / 1e9, n = 0;
    for (uint32_t i = 0; i < j->n_parts; i++)
        for (uint32_t k = 0; !j->parts[i].group.row.fixed_n && k < j->parts[i].group.n_cells; k++)
            n += (j->env.repetitions + CALIBRATION) * (j->parts[i].group.cells[k]->tracing ? 2 : 1);
    double each = n > 0 ? all / n / 1.2 : MOST_S; /* the library aims a little higher */
    return each < LEAST_S ? LEAST_S : each > MOST_S ? MOST_S : each;
}

static int make_cells(struct gt_bench_job *j)
{
    uint32_t kept = 0;
    int rc = 0;
    for (uint32_t i = 0; i < j->n_parts && rc == 0; i++) {
        struct gt_bench_part *p = &j->parts[i];
        rc = gt_bench_group_make(&p->group, &j->choice, &j->env, wanted, j);
        if (p->group.n_cells > 0)
            j->parts[kept++] = *p;
    }
    j->n_parts = kept;
    for (uint32_t i = 0; i < kept; i++) /* the rows have moved */
        for (uint32_t k = 0; k < j->parts[i].group.n_cells; k++)
            j->parts[i].group.cells[k]->row = &j->parts[i].group.row;
    return rc;
}

static int tell_library(struct gt_bench_job *j)
{
    char repetitions[64], time[64];
    const char *flags[] = {repetitions, time};
    int bad;
    snprintf(repetitions, sizeof repetitions, "--benchmark_repetitions=%u", j->env.repetitions);
    snprintf(time, sizeof time, "--benchmark_min_time=%.6f", j->min_time_s);
    return gt_gb_flags(2, flags, &bad);
}

int gt_bench_plan(struct gt_bench_job *j, char *err, size_t size)
{
    int rc = 0;
    choose_runtimes(j);
    choose_schedulers(j);
    choose_tracers(j);
    j->env.seed = j->o.seed;
    j->env.repetitions = j->o.repetitions ? j->o.repetitions : REPETITIONS;
    j->env.parked = j->o.gs ? j->o.gs : j->o.million ? MILLION : PARKED;
    for (int i = 0; i < j->o.n_args && rc == 0; i++)
        rc = add_named(j, j->o.args[i], err, size);
    if (rc == 0 && j->o.n_args == 0)
        rc = add_all(j, err, size);
    if (rc == 0)
        rc = make_cells(j);
    if (j->min_time_s <= 0)
        j->min_time_s = repetition_s(j);
    if (rc == 0)
        rc = tell_library(j);
    if (rc == -ENOMEM)
        snprintf(err, size, "out of memory");
    else if (rc == -E2BIG)
        snprintf(err, size, "more than %d cells side by side in one row: name fewer runtimes, "
                 "schedulers or tracers", GT_BENCH_CELLS);
    return rc;
}

void gt_bench_job_free(struct gt_bench_job *j)
{
    for (uint32_t i = 0; i < j->n_parts; i++) {
        gt_bench_group_free(&j->parts[i].group);
        json_decref(j->parts[i].entries);
    }
    free(j->parts);
    if (j->filtered)
        regfree(&j->filter);
    json_decref(j->environment);
    json_decref(j->command);
    json_decref(j->custom);
}
