/* SPDX-License-Identifier: Apache-2.0 */
/* annotations-stress: many Gs with nested tasks and regions, handed from G to G. */
#include <errno.h>
#include <stdio.h>

#include "common/loads.h"

enum { DEPTH_MOST = 5, KIDS_MOST = 3, TEXT = 40, GS_MOST = 12 };

/* ---- a task and what lies under it, on this G ---------------------------------------------- */
static void nest(struct gt_load *l, struct gt_rng *r, uint64_t parent, uint32_t depth)
{
    const struct gt_runtime_ops *ops = l->ops;
    char name[TEXT], value[TEXT];
    snprintf(name, sizeof name, "task of depth %u", depth);
    snprintf(value, sizeof value, "value %llx", (unsigned long long)gt_rng_next(r));
    uint64_t task = ops->task_begin(parent, name);
    gt_load_check(l, task != 0 && task != parent, "task %llu under task %llu",
                  (unsigned long long)task, (unsigned long long)parent);
    ops->region_begin(task, "around");
    ops->log(task, name, value);
    if (gt_rng_below(r, 4) == 0)
        ops->yield();
    for (uint32_t n = depth < DEPTH_MOST ? gt_rng_below(r, KIDS_MOST) : 0; n > 0; n--)
        nest(l, r, task, depth + 1);
    ops->region_end(task, "around");
    ops->task_end(task);
}

/* ---- tasks that go to another G -------------------------------------------------------------- */
struct handed {
    struct gt_chan *tasks; /* of uint64_t */
    uint64_t sent, ended;
};

static int open_handed(struct gt_load *l)
{
    struct handed *h = l->own;
    h->tasks = l->ops->chan_new(sizeof(uint64_t), 4);
    return h->tasks ? 0 : -ENOMEM;
}

static void begin_and_send(struct gt_load *l)
{
    struct handed *h = l->own;
    uint64_t task = l->ops->task_begin(0, "handed over");
    l->ops->region_begin(task, "by who began");
    nest(l, &l->rng, task, 1);
    l->ops->region_end(task, "by who began");
    gt_load_check(l, l->ops->chan_send(h->tasks, &task) == 0, "a task could not be handed over");
    h->sent++;
}

static void end_for_others(struct gt_load *l, uint32_t i)
{
    struct handed *h = l->own;
    struct gt_rng r = gt_rng_make(l->p->seed, 1000u + l->index);
    uint64_t task;
    (void)i;
    while (l->ops->chan_recv(h->tasks, &task)) {
        l->ops->region_begin(task, "by who ends");
        nest(l, &r, task, 2);
        l->ops->region_end(task, "by who ends");
        l->ops->task_end(task);
        h->ended++;
    }
}

static void end_handed(struct gt_load *l)
{
    struct handed *h = l->own;
    (void)l->ops->chan_close(h->tasks);
}

static void close_handed(struct gt_load *l)
{
    struct handed *h = l->own;
    gt_load_check(l, h->sent == h->ended, "%llu tasks handed over, %llu ended",
                  (unsigned long long)h->sent, (unsigned long long)h->ended);
    if (h->tasks)
        l->ops->chan_free(h->tasks);
}

static const struct gt_load_kind nests = {
    .name = "nested tasks",
    .needs = GT_RT_CHAN,
    .own = sizeof(struct handed),
    .partners = 1,
    .busy = true,
    .open = open_handed,
    .step = begin_and_send,
    .last = end_handed,
    .partner = end_for_others,
    .close = close_handed,
};

static int run(struct gt_stress *s, const struct gt_stress_params *p)
{
    struct gt_rng r = gt_crew_rng(p);
    const struct gt_crew_item items[] = {
        {&nests, gt_rng_between(&r, 2, GS_MOST), 0, NULL},
        {&gt_load_cycles, gt_rng_below(&r, 2), 1000, NULL},
        {&gt_load_naps, gt_rng_below(&r, 3), 0, NULL},
    };
    return gt_crew_run(s, p, 0, items, sizeof items / sizeof *items);
}

const struct gt_stress_ops gt_stress_annotations_stress = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_STRESS, struct gt_stress_ops, "annotations-stress",
                           "many Gs with nested tasks and regions that go from G to G", 0),
    .text =
        "Gs begin tasks five deep, each with regions around and a log with a text that comes once, "
        "yield in the middle, and hand tasks to other Gs, which go on under them and end them. "
        "Generations end at any point of that, and all texts with them: each generation must hold "
        "those it names.",
    .bugs = "the number of a text was used again for another one in the next generation\n"
            "golang/go #67379: a buffer was lost in the middle of an event that came inside another",
    .needs = GT_RT_CHAN,
    .windows = {{.window = GT_WINDOW_trace_start, .least = 1}},
    .run = run,
};
