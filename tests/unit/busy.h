/* SPDX-License-Identifier: Apache-2.0 */
/* Gs that keep a runtime busy until `enough`. */
#pragma once
#include "in_runtime.h"

static struct gt_wg *wg; /* each G is one of it */
static gt_a32 enough;

static inline bool go_on(void)
{
    return gt_load_relaxed(&enough) == 0;
}

static inline void load_begins(void)
{
    gt_store_relaxed(&enough, 0u);
    wg = R->wg_new();
}

static inline void one_more(gt_fn fn, void *arg)
{
    R->wg_add(wg, 1);
    expect(R->go(fn, arg) == 0);
}

static inline void several(gt_fn fn, void *arg, int n)
{
    while (n-- > 0)
        one_more(fn, arg);
}

static inline void load_ends(void)
{
    gt_store_relaxed(&enough, 1u);
    R->wg_wait(wg);
    R->wg_free(wg);
}

static inline void stops(void *arg)
{
    (void)arg;
    while (go_on()) {
        R->stop_world(GT_WORLD_TEST);
        R->start_world();
        R->yield();
    }
    R->wg_done(wg);
}
