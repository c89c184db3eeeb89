/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stress of workloads alone: x schedulers x tracers x syscall models x numbers of Ps, a child
 * process each, as TAP 13. What is checked is what each workload checks about itself, that no G
 * is left, the runtime's own rules (oracle build), and the trace, if the tracer writes one
 * that can be checked.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "common/cell.h"
#include "common/child.h"
#include "common/registry.h"
#include "common/rng.h"
#include "gauntlet/atomic.h"
#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"
#include "harness/tap.h"
#include "harness/trace_file.h"
#include "options.h"
#include "stress_trace.h"
#include "stress_verb.h"

#define S 1000000000ll
#define CELL_TIMEOUT (GT_TSAN || GT_ASAN ? 600 * S : 60 * S)
#define AFTER_TIMEOUT (5 * S)   /* for the dump */
#define CHECK_TIMEOUT (120 * S) /* for reading the trace */
#define WORKLOADS_MAX 64

struct plan {
    struct gt_options o;
    const struct gt_workload_ops *workloads[WORKLOADS_MAX];
    uint32_t n_workloads;
    uint32_t n_cells;
    uint32_t n_each; /* cells of one workload, on all runtimes */
    FILE *tap; /* into text; what is new goes to standard output point by point */
    char *text;
    size_t size, shown;
};

/* What a child reports: the first cell that failed, or the sum of all. */
struct report {
    struct gt_cell_outcome outcome;
    uint64_t seed; /* of the outcome's round */
    uint64_t rounds, ops;
    int64_t ns;
    struct gt_trace_report trace;
};

struct task {
    const struct plan *plan;
    struct gt_workload_cell cell;
    int64_t budget_ns; /* 0: one round */
    struct gt_traced_cell trace;
};

/* ---- what to run ------------------------------------------------------- */
static int choose_workloads(struct plan *p, char *err, size_t size)
{
    for (int i = 0; i < p->o.n_args && p->n_workloads < WORKLOADS_MAX; i++) {
        const struct gt_workload_ops *w = gt_workload_find(p->o.args[i], err, size);
        if (!w)
            return -EINVAL;
        p->workloads[p->n_workloads++] = w;
    }
    for (size_t i = 0; p->o.n_args == 0 && gt_workload_at(i) && i < WORKLOADS_MAX; i++)
        p->workloads[p->n_workloads++] = gt_workload_at(i);
    return 0;
}

/* Fills in what was not given. */
static void fill_in(struct gt_options *o)
{
    const struct gt_plugin_head *h;
    bool all = o->n_schedulers == 0;
    while (all && o->n_schedulers < GT_LIST_MAX &&
           (h = gt_plugin_builtin(GT_MAGIC_SCHEDULER, o->n_schedulers)) != NULL)
        o->schedulers[o->n_schedulers++] = (const void *)h;
    if (o->n_tracers == 0)
        o->tracers[o->n_tracers++] = gt_traced_default(o);
    if (o->n_syscalls == 0)
        o->syscalls[o->n_syscalls++] = GT_SYSCALLS_SCANBIT;
    if (o->n_procs == 0)
        o->procs[o->n_procs++] = 2;
    if (o->n_runtimes == 0)
        o->runtimes[o->n_runtimes++] = o->runtime;
}

/* A peer brings its own scheduler, tracer and way of system calls. */
static bool is_peer(const struct gt_runtime_ops *ops)
{
    return !(ops->head.flags & GT_RT_PLUGINS);
}

static uint32_t cells_on(const struct gt_options *o, const struct gt_runtime_ops *ops)
{
    return is_peer(ops) ? o->n_procs
                        : o->n_procs * o->n_schedulers * o->n_tracers * o->n_syscalls;
}

static void count_cells(struct plan *p)
{
    for (uint32_t i = 0; i < p->o.n_runtimes; i++)
        p->n_each += cells_on(&p->o, p->o.runtimes[i]);
    p->n_cells = p->n_workloads * p->n_each;
}

/* The i-th cell: workloads outermost, then runtimes, Ps innermost. */
static struct task cell_at(const struct plan *p, uint32_t i)
{
    const struct gt_options *o = &p->o;
    const struct gt_runtime_ops *const *runtime = o->runtimes;
    uint32_t number = i + 1;
    struct task t = {.plan = p};
    t.cell.workload = p->workloads[i / p->n_each];
    for (i %= p->n_each; i >= cells_on(o, *runtime); runtime++)
        i -= cells_on(o, *runtime);
    t.cell.ops = *runtime;
    gt_config_init(&t.cell.config);
    t.cell.config.procs = o->procs[i % o->n_procs];
    i /= o->n_procs;
    t.cell.config.syscalls = o->syscalls[i % o->n_syscalls];
    i /= o->n_syscalls;
    t.cell.config.tracer = o->tracers[i % o->n_tracers];
    i /= o->n_tracers;
    t.cell.config.scheduler = o->schedulers[i % o->n_schedulers];
    if (is_peer(t.cell.ops))
        t.cell.config.tracer = (const void *)gt_plugin_builtin(GT_MAGIC_TRACER, 0); /* none */
    t.cell.config.bind = o->bind;
    t.cell.config.seed = o->seed;
    t.cell.config.check_owner = o->check_owner;
    t.cell.config.gc = o->gc;
    t.cell.seed = o->seed;
    t.cell.n = o->ops;
    t.cell.gs = o->gs;
    t.budget_ns = o->duration_ns ? o->duration_ns / (int64_t)p->n_cells + 1 : 0;
    t.cell.deadline_ns = CELL_TIMEOUT + 2 * t.budget_ns;
    gt_traced_cell_place(&t.trace, o, t.cell.config.tracer, p->n_cells, number);
    return t;
}

/* ---- in the child ------------------------------------------------------ */
static void child_main(int fd, void *arg)
{
    struct task *t = arg;
    (void)signal(SIGPIPE, SIG_IGN); /* a pipe's reader that leaves is an error of the trace */
    struct report r = {.seed = t->cell.seed};
    int64_t start = gt_child_clock();
    for (uint64_t seed = t->cell.seed;; seed = gt_rng_mix(seed + 1) >> 16) {
        t->cell.seed = t->cell.config.seed = r.seed = seed;
        gt_traced_cell_run(&t->trace, &t->cell, &r.outcome, &r.trace);
        r.rounds++;
        r.ops += r.outcome.result.ops;
        r.ns = gt_child_clock() - start;
        if (r.outcome.verdict != GT_CELL_OK || r.trace.status != GT_EXIT_OK ||
            r.ns >= t->budget_ns)
            break;
    }
    (void)gt_child_send(fd, &r, sizeof r);
}

/* ---- TAP --------------------------------------------------------------- */
static void print_title(const struct plan *p, const struct task *t)
{
    const struct gt_workload_cell *c = &t->cell;
    if (is_peer(c->ops)) {
        fprintf(p->tap, "%s %s procs=%d", c->workload->head.name, c->ops->head.name,
                c->config.procs);
        return;
    }
    fprintf(p->tap, "%s ", c->workload->head.name);
    if (c->ops != &gt_gmp)
        fprintf(p->tap, "%s ", c->ops->head.name);
    fprintf(p->tap, "%s %s %s procs=%d", c->config.scheduler->head.name,
            c->config.tracer->head.name, gt_syscalls_name(c->config.syscalls), c->config.procs);
}

static void print_replay(const struct plan *p, const struct task *t, uint64_t seed)
{
    const struct gt_workload_cell *c = &t->cell;
    fprintf(p->tap, "  replay: \"%s stress %s", GT_PROGRAM, gt_plugin_typed(&c->workload->head));
    if (c->ops != &gt_gmp)
        fprintf(p->tap, " --runtime=%s", c->ops->head.name);
    if (!is_peer(c->ops))
        fprintf(p->tap, " --scheduler=%s --tracer=%s --syscalls=%s",
                gt_plugin_typed(&c->config.scheduler->head),
                gt_plugin_typed(&c->config.tracer->head), gt_syscalls_name(c->config.syscalls));
    fprintf(p->tap, " --procs=%d --bind=%s --seed=%" PRIu64, c->config.procs,
            gt_bind_name(c->config.bind), seed);
    if (c->n)
        fprintf(p->tap, " --ops=%" PRIu64, c->n);
    if (c->gs)
        fprintf(p->tap, " --gs=%u", c->gs);
    if (is_peer(c->ops)) {
        fprintf(p->tap, "\"\n");
        return;
    }
    if (c->config.check_owner)
        fprintf(p->tap, " --check-owner");
    gt_options_print_gc(p->tap, &c->config.gc);
    if (p->o.generation_ns == 0)
        fprintf(p->tap, " --generation=continuous");
    else if (p->o.generation_ns > 0)
        fprintf(p->tap, " --generation=%" PRId64 "ns", p->o.generation_ns);
    if (p->o.header)
        fprintf(p->tap, " --header=1.%u", p->o.header % 100);
    if (p->o.profile_hz)
        fprintf(p->tap, " --profile=%u", p->o.profile_hz);
    fprintf(p->tap, "\"\n");
}

static void print_counts(const struct plan *p, const struct gt_runtime_stats *s)
{
    fprintf(p->tap,
            "  counts: [switches=%" PRIu64 ", retaken=%" PRIu64 ", preempted=%" PRIu64
            ", handoffs=%" PRIu64 ", world_stops=%" PRIu64 ", procs_changes=%" PRIu64
            ", callbacks=%" PRIu64 ", threads=%" PRIu64 "]\n",
            s->switches, s->retaken, s->preempted, s->handoffs, s->world_stops, s->procs_changes,
            s->callbacks, s->ms_started);
}

/* The collector's stops, when there were any. */
static void print_pauses(const struct plan *p, const struct gt_gc_stats *s)
{
    static const char *const phases[GT_GC_STOPS] = {"sweep_term", "mark_term"};
    if (s->cycles == 0)
        return;
    fprintf(p->tap, "  gc_cycles: %" PRIu64 "\n", s->cycles);
    for (int i = 0; i < GT_GC_STOPS; i++)
        fprintf(p->tap,
                "  gc_%s_ns: [asked_p50=%" PRId64 ", asked_p99=%" PRId64 ", asked_max=%" PRId64
                ", stopped_p50=%" PRId64 ", stopped_p99=%" PRId64 ", stopped_max=%" PRId64 "]\n",
                phases[i], s->asked[i].p50, s->asked[i].p99, s->asked[i].max, s->stopped[i].p50,
                s->stopped[i].p99, s->stopped[i].max);
}

static void print_point(const struct plan *p, const struct task *t, uint32_t number,
                        const struct report *r, const char *why)
{
    const struct gt_cell_outcome *o = &r->outcome;
    bool skipped = o->verdict == GT_CELL_SKIPPED;
    bool passed = o->verdict == GT_CELL_OK && r->trace.status == GT_EXIT_OK;
    fprintf(p->tap, "%s %u - ", skipped || passed ? "ok" : "not ok", number);
    print_title(p, t);
    if (skipped) {
        fprintf(p->tap, " # SKIP %s\n", o->why);
        return;
    }
    fprintf(p->tap, "\n  ---\n");
    if (!passed)
        gt_tap_quoted(p->tap, "why", why);
    fprintf(p->tap, "  seed: %" PRIu64 "\n", r->seed);
    print_replay(p, t, r->seed);
    fprintf(p->tap, "  runtime: %s\n", t->cell.ops->head.name);
    if (!is_peer(t->cell.ops))
        fprintf(p->tap, "  scheduler: %s\n  tracer: %s\n  syscalls: %s\n",
                t->cell.config.scheduler->head.name, t->cell.config.tracer->head.name,
                gt_syscalls_name(t->cell.config.syscalls));
    gt_tap_quoted(p->tap, "checks", t->cell.workload->checks);
    fprintf(p->tap, "  operations: %" PRIu64 "\n", r->ops);
    gt_tap_quoted(p->tap, "unit", t->cell.workload->unit);
    fprintf(p->tap,
            "  rounds: %" PRIu64 "\n  violations: %" PRIu64 "\n  unowned-stack: %" PRIu64
            "\n  duration: %.3fs\n",
            r->rounds, o->stats.violations, o->stats.unowned_stacks, (double)r->ns / 1e9);
    gt_trace_report_print(p->tap, &t->trace, &r->trace);
    print_counts(p, &o->stats);
    print_pauses(p, &o->gc);
    fprintf(p->tap, "  ...\n");
}

static void show(struct plan *p)
{
    fflush(p->tap);
    fwrite(p->text + p->shown, 1, p->size - p->shown, stdout);
    p->shown = p->size;
    fflush(stdout);
}

/* ---- running ----------------------------------------------------------- */
static enum gt_exit status_of(const struct gt_cell_outcome *o)
{
    switch (o->verdict) {
    case GT_CELL_OK:
    case GT_CELL_SKIPPED:
        return GT_EXIT_OK;
    case GT_CELL_ENVIRONMENT:
        return GT_EXIT_VOID;
    case GT_CELL_INTERRUPTED:
        return GT_EXIT_BROKEN;
    case GT_CELL_FAILED:
        if (gt_cell_is_environment(o->rc))
            return GT_EXIT_VOID;
        return o->rc == -ENOMEM || o->rc == -EAGAIN ? GT_EXIT_BROKEN : GT_EXIT_BAD;
    case GT_CELL_WRONG:
    case GT_CELL_LEFT:
    case GT_CELL_VIOLATIONS:
        break;
    }
    return GT_EXIT_BAD;
}

/* Runs one cell. *interrupted: we were asked to stop, nothing was learnt. */
static enum gt_exit run_cell(const struct plan *p, struct task *t, uint32_t number,
                             bool *interrupted)
{
    struct gt_child child;
    struct report r = {.seed = t->cell.seed};
    char why[160];
    int rc = gt_child_start(&child, child_main, t);
    if (rc != 0) {
        snprintf(why, sizeof why, "no child process: %s", strerror(-rc));
        r.outcome.verdict = GT_CELL_FAILED;
        print_point(p, t, number, &r, why);
        return GT_EXIT_BROKEN;
    }
    int64_t deadline = gt_child_clock() + t->cell.deadline_ns + AFTER_TIMEOUT +
                       (t->trace.checkable ? CHECK_TIMEOUT : 0);
    rc = gt_child_read(&child, &r, sizeof r, deadline, &gt_stop_asked);
    *interrupted = rc == -EINTR;
    struct gt_child_end end = gt_child_finish(&child, *interrupted ? 0 : deadline);
    if (t->trace.checkable)
        gt_trace_file_clean(t->trace.path, t->trace.spare, child.pid);
    if (*interrupted || (end.how == GT_CHILD_KILLED && gt_stop_asked)) {
        *interrupted = true;
        return GT_EXIT_BROKEN;
    }
    if (rc == 1 && end.how == GT_CHILD_EXITED && end.code == 0) {
        bool fine = r.outcome.verdict == GT_CELL_OK;
        print_point(p, t, number, &r, fine ? r.trace.why : r.outcome.why);
        if (r.outcome.verdict == GT_CELL_ENVIRONMENT)
            gt_say("stress", "%s", r.outcome.why);
        return gt_exit_worse(status_of(&r.outcome), r.trace.status);
    }
    gt_child_describe(end, why, sizeof why);
    r.outcome.verdict = GT_CELL_FAILED;
    print_point(p, t, number, &r, why);
    return GT_EXIT_BROKEN;
}

static enum gt_exit run_plan(struct plan *p)
{
    enum gt_exit status = p->n_cells ? GT_EXIT_OK : GT_EXIT_BROKEN;
    struct gt_progress progress;
    bool interrupted = false;
    fprintf(p->tap, "TAP version 13\n1..%u\n", p->n_cells);
    fprintf(p->tap, "# workloads with their own checks; traces are judged by the strict rules\n");
    fprintf(p->tap, "# seed %" PRIu64 "\n", p->o.seed);
    gt_progress_start(&progress, (int)p->n_cells);
    for (uint32_t i = 0; i < p->n_cells && !interrupted; i++) {
        struct task t = cell_at(p, i);
        show(p);
        gt_progress_step(&progress, t.cell.workload->head.name);
        status = gt_exit_worse(status, run_cell(p, &t, i + 1, &interrupted));
    }
    gt_progress_end(&progress);
    if (interrupted)
        fprintf(p->tap, "Bail out! interrupted by signal %d\n", (int)gt_stop_asked);
    show(p);
    return status;
}

static enum gt_exit run_and_keep(struct plan *p)
{
    p->tap = open_memstream(&p->text, &p->size);
    if (!p->tap)
        return GT_EXIT_BROKEN;
    enum gt_exit status = run_plan(p);
    fclose(p->tap);
    if (p->o.out && gt_save("stress", p->o.out, "stress.tap", p->text, p->size) != 0)
        status = GT_EXIT_BROKEN;
    free(p->text);
    return gt_stdout_ok("stress") ? status : GT_EXIT_BROKEN;
}

/* What only gmp can be asked for, when it is not among the runtimes. */
static int refuse_peers(const struct gt_options *o, char *err, size_t size)
{
    const char *given = o->n_schedulers  ? "--scheduler"
                        : o->n_tracers   ? "--tracer"
                        : o->n_syscalls  ? "--syscalls"
                        : o->trace       ? "--trace"
                        : o->check_owner ? "--check-owner"
                                         : NULL;
    for (uint32_t i = 0; i < o->n_runtimes; i++)
        if (!is_peer(o->runtimes[i]))
            return 0;
    if (o->n_runtimes == 0 || !given)
        return 0;
    snprintf(err, size, "%s: %s brings its own: leave the option out, or add gmp to --runtime",
             given, o->runtimes[0]->head.name);
    return -EINVAL;
}

int gt_stress_workloads(const struct gt_options *o)
{
    char err[2048];
    struct plan p = {.o = *o};
    if (choose_workloads(&p, err, sizeof err) != 0 || refuse_peers(o, err, sizeof err) != 0 ||
        gt_traced_refuse(&p.o, err, sizeof err) != 0) {
        gt_say("stress", "%s", err);
        return GT_EXIT_USAGE;
    }
    fill_in(&p.o);
    count_cells(&p);
    return (int)run_and_keep(&p);
}
