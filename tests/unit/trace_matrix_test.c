/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: workloads labels=full,reduced timeout=900 serial campaign */
/*
 * Every workload on every scheduler under both syscall models, traced by every tracer whose
 * trace can be checked; those with generations change them continuously, and every
 * millisecond. All but the continuous ones take CPU samples, which interrupt anything. A cell
 * passes when the workload does, its trace has no inconsistency by the strict rules, and the
 * trace holds at least the events that the table below promises.
 * Where Go is installed its own reader must accept the same traces (release only).
 *
 *   GT_MATRIX_OPS      operations of each cell (2,000; fewer under sanitizers; times ten for
 *                      workloads whose operations are short, so that generations come and go)
 *   GT_MATRIX_SECONDS  go on with new seeds for about so long (default: once)
 *   GT_MATRIX_FILTER   only cells whose name fits this extended regular expression
 *   GT_MATRIX_KEEP     keep the traces in this folder
 *   GT_SEED            the first seed (default: drawn)
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "common/cell.h"
#include "common/child.h"
#include "common/registry.h"
#include "common/rng.h"
#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"
#include "tap.h"

#include "harness/judge.h"
#include "trace_matrix_extra.h"

#if GT_TSAN
enum { OPS = 200, GS = 500, LIMIT_S = 300, EVERY = 3 }; /* a third of the cells: the seed's */
#elif GT_ASAN
enum { OPS = 500, GS = 1000, LIMIT_S = 180, EVERY = 2 };
#else
enum { OPS = 2000, GS = 4000, LIMIT_S = 60, EVERY = 1 };
#endif
enum { DUMP_S = 5, NAME = 128, PROCS = 4 };
#define S 1000000000ll
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* ---- what a trace holds at least ----------------------------------------------------- */
struct least {
    const char *workload; /* NULL: each */
    uint8_t event;
    uint32_t per_mille; /* of the operations done */
    uint32_t at_least;  /* and so many in any case */
};
static const struct least leasts[] = {
    {NULL, GT_EV_PROC_STATUS, 0, 1},
    {NULL, GT_EV_GO_STATUS, 0, 1},
    {NULL, GT_EV_PROCS_CHANGE, 0, 1},
    {NULL, GT_EV_STW_BEGIN, 0, 1},
    {NULL, GT_EV_STW_END, 0, 1},
    {NULL, GT_EV_GO_START, 0, 1},
    {"spawn-join", GT_EV_GO_CREATE, 1000, 1},
    {"spawn-join", GT_EV_GO_DESTROY, 1000, 1},
    {"spawn-join", GT_EV_GO_START, 1000, 1},
    {"yield", GT_EV_GO_STOP, 1000, 1},
    {"yield", GT_EV_GO_START, 1000, 1},
    {"pingpong", GT_EV_GO_BLOCK, 1000, 1},
    {"pingpong", GT_EV_GO_UNBLOCK, 1000, 1},
    {"pingpong", GT_EV_GO_CREATE, 0, 2},
    {"fanout", GT_EV_GO_CREATE, 0, 2},
    {"fanout", GT_EV_GO_BLOCK, 0, 1},
    {"fanout", GT_EV_GO_UNBLOCK, 0, 1},
    {"forkjoin", GT_EV_GO_CREATE, 990, 1},
    {"forkjoin", GT_EV_GO_DESTROY, 990, 1},
    {"mutex", GT_EV_GO_CREATE, 0, PROCS},
    {"mutex", GT_EV_GO_STOP, 0, 1},
    {"syscall-storm", GT_EV_GO_SYSCALL_BEGIN, 1000, 1},
    {"syscall-storm", GT_EV_GO_SYSCALL_END, 500, 1},
    {"syscall-storm", GT_EV_GO_SYSCALL_END_BLOCKED, 1, 1},
    {"netpoll-echo", GT_EV_GO_CREATE, 0, 2},
    {"netpoll-echo", GT_EV_GO_BLOCK, 0, 1},
    {"netpoll-echo", GT_EV_GO_UNBLOCK, 0, 1},
    {"timers", GT_EV_GO_BLOCK, 0, 1},
    {"timers", GT_EV_GO_UNBLOCK, 0, 1},
    {"procs-churn", GT_EV_PROCS_CHANGE, 0, 2},
    {"procs-churn", GT_EV_STW_BEGIN, 0, 2},
    {"procs-churn", GT_EV_PROC_START, 0, 1},
    {"procs-churn", GT_EV_PROC_STOP, 0, 1},
    {"million", GT_EV_GO_CREATE, 900, 1},
    {"million", GT_EV_GO_BLOCK, 900, 1},
    {"million", GT_EV_GO_UNBLOCK, 900, 1},
    {"callback", GT_EV_GO_CREATE_SYSCALL, 0, 1},
    {"callback", GT_EV_GO_DESTROY_SYSCALL, 0, 1},
    {"callback", GT_EV_GO_SYSCALL_END_BLOCKED, 0, 1},
    {"gc-trees", GT_EV_GC_BEGIN, 0, 2},
    {"gc-trees", GT_EV_GC_END, 0, 2},
    {"gc-trees", GT_EV_GC_SWEEP_BEGIN, 0, 1},
    {"gc-trees", GT_EV_GC_SWEEP_END, 0, 1},
    {"gc-trees", GT_EV_STW_BEGIN, 0, 4},
    {"gc-trees", GT_EV_HEAP_ALLOC, 0, 1},
    {"gc-trees", GT_EV_HEAP_GOAL, 0, 1},
    {"gc-trees", GT_EV_GO_LABEL, 0, 1},
    {"gc-stop", GT_EV_GC_BEGIN, 0, 1},
    {"gc-stop", GT_EV_GC_END, 0, 1},
    {"gc-stop", GT_EV_STW_BEGIN, 0, 20},
    {"gc-stop", GT_EV_STW_END, 0, 20},
    {"annotated-coroutines", GT_EV_GO_SWITCH, 900, 1},
    {"annotated-coroutines", GT_EV_GO_SWITCH_DESTROY, 0, 1},
    {"annotated-coroutines", GT_EV_GO_CREATE_BLOCKED, 0, 1},
    {"annotated-coroutines", GT_EV_USER_TASK_BEGIN, 0, 1},
    {"annotated-coroutines", GT_EV_USER_TASK_END, 0, 1},
    {"annotated-coroutines", GT_EV_USER_REGION_BEGIN, 0, 1},
    {"annotated-coroutines", GT_EV_USER_REGION_END, 0, 1},
    {"annotated-coroutines", GT_EV_USER_LOG, 0, 1},
    {"annotated-coroutines", GT_EV_GO_LABEL, 0, 1},
};

/* The first promise that was not kept; NULL: all were. */
static const struct least *missing(const char *workload, uint64_t ops,
                                   const struct gt_check_stats *s)
{
    for (size_t i = 0; i < COUNT(leasts); i++) {
        const struct least *l = &leasts[i];
        if (l->workload && strcmp(l->workload, workload) != 0)
            continue;
        uint64_t n = s->by_event[l->event];
        if (n < l->at_least || n < ops * l->per_mille / 1000)
            return l;
    }
    return NULL;
}

/* ---- the cells ----------------------------------------------------------------------- */
struct matrix {
    const char *program;
    uint64_t ops;
    uint64_t seed; /* of the pass */
    int64_t end;   /* 0: one pass */
    bool filtered;
    regex_t filter;
    char folder[256]; /* of the traces; "" none are kept */
    int n_kept;
};

/* A tracer and a period of its generations. */
struct tracing {
    const struct gt_tracer_ops *tracer;
    int64_t period_ns;
    const char *name;
};

/* The i-th; false past the end. */
static bool tracing_at(size_t i, struct tracing *t)
{
    static const struct tracing periods[] = {{NULL, 0, "continuous"}, {NULL, 1000000, "1ms"}};
    const struct gt_plugin_head *h;
    for (size_t k = 0; (h = gt_plugin_builtin(GT_MAGIC_TRACER, k)) != NULL; k++) {
        size_t n = h->flags & GT_TRACER_GENERATIONS ? COUNT(periods) : 1;
        if (!(h->flags & GT_TRACER_CHECKABLE))
            continue;
        if (i < n) {
            *t = n == 1 ? (struct tracing){.period_ns = -1, .name = "whole"} : periods[i];
            t->tracer = (const void *)h;
            return true;
        }
        i -= n;
    }
    return false;
}

static uint64_t times(const char *workload)
{
    static const char *const brief[] = {"spawn-join", "yield",         "pingpong", "fanout",
                                        "mutex",      "syscall-storm", "timers",   "forkjoin",
                                        "annotated-coroutines"};
    for (size_t i = 0; i < COUNT(brief); i++)
        if (strcmp(brief[i], workload) == 0)
            return 10;
    return 1;
}

struct cell {
    struct gt_workload_cell run;
    struct gt_trace_options trace;
    char name[NAME];
    char path[512]; /* of the trace; "" it is not kept */
};

static size_t count_schedulers(void)
{
    size_t n = 0;
    while (gt_plugin_builtin(GT_MAGIC_SCHEDULER, n))
        n++;
    return n;
}

static const struct gt_workload_ops *workload_at(size_t i)
{
    size_t n = 0;
    while (gt_workload_at(n))
        n++;
    return i < n ? gt_workload_at(i) : i == n ? &annotated_coroutines : NULL;
}

/* The i-th cell of a pass; false past the end. Tracings innermost. */
static bool cell_at(const struct matrix *m, size_t i, struct cell *c)
{
    static const enum gt_syscall_model models[] = {GT_SYSCALLS_STATUS, GT_SYSCALLS_SCANBIT};
    struct tracing t;
    size_t n_tracings = 0, n_schedulers = count_schedulers();
    while (tracing_at(n_tracings, &t))
        n_tracings++;
    memset(c, 0, sizeof *c);
    if (n_tracings == 0)
        return false;
    gt_config_init(&c->run.config);
    (void)tracing_at(i % n_tracings, &t);
    i /= n_tracings;
    c->run.config.syscalls = models[i % COUNT(models)];
    i /= COUNT(models);
    c->run.config.scheduler = (const void *)gt_plugin_builtin(GT_MAGIC_SCHEDULER, i % n_schedulers);
    c->run.workload = workload_at(i / n_schedulers);
    if (!c->run.workload)
        return false;
    c->run.ops = &gt_gmp;
    c->run.n = m->ops * times(c->run.workload->head.name);
    c->run.gs = GS;
    c->run.seed = c->run.config.seed = m->seed;
    c->run.deadline_ns = LIMIT_S * S;
    c->run.config.tracer = t.tracer;
    c->run.config.procs = PROCS;
    c->trace.period_ns = t.period_ns;
    c->trace.raw_stacks = t.period_ns == 0; /* as many generations as can be */
    c->trace.profile_hz = t.period_ns == 0 || GT_TSAN ? 0 : 1000; /* interrupted anywhere */
    snprintf(c->name, sizeof c->name, "%s/%s/%s/%s/%s", c->run.workload->head.name,
             c->run.config.scheduler->head.name,
             c->run.config.syscalls == GT_SYSCALLS_STATUS ? "status" : "scanbit",
             t.tracer->head.name, t.name);
    return true;
}

static bool is_wanted(const struct matrix *m, size_t i, const struct cell *c)
{
    if (m->filtered)
        return regexec(&m->filter, c->name, 0, NULL, 0) == 0;
    return EVERY == 1 || gt_rng_mix(m->seed + i) % EVERY == 0;
}

static void place_trace(const struct matrix *m, struct cell *c)
{
    if (!m->folder[0])
        return;
    int n = snprintf(c->path, sizeof c->path, "%s/", m->folder);
    snprintf(c->path + n, sizeof c->path - (size_t)n, "%s.trace", c->name);
    for (char *at = c->path + n; *at; at++)
        if (*at == '/')
            *at = '-';
}

/* ---- in the child -------------------------------------------------------------------- */
struct seen {
    struct gt_cell_outcome outcome;
    struct gt_judgement judgement;
    int rc; /* of reading the trace */
    char err[200];
};

static int64_t write_fd(void *arg, const void *data, size_t n)
{
    int fd = *(const int *)arg;
    for (size_t done = 0; done < n;) {
        ssize_t w = write(fd, (const char *)data + done, n - done);
        if (w < 0 && errno != EINTR)
            return -errno;
        done += w > 0 ? (size_t)w : 0;
    }
    return (int64_t)n;
}

static void in_child(int fd, void *arg)
{
    struct cell *c = arg;
    struct seen *s = calloc(1, sizeof *s);
    int file = c->path[0] ? open(c->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)
                          : memfd_create("trace", MFD_CLOEXEC);
    struct gt_trace_sink sink = {.write = write_fd, .arg = &file};
    if (!s || file < 0)
        _exit(1);
    c->trace.sink = &sink;
    c->run.trace = &c->trace;
    gt_cell_run(&c->run, &s->outcome);
    s->rc = gt_judge(file, &s->judgement, s->err, sizeof s->err);
    (void)gt_child_send(fd, s, sizeof *s);
    close(file);
    free(s);
}

/* ---- verdicts ------------------------------------------------------------------------ */
/* "" fine; else what is wrong. */
static void find_fault(const struct cell *c, const struct seen *s, char *why, size_t size)
{
    const struct gt_check_result *r = &s->judgement.result;
    why[0] = '\0';
    const struct least *l = missing(c->run.workload->head.name, s->outcome.result.ops, &r->stats);
    if (s->outcome.verdict != GT_CELL_OK)
        snprintf(why, size, "%s: %s", gt_cell_verdict_name(s->outcome.verdict), s->outcome.why);
    else if (s->outcome.trace_rc != 0)
        snprintf(why, size, "the trace ended early: %s", strerror(-s->outcome.trace_rc));
    else if (s->rc != 0)
        snprintf(why, size, "the trace: %s", s->err);
    else if (r->inconsistencies != 0 || !r->accepted)
        snprintf(why, size, "%" PRIu64 " inconsistencies: %s", r->inconsistencies,
                 s->judgement.findings[0]);
    else if (l)
        snprintf(why, size, "%" PRIu64 " %s for %" PRIu64 " operations: too few",
                 r->stats.by_event[l->event], gt_ev_name(l->event), s->outcome.result.ops);
}

static void say_how_to_replay(const struct matrix *m, const struct cell *c)
{
    diag("seed: %" PRIu64, m->seed);
    diag("replay: GT_SEED=%" PRIu64 " GT_MATRIX_OPS=%" PRIu64 " GT_MATRIX_FILTER='^%s$' "
         "GT_MATRIX_KEEP=. %s",
         m->seed, m->ops, c->name, m->program);
}

static void run_cell(struct matrix *m, struct cell *c)
{
    static struct seen s;
    struct gt_child child;
    char why[1024];
    int64_t start = gt_child_clock(), deadline = start + c->run.deadline_ns + DUMP_S * S;
    place_trace(m, c);
    if (gt_child_start(&child, in_child, c) != 0)
        bail_out("no child process can be made");
    int got = gt_child_read(&child, &s, sizeof s, deadline, NULL);
    struct gt_child_end end = gt_child_finish(&child, deadline);
    bool ended = got == 1 && end.how == GT_CHILD_EXITED && end.code == 0;
    if (ended && s.outcome.verdict == GT_CELL_SKIPPED) {
        skip(1, "%s: %s", c->name, s.outcome.why);
        return;
    }
    m->n_kept += c->path[0] != '\0';
    if (ended)
        find_fault(c, &s, why, sizeof why);
    else
        gt_child_describe(end, why, sizeof why);
    const struct gt_check_stats *st = &s.judgement.result.stats;
    if (ok(why[0] == '\0', "%s: %" PRIu64 " events, %" PRIu64 " generations, %.2f s", c->name,
           ended ? st->events : 0, ended ? st->generations : 0,
           (double)(gt_child_clock() - start) / 1e9))
        return;
    diag("why: %s", why);
    say_how_to_replay(m, c);
}

/* ---- Go's reader --------------------------------------------------------------------- */
/* Runs a command; *accepted of its *lines say that a trace was accepted. Its status. */
static int ask(const char *command, int *lines, int *accepted)
{
    char line[4096];
    FILE *f = popen(command, "r");
    *lines = *accepted = 0;
    while (f && fgets(line, sizeof line, f)) {
        bool yes = strstr(line, "\"verdict\":\"accepted\"") != NULL;
        ++*lines;
        *accepted += yes;
        if (!yes)
            diag("%s", line);
    }
    return f ? pclose(f) : -1;
}

/* A command that runs in the shell with what the conformance tests share. */
static void with_go(char *command, size_t size, const char *what)
{
    snprintf(command, size,
             "exec bash -c 'source_dir=$GT_SOURCE_DIR build=$GT_BUILD_DIR; "
             "source \"$source_dir/tests/conformance/lib.sh\"; %s'",
             what);
}

static void ask_go(const struct matrix *m)
{
    char what[512], command[1024];
    int lines, accepted;
    snprintf(what, sizeof what, "build_verdict && \"$tools/verdict\" \"%s\"/*.trace", m->folder);
    with_go(command, sizeof command, what);
    int status = ask(command, &lines, &accepted);
    ok(status == 0 && accepted == m->n_kept && lines == m->n_kept,
       "Go's reader accepts %d of %d traces", accepted, m->n_kept);
    if (status != 0)
        diag("status %d", status);
}

/* Why Go's reader cannot be asked; "": it can. */
static void why_not_go(char *why, size_t size)
{
    const char *preset = getenv("GT_PRESET");
    char command[512];
    snprintf(why, size, "only in the release preset");
    if (!getenv("GT_SOURCE_DIR") || !getenv("GT_BUILD_DIR") || !preset ||
        strcmp(preset, "release") != 0)
        return;
    with_go(command, sizeof command, "go_missing");
    FILE *f = popen(command, "r");
    if (!f || !fgets(why, (int)size, f))
        why[0] = '\0';
    why[strcspn(why, "\n")] = '\0';
    if (f && pclose(f) != 0)
        snprintf(why, size, "tests/conformance/lib.sh fails");
}

/* ---- passes -------------------------------------------------------------------------- */
static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    char *end;
    if (!text || !*text)
        return otherwise;
    uint64_t v = strtoull(text, &end, 0);
    if (*end != '\0')
        bail_out("%s=%s is no number", name, text);
    return v;
}

static void read_environment(struct matrix *m)
{
    const char *filter = getenv("GT_MATRIX_FILTER"), *keep = getenv("GT_MATRIX_KEEP");
    uint64_t seconds = number("GT_MATRIX_SECONDS", 0);
    m->ops = number("GT_MATRIX_OPS", OPS);
    m->seed = number("GT_SEED", (uint64_t)time(NULL));
    m->end = seconds ? gt_child_clock() + (int64_t)seconds * S : 0;
    m->filtered = filter && *filter;
    if (m->filtered && regcomp(&m->filter, filter, REG_EXTENDED | REG_NOSUB) != 0)
        bail_out("GT_MATRIX_FILTER=%s is no regular expression", filter);
    snprintf(m->folder, sizeof m->folder, "%s", keep ? keep : "");
}

static int count_wanted(const struct matrix *m)
{
    struct cell c;
    int n = 0;
    for (size_t i = 0; cell_at(m, i, &c); i++)
        n += is_wanted(m, i, &c);
    return n;
}

static void run_pass(struct matrix *m)
{
    struct cell c;
    for (size_t i = 0; cell_at(m, i, &c); i++) {
        if (m->end && gt_child_clock() > m->end)
            return;
        if (is_wanted(m, i, &c))
            run_cell(m, &c);
    }
}

static void run_once(struct matrix *m)
{
    const char *temp = getenv("TMPDIR");
    char command[512], no_go[256];
    why_not_go(no_go, sizeof no_go);
    bool own_folder = !no_go[0] && !m->folder[0];
    if (own_folder) {
        snprintf(m->folder, sizeof m->folder, "%s/gauntlet-matrix-XXXXXX",
                 temp && *temp ? temp : "/tmp");
        if (!mkdtemp(m->folder))
            bail_out("no folder for traces: %s", strerror(errno));
    }
    plan(count_wanted(m) + 1);
    diag("seed %" PRIu64 ", %" PRIu64 " operations a cell", m->seed, m->ops);
    run_pass(m);
    if (no_go[0])
        skip(1, "Go's reader: %s", no_go);
    else
        ask_go(m);
    snprintf(command, sizeof command, "rm -rf '%s'", m->folder);
    if (own_folder && system(command) != 0)
        diag("%s stays", m->folder);
}

int main(int argc, char **argv)
{
    static struct matrix m;
    struct tracing t;
    m.program = argc > 0 ? argv[0] : "trace_matrix_test";
    read_environment(&m);
    if (!tracing_at(0, &t))
        skip_all("no tracer here writes a trace that can be checked");
    if (count_wanted(&m) == 0)
        bail_out("no cell fits GT_MATRIX_FILTER");
    if (!m.end)
        run_once(&m);
    while (m.end && gt_child_clock() < m.end) {
        diag("seed %" PRIu64 ", %" PRIu64 " operations a cell", m.seed, m.ops);
        run_pass(&m);
        m.seed = gt_rng_mix(m.seed + 1) >> 16;
    }
    return done_testing();
}
