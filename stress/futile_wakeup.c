/* SPDX-License-Identifier: Apache-2.0 */
/*
 * futile-wakeup: who is woken at a channel has what it waited for.
 *
 * How that is seen: each operation on a channel ends with its G having parked once at most. A
 * G that is woken for nothing parks again in the same operation, and then there are more
 * parks than operations. What other Gs of the runtime park is allowed for by time.
 */
#include <errno.h>

#include "common/loads.h"

enum { ROW = 8, PARK_NS = 20000 };

/* ---- one operation after the other, in a region ------------------------------------------ */
struct bounce {
    struct gt_chan *c[2], *quit;
    gt_a64 operations;
};

static int open_bounce(struct gt_load *l)
{
    struct bounce *b = l->own;
    gt_init(&b->operations, 0ull);
    b->c[0] = l->ops->chan_new(sizeof(uint64_t), 0);
    b->c[1] = l->ops->chan_new(sizeof(uint64_t), 0);
    b->quit = l->ops->chan_new(sizeof(uint64_t), 0);
    return b->c[0] && b->c[1] && b->quit ? 0 : -ENOMEM;
}

static void there_and_back(struct gt_load *l)
{
    struct bounce *b = l->own;
    uint64_t v, got = 0;
    l->ops->region_begin(0, "special");
    for (v = 0; v < ROW; v++) {
        (void)l->ops->chan_send(b->c[0], &v);
        (void)l->ops->chan_recv(b->c[1], &got);
        gt_load_check(l, got == v + 1, "sent %llu, got %llu", (unsigned long long)v,
                      (unsigned long long)got);
        l->ops->yield();
    }
    l->ops->region_end(0, "special");
    gt_add_relaxed(&b->operations, 2ull * ROW);
}

/* One number back, unless it is the end. */
static bool turn(struct gt_load *l)
{
    struct bounce *b = l->own;
    uint64_t v = 0, none;
    struct gt_select_case cases[2] = {{.chan = b->c[0], .data = &v}, {.chan = b->quit, .data = &none}};
    bool more = l->ops->select(cases, 2, false) == 0;
    v++;
    if (more)
        (void)l->ops->chan_send(b->c[1], &v);
    gt_add_relaxed(&b->operations, 2ull);
    return more;
}

static void bounce_back(struct gt_load *l, uint32_t i)
{
    bool more;
    (void)i;
    do {
        l->ops->region_begin(0, "special");
        more = turn(l);
        l->ops->yield();
        l->ops->region_end(0, "special");
    } while (more);
}

static void end_bounce(struct gt_load *l)
{
    struct bounce *b = l->own;
    (void)l->ops->chan_close(b->quit);
}

static void close_bounce(struct gt_load *l)
{
    struct bounce *b = l->own;
    for (int i = 0; i < 2; i++)
        if (b->c[i])
            l->ops->chan_free(b->c[i]);
    if (b->quit)
        l->ops->chan_free(b->quit);
}

static const struct gt_load_kind bounces = {
    .name = "bounces",
    .needs = GT_RT_CHAN,
    .own = sizeof(struct bounce),
    .partners = 1,
    .open = open_bounce,
    .step = there_and_back,
    .last = end_bounce,
    .partner = bounce_back,
    .close = close_bounce,
};

/* ---- the whole ------------------------------------------------------------------------------ */
static uint64_t count_parks(const struct gt_stress_params *p)
{
    struct gt_runtime_stats s;
    p->ops->stats(p->rt, &s);
    return s.parks;
}

static uint64_t count_operations(struct gt_crew *c)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < c->n; i++)
        n += gt_load_relaxed(&((struct bounce *)c->loads[i].own)->operations);
    return n;
}

static int run(struct gt_stress *s, const struct gt_stress_params *p)
{
    struct gt_rng r = gt_crew_rng(p);
    const struct gt_crew_item items[] = {{&bounces, gt_rng_between(&r, 2, 8), 0, NULL}};
    struct gt_crew c;
    uint64_t before = count_parks(p);
    int64_t start = p->ops->now();
    (void)gt_crew_start(&c, s, p, 0, items, 1);
    gt_crew_wait(&c);
    uint64_t parks = count_parks(p) - before, operations = count_operations(&c);
    uint64_t others = (uint64_t)((p->ops->now() - start) / PARK_NS) + 1;
    (void)gt_stress_check(s, parks <= operations + others,
                          "%llu parks for %llu operations on channels", (unsigned long long)parks,
                          (unsigned long long)operations);
    return gt_crew_end(&c);
}

const struct gt_stress_ops gt_stress_futile_wakeup = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_STRESS, struct gt_stress_ops, "futile-wakeup",
                           "nobody is woken at a channel for nothing", 0),
    .text =
        "Pairs of Gs pass numbers to and fro over unbuffered channels and by select, yield after each, "
        "and do so inside regions. A G that is woken has what it waited for: no operation may park "
        "its G twice, so there are no more parks than operations.",
    .bugs = "a channel or a select that wakes a G and lets it find nothing",
    .needs = GT_RT_CHAN,
    .windows = {{.window = GT_WINDOW_trace_start, .least = 1}},
    .run = run,
};
