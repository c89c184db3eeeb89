/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that the runtime did not make: each calls in a few times and dies at once. Its last
 * call leaves a P behind that was its own, while other Gs and a stop of the world look for
 * Ps to take.
 */
#include <errno.h>

#include "common/calls.h"
#include "common/foreign.h"
#include "common/loads.h"

enum { CALLS = 4, RETRIES = 2000, RETRY_NS = 50000, NAP_US = 60, US = 1000 };
enum act { ACT_NOTHING, ACT_YIELD, ACT_SLEEP, ACT_CALL, ACT_NAP, ACT_AGAIN, ACTS };

struct foreigner {
    struct gt_load *l;
    struct gt_foreign thread;
    struct gt_rng rng;
    uint32_t calls, ran;
    int rc;
};

/* ---- on a G --------------------------------------------------------------------------------- */
static void nap(struct foreigner *f, int64_t ns)
{
    f->l->ops->syscall_enter();
    (void)gt_call_nap(ns);
    f->l->ops->syscall_exit();
}

static void short_call(struct foreigner *f)
{
    f->l->ops->syscall_enter();
    (void)gt_call_getpid();
    f->l->ops->syscall_exit();
}

static void inner(void *arg)
{
    struct foreigner *f = arg;
    f->l->ops->yield();
    short_call(f);
    f->ran++;
}

/* In again from inside a system call of the G that came in. */
static void call_again(struct foreigner *f)
{
    uint32_t before = f->ran;
    f->l->ops->syscall_enter();
    int rc = f->l->ops->callback(f->l->p->rt, inner, f);
    f->l->ops->syscall_exit();
    gt_load_check(f->l, rc == 0 && f->ran == before + 1, "a call in from a call gave %d", rc);
    f->ran = before;
}

static void called(void *arg)
{
    struct foreigner *f = arg;
    const struct gt_runtime_ops *ops = f->l->ops;
    switch ((enum act)gt_rng_below(&f->rng, ACTS)) {
    case ACT_YIELD:
        ops->yield();
        break;
    case ACT_SLEEP:
        ops->sleep(US * (int64_t)gt_rng_below(&f->rng, NAP_US));
        break;
    case ACT_CALL:
        short_call(f);
        break;
    case ACT_NAP:
        nap(f, US * (int64_t)gt_rng_below(&f->rng, NAP_US));
        break;
    case ACT_AGAIN:
        call_again(f);
        break;
    case ACT_NOTHING:
    case ACTS:
        break;
    }
    f->ran++;
}

/* ---- on the thread ----------------------------------------------------------------------------- */
/* -EAGAIN: no thread struct to be had just now. */
static int call_in(struct foreigner *f)
{
    int rc = -EAGAIN;
    for (int i = 0; i < RETRIES && rc == -EAGAIN; i++) {
        rc = f->l->ops->callback(f->l->p->rt, called, f);
        if (rc == -EAGAIN)
            (void)gt_call_nap(RETRY_NS);
    }
    return rc;
}

static void thread_main(void *arg)
{
    struct foreigner *f = arg;
    for (uint32_t i = 0; i < f->calls && f->rc == 0; i++)
        f->rc = call_in(f);
}

/* ---- the load ------------------------------------------------------------------------------------- */
static int open_foreigner(struct gt_load *l)
{
    struct foreigner *f = l->own;
    *f = (struct foreigner){.l = l, .rng = gt_rng_make(gt_rng_next(&l->rng), 1)};
    l->ops->expect_callbacks(l->p->rt, 1);
    return 0;
}

static void one_life(struct gt_load *l)
{
    struct foreigner *f = l->own;
    f->calls = gt_rng_between(&l->rng, 1, gt_load_param(l, CALLS));
    f->ran = 0;
    int rc = gt_foreign_start(&f->thread, thread_main, f);
    if (rc != 0) {
        gt_load_fail(l, rc);
        return;
    }
    l->ops->syscall_enter_blocking();
    gt_foreign_join(&f->thread);
    l->ops->syscall_exit();
    if (f->rc != 0)
        gt_load_fail(l, f->rc);
    else
        gt_load_check(l, f->ran == f->calls, "%u of %u calls in ran", f->ran, f->calls);
}

static void close_foreigner(struct gt_load *l)
{
    l->ops->expect_callbacks(l->p->rt, -1);
}

const struct gt_load_kind gt_load_foreigners = {
    .name = "foreign threads",
    .needs = GT_RT_CALLBACK | GT_RT_SYSCALL | GT_RT_TIMERS,
    .own = sizeof(struct foreigner),
    .open = open_foreigner,
    .step = one_life,
    .close = close_foreigner,
};
