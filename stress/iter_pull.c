/* SPDX-License-Identifier: Apache-2.0 */
/* iter-pull: Gs that switch to each other directly, without the scheduler. */
#include <errno.h>
#include <stdlib.h>

#include "common/calls.h"
#include "common/loads.h"

enum { VALUES_MOST = 40, CALL_EVERY = 7, YIELD_EVERY = 5, TURNS_MOST = 6, BASKET = 8 };

/* ---- a series: values made on another stack, one for each switch -------------------------- */
struct series {
    const struct gt_runtime_ops *ops;
    struct gt_coro *coro;
    uint64_t value;
    uint32_t left;  /* values still to come */
    bool enough;    /* nobody wants more */
};

static void produce(void *arg)
{
    struct series *k = arg;
    for (; k->left > 0 && !k->enough; k->left--) {
        k->value++;
        if (k->value % YIELD_EVERY == 0)
            k->ops->yield();
        if (k->value % CALL_EVERY == 0) {
            k->ops->syscall_enter();
            (void)gt_call_getpid();
            k->ops->syscall_exit();
        }
        (void)k->ops->coro_switch(k->coro);
    }
}

static bool begin(struct gt_load *l, struct series *k, uint32_t n)
{
    *k = (struct series){.ops = l->ops, .left = n};
    k->coro = l->ops->coro_new(produce, k);
    if (!k->coro)
        gt_load_fail(l, -ENOMEM);
    return k->coro != NULL;
}

/* false: there was no more. */
static bool pull(struct gt_load *l, struct series *k)
{
    uint64_t before = k->value;
    bool more = l->ops->coro_switch(k->coro);
    gt_load_check(l, !more || k->value == before + 1, "value %llu comes after %llu",
                  (unsigned long long)k->value, (unsigned long long)before);
    return more;
}

static void finish(struct gt_load *l, struct series *k)
{
    k->enough = true;
    bool more = l->ops->coro_switch(k->coro);
    gt_load_check(l, !more, "a series goes on after its end");
    l->ops->coro_free(k->coro);
}

/* Pulls some of n values, often all, then ends the series: from inside, or early. */
static void pull_series(struct gt_load *l)
{
    struct series k;
    uint32_t n = gt_rng_below(&l->rng, VALUES_MOST), some = gt_rng_between(&l->rng, 1, VALUES_MOST);
    if (!begin(l, &k, n))
        return;
    uint32_t got = 0;
    bool more = true;
    while (more && got < some) {
        more = pull(l, &k);
        got += more;
    }
    gt_load_check(l, got == (some < n ? some : n), "%u values of %u", got, n);
    if (more)
        finish(l, &k);
    else
        l->ops->coro_free(k.coro);
}

static const struct gt_load_kind pullers = {
    .name = "series", .needs = GT_RT_CORO | GT_RT_SYSCALL, .busy = true, .step = pull_series};

/* ---- one series for two Gs ------------------------------------------------------------------- */
struct bounced {
    struct gt_chan *there, *back; /* of struct series *: who has it may switch to it */
};

static int open_bounced(struct gt_load *l)
{
    struct bounced *b = l->own;
    b->there = l->ops->chan_new(sizeof(struct series *), 0);
    b->back = l->ops->chan_new(sizeof(struct series *), 0);
    return b->there && b->back ? 0 : -ENOMEM;
}

static void bounce(struct gt_load *l)
{
    struct bounced *b = l->own;
    struct series k, *at = &k;
    if (!begin(l, &k, UINT32_MAX))
        return;
    for (uint32_t turns = gt_rng_between(&l->rng, 1, TURNS_MOST); turns > 0; turns--) {
        gt_load_check(l, pull(l, at), "a series without an end has ended");
        (void)l->ops->chan_send(b->there, &at);
        (void)l->ops->chan_recv(b->back, &at);
    }
    finish(l, at);
}

static void bounce_back(struct gt_load *l, uint32_t i)
{
    struct bounced *b = l->own;
    struct series *at;
    (void)i;
    while (l->ops->chan_recv(b->there, &at)) {
        for (uint64_t n = at->value % TURNS_MOST; n > 0; n--)
            gt_load_check(l, pull(l, at), "a series without an end has ended");
        (void)l->ops->chan_send(b->back, &at);
    }
}

static void end_bounced(struct gt_load *l)
{
    struct bounced *b = l->own;
    (void)l->ops->chan_close(b->there);
}

static void close_bounced(struct gt_load *l)
{
    struct bounced *b = l->own;
    if (b->there)
        l->ops->chan_free(b->there);
    if (b->back)
        l->ops->chan_free(b->back);
}

static const struct gt_load_kind bouncers = {
    .name = "bounced series",
    .needs = GT_RT_CORO | GT_RT_CHAN | GT_RT_SYSCALL,
    .own = sizeof(struct bounced),
    .partners = 1,
    .open = open_bounced,
    .step = bounce,
    .last = end_bounced,
    .partner = bounce_back,
    .close = close_bounced,
};

static int run(struct gt_stress *s, const struct gt_stress_params *p)
{
    struct gt_rng r = gt_crew_rng(p);
    const struct gt_crew_item items[] = {
        {&pullers, gt_rng_between(&r, 2, BASKET), 0, NULL},
        {&bouncers, gt_rng_between(&r, 1, BASKET), 0, NULL},
        {&gt_load_naps, gt_rng_below(&r, 3), 0, NULL},
        {&gt_load_cycles, gt_rng_below(&r, 2), 500, NULL},
        {&gt_load_looks, gt_rng_below(&r, 2), 500, NULL},
    };
    return gt_crew_run(s, p, 0, items, sizeof items / sizeof *items);
}

const struct gt_stress_ops gt_stress_iter_pull = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_STRESS, struct gt_stress_ops, "iter-pull",
                           "coroutines, also one that goes to and fro between two Gs", 0),
    .text =
        "Gs pull values from coroutines, a direct switch there and back for each; some series come "
        "to their end, some are ended early. Others hand one coroutine to and fro between two Gs, "
        "which switch to it in turns, so that the G inside goes on now on one thread, now on the "
        "other. Inside, a coroutine yields and makes system calls. Stops and cycles of the "
        "collector come in between. Each value must be the next one.",
    .bugs = "golang/go #65889: a direct switch ignored that a G was locked to its thread\n"
            "a direct switch whose events do not fit what was switched",
    .needs = GT_RT_CORO | GT_RT_CHAN | GT_RT_SYSCALL,
    .windows = {{.window = GT_WINDOW_switch_direct, .least = 1}},
    .run = run,
};
