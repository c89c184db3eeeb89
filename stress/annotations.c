/* SPDX-License-Identifier: Apache-2.0 */
/* annotations: tasks, regions and logs that lie before, across and inside traces. */
#include <stdio.h>

#include "common/loads.h"

enum { WAIT_US = 300 };

struct notes {
    uint64_t task, serial; /* a task that was open before the trace */
};

static uint64_t new_task(struct gt_load *l, uint64_t parent, const char *name)
{
    struct notes *n = l->own;
    uint64_t task = l->ops->task_begin(parent, name);
    gt_load_check(l, task != 0 && task != n->task, "task %llu began twice",
                  (unsigned long long)task);
    return task;
}

/* Inside the trace, some of it a generation or more apart. */
static void note_inside(struct gt_load *l, uint64_t before)
{
    const struct gt_runtime_ops *ops = l->ops;
    struct notes *n = l->own;
    char text[32];
    snprintf(text, sizeof text, "number %llu", (unsigned long long)n->serial++);
    uint64_t task = new_task(l, before, "task inside");
    ops->region_begin(task, "outer");
    gt_load_pause(l, WAIT_US);
    ops->region_begin(task, "inner");
    ops->log(task, "key", text);
    ops->log(0, "", "to no task");
    ops->region_end(task, "inner");
    uint64_t kid = new_task(l, task, "child");
    ops->task_end(kid);
    gt_load_pause(l, WAIT_US);
    ops->region_end(task, "outer");
    ops->task_end(task);
}

static void annotate(struct gt_load *l)
{
    const struct gt_runtime_ops *ops = l->ops;
    struct notes *n = l->own;
    n->task = 0;
    n->task = ops->task_begin(0, "task before");
    ops->region_begin(n->task, "before");
    ops->log(n->task, "key", "before");
    bool begun = gt_load_trace_begin(l);
    if (gt_rng_below(&l->rng, 2))
        ops->region_end(n->task, "before");
    else
        n->serial |= 1ull << 63; /* it ends after the trace */
    note_inside(l, n->task);
    if (gt_rng_below(&l->rng, 2))
        gt_load_pause(l, 4 * WAIT_US);
    ops->task_end(n->task);
    gt_load_trace_end(l, begun);
    if (n->serial >> 63)
        ops->region_end(n->task, "before");
    n->serial &= ~(1ull << 63);
}

static const struct gt_load_kind annotators = {
    .name = "annotator", .needs = GT_RT_TIMERS, .own = sizeof(struct notes), .step = annotate};

static int run(struct gt_stress *s, const struct gt_stress_params *p)
{
    struct gt_rng r = gt_crew_rng(p);
    const struct gt_crew_item items[] = {
        {&annotators, 1, 0, NULL},
        {&gt_load_short_calls, gt_rng_below(&r, 3), 0, NULL},
        {&gt_load_talks, gt_rng_below(&r, 3), 0, NULL},
    };
    return gt_crew_run(s, p, GT_STRESS_TRACES, items, sizeof items / sizeof *items);
}

const struct gt_stress_ops gt_stress_annotations = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_STRESS, struct gt_stress_ops, "annotations",
                           "tasks, regions and logs before, across and inside traces", 0),
    .text =
        "One G begins a task and a region, then a trace starts. Inside it ends that region, or lets "
        "it go on after the trace, begins nested tasks and regions, logs under a task and under "
        "none, with texts that no other generation has, and ends them, at times a generation later. "
        "Then the trace stops, and it begins again. A trace knows of a region or task only what "
        "happened inside it.",
    .bugs = "the name of a task that an earlier generation held was gone at its end\n"
            "the number of a text was used again for another one in the next generation\n"
            "golang/go #62627: a region that ends without a begin was no error but a crash",
    .needs = GT_RT_TRACE | GT_RT_TIMERS,
    .flags = GT_STRESS_TRACES,
    .windows = {{.window = GT_WINDOW_trace_start, .least = 1}},
    .run = run,
};
