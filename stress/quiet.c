/* SPDX-License-Identifier: Apache-2.0 */
/* quiet: no timer, no call that lasts, nobody who looks after the others: who is not woken sleeps
 * for ever. */
#include "common/loads.h"

static int run(struct gt_stress *s, const struct gt_stress_params *p)
{
    struct gt_rng r = gt_crew_rng(p);
    uint32_t calls = gt_crew_one_in(&r, 2);
    const struct gt_crew_item items[] = {
        {&gt_load_blocking_calls, calls * gt_rng_between(&r, 1, 2), 0, NULL},
        {&gt_load_handovers, (1 - calls) * gt_rng_between(&r, 1, 3), 0, NULL},
    };
    return gt_crew_run(s, p, 0, items, sizeof items / sizeof *items);
}

const struct gt_stress_ops gt_stress_quiet = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_STRESS, struct gt_stress_ops, "quiet",
                           "hardly anything goes on, so that a wake-up that is lost is missed", 0),
    .text =
        "A few Gs do one thing, and nothing else goes on that could wake a thread: in half of the "
        "rounds one or two make system calls that give up the P at once and come back without one; "
        "in the others one to three ready a partner and work on for about as long as thieves leave "
        "that one alone, then wait for it. With the tracer none there is no reader either. A "
        "wake-up that is lost stops the round; a G that two threads take breaks it.",
    .bugs = "the race of a thread that goes idle with work that is queued just then\n"
            "the race of the owner of a run queue with two thieves for its next slot",
    .needs = GT_RT_SYSCALL | GT_RT_CHAN,
    .windows = {{.window = GT_WINDOW_trace_start, .least = 1}},
    .run = run,
};
