/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: workloads labels=quick,reduced timeout=120 */
/* The truth oracle: no lie in the traces of real runs. */
#include "truth_run.h"

#include "trace_matrix_extra.h"

#if GT_TSAN || GT_ASAN
enum { TIMES = 1 };
#else
enum { TIMES = 10 };
#endif

static uint64_t transitions, events;

static void judge_true(const struct truth_cell *c)
{
    struct truth_run r;
    struct gt_truth_result res;
    truth_run_cell(c, &r);
    struct gt_truth_options o = {.syscalls = c->model, .lie = truth_say, .max_report = 6};
    int rc = gt_truth_compare(r.e, r.n, r.lost, &r.fd, 1, &o, &res);
    bool good = r.outcome.verdict == GT_CELL_OK && rc == 0 && !res.void_round && res.lies == 0 &&
                res.transitions > 0 && res.events > 0;
    transitions += res.transitions;
    events += res.events;
    ok(good,
       "%s/%s/%s/%s/%d/%" PRId64 ": %s, rc %d, %" PRIu64 " transitions, %" PRIu64
       " events, %" PRIu64 " lies%s",
       c->own ? "own" : c->workload, c->scheduler, c->tracer,
       c->model == GT_SYSCALLS_STATUS ? "status" : "scanbit", c->procs, c->period_ns / 1000,
       r.outcome.verdict == GT_CELL_OK ? "ok" : r.outcome.why, rc, res.transitions, res.events,
       res.lies, res.void_round ? ", void" : "");
    truth_run_free(&r);
}

static const struct truth_cell cells[] = {
    {"pingpong", NULL, "worksteal", "gen", GT_SYSCALLS_STATUS, 2, 3000, 0, 1000000, 1},
    {"pingpong", NULL, "worksteal", "locked", GT_SYSCALLS_SCANBIT, 1, 1000, 0, -1, 1},
    {"spawn-join", NULL, "fifo", "gen", GT_SYSCALLS_SCANBIT, 2, 2000, 0, 0, 2},
    {"syscall-storm", NULL, "worksteal", "gen", GT_SYSCALLS_STATUS, 2, 2000, 0, 0, 3},
    {"syscall-storm", NULL, "worksteal", "gen", GT_SYSCALLS_SCANBIT, 8, 2000, 0, 1000000, 4},
    {"syscall-storm", NULL, "numa", "locked", GT_SYSCALLS_STATUS, 8, 2000, 0, -1, 5},
    {"netpoll-echo", NULL, "worksteal", "gen", GT_SYSCALLS_STATUS, 2, 300, 0, 0, 6},
    {"timers", NULL, "global", "gen", GT_SYSCALLS_SCANBIT, 2, 500, 0, 1000000, 7},
    {"procs-churn", NULL, "worksteal", "gen", GT_SYSCALLS_STATUS, 4, 100, 0, 0, 8},
    {"procs-churn", NULL, "worksteal", "locked", GT_SYSCALLS_SCANBIT, 4, 100, 0, -1, 9},
    {"callback", NULL, "worksteal", "gen", GT_SYSCALLS_STATUS, 2, 200, 0, 0, 10},
    {"callback", NULL, "fifo", "gen", GT_SYSCALLS_SCANBIT, 2, 200, 0, 1000000, 11},
    {"gc-trees", NULL, "worksteal", "gen", GT_SYSCALLS_STATUS, 2, 100, 0, 1000000, 12},
    {"gc-stop", NULL, "worksteal", "gen", GT_SYSCALLS_SCANBIT, 2, 20, 0, 0, 13},
    {NULL, &annotated_coroutines, "worksteal", "gen", GT_SYSCALLS_STATUS, 2, 500, 0, 0, 14},
    {NULL, &annotated_coroutines, "fifo", "locked", GT_SYSCALLS_SCANBIT, 2, 500, 0, -1, 15},
};

int main(void)
{
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        struct truth_cell c = cells[i];
        c.n *= TIMES;
        judge_true(&c);
    }
    diag("%" PRIu64 " transitions, %" PRIu64 " events", transitions, events);
    return done_testing();
}
