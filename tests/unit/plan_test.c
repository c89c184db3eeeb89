/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: lean */
/* Plans: what is read, what is refused and where; which cells come of it; verdicts; processes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/cell.h"
#include "results/plan.h"
#include "results/process.h"
#include "tap.h"

/* ---- a world of a few names ------------------------------------------------ */
static const char *at(enum gt_plan_key key, const char *group, size_t i)
{
    static const char *const names[][2] = {[GT_PLAN_TESTS] = {"storm", "stop"},
                                           [GT_PLAN_FAULT_NAMES] = {"one", "two"},
                                           [GT_PLAN_WORKLOADS] = {"event", "on-yield"},
                                           [GT_PLAN_SCHEDULERS] = {"steal", "fifo"},
                                           [GT_PLAN_TRACERS] = {"gen", "locked"}};
    if (key > GT_PLAN_TRACERS || i >= 2)
        return NULL;
    if (key == GT_PLAN_FAULT_NAMES && strcmp(group, "seeds") == 0)
        return i == 0 ? "one" : NULL;
    return strcmp(group, "all") == 0 ? names[key][i] : NULL;
}

static int check(enum gt_plan_key key, const char *item, char *err, size_t size)
{
    const char *name;
    if (key > GT_PLAN_TRACERS)
        return 0;
    for (size_t i = 0; (name = at(key, "all", i)) != NULL; i++)
        if (strcmp(name, item) == 0)
            return 0;
    snprintf(err, size, "'%s' is unknown", item);
    return -EINVAL;
}

static int duration(const char *text, int64_t *ns, char *err, size_t size)
{
    char *end;
    double v = strtod(text, &end);
    if (strcmp(end, "ms") != 0) {
        snprintf(err, size, "the unit is missing");
        return -EINVAL;
    }
    *ns = (int64_t)(v * 1e6);
    return 0;
}
static const struct gt_plan_names names = {at, check, duration};

static struct gt_plan p;
static char err[4096];

static int read_plan(const char *text)
{
    gt_plan_free(&p);
    return gt_plan_read_text(&p, "p.ini", text, &names, err, sizeof err);
}

/* ---- what is read ------------------------------------------------------------ */
static void test_cells(void)
{
    int rc = read_plan("# a plan\n\n[stress a]\ntests = all\nschedulers = steal,\n  fifo\n"
                       "  procs = 1, 4\nduration = 250ms ; short\nruns=2\n"
                       "[faults]\nfaults = seeds\nduration = 5ms\ntimeout = 9ms\n"
                       "[overhead]\nworkloads = event\ntracers = gen, locked\nduration = 3ms\n");
    is_int(rc, 0, "a plan is read (%s)", err);
    is_int(p.n_cells, 2 * 2 * 2 * 2 + 1 + 1, "every combination is a cell");
    is_str(p.cells[0].name, "stress/storm/schedulers=steal/procs=1", "the first");
    is_str(p.cells[1].name, "stress/storm/schedulers=steal/procs=4", "the last axis turns fastest");
    is_str(p.cells[8].name, "stress/storm/schedulers=steal/procs=1/run=2", "the run slowest");
    is_int(p.cells[0].duration_ns, 250000000, "a duration, before a comment");
    is_int(p.cells[0].timeout_ns, GT_PLAN_PATIENCE(250000000ll), "patience");
    is_str(p.cells[16].name, "faults/one", "seeds");
    is_int(p.cells[16].timeout_ns, 9000000, "a timeout");
    is_str(p.cells[17].value[GT_PLAN_TRACERS], "gen,locked", "tracers of figures share a cell");
    ok(gt_plan_cell_seed(&p.cells[0], 7) != gt_plan_cell_seed(&p.cells[1], 7),
       "cells differ in seed");
    ok(gt_plan_cell_seed(&p.cells[0], 7) == gt_plan_cell_seed(&p.cells[0], 7),
       "the same each time");
    ok(gt_plan_estimate(&p) > 16 * 250000000ll, "an estimate");
}

/* ---- what is refused ------------------------------------------------------------ */
static const struct {
    const char *text, *want;
} bad[] = {
    {"[stress]\ntests = all\nduration = 1ms\ncolour = red\n",
     "p.ini:4: 'colour' is no key of [stress]: use tests"},
    {"[stress]\ntests = all\nduration = 1\n", "p.ini:3: duration: '1': the unit is missing"},
    {"[stress]\ntests = all\nduration = 1ms\n\n[stress b]\ntests = stop\nduration = 2ms\n",
     "p.ini:5: duplicate cell stress/stop, first in the section of line 1"},
    {"[stress]\ntests = stop, stop\n", "p.ini:2: tests: 'stop' stands here twice"},
    {"[stress]\ntests = stop, all\n", "p.ini:2: tests: 'stop' stands here twice"},
    {"[stress]\ntests = nope\n", "p.ini:2: tests: 'nope' is unknown"},
    {"[stress]\ntests = stop\ntests = storm\n", "p.ini:3: 'tests' was given in line 2 already"},
    {"[stress]\ntests = stop\nduration = 1ms\n[stress]\ntests = storm\n",
     "p.ini:4: [stress] stands in line 1"},
    {"[stress]\ntests =\n", "p.ini:2: tests: its value is missing"},
    {"[stress]\ntests = stop,,storm\n", "p.ini:2: tests: an item of the list is empty"},
    {"[stress]\nduration = 1ms\n", "p.ini:1: [stress] needs tests"},
    {"[stress]\ntests = stop\n", "p.ini:1: [stress] needs duration"},
    {"[stress]\ntests = stop\nduration = 1ms\nruns = 0\n", "p.ini:4: runs: '0' is no number"},
    {"[stress]\ntests = stop\nduration = 1ms\nruns = -1\n", "p.ini:4: runs: '-1' is no number"},
    {"[stress]\ntests = stop\nduration = 1ms\n  2ms\n",
     "p.ini:4: 'duration' was given in line 3 already"},
    {"[stress]\ntests = stop\nduration 1ms\n", "p.ini:3: neither [section] nor key = value"},
    {"[stress\ntests = stop\n", "p.ini:1: the ] of the section is missing"},
    {"tests = stop\n", "p.ini:1: 'tests' stands before the first [section]"},
    {"[bench]\ntests = stop\n", "p.ini:1: [bench] is no section"},
    {"[stress]\n[faults]\nfaults = one\nduration = 1ms\n", "p.ini:1: a section without keys"},
    {"[faults]\nfaults = one\nduration = 1ms\n[stress]\n", "p.ini:4: a section without keys"},
    {"[faults]\ntests = stop\nduration = 1ms\n", "p.ini:2: 'tests' is no key of [faults]"},
    {"", "p.ini:0: no section"},
    {"# nothing\n", "p.ini:1: no section"},
};

static void test_bad(void)
{
    char text[1024];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int rc = read_plan(bad[i].text);
        ok(rc == -EINVAL && strncmp(err, bad[i].want, strlen(bad[i].want)) == 0, "%s", bad[i].want);
        if (rc != -EINVAL || strncmp(err, bad[i].want, strlen(bad[i].want)) != 0)
            diag("it says: %s", err);
    }
    snprintf(text, sizeof text, "[stress]\ntests = %0300d\n", 1);
    ok(read_plan(text) == -EINVAL && strstr(err, "p.ini:2: longer than"), "a long line");
    snprintf(text, sizeof text,
             "[stress]\ntests=all\nduration=1ms\nruns=1000\nprocs=1,2,3,4,5,6,7,8,9\n"
             "bind=a,b,c,d,e,f,g,h\n");
    ok(read_plan(text) == -EINVAL && strstr(err, "p.ini:1: more than"), "too many cells");
    is_int(gt_plan_read(&p, "/nonexistent.ini", &names, err, sizeof err), -ENOENT, "no file");
    is_int(gt_plan_read(&p, "/", &names, err, sizeof err), -EISDIR, "a folder");
}

/* ---- verdicts ---------------------------------------------------------------------- */
static void test_verdicts(void)
{
    static const int order[] = {0, 3, 1, 4, 5};
    bool right = true;
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < 5; k++)
            right &= gt_status_worse(order[i], order[k]) == order[i > k ? i : k];
    ok(right, "5, 4, 1, 3, 0");
    for (int v = 0; v < GT_VERDICTS; v++)
        right &= gt_verdict_of(gt_verdict_name((enum gt_verdict)v)) == (enum gt_verdict)v;
    ok(right, "names come back");
    is_int(gt_verdict_of("never heard"), GT_VERDICT_INCOMPLETE, "an unknown verdict is none");
}

/* ---- processes ----------------------------------------------------------------------- */
static struct gt_process_end end;

static int sh(const char *script, int64_t timeout_ns, volatile sig_atomic_t *stop)
{
    char *argv[] = {(char *)"/bin/sh", (char *)"-c", (char *)(uintptr_t)script, NULL};
    struct gt_process x = {.argv = argv, .timeout_ns = timeout_ns, .stop = stop};
    gt_process_free(&end);
    return gt_process_run(&x, &end);
}

static void test_process(void)
{
    char what[128];
    volatile sig_atomic_t stop = 1;
    char *nothing[] = {(char *)"/nonexistent", NULL};
    struct gt_process x = {.argv = nothing, .timeout_ns = 60000000000ll};
    is_int(sh("echo out; echo err >&2; exit 3", 60000000000ll, NULL), 0, "a program runs");
    ok(end.how == GT_PROCESS_EXITED && end.code == 3, "its status");
    ok(strcmp(end.out, "out\n") == 0 && strcmp(end.err, "err\n") == 0, "what it says");
    is_int(sh("kill -SEGV $$", 60000000000ll, NULL), 0, "a program dies");
    ok(end.how == GT_PROCESS_SIGNALLED && end.code == SIGSEGV, "of a signal");
    is_int(sh("trap '' TERM; while :; do sleep 0.05; done", 200000000, NULL), 0,
           "one that ignores TERM");
    is_int(end.how, GT_PROCESS_TIMED_OUT, "is killed past its time");
    ok(strstr(gt_process_describe(&end, what, sizeof what), "no end within") != NULL,
       "and it is said");
    is_int(sh("sleep 600 & echo $!", 60000000000ll, NULL), 0, "what a program leaves behind");
    ok(end.how == GT_PROCESS_EXITED && end.ns < 30000000000ll, "is not waited for");
    is_int(sh("exec sleep 600", 60000000000ll, &stop), 0, "asked to stop");
    is_int(end.how, GT_PROCESS_STOPPED, "it ends");
    is_int(sh("head -c 300000 /dev/zero | tr '\\0' x; head -c 300000 /dev/zero | tr '\\0' y >&2; "
              "echo end >&2",
              60000000000ll, NULL),
           0, "much is said");
    ok(end.out_n == 300000 && !end.out_cut, "all of the output is kept");
    size_t n = strlen(end.err);
    ok(n > 1000 && n <= GT_PROCESS_ERR_MAX && strcmp(end.err + n - 5, "yend\n") == 0,
       "of the errors the end");
    gt_process_free(&end);
    is_int(gt_process_run(&x, &end), 0, "no such program");
    ok(end.how == GT_PROCESS_NOT_STARTED && end.code == ENOENT, "is said");
    gt_process_free(&end);
}

int main(void)
{
    test_cells();
    test_bad();
    test_verdicts();
    test_process();
    gt_plan_free(&p);
    return done_testing();
}
