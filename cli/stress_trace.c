/* SPDX-License-Identifier: Apache-2.0 */
#include "stress_trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gauntlet/tracer.h"
#include "harness/tap.h"
#include "harness/trace_file.h"

/* ---- what is asked for ------------------------------------------------- */
static bool asks_for_trace(const struct gt_options *o)
{
    return o->trace || o->generation_ns >= 0 || o->header != 0 || o->profile_hz != 0;
}

static const struct gt_tracer_ops *first_tracer(uint64_t flags)
{
    const struct gt_plugin_head *h;
    for (size_t i = 0; (h = gt_plugin_builtin(GT_MAGIC_TRACER, i)) != NULL; i++)
        if ((h->flags & flags) == flags)
            return (const void *)h;
    return NULL;
}

const struct gt_tracer_ops *gt_traced_default(const struct gt_options *o)
{
    const struct gt_tracer_ops *t = NULL;
    if (asks_for_trace(o))
        t = first_tracer(GT_TRACER_CHECKABLE | GT_TRACER_GENERATIONS);
    if (!t && asks_for_trace(o))
        t = first_tracer(GT_TRACER_CHECKABLE);
    return t ? t : first_tracer(0);
}

int gt_traced_refuse(const struct gt_options *o, char *err, size_t size)
{
    for (uint32_t i = 0; asks_for_trace(o) && i < o->n_tracers; i++)
        if (!(o->tracers[i]->head.flags & GT_TRACER_CHECKABLE)) {
            snprintf(err, size,
                     "%s: the tracer %s writes no trace: use one that `list tracers` calls "
                     "checkable",
                     o->trace        ? "--trace"
                     : o->header     ? "--header"
                     : o->profile_hz ? "--profile"
                                     : "--generation",
                     o->tracers[i]->head.name);
            return -EINVAL;
        }
    return 0;
}

/* ---- where it goes ----------------------------------------------------- */
/* A pipe or a device, which has no folder for neighbours. */
static bool is_special(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

/* "dir/a.trace" and cell 3 of many: "dir/a-3.trace". */
static void number_path(char *out, size_t size, const char *path, uint32_t number)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    size_t n = dot && dot > (slash ? slash + 1 : path) ? (size_t)(dot - path) : strlen(path);
    snprintf(out, size, "%.*s-%u%s", (int)n, path, number, path + n);
}

void gt_traced_path(char *out, size_t size, const char *path, bool only, uint32_t number)
{
    if (only || is_special(path))
        snprintf(out, size, "%s", path);
    else
        number_path(out, size, path, number);
}

static void place(struct gt_traced_cell *t, const struct gt_options *o, bool only, uint32_t number)
{
    const char *temp = getenv("TMPDIR");
    snprintf(t->spare, sizeof t->spare, "%s/gauntlet-%d-%u.trace", temp && *temp ? temp : "/tmp",
             (int)getpid(), number);
    if (!o->trace && o->out)
        snprintf(t->path, sizeof t->path, "%s/cell-%u.trace", o->out, number);
    else if (!o->trace)
        memcpy(t->path, t->spare, sizeof t->path);
    else
        gt_traced_path(t->path, sizeof t->path, o->trace, only, number);
}

void gt_traced_cell_place(struct gt_traced_cell *t, const struct gt_options *o,
                          const struct gt_tracer_ops *tracer, uint32_t n_cells, uint32_t number)
{
    t->traced = !(tracer->head.flags & GT_TRACER_NULL);
    t->checkable = (tracer->head.flags & GT_TRACER_CHECKABLE) != 0;
    t->keep = o->trace != NULL;
    t->generation_ns = o->generation_ns;
    t->header = o->header;
    t->profile_hz = o->profile_hz;
    place(t, o, n_cells == 1, number);
    if (t->checkable && !o->trace && o->out)
        (void)mkdir(o->out, 0777); /* if it fails, opening the trace says why */
}

/* ---- the run, in the child --------------------------------------------- */
__attribute__((format(printf, 3, 4))) static void blame(struct gt_trace_report *r,
                                                        enum gt_exit status, const char *fmt, ...)
{
    va_list ap;
    if (r->why[0])
        return; /* the first reason stands */
    r->status = status;
    va_start(ap, fmt);
    vsnprintf(r->why, sizeof r->why, fmt, ap);
    va_end(ap);
}

/* Bytes that are worth keeping. */
static uint64_t judge_trace(struct gt_trace_report *r, struct gt_trace_file *f, int trace_rc)
{
    struct gt_judgement *j = &r->judgement;
    char err[200];
    uint64_t left;
    int rc = gt_trace_file_mend(f, &left);
    r->bytes += f->taken;
    r->refused += f->refused;
    r->error = f->error;
    if (f->error != 0)
        blame(r, GT_EXIT_BROKEN,
              "the trace is not whole: %s after %" PRIu64 " bytes; the first %" PRIu64
              " are a trace by themselves",
              strerror(-f->error), f->taken, left);
    else if (trace_rc != 0)
        blame(r, GT_EXIT_BROKEN, "the trace ended early: %s", strerror(-trace_rc));
    if (rc != 0)
        blame(r, GT_EXIT_BROKEN, "the trace cannot be cut back: %s", strerror(-rc));
    if (rc != 0 || (f->error != 0 && left == 0))
        return 0;
    rc = gt_judge(f->copy.fd, j, err, sizeof err);
    r->events += j->result.stats.events;
    r->generations += j->result.stats.generations;
    if (rc != 0)
        blame(r, rc == -EINVAL ? GT_EXIT_BAD : GT_EXIT_BROKEN, "the trace: %s", err);
    else if (j->result.inconsistencies != 0)
        blame(r, GT_EXIT_BAD, "%" PRIu64 " inconsistencies in the trace",
              j->result.inconsistencies);
    else if (j->result.stats.events == 0)
        blame(r, GT_EXIT_INCONCLUSIVE, "the trace holds no event");
    return left;
}

static void run_checked(const struct gt_traced_cell *t, struct gt_workload_cell *c,
                        struct gt_trace_options *options, struct gt_cell_outcome *o,
                        struct gt_trace_report *r)
{
    struct gt_trace_file f;
    int rc = gt_trace_file_open(&f, t->path, t->spare);
    if (rc != 0) {
        memset(o, 0, sizeof *o); /* nothing ran */
        r->error = rc;
        blame(r, GT_EXIT_BROKEN, "%.120s cannot be written: %s", t->path, strerror(-rc));
        return;
    }
    options->sink = &f.sink;
    gt_cell_run(c, o);
    bool ran = o->verdict != GT_CELL_SKIPPED && o->verdict != GT_CELL_ENVIRONMENT;
    uint64_t left = ran ? judge_trace(r, &f, o->trace_rc) : 0;
    bool wanted = (t->keep && f.direct.fd < 0) || r->status == GT_EXIT_BAD;
    r->in_spare = f.direct.fd >= 0;
    r->kept = left > 0 && wanted;
    rc = gt_trace_file_close(&f, r->kept);
    if (rc != 0)
        blame(r, GT_EXIT_BROKEN, "%.120s cannot be written: %s", t->path, strerror(-rc));
}

void gt_traced_cell_run(const struct gt_traced_cell *t, struct gt_workload_cell *c,
                        struct gt_cell_outcome *o, struct gt_trace_report *r)
{
    struct gt_trace_options options = {
        .period_ns = t->generation_ns, .header = t->header, .profile_hz = t->profile_hz};
    c->trace = t->traced ? &options : NULL;
    if (t->checkable)
        run_checked(t, c, &options, o, r);
    else
        gt_cell_run(c, o);
    c->trace = NULL;
}

/* ---- TAP --------------------------------------------------------------- */
void gt_trace_report_print(FILE *tap, const struct gt_traced_cell *t,
                           const struct gt_trace_report *r)
{
    char text[1024];
    if (!t->traced)
        return;
    if (!t->checkable) {
        fprintf(tap, "  inconsistencies: not checkable\n");
        return;
    }
    fprintf(tap,
            "  events: %" PRIu64 "\n  generations: %" PRIu64 "\n  trace_bytes: %" PRIu64 "\n",
            r->events, r->generations, r->bytes);
    if (r->error)
        fprintf(tap, "  trace_bytes_refused: %" PRIu64 "\n", r->refused);
    fprintf(tap, "  inconsistencies: [%s]\n",
            gt_judge_classes(&r->judgement, text, sizeof text));
    for (uint32_t i = 0; i < r->judgement.n_findings; i++) {
        snprintf(text, sizeof text, "finding_%u", i + 1);
        gt_tap_quoted(tap, text, r->judgement.findings[i]);
    }
    if (r->kept)
        gt_tap_quoted(tap, "trace", r->in_spare ? t->spare : t->path);
}
