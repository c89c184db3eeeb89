/* SPDX-License-Identifier: Apache-2.0 */
/* What the checks of a runtime (peer_checks.h, peer_ends.h) share: where they say what does not hold. */
#pragma once
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/calls.h"
#include "gauntlet/atomic.h"
#include "gauntlet/runtime.h"

#define MS 1000000ll
enum { MANY = 100 };

struct scene {
    const struct gt_runtime_ops *ops;
    struct gt_runtime *rt;
    int32_t procs;
    char why[160]; /* the first thing that does not hold */
    gt_a32 wrong;
};

static void note(struct scene *s, const char *what, int line)
{
    if (gt_add_relaxed(&s->wrong, 1u) == 0)
        snprintf(s->why, sizeof s->why, "line %d: %s", line, what);
}
#define must(s, cond)                                                                              \
    do {                                                                                           \
        if (!(cond))                                                                               \
            note((s), #cond, __LINE__);                                                            \
    } while (0)

/* ---- helpers: Gs that do one thing ----------------------------------------------------------- */
struct hand {
    struct scene *s;
    struct gt_chan *c;
    struct gt_wg *wg;
    struct gt_g *g;
    struct gt_mutex *mu;
    struct gt_fd *f;
    uint64_t n;
    uint64_t *sum;
    int64_t result;
    gt_a32 flag;
};

static void hand_done(struct hand *h)
{
    h->s->ops->wg_done(h->wg);
}

/* Gives others the time to get to where they wait. */
static void settle(const struct scene *s)
{
    for (int i = 0; i < 20; i++)
        s->ops->yield();
    s->ops->sleep(2 * MS);
}

/* ---- helpers: a timer that counts -------------------------------------------------------------------- */
static void count_shot(void *arg)
{
    gt_add_acq_rel((gt_a32 *)arg, 1u);
}

static void await_shots(const struct scene *s, gt_a32 *shots, uint32_t n)
{
    for (int i = 0; i < 5000 && gt_load_acquire(shots) < n; i++)
        s->ops->sleep(MS);
}

static void called(void *arg)
{
    struct hand *h = arg;
    h->s->ops->yield();
    gt_store_release(&h->flag, 1u);
}
