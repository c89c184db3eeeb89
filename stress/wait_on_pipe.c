/* SPDX-License-Identifier: Apache-2.0 */
/* wait-on-pipe: Gs are in a system call before a trace starts, and stay there. */

#include "common/calls.h"
#include "common/loads.h"

enum { READERS = 4, SETTLE_US = 100, STAY_MOST_US = 25000 };
/* When the bytes come that the readers wait for. */
enum moment { IN_THE_TRACE, BETWEEN_TRACES, IN_THE_NEXT, MOMENTS };

struct pipes {
    int from[READERS], to[READERS]; /* -1: closed */
    struct gt_muster read;
    uint8_t byte;
};

static int open_pipes(struct gt_load *l)
{
    struct pipes *k = l->own;
    int rc = 0;
    for (uint32_t i = 0; i < READERS; i++)
        k->from[i] = k->to[i] = -1;
    for (uint32_t i = 0; i < l->partners && rc == 0; i++) {
        int fds[2];
        rc = gt_call_pipe(fds);
        if (rc == 0) {
            k->from[i] = fds[0];
            k->to[i] = fds[1];
        }
    }
    return rc;
}

static void read_on(struct gt_load *l, uint32_t i)
{
    struct pipes *k = l->own;
    int64_t rc;
    do {
        uint8_t byte = 0;
        l->ops->syscall_enter();
        rc = gt_call_read(k->from[i], &byte, 1);
        l->ops->syscall_exit();
        gt_load_check(l, rc == 0 || (rc == 1 && byte == k->byte), "a pipe gave %lld, byte %u",
                      (long long)rc, byte);
        if (rc == 1)
            gt_muster_come(l->ops, &k->read);
    } while (rc == 1);
}

/* All readers are let go, one by one, and have come back. */
static void feed(struct gt_load *l)
{
    struct pipes *k = l->own;
    uint8_t byte = k->byte = (uint8_t)gt_rng_next(&l->rng);
    gt_muster_init(l->ops, &k->read, l->partners);
    for (uint32_t i = 0; i < l->partners; i++) {
        l->ops->syscall_enter();
        int64_t rc = gt_call_write(k->to[i], &byte, 1);
        l->ops->syscall_exit();
        gt_load_check(l, rc == 1, "a write to a pipe gave %lld", (long long)rc);
    }
    gt_muster_wait(l->ops, &k->read);
}

static void wait_and_feed(struct gt_load *l)
{
    enum moment moment = (enum moment)gt_rng_below(&l->rng, MOMENTS);
    uint32_t stay = gt_load_param(l, STAY_MOST_US);
    gt_load_pause(l, SETTLE_US); /* all are in their calls */
    bool begun = gt_load_trace_begin(l);
    gt_load_pause(l, stay);
    if (moment == IN_THE_TRACE)
        feed(l);
    gt_load_trace_end(l, begun);
    if (moment == BETWEEN_TRACES)
        feed(l);
    if (moment != IN_THE_NEXT)
        return;
    begun = gt_load_trace_begin(l);
    gt_load_pause(l, stay / 4);
    feed(l);
    gt_load_trace_end(l, begun);
}

static void end_pipes(struct gt_load *l)
{
    struct pipes *k = l->own;
    for (uint32_t i = 0; i < l->partners; i++) {
        if (k->to[i] >= 0)
            (void)gt_call_close(k->to[i]);
        k->to[i] = -1;
    }
}

static void close_pipes(struct gt_load *l)
{
    struct pipes *k = l->own;
    end_pipes(l);
    for (uint32_t i = 0; i < l->partners; i++)
        if (k->from[i] >= 0)
            (void)gt_call_close(k->from[i]);
}

static const struct gt_load_kind waiters = {
    .name = "waiting pipes",
    .needs = GT_RT_SYSCALL | GT_RT_PARK | GT_RT_TIMERS,
    .own = sizeof(struct pipes),
    .partners = READERS,
    .open = open_pipes,
    .step = wait_and_feed,
    .last = end_pipes,
    .partner = read_on,
    .close = close_pipes,
};

static int run(struct gt_stress *s, const struct gt_stress_params *p)
{
    struct gt_rng r = gt_crew_rng(p);
    const struct gt_crew_item items[] = {
        {&waiters, 1, gt_rng_between(&r, 500, STAY_MOST_US), NULL},
        {&gt_load_long_calls, gt_rng_below(&r, 4), 10000, NULL},
        {&gt_load_yields, gt_rng_below(&r, 3), 0, NULL},
        {&gt_load_short_calls, gt_rng_below(&r, 2), 0, NULL},
    };
    return gt_crew_run(s, p, GT_STRESS_TRACES, items, sizeof items / sizeof *items);
}

const struct gt_stress_ops gt_stress_wait_on_pipe = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_STRESS, struct gt_stress_ops, "wait-on-pipe",
                           "Gs sit in a system call over generations and whole traces", 0),
    .text =
        "Four Gs read a pipe each, blocked in the call, before a trace starts; others sleep in calls "
        "of up to 10 ms. Their bytes come in that trace, up to 25 ms and many generations later, "
        "after it, or in the next one. A generation knows of such a G only by the status that is "
        "written for it at the end, which must name its thread.",
    .bugs = "golang/go #65196: that status held the runtime's number of the thread, not the system's\n"
            "golang/go #66889: its stack was walked from the wrong frame",
    .needs = GT_RT_TRACE | GT_RT_SYSCALL | GT_RT_PARK | GT_RT_TIMERS,
    .flags = GT_STRESS_TRACES,
    .windows = {{.window = GT_WINDOW_trace_start, .least = 1},
                {.window = GT_WINDOW_syscall_lost, .least = 1}},
    .run = run,
};
