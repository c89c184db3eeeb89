/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hunts for one planted fault: a program runs again and again with the fault on, in a child
 * process, until the oracle that is meant to see it does.
 */
#pragma once
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cell.h"
#include "common/child.h"
#include "gauntlet/perturb.h"
#include "harness/seer.h"
#include "in_runtime.h"
#include "journal_windows.h"
#include "memory_trace.h"
#include "trace/rules.h"

extern const struct gt_tracer_ops gt_tracer_gen;

#define HUNT_SECONDS 20 /* most are found in one */
#define HANG_SECONDS 3 /* a run of those takes less than half of one */

/* What order sees of self_stop: only where the P had been another's. */
#define SELF_STOP_CLASSES "proc-does-not-exist,context-proc-missing,proc-not-running,failed-to-advance"

struct hunt {
    const char *fault;
    gt_fn program; /* on the first G of each run; arg: the runtime */
    int32_t procs;
    enum gt_syscall_model model;
    enum gt_perturb_level perturb;
    const struct gt_tracer_ops *tracer; /* NULL: gen */
    const char *classes, *windows; /* as order sees it; NULL: those of faults.def */
};

struct found {
    uint32_t tries, hits;
    uint64_t events, generations, violations;
    uint64_t window; /* that the fault needs: how often the runs that hit had entered it, the least */
    double seconds;
    char cls[64]; /* of the first hit */
};

static int hunt_level = -1;
static struct memory_trace hunt_trace;
static struct found hunt_found;
static const struct gt_fault_info *hunt_fault;
static const char *hunt_classes, *hunt_windows;
static bool hunt_over; /* this try is decided */

/* ---- the order oracle --------------------------------------------------------------------- */
static inline void judge(const struct gt_check_result *res)
{
    hunt_found.events += res->stats.events;
    hunt_found.generations += res->stats.generations;
    for (int r = 1; r < GT_RULE_COUNT; r++) {
        const char *cls = gt_rule_info((enum gt_rule)r)->class_name;
        if (res->by_rule[r] == 0)
            continue;
        if (hunt_fault && !gt_fault_lists(hunt_classes, cls)) {
            if (!hunt_found.cls[0])
                snprintf(hunt_found.cls, sizeof hunt_found.cls, "other: %s", cls);
            continue;
        }
        snprintf(hunt_found.cls, sizeof hunt_found.cls, "%s", cls);
        hunt_over = true;
        return;
    }
}

static inline void check_trace(void)
{
    struct memory_cursor c = {hunt_trace.data, hunt_trace.n};
    struct gt_source src = {memory_cursor_read, &c};
    struct gt_check_options o = {.rules = GT_RULES_STRICT, .first_only = hunt_fault != NULL};
    struct gt_check_result res;
    struct gt_reader *r;
    struct gt_read_error err;
    memset(&res, 0, sizeof res);
    int rc = gt_reader_open(&src, &r, &err);
    expect(rc == 0);
    if (rc != 0)
        return;
    expect(gt_check(r, &o, &res) == 0);
    gt_reader_close(r);
    judge(&res);
}

/* For programs: traces to memory, of generations that last period_ns (-1: of one), */
static inline void hunt_start_with(int64_t period_ns)
{
    static struct gt_trace_sink sink;
    sink = memory_trace_sink(&hunt_trace);
    struct gt_trace_options o = {.sink = &sink, .period_ns = period_ns, .raw_stacks = true};
    memory_trace_reset(&hunt_trace);
    expect(R->trace_start(&o) == 0);
}

/* one after the other. */
static inline void hunt_start(void)
{
    hunt_start_with(0);
}

/* true: this run is decided. */
static inline bool hunt_stop(void)
{
    expect(R->trace_stop() == 0);
    check_trace();
    return hunt_over;
}

static inline void one_try(const struct hunt *h)
{
    struct gt_runtime *rt = NULL;
    struct gt_runtime_stats s;
    struct gt_config c;
    char err[160] = "";
    gt_config_init(&c);
    c.scheduler = &gt_scheduler_worksteal;
    c.tracer = h->tracer ? h->tracer : &gt_tracer_gen;
    c.procs = h->procs;
    c.syscalls = h->model;
    c.perturb = hunt_level >= 0 ? (uint32_t)hunt_level : (uint32_t)h->perturb;
    c.seed = hunt_found.tries + 1u;
    c.fault = hunt_fault ? hunt_fault->name : NULL;
    if (R->create(&c, &rt, err, sizeof err) != 0)
        bail_out("create: %s", err);
    hunt_over = false;
    hunt_found.tries++;
    if (hunt_fault)
        gt_journal_enable(rt, 1u << 20);
    expect(R->run(rt, h->program, rt) == 0);
    hunt_found.hits += hunt_over;
    if (hunt_over && hunt_fault) {
        uint64_t n = journal_windows(rt, hunt_windows);
        hunt_found.window = n < hunt_found.window ? n : hunt_found.window;
    }
    R->stats(rt, &s);
    hunt_found.violations += s.violations;
    R->destroy(rt);
}

struct hunt_job {
    const struct hunt *h;
    bool on;
    uint32_t tries; /* 0: until found */
};

static inline void in_child(int fd, void *arg)
{
    const struct hunt_job *j = arg;
    int64_t began = gt_nanotime(), end = began + HUNT_SECONDS * 1000 * GT_NS_PER_MS;
    hunt_fault = j->on ? gt_fault_named(j->h->fault) : NULL;
    hunt_classes = j->h->classes ? j->h->classes : hunt_fault ? hunt_fault->cls : NULL;
    hunt_windows = j->h->windows ? j->h->windows : hunt_fault ? hunt_fault->windows : NULL;
    memset(&hunt_found, 0, sizeof hunt_found);
    hunt_found.window = UINT64_MAX;
    if (j->on && !freopen("/dev/null", "w", stderr)) /* oracles say a lot */
        _exit(3);
    do
        one_try(j->h);
    while (j->tries ? hunt_found.tries < j->tries : hunt_found.hits == 0 && gt_nanotime() < end);
    hunt_found.seconds = (double)(gt_nanotime() - began) / 1e9;
    if (!j->on)
        hunt_found.violations += gt_load_relaxed(&bad);
    gt_child_send(fd, &hunt_found, sizeof hunt_found);
    _exit(0);
}

/* NULL: *f has been filled. Else how the child ended. */
static inline const char *hunt_in_child(struct hunt_job *j, struct found *f)
{
    static char how[80];
    struct gt_child c;
    int64_t deadline = gt_child_clock() + (HUNT_SECONDS + 20) * 1000 * GT_NS_PER_MS;
    memset(f, 0, sizeof *f);
    if (gt_child_start(&c, in_child, j) != 0)
        bail_out("no child process");
    int rc = gt_child_read(&c, f, sizeof *f, deadline, NULL);
    struct gt_child_end e = gt_child_finish(&c, deadline);
    return rc == 1 ? NULL : gt_child_describe(e, how, sizeof how);
}

/* ---- the watchdog ----------------------------------------------------------------------------- */
static const struct hunt *cell_hunt;

static inline int cell_run(const struct gt_workload_params *p, struct gt_workload_result *r)
{
    cell_hunt->program(p->rt);
    r->ok = true;
    r->ops = p->n;
    return 0;
}

static const struct gt_workload_ops hunt_workload = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_WORKLOAD, struct gt_workload_ops, "hunt", "for a fault", 0),
    .unit = "run",
    .checks = "that it ends",
    .quick_n = 1,
    .run = cell_run,
};

static inline void cell_in_child(int fd, void *arg)
{
    const struct hunt_job *j = arg;
    struct gt_workload_cell cell = {.ops = &gt_gmp, .workload = &hunt_workload};
    struct gt_cell_outcome o;
    (void)fd;
    if (j->on && !freopen("/dev/null", "w", stderr)) /* the dump */
        _exit(3);
    memset(&o, 0, sizeof o);
    cell_hunt = j->h;
    gt_config_init(&cell.config);
    cell.config.scheduler = &gt_scheduler_worksteal;
    cell.config.tracer = j->h->tracer ? j->h->tracer : &gt_tracer_gen;
    cell.config.procs = j->h->procs;
    cell.config.syscalls = j->h->model;
    cell.config.perturb = hunt_level >= 0 ? (uint32_t)hunt_level : (uint32_t)j->h->perturb;
    cell.config.seed = j->tries + 1u;
    cell.config.fault = j->on ? j->h->fault : NULL;
    cell.deadline_ns = (j->on ? HANG_SECONDS : 10 * HANG_SECONDS) * 1000 * GT_NS_PER_MS;
    _exit(gt_cell_run(&cell, &o) == GT_CELL_OK ? 0 : 1);
}

/* The class: "no-progress", "crash", NULL when the run ended well. */
static inline const char *cell_try(struct hunt_job *j, struct found *f)
{
    struct gt_child c;
    j->tries = f->tries;
    int64_t began = gt_child_clock(), deadline = began + 60 * 1000 * GT_NS_PER_MS;
    if (gt_child_start(&c, cell_in_child, j) != 0)
        bail_out("no child process");
    struct gt_child_end e = gt_child_finish(&c, deadline);
    f->tries++;
    f->seconds += (double)(gt_child_clock() - began) / 1e9;
    if (e.how == GT_CHILD_EXITED && e.code == 0)
        return NULL;
    const char *cls = e.how == GT_CHILD_TIMED_OUT && e.code == GT_CELL_LATE ? "no-progress"
                      : e.how == GT_CHILD_KILLED                            ? "crash"
                                                                            : "other";
    snprintf(f->cls, sizeof f->cls, "%s", cls);
    f->hits++;
    return f->cls;
}
