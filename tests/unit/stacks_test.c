/* SPDX-License-Identifier: Apache-2.0 */
/* GT_TEST: workloads */
/* The workload `stacks` with its stacks sealed as they shrink: while it is traced, in both
 * models, nobody touches what he does not own, and stacks do shrink. */
#include "common/cell.h"
#include "common/registry.h"
#include "in_runtime.h"
#include "memory_trace.h"

extern const struct gt_tracer_ops gt_tracer_gen;

static void cell(enum gt_syscall_model model, int32_t procs)
{
    static struct memory_trace trace;
    struct gt_trace_sink sink = memory_trace_sink(&trace);
    struct gt_trace_options options = {.sink = &sink, .period_ns = 0, .raw_stacks = true};
    struct gt_check_result result;
    struct gt_cell_outcome o;
    char err[256];
    struct gt_workload_cell c = {.ops = R,
                                 .workload = gt_workload_find("stacks", err, sizeof err),
                                 .n = scale(2000),
                                 .seed = 7,
                                 .trace = &options,
                                 .deadline_ns = 50000000000ll};
    if (!c.workload)
        bail_out("%s", err);
    gt_config_init(&c.config);
    c.config.scheduler = &gt_scheduler_worksteal;
    c.config.tracer = &gt_tracer_gen;
    c.config.procs = procs;
    c.config.syscalls = model;
    c.config.gc.poison = true;
    memory_trace_reset(&trace);
    bool good = gt_cell_run(&c, &o) == GT_CELL_OK;
    uint64_t wrong = memory_trace_check(&trace, trace.n, &result);
    ok(good && wrong == 0 && o.stats.unowned_stacks == 0 && o.result.extra[1] > 0,
       "%s, %d Ps: %.0f cycles, %.0f stacks shrank by %.0f bytes, %llu inconsistencies %s",
       model == GT_SYSCALLS_STATUS ? "status" : "scanbit", procs, o.result.extra[0],
       o.result.extra[1], o.result.extra[2], (unsigned long long)wrong, o.why);
    memory_trace_free(&trace);
}

int main(void)
{
    plan(4);
    for (int32_t procs = 1; procs <= 2; procs++) {
        cell(GT_SYSCALLS_SCANBIT, procs);
        cell(GT_SYSCALLS_STATUS, procs);
    }
    return done_testing();
}
