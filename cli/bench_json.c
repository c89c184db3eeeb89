/* SPDX-License-Identifier: Apache-2.0 */
/* Google Benchmark's layout ("context", "benchmarks") with raw samples, floors, targets. */
#include <math.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "common/calls.h"
#include "figures.h"
#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"
#include "harness/json.h"

static void put_str(struct gt_json *j, const char *key, const char *v)
{
    gt_json_key(j, key);
    gt_json_str(j, v);
}
static void put_num(struct gt_json *j, const char *key, double v)
{
    gt_json_key(j, key);
    gt_json_num(j, v);
}
static void put_uint(struct gt_json *j, const char *key, uint64_t v)
{
    gt_json_key(j, key);
    gt_json_uint(j, v);
}
static void put_bool(struct gt_json *j, const char *key, bool v)
{
    gt_json_key(j, key);
    gt_json_bool(j, v);
}

static void put_cpu(struct gt_json *j)
{
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "re");
    while (f && fgets(line, sizeof line, f)) {
        char *name = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !name)
            continue;
        name[strcspn(name, "\n")] = '\0';
        put_str(j, "cpu", name + 1 + (name[1] == ' '));
        break;
    }
    if (f)
        fclose(f);
}

static void put_context(struct gt_json *j, const struct gt_bench_report *r)
{
    char text[64];
    struct utsname u;
    time_t now = time(NULL);
    struct tm tm;
    gt_json_key(j, "context");
    gt_json_open(j, '{');
    if (gmtime_r(&now, &tm) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
        put_str(j, "date", text);
    if (gethostname(text, sizeof text) == 0) {
        text[sizeof text - 1] = '\0';
        put_str(j, "host_name", text);
    }
    put_str(j, "executable", GT_PROGRAM);
    put_str(j, "version", GT_VERSION);
    put_str(j, "preset", GT_PRESET);
    put_str(j, "compiler", __VERSION__);
    put_bool(j, "oracle", GT_ORACLE);
    if (uname(&u) == 0)
        put_str(j, "kernel", u.release);
    put_cpu(j);
    put_uint(j, "num_cpus", (uint64_t)gt_call_cpus());
    put_str(j, "tracer", r->env->tracer->head.name);
    put_uint(j, "seed", r->env->seed);
    put_uint(j, "repetitions", r->env->repetitions);
    put_uint(j, "parked", r->env->parked);
    put_num(j, "seconds", r->seconds);
    put_num(j, "foreign_cpu", r->foreign >= 0 ? r->foreign : NAN);
    put_bool(j, "complete", !r->stopped);
    gt_json_close(j, '}');
}

static void put_series(struct gt_json *j, const struct gt_series *s)
{
    put_num(j, "median", gt_series_median(s));
    put_num(j, "q1", gt_series_quantile(s, 0.25));
    put_num(j, "q3", gt_series_quantile(s, 0.75));
    gt_json_key(j, "samples");
    gt_json_open_line(j, '[');
    for (uint32_t i = 0; i < s->n; i++)
        gt_json_num(j, s->v[i]);
    gt_json_close(j, ']');
}

static void put_floor(struct gt_json *j, const char *key, const char *what,
                      const struct gt_series *s)
{
    if (s->n == 0)
        return;
    gt_json_key(j, key);
    gt_json_open(j, '{');
    put_str(j, "what", what);
    put_series(j, s);
    gt_json_close(j, '}');
}

static void put_targets(struct gt_json *j, const struct gt_figures *f, uint32_t column)
{
    static const char *const about[] = {"value", "over floor", "times floor"};
    static const char *const met[] = {NULL, "no", "target", "stretch"};
    put_str(j, "about", about[f->row->about]);
    put_bool(j, "paired", f->row->paired);
    put_num(j, "shown", gt_figure_shown(f, gt_series_median(&f->columns[column])));
    put_num(j, "target", f->row->target > 0 ? f->row->target : NAN);
    put_num(j, "stretch", f->row->stretch > 0 ? f->row->stretch : NAN);
    put_str(j, "met", met[gt_figure_met(f, column)]);
    if (f->row->bounded) {
        put_uint(j, "cas_count", f->row->cas);
        put_num(j, "bound", gt_figure_bound(f));
    }
}

static void put_column(struct gt_json *j, const struct gt_bench_report *r,
                       const struct gt_figures *f, uint32_t column)
{
    char name[128];
    const struct gt_series *s = &f->columns[column];
    const char *what = f->row->once ? NULL : gt_bench_column(r->env, f->row, column)->name;
    const char *scheduler = f->row->once         ? NULL
                            : f->row->by_tracer ? r->env->schedulers[0]->head.name
                                                : what;
    snprintf(name, sizeof name, "%s%s%s", f->row->name, what ? "/" : "", what ? what : "");
    gt_json_open(j, '{');
    put_str(j, "name", name);
    put_str(j, "run_type", "iteration");
    put_str(j, "row", f->row->name);
    put_str(j, "scheduler", scheduler);
    put_str(j, "tracer", f->row->by_tracer ? what : r->env->tracer->head.name);
    put_str(j, "syscalls", gt_syscalls_name(f->row->syscalls));
    put_uint(j, "procs", (uint64_t)f->row->procs);
    put_str(j, "bind",
            f->row->own_runtime && f->row->once ? NULL
                                                : gt_bind_name(gt_bench_bind(r->env, f->row)));
    put_uint(j, "repetitions", s->n);
    put_uint(j, "iterations", s->ops);
    put_num(j, "real_time", gt_series_median(s));
    put_str(j, "time_unit", f->row->unit);
    put_series(j, s);
    put_targets(j, f, column);
    if (s->n_crossed)
        put_num(j, "crossed", s->crossed / s->n_crossed);
    put_bool(j, "verified", !s->wrong && s->rc == 0 && !f->crashed);
    put_bool(j, "complete", !f->incomplete);
    put_str(j, "invalid_reason", s->why[0] ? s->why : f->why[0] ? f->why : NULL);
    put_floor(j, "floor", f->row->floor, &f->floor);
    put_floor(j, "cas", "a lock-prefixed compare-and-swap", &f->cas);
    gt_json_close(j, '}');
}

void gt_bench_print_json(FILE *f, const struct gt_bench_report *r)
{
    struct gt_json j;
    gt_json_start(&j, f);
    gt_json_open(&j, '{');
    put_context(&j, r);
    gt_json_key(&j, "benchmarks");
    gt_json_open(&j, '[');
    for (uint32_t i = 0; i < r->n_rows; i++) {
        const struct gt_figures *row = &r->rows[i];
        uint32_t columns = row->row ? gt_bench_columns(r->env, row->row) : 0;
        for (uint32_t c = 0; c < columns; c++)
            put_column(&j, r, row, c);
    }
    gt_json_close(&j, ']');
    gt_json_close(&j, '}');
    gt_json_end(&j);
}
