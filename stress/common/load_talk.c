/* SPDX-License-Identifier: Apache-2.0 */
/* Loads of Gs that deal with each other, or with nobody. */
#include <errno.h>

#include "common/errand.h"
#include "common/foreign.h"
#include "common/loads.h"

enum { LOCKED_YIELDS = 16, SENDERS = 3, HOLDERS = 3, YIELD_HOLDING_EVERY = 16, US = 1000, GRACE_NS = 2300 };

/* ---- yields ----------------------------------------------------------------------------- */
static void yield(struct gt_load *l)
{
    l->ops->yield();
}

const struct gt_load_kind gt_load_yields = {.name = "yields", .step = yield};

static void yield_locked(struct gt_load *l)
{
    l->ops->lock_thread();
    uint64_t thread = gt_foreign_self();
    for (uint32_t n = gt_rng_between(&l->rng, 1, LOCKED_YIELDS); n > 0; n--) {
        l->ops->yield();
        gt_load_check(l, gt_foreign_self() == thread, "a G left the thread it was locked to");
    }
    l->ops->unlock_thread();
}

const struct gt_load_kind gt_load_locked_yields = {.name = "locked yields", .step = yield_locked};

/* ---- question and answer ------------------------------------------------------------------ */
struct talk {
    struct gt_chan *there, *back;
};

static int open_talk(struct gt_load *l)
{
    struct talk *t = l->own;
    t->there = l->ops->chan_new(sizeof(uint64_t), 0);
    t->back = l->ops->chan_new(sizeof(uint64_t), 1);
    return t->there && t->back ? 0 : -ENOMEM;
}

static void ask(struct gt_load *l)
{
    struct talk *t = l->own;
    uint64_t out = gt_rng_next(&l->rng), in = 0;
    gt_load_check(l, l->ops->chan_send(t->there, &out) == 0, "a question could not be sent");
    gt_load_check(l, l->ops->chan_recv(t->back, &in) && in == ~out, "the answer is wrong");
}

static void answer(struct gt_load *l, uint32_t i)
{
    struct talk *t = l->own;
    uint64_t v;
    (void)i;
    while (l->ops->chan_recv(t->there, &v)) {
        v = ~v;
        gt_load_check(l, l->ops->chan_send(t->back, &v) == 0, "an answer could not be sent");
    }
}

static void end_talk(struct gt_load *l)
{
    struct talk *t = l->own;
    (void)l->ops->chan_close(t->there);
}

static void close_talk(struct gt_load *l)
{
    struct talk *t = l->own;
    if (t->there)
        l->ops->chan_free(t->there);
    if (t->back)
        l->ops->chan_free(t->back);
}

const struct gt_load_kind gt_load_talks = {
    .name = "talks",
    .needs = GT_RT_CHAN,
    .own = sizeof(struct talk),
    .partners = 1,
    .open = open_talk,
    .step = ask,
    .last = end_talk,
    .partner = answer,
    .close = close_talk,
};

/* ---- the other is ready, and its maker goes on -------------------------------------------- */
static void hand_over(struct gt_load *l)
{
    struct talk *t = l->own;
    uint64_t out = gt_rng_next(&l->rng), in = 0;
    gt_load_check(l, l->ops->chan_send(t->there, &out) == 0, "a question could not be sent");
    for (int64_t end = l->ops->now() + GRACE_NS + (int64_t)gt_rng_below(&l->rng, GRACE_NS);
         l->ops->now() < end;)
        gt_cpu_relax();
    gt_load_check(l, l->ops->chan_recv(t->back, &in) && in == ~out, "the answer is wrong");
}

const struct gt_load_kind gt_load_handovers = {
    .name = "handovers",
    .needs = GT_RT_CHAN,
    .own = sizeof(struct talk),
    .partners = 1,
    .open = open_talk,
    .step = hand_over,
    .last = end_talk,
    .partner = answer,
    .close = close_talk,
};

/* ---- select ---------------------------------------------------------------------------------- */
struct choice {
    struct gt_chan *from[SENDERS], *quit;
    uint64_t next[SENDERS]; /* that must come from each */
};

static int open_choice(struct gt_load *l)
{
    struct choice *c = l->own;
    bool whole = true;
    for (int i = 0; i < SENDERS; i++) {
        c->from[i] = l->ops->chan_new(sizeof(uint64_t), (size_t)i);
        whole = whole && c->from[i];
    }
    c->quit = l->ops->chan_new(sizeof(uint64_t), 0);
    return whole && c->quit ? 0 : -ENOMEM;
}

static void receive_one(struct gt_load *l)
{
    struct choice *c = l->own;
    uint64_t v = 0;
    struct gt_select_case cases[SENDERS];
    for (uint32_t i = 0; i < SENDERS; i++)
        cases[i] = (struct gt_select_case){.chan = i < l->partners ? c->from[i] : NULL, .data = &v};
    int at = l->ops->select(cases, SENDERS, false);
    gt_load_check(l, at >= 0 && at < SENDERS && v == c->next[at]++,
                  "a select gave case %d, number %llu", at, (unsigned long long)v);
}

static void send_numbers(struct gt_load *l, uint32_t i)
{
    struct choice *c = l->own;
    uint64_t v = 0, none;
    struct gt_select_case cases[2] = {{.chan = c->from[i], .data = &v, .send = true},
                                      {.chan = c->quit, .data = &none}};
    while (l->ops->select(cases, 2, false) == 0)
        v++;
}

static void end_choice(struct gt_load *l)
{
    struct choice *c = l->own;
    (void)l->ops->chan_close(c->quit);
}

static void close_choice(struct gt_load *l)
{
    struct choice *c = l->own;
    for (int i = 0; i < SENDERS; i++)
        if (c->from[i])
            l->ops->chan_free(c->from[i]);
    if (c->quit)
        l->ops->chan_free(c->quit);
}

const struct gt_load_kind gt_load_selects = {
    .name = "selects",
    .needs = GT_RT_CHAN,
    .own = sizeof(struct choice),
    .partners = SENDERS,
    .open = open_choice,
    .step = receive_one,
    .last = end_choice,
    .partner = send_numbers,
    .close = close_choice,
};

/* ---- a G for an errand -------------------------------------------------------------------------- */
static void send_out(struct gt_load *l)
{
    bool right = true;
    int rc = gt_errand_send(l->ops, gt_rng_next(&l->rng), &right);
    if (rc != 0)
        gt_load_fail(l, rc);
    gt_load_check(l, right, "an errand came back wrong");
}

const struct gt_load_kind gt_load_errands = {
    .name = "errands", .needs = GT_RT_PARK, .step = send_out};

/* ---- one lock -------------------------------------------------------------------------------------- */
struct locked {
    struct gt_mutex *mu;
    uint64_t a, b; /* Guarded by: mu. b == 3 a outside a section */
};

static int open_lock(struct gt_load *l)
{
    struct locked *k = l->own;
    k->mu = l->ops->mutex_new();
    return k->mu ? 0 : -ENOMEM;
}

static void hold(struct gt_load *l)
{
    struct locked *k = l->own;
    l->ops->mutex_lock(k->mu);
    gt_load_check(l, k->b == 3 * k->a, "two fields disagree under the lock");
    if (++k->a % YIELD_HOLDING_EVERY == 0)
        l->ops->yield(); /* others must queue */
    k->b += 3;
    l->ops->mutex_unlock(k->mu);
}

static void hold_often(struct gt_load *l, uint32_t i)
{
    (void)i;
    for (uint32_t n = 1; !gt_load_over(l); n++) {
        hold(l);
        if (n % YIELD_HOLDING_EVERY == 0)
            l->ops->yield();
    }
}

static void close_lock(struct gt_load *l)
{
    struct locked *k = l->own;
    if (k->mu)
        l->ops->mutex_free(k->mu);
}

const struct gt_load_kind gt_load_locks = {
    .name = "locks",
    .own = sizeof(struct locked),
    .partners = HOLDERS,
    .busy = true,
    .open = open_lock,
    .step = hold,
    .partner = hold_often,
    .close = close_lock,
};

/* ---- nothing but CPU time ---------------------------------------------------------------------------- */
static void spin(struct gt_load *l)
{
    int64_t end = l->ops->now() + US * (int64_t)gt_rng_below(&l->rng, gt_load_param(l, 5000));
    l->ops->async_preempt(true);
    while (l->ops->now() < end)
        gt_cpu_relax();
    l->ops->async_preempt(false);
}

const struct gt_load_kind gt_load_spins = {
    .name = "spins", .needs = GT_RT_PREEMPT, .busy = true, .step = spin};
