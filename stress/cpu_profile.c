/* SPDX-License-Identifier: Apache-2.0 */
/* cpu-profile: CPU time is sampled by signals while a trace is taken. */
#include "common/loads.h"

enum { HOG_US = 2000 };

/* Computes with a label and in a region, which samples are seen to lie in. */
static void hog(struct gt_load *l)
{
    static const char *const labels[] = {"hogger", "other hogger"};
    int64_t end = l->ops->now() + 1000 * (int64_t)gt_rng_below(&l->rng, HOG_US);
    uint64_t x = gt_rng_next(&l->rng);
    l->ops->label(labels[l->index % 2]);
    l->ops->region_begin(0, "hog");
    while (l->ops->now() < end)
        for (int i = 0; i < 1000; i++)
            x = gt_rng_mix(x);
    l->ops->region_end(0, "hog");
    gt_load_check(l, x != 0, "a mixture of bits is empty"); /* 0 comes from 0 alone */
}

static const struct gt_load_kind hogs = {.name = "hogs", .busy = true, .step = hog};

static int run(struct gt_stress *s, const struct gt_stress_params *p)
{
    struct gt_rng r = gt_crew_rng(p);
    const struct gt_crew_item items[] = {
        {&hogs, gt_rng_between(&r, 2, 4), 0, NULL},
        {&gt_load_spins, gt_rng_below(&r, 2), 0, NULL},
        {&gt_load_short_calls, gt_rng_between(&r, 1, 2), 0, NULL},
        {&gt_load_naps, gt_rng_below(&r, 3), 0, NULL},
        {&gt_load_traces, 1, gt_rng_between(&r, 2000, 50000), NULL},
        {&gt_load_foreigners, gt_rng_below(&r, 2), 0, NULL},
    };
    return gt_crew_run(s, p, GT_STRESS_TRACES, items, sizeof items / sizeof *items);
}

const struct gt_stress_ops gt_stress_cpu_profile = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_STRESS, struct gt_stress_ops, "cpu-profile",
                           "a profile by signals, and traces that start and stop beside it", 0),
    .text =
        "Gs compute in labelled regions, others make system calls or compute with signals let in, "
        "while traces of up to 50 ms start and stop and each of them samples CPU time by signals. "
        "A sample belongs to the generation in which it is written, and none comes after its "
        "trace has stopped.",
    .bugs = "golang/go #55317: samples of one generation appeared in the next, or were lost\n"
            "golang/go 3073f3f9: the poller of samples was woken after it had been closed\n"
            "golang/go #70454: profile and trace started and stopped at once",
    .needs = GT_RT_TRACE | GT_RT_TIMERS | GT_RT_SYSCALL,
    .flags = GT_STRESS_TRACES | GT_STRESS_PROFILE,
    .windows = {{.window = GT_WINDOW_trace_start, .least = 1}},
    .run = run,
};
