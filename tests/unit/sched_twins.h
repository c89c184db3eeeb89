/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Busted twins: a good scheduler with one fault each. Every op not named goes to the good
 * one, which gets the same state; so a check that passes a twin does not look.
 */
#include "sched_mock.h"

static const struct gt_scheduler_ops *twin_of;
static gt_a64 twin_calls;

static bool twin_every(uint64_t n)
{
    return gt_add_relaxed(&twin_calls, 1u) % n == n - 1;
}

/* Loses one G in 10,000. */
static void twin_drops(void *s, struct gt_proc *p, struct gt_task *g, enum gt_enqueue_kind kind)
{
    if (!twin_every(10000))
        twin_of->enqueue(s, p, g, kind);
}

/* Returns one G in 10,000 (in 50) and keeps it as well. */
static struct gt_task *twin_repeats(void *s, struct gt_proc *p, enum gt_pick_from from,
                                    uint32_t *flags)
{
    struct gt_task *g = twin_of->pick(s, p, from, flags);
    if (g && twin_every(10000))
        twin_of->enqueue(s, p, g, GT_ENQ_LOCAL);
    return g;
}

static struct gt_task *twin_repeats_often(void *s, struct gt_proc *p, enum gt_pick_from from,
                                          uint32_t *flags)
{
    struct gt_task *g = twin_of->pick(s, p, from, flags);
    if (g && twin_every(50))
        twin_of->enqueue(s, p, g, GT_ENQ_LOCAL);
    return g;
}

/* Says "nothing" once in 64 times. */
static bool twin_lies(void *s, struct gt_proc *p)
{
    return !twin_every(64) && twin_of->has_work(s, p);
}

/* Says "nothing" of what a P has on its own queue: nobody comes for it. */
static bool twin_overlooks(void *s, struct gt_proc *p)
{
    (void)p;
    struct gt_scheduler_stats a = {0};
    twin_of->stats(s, &a);
    return false;
}

/* The last in is the first out. Only what fairness needs is right here. */
static struct gt_tasks twin_stack;
static void twin_lifo_enqueue(void *s, struct gt_proc *p, struct gt_task *g,
                              enum gt_enqueue_kind kind)
{
    (void)s;
    (void)p;
    (void)kind;
    g->link = twin_stack.head;
    twin_stack.head = g;
    if (!twin_stack.tail)
        twin_stack.tail = g;
    twin_stack.n++;
}

static struct gt_task *twin_lifo_pick(void *s, struct gt_proc *p, enum gt_pick_from from,
                                      uint32_t *flags)
{
    (void)s;
    (void)p;
    (void)from;
    (void)flags;
    return gt_tasks_pop(&twin_stack);
}

/* Every 61st pick begins a new slice, also in the middle of a chain. */
static struct gt_task *twin_breaks_chains(void *s, struct gt_proc *p, enum gt_pick_from from,
                                          uint32_t *flags)
{
    struct gt_task *g = twin_of->pick(s, p, from, flags);
    if (twin_every(61))
        *flags = 0;
    return g;
}

/* Drains what a dying P has and forgets half of it. */
static void twin_half_drain(void *s, struct gt_proc *p, struct gt_tasks *out)
{
    struct gt_tasks all = {NULL, NULL, 0};
    twin_of->drain(s, p, &all);
    for (bool keep = true; all.head; keep = !keep) {
        struct gt_task *g = gt_tasks_pop(&all);
        if (keep)
            gt_tasks_push(out, g);
    }
}

/* Turns a batch round. */
static void twin_turns_batch(void *s, struct gt_proc *p, struct gt_tasks *batch)
{
    struct gt_tasks turned = {NULL, NULL, 0};
    for (struct gt_task *g; (g = gt_tasks_pop(batch));) {
        g->link = turned.head;
        turned.head = g;
        if (!turned.tail)
            turned.tail = g;
        turned.n++;
    }
    twin_of->enqueue_batch(s, p, &turned);
}

/* A yielding G runs next. */
static void twin_yield_next(void *s, struct gt_proc *p, struct gt_task *g,
                            enum gt_enqueue_kind kind)
{
    twin_of->enqueue(s, p, g, kind == GT_ENQ_YIELD ? GT_ENQ_NEXT : kind);
}

/* Every node is as far as any other. */
static int32_t twin_flat(const struct gt_scheduler_host *h, int32_t a, int32_t b)
{
    (void)h;
    (void)a;
    (void)b;
    return 10;
}

static int twin_flat_init(void *s, const struct gt_scheduler_host *host)
{
    mock_of(host)->h.distance = twin_flat;
    return twin_of->init(s, host);
}

/* A stolen G is counted twice. */
static void twin_counts(void *s, struct gt_scheduler_stats *out)
{
    twin_of->stats(s, out);
    out->picked_local++;
}

static struct gt_scheduler_ops twin_make(const struct gt_scheduler_ops *good)
{
    twin_of = good;
    gt_store_relaxed(&twin_calls, 0u);
    twin_stack = (struct gt_tasks){NULL, NULL, 0};
    return *good;
}
