/* SPDX-License-Identifier: Apache-2.0 */
/* bench: the core's micro-benchmarks, a child process per row, one table. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "benchmark/core_bench.h"
#include "cli.h"
#include "common/cell.h"
#include "common/child.h"
#include "common/registry.h"
#include "figures.h"
#include "gauntlet/atomic.h"

#define S 1000000000ll
#define MS 1000000ll
#define DEFAULT_NS (30 * S)
#define SAMPLE_TIMEOUT (GT_TSAN || GT_ASAN ? 600 * S : 120 * S)
#define STOP_TIMEOUT (5 * S)
#define SAMPLE_MIN (1 * MS)
#define SAMPLE_MAX (50 * MS)
enum { ROWS_MAX = 64, REPETITIONS = 25, PARKED = 100000, MILLION = 1000000 };

struct bench {
    struct gt_options o;
    struct gt_bench_env env;
    const struct gt_scheduler_ops *schedulers[GT_BENCH_COLUMNS_MAX];
    const struct gt_tracer_ops *tracers[GT_BENCH_COLUMNS_MAX];
    struct gt_bench_row plain[ROWS_MAX]; /* rows made for workloads that have none */
    struct gt_figures rows[ROWS_MAX];
    uint32_t n_rows, n_plain;
    char err[160]; /* child: why the row could not begin */
};

/* ---- which rows -------------------------------------------------------- */
static void add_row(struct bench *b, const struct gt_bench_row *row)
{
    for (uint32_t i = 0; i < b->n_rows; i++)
        if (b->rows[i].row == row)
            return;
    if (b->n_rows < ROWS_MAX)
        b->rows[b->n_rows++].row = row;
}

/* The row of that name, or all rows of the workload of that name, or a plain one. */
static int add_named(struct bench *b, const char *name, char *err, size_t size)
{
    const struct gt_bench_row *row;
    uint32_t before = b->n_rows;
    for (size_t i = 0; (row = gt_bench_row_at(i)) != NULL; i++)
        if (strcmp(row->name, name) == 0) {
            add_row(b, row);
            return 0;
        }
    for (size_t i = 0; (row = gt_bench_row_at(i)) != NULL; i++)
        if (row->workload && strcmp(row->workload, name) == 0)
            add_row(b, row);
    if (b->n_rows > before)
        return 0;
    const struct gt_workload_ops *w = gt_workload_find(name, err, size);
    if (!w || b->n_plain == ROWS_MAX)
        return -EINVAL;
    b->plain[b->n_plain] = gt_bench_plain_row(w);
    add_row(b, &b->plain[b->n_plain++]);
    return 0;
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

static int choose_rows(struct bench *b, char *err, size_t size)
{
    for (int i = 0; i < b->o.n_args; i++)
        if (add_named(b, b->o.args[i], err, size) != 0) {
            say_rows(err, size);
            return -EINVAL;
        }
    for (size_t i = 0; b->o.n_args == 0 && gt_bench_row_at(i); i++)
        add_row(b, gt_bench_row_at(i));
    return 0;
}

/* ---- settings ---------------------------------------------------------- */
static void choose_schedulers(struct bench *b)
{
    uint32_t n = b->o.n_schedulers;
    for (uint32_t i = 0; i < n; i++)
        b->schedulers[i] = b->o.schedulers[i];
    while (b->o.n_schedulers == 0 && n < GT_BENCH_COLUMNS_MAX &&
           gt_plugin_builtin(GT_MAGIC_SCHEDULER, n)) {
        b->schedulers[n] = (const void *)gt_plugin_builtin(GT_MAGIC_SCHEDULER, n);
        n++;
    }
    b->env.schedulers = b->schedulers;
    b->env.n_schedulers = n;
}

static void choose_tracers(struct bench *b)
{
    uint32_t n = b->o.n_tracers < GT_BENCH_COLUMNS_MAX ? b->o.n_tracers : GT_BENCH_COLUMNS_MAX;
    for (uint32_t i = 0; i < n; i++)
        b->tracers[i] = b->o.tracers[i];
    while (b->o.n_tracers == 0 && n < GT_BENCH_COLUMNS_MAX &&
           gt_plugin_builtin(GT_MAGIC_TRACER, n)) {
        b->tracers[n] = (const void *)gt_plugin_builtin(GT_MAGIC_TRACER, n);
        n++;
    }
    b->env.tracers = b->tracers;
    b->env.n_tracers = n;
    b->env.tracer = b->tracers[0];
}

/* Samples so long that all of them take about the time given. */
static int64_t sample_time(const struct bench *b, int64_t all)
{
    int64_t samples = 0;
    for (uint32_t i = 0; i < b->n_rows; i++)
        if (!b->rows[i].row->fixed_n)
            samples +=
                (b->env.repetitions + 4) * (gt_bench_columns(&b->env, b->rows[i].row) + 2);
    int64_t each = samples ? all / samples : SAMPLE_MAX;
    return each < SAMPLE_MIN ? SAMPLE_MIN : each > SAMPLE_MAX ? SAMPLE_MAX : each;
}

static void fill_env(struct bench *b)
{
    choose_schedulers(b);
    b->env.ops = b->o.runtime;
    choose_tracers(b);
    b->env.bind = b->o.bind;
    b->env.bind_free = !b->o.bind_given;
    b->env.seed = b->o.seed;
    b->env.repetitions = b->o.repetitions ? b->o.repetitions : REPETITIONS;
    b->env.parked = b->o.gs ? b->o.gs : b->o.million ? MILLION : PARKED;
    b->env.stop = &gt_stop_asked;
    b->env.sample_ns = sample_time(b, b->o.duration_ns ? b->o.duration_ns : DEFAULT_NS);
    if (b->o.n_procs)
        for (uint32_t i = 0; i < b->n_plain; i++)
            b->plain[i].procs = b->o.procs[0];
}

static bool has_scheduler_rows(const struct bench *b)
{
    for (uint32_t i = 0; i < b->n_rows; i++)
        if (!b->rows[i].row->by_tracer)
            return true;
    return false;
}

static int prepare(struct bench *b, const struct gt_verb *v, int argc, char **argv)
{
    char err[2048];
    int rc = gt_options_parse(&b->o, v->name, v->options, argc, argv, err, sizeof err);
    if (rc == 0)
        rc = choose_rows(b, err, sizeof err);
    if (rc != 0) {
        gt_say(v->name, "%s", err);
        return gt_options_status(rc);
    }
    if (b->o.n_procs > 1) {
        gt_say(v->name, "one number of Ps at a time");
        return GT_EXIT_USAGE;
    }
    if (b->o.n_tracers > 1 && has_scheduler_rows(b)) {
        gt_say(v->name, "several tracers are for the rows about tracing (event, on-yield, ..): name "
                        "those, or one tracer");
        return GT_EXIT_USAGE;
    }
    if (b->o.n_procs && b->n_plain == 0) {
        gt_say(v->name,
               "--procs=%d: these rows say themselves how many Ps they have; it is for "
               "workloads without rows, such as mutex",
               b->o.procs[0]);
        return GT_EXIT_USAGE;
    }
    fill_env(b);
    return GT_EXIT_OK;
}

/* ---- one row ----------------------------------------------------------- */
enum { RECORD_SAMPLE, RECORD_REFUSED };
struct record {
    uint32_t kind;
    int32_t rc;
    union {
        struct gt_bench_sample sample;
        char why[160];
    };
};

struct row_job {
    struct bench *b;
    const struct gt_bench_row *row;
    int fd;
};

static bool send_sample(void *arg, const struct gt_bench_sample *s)
{
    const struct row_job *job = arg;
    struct record r = {.kind = RECORD_SAMPLE};
    r.sample = *s;
    return gt_child_send(job->fd, &r, sizeof r);
}

static void row_main(int fd, void *arg)
{
    struct row_job *job = arg;
    struct record r = {.kind = RECORD_REFUSED};
    job->fd = fd;
    r.rc = gt_bench_run(job->row, &job->b->env, send_sample, job, r.why, sizeof r.why);
    if (r.rc != 0)
        (void)gt_child_send(fd, &r, sizeof r);
}

static void keep(struct gt_figures *f, const struct record *r)
{
    if (r->kind == RECORD_REFUSED) {
        f->environment = gt_cell_is_environment(r->rc);
        f->incomplete = true;
        memcpy(f->why, r->why, sizeof f->why);
        return;
    }
    struct gt_series *s = r->sample.column == GT_BENCH_FLOOR ? &f->floor
                          : r->sample.column == GT_BENCH_CAS ? &f->cas
                                                             : &f->columns[r->sample.column];
    (void)gt_series_add(s, &r->sample);
}

/* Reads until the child is done. When we are asked to stop, so is the child, and what it
 * has still to say is read. */
static void collect(struct gt_figures *f, struct gt_child *child)
{
    struct record r;
    int64_t deadline = gt_child_clock() + SAMPLE_TIMEOUT;
    int rc;
    while ((rc = gt_child_read(child, &r, sizeof r, deadline, &gt_stop_asked)) == 1) {
        keep(f, &r);
        deadline = gt_child_clock() + SAMPLE_TIMEOUT;
    }
    if (rc == -EINTR) {
        f->incomplete = true;
        kill(child->pid, SIGTERM);
        deadline = gt_child_clock() + STOP_TIMEOUT;
        while (gt_child_read(child, &r, sizeof r, deadline, NULL) == 1)
            keep(f, &r);
    }
    struct gt_child_end end = gt_child_finish(child, rc == -ETIMEDOUT ? 0 : deadline);
    if (end.how == GT_CHILD_EXITED && end.code == 0)
        return;
    f->crashed = f->incomplete = true;
    gt_child_describe(end, f->why, sizeof f->why);
}

static void run_row(struct bench *b, struct gt_figures *f)
{
    struct row_job job = {.b = b, .row = f->row};
    struct gt_child child;
    int rc = gt_child_start(&child, row_main, &job);
    if (rc == 0) {
        collect(f, &child);
        return;
    }
    f->crashed = f->incomplete = true;
    snprintf(f->why, sizeof f->why, "no child process: %s", strerror(-rc));
}

/* ---- who else was on the machine --------------------------------------- */
struct usage {
    double busy, all; /* ticks of all CPUs; all == 0: unknown */
    double ours;      /* seconds of our children that have ended */
};

static struct usage usage_now(void)
{
    struct usage u = {0};
    double v[8] = {0}; /* user nice system idle iowait irq softirq steal */
    struct rusage ru;
    FILE *f = fopen("/proc/stat", "re");
    if (f && fscanf(f, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &v[0], &v[1], &v[2], &v[3], &v[4],
                    &v[5], &v[6], &v[7]) == 8) {
        for (int i = 0; i < 8; i++)
            u.all += v[i];
        u.busy = u.all - v[3] - v[4];
    }
    if (f)
        fclose(f);
    if (getrusage(RUSAGE_CHILDREN, &ru) == 0)
        u.ours = (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
                 (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
    return u;
}

static double foreign_share(const struct usage *before, const struct usage *after)
{
    double all = after->all - before->all;
    double ours = (after->ours - before->ours) * (double)sysconf(_SC_CLK_TCK);
    if (before->all <= 0 || all <= 0)
        return -1;
    double share = (after->busy - before->busy - ours) / all;
    return share > 0 ? share : 0;
}

/* ---- all rows ---------------------------------------------------------- */
static enum gt_exit status_of(const struct bench *b, const struct gt_figures *f)
{
    enum gt_exit status = f->crashed ? GT_EXIT_BROKEN : GT_EXIT_OK;
    if (f->environment)
        status = gt_exit_worse(status, GT_EXIT_VOID);
    else if (f->why[0])
        status = gt_exit_worse(status, GT_EXIT_BROKEN);
    for (uint32_t i = 0; i < gt_bench_columns(&b->env, f->row); i++) {
        if (f->columns[i].wrong)
            status = gt_exit_worse(status, GT_EXIT_BAD);
        else if (f->columns[i].rc == -ENOSPC) /* no more mappings to be had here */
            status = gt_exit_worse(status, GT_EXIT_VOID);
        else if (f->columns[i].rc != 0 && f->columns[i].rc != -ENOTSUP)
            status = gt_exit_worse(status, GT_EXIT_BROKEN);
    }
    return status;
}

static uint32_t run_rows(struct bench *b, enum gt_exit *status)
{
    struct gt_progress progress;
    uint32_t i = 0;
    gt_progress_start(&progress, (int)b->n_rows);
    for (; i < b->n_rows && !gt_stop_asked; i++) {
        gt_progress_step(&progress, b->rows[i].row->name);
        run_row(b, &b->rows[i]);
        *status = gt_exit_worse(*status, status_of(b, &b->rows[i]));
        if (b->rows[i].environment && !gt_stop_asked) {
            gt_progress_end(&progress);
            gt_say("bench", "%s: %s", b->rows[i].row->name, b->rows[i].why);
        }
    }
    gt_progress_end(&progress);
    return i;
}

static enum gt_exit keep_json(const struct gt_bench_report *r)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return GT_EXIT_BROKEN;
    gt_bench_print_json(f, r);
    bool written = fclose(f) == 0;
    int rc = written ? gt_save("bench", r->o->out, "bench.json", text, size) : -ENOMEM;
    free(text);
    return rc == 0 ? GT_EXIT_OK : GT_EXIT_BROKEN;
}

static bool wants_colour(void)
{
    const char *no = getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) && !(no && *no);
}

static enum gt_exit report(struct bench *b, uint32_t n_rows, double seconds, double foreign)
{
    struct gt_bench_report r = {.o = &b->o,
                                .env = &b->env,
                                .rows = b->rows,
                                .n_rows = n_rows,
                                .stopped = gt_stop_asked != 0,
                                .seconds = seconds,
                                .foreign = foreign};
    enum gt_exit status = r.stopped || n_rows == 0 ? GT_EXIT_BROKEN : GT_EXIT_OK;
    if (b->o.json)
        gt_bench_print_json(stdout, &r);
    else
        gt_bench_print_table(stdout, &r, wants_colour());
    if (b->o.out)
        status = gt_exit_worse(status, keep_json(&r));
    return gt_stdout_ok("bench") ? status : GT_EXIT_BROKEN;
}

static int run(const struct gt_verb *v, int argc, char **argv)
{
    struct bench *b = calloc(1, sizeof *b);
    enum gt_exit status = GT_EXIT_OK;
    if (!b)
        return GT_EXIT_BROKEN;
    int rc = prepare(b, v, argc, argv);
    if (rc != GT_EXIT_OK) {
        free(b);
        return rc;
    }
    gt_stop_install();
    int64_t start = gt_child_clock();
    struct usage before = usage_now();
    uint32_t n = run_rows(b, &status);
    struct usage after = usage_now();
    double seconds = (double)(gt_child_clock() - start) / (double)S;
    status = gt_exit_worse(status, report(b, n, seconds, foreign_share(&before, &after)));
    for (uint32_t i = 0; i < b->n_rows; i++) {
        for (uint32_t c = 0; c < GT_BENCH_COLUMNS_MAX; c++)
            free(b->rows[i].columns[c].v);
        free(b->rows[i].floor.v);
        free(b->rows[i].cas.v);
    }
    free(b);
    return (int)status;
}

const struct gt_verb gt_verb_bench = {
    .name = "bench",
    .args = "[ROW|WORKLOAD...] [options]",
    .summary = "times the core's operations against floors measured in the same run",
    .text = "Without names every row (`list bench`). A workload's name stands for its rows, or\n"
            "for ns per operation where it has none. Each row is a process: schedulers and\n"
            "floors take turns in random order; medians and the middle half are shown, every\n"
            "sample is in the JSON. INT ends it with what there is. Rows about tracing have a\n"
            "column for each tracer, or for those of --tracer.\n",
    .options = GT_OPT_RUNTIME | GT_OPT_SCHEDULER | GT_OPT_TRACER | GT_OPT_PROCS | GT_OPT_BIND |
               GT_OPT_DURATION | GT_OPT_SEED | GT_OPT_REPETITIONS | GT_OPT_GS | GT_OPT_MILLION |
               GT_OPT_OUT | GT_OPT_JSON,
    .run = run,
};
