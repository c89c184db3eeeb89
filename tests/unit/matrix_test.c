/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: workloads labels=full,reduced timeout=900 serial campaign */
/*
 * Every workload on every scheduler under both syscall models at 1, 2 and 8 Ps, each cell
 * in a child process with a time limit. A cell passes when the workload's own check does,
 * every G spawned has ended, and no broken protocol rule was counted.
 *
 *   GT_MATRIX_OPS      operations of each cell at least (100,000; fewer under sanitizers)
 *   GT_MATRIX_SECONDS  go on with new seeds for about so long (default: once)
 *   GT_MATRIX_FILTER   only cells whose name fits this extended regular expression
 *   GT_SEED            the first seed (default: drawn)
 */
#include <inttypes.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cell.h"
#include "common/child.h"
#include "common/registry.h"
#include "common/rng.h"
#include "gauntlet/scheduler.h"
#include "gauntlet/tracer.h"
#include "tap.h"

#if GT_TSAN
enum { OPS = 2000, GS = 1500, LIMIT_S = 300 };
#elif GT_ASAN
enum { OPS = 10000, GS = 4000, LIMIT_S = 180 };
#else
enum { OPS = 100000, GS = 20000, LIMIT_S = 60 };
#endif
enum { DUMP_S = 5, NAME = 96, JOBS = 2 };
#define S 1000000000ll

static const int32_t procs[] = {1, 2, 8};
static const enum gt_syscall_model models[] = {GT_SYSCALLS_STATUS, GT_SYSCALLS_SCANBIT};
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

struct matrix {
    const char *program;
    uint64_t ops;
    uint64_t seed; /* of the pass */
    int64_t end;   /* 0: one pass */
    bool filtered;
    regex_t filter;
};

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
    const char *filter = getenv("GT_MATRIX_FILTER");
    uint64_t seconds = number("GT_MATRIX_SECONDS", 0);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    m->ops = number("GT_MATRIX_OPS", OPS);
    m->seed = number("GT_SEED", (uint64_t)now.tv_sec);
    m->end = seconds ? gt_child_clock() + (int64_t)seconds * S : 0;
    m->filtered = filter && *filter;
    if (m->filtered && regcomp(&m->filter, filter, REG_EXTENDED | REG_NOSUB) != 0)
        bail_out("GT_MATRIX_FILTER=%s is no regular expression", filter);
}

static bool is_wanted(const struct matrix *m, const char *name)
{
    return !m->filtered || regexec(&m->filter, name, 0, NULL, 0) == 0;
}

static void name_cell(const struct gt_workload_cell *c, char *buf)
{
    snprintf(buf, NAME, "%s/%s/%s/%d", c->workload->head.name, c->config.scheduler->head.name,
             c->config.syscalls == GT_SYSCALLS_STATUS ? "status" : "scanbit", c->config.procs);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The i-th cell of a pass; false past the end. Ps innermost. */
static bool cell_at(const struct matrix *m, size_t i, struct gt_workload_cell *c)
{
    *c = (struct gt_workload_cell){
        .ops = &gt_gmp, .n = m->ops, .gs = GS, .seed = m->seed, .deadline_ns = LIMIT_S * S};
    gt_config_init(&c->config);
    c->config.procs = procs[i % COUNT(procs)];
    i /= COUNT(procs);
    c->config.syscalls = models[i % COUNT(models)];
    i /= COUNT(models);
    size_t n_schedulers = 0;
    while (gt_plugin_builtin(GT_MAGIC_SCHEDULER, n_schedulers))
        n_schedulers++;
    c->config.scheduler = (const void *)gt_plugin_builtin(GT_MAGIC_SCHEDULER, i % n_schedulers);
    c->config.tracer = (const void *)gt_plugin_builtin(GT_MAGIC_TRACER, 0);
    c->config.seed = m->seed;
    c->workload = gt_workload_at(i / n_schedulers);
    if (c->workload && c->workload->op_ns > 0) /* more of them show nothing more */
        c->n = least(c->n, (uint64_t)(S / 2 / c->workload->op_ns));
    return c->workload != NULL;
}

static void in_child(int fd, void *arg)
{
    struct gt_cell_outcome o;
    gt_cell_run(arg, &o);
    (void)gt_child_send(fd, &o, sizeof o);
}

static void say_how_to_replay(const struct matrix *m, const char *name)
{
    diag("seed: %" PRIu64, m->seed);
    diag("replay: GT_SEED=%" PRIu64 " GT_MATRIX_OPS=%" PRIu64 " GT_MATRIX_FILTER='^%s$' %s",
         m->seed, m->ops, name, m->program);
}

/* A cell at work. */
struct job {
    struct gt_workload_cell cell;
    char name[NAME];
    struct gt_child child;
    int64_t start;
};

static void begin(struct job *j)
{
    j->start = gt_child_clock();
    if (gt_child_start(&j->child, in_child, &j->cell) != 0)
        bail_out("no child process can be made");
}

static void finish(const struct matrix *m, struct job *j)
{
    struct gt_cell_outcome o;
    char why[128];
    int64_t deadline = j->start + j->cell.deadline_ns + DUMP_S * S;
    int got = gt_child_read(&j->child, &o, sizeof o, deadline, NULL);
    struct gt_child_end end = gt_child_finish(&j->child, deadline);
    bool ended = got == 1 && end.how == GT_CHILD_EXITED && end.code == 0;
    if (ended && o.verdict == GT_CELL_SKIPPED) {
        skip(1, "%s: %s", j->name, o.why);
        return;
    }
    if (ok(ended && o.verdict == GT_CELL_OK, "%s: %" PRIu64 " operations, %.2f s", j->name,
           ended ? o.result.ops : 0, (double)(gt_child_clock() - j->start) / 1e9))
        return;
    if (ended)
        diag("why: %s: %s", gt_cell_verdict_name(o.verdict), o.why);
    else
        diag("why: %s", gt_child_describe(end, why, sizeof why));
    say_how_to_replay(m, j->name);
}

static int count_wanted(const struct matrix *m)
{
    struct gt_workload_cell c;
    char name[NAME];
    int n = 0;
    for (size_t i = 0; cell_at(m, i, &c); i++) {
        name_cell(&c, name);
        n += is_wanted(m, name);
    }
    return n;
}

/* The next wanted cell from *i on; false: there is none. */
static bool next_cell(const struct matrix *m, size_t *i, struct job *j)
{
    while (cell_at(m, (*i)++, &j->cell)) {
        name_cell(&j->cell, j->name);
        if (is_wanted(m, j->name))
            return true;
    }
    return false;
}

/* JOBS cells at a time, told in order: many have more CPUs than they can use, or fewer. */
static void run_pass(const struct matrix *m)
{
    struct job jobs[JOBS];
    size_t i = 0, begun = 0, told = 0;
    bool more = true;
    while (more || told < begun) {
        struct job *j = &jobs[begun % JOBS];
        if (m->end && gt_child_clock() > m->end)
            more = false;
        if (more && begun - told < JOBS && (more = next_cell(m, &i, j))) {
            begin(j);
            begun++;
        } else if (told < begun) {
            finish(m, &jobs[told++ % JOBS]);
        }
    }
}

int main(int argc, char **argv)
{
    struct matrix m = {.program = argc > 0 ? argv[0] : "matrix_test"};
    read_environment(&m);
    int wanted = count_wanted(&m);
    if (wanted == 0)
        bail_out("no cell fits GT_MATRIX_FILTER");
    if (!m.end)
        plan(wanted);
    do {
        diag("seed %" PRIu64 ", %" PRIu64 " operations a cell", m.seed, m.ops);
        run_pass(&m);
        m.seed = gt_rng_mix(m.seed + 1) >> 16;
    } while (m.end && gt_child_clock() < m.end);
    if (m.filtered)
        regfree(&m.filter);
    return done_testing();
}
