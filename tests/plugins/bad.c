/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scheduler that never runs, with one thing wrong. -DBAD_<what> chooses it; without one
 * the table is right. tests/integration/bad_plugins.sh builds each and reads the refusal.
 */
#include "gauntlet/plugin.h"
#include "gauntlet/scheduler.h"

#ifndef BAD_FLAGS
#define BAD_FLAGS 0
#endif
#ifndef BAD_NAME
#define BAD_NAME "bad"
#endif
#ifndef BAD_SUMMARY
#define BAD_SUMMARY "one thing is wrong with it"
#endif

static int nothing_init(void *s, const struct gt_scheduler_host *host)
{
    (void)s;
    return host ? 0 : -1;
}

static void nothing_fini(void *s)
{
    (void)s;
}

static void nothing_enqueue(void *s, struct gt_proc *p, struct gt_task *g,
                            enum gt_enqueue_kind kind)
{
    (void)s;
    (void)p;
    (void)g;
    (void)kind;
}

static void nothing_batch(void *s, struct gt_proc *p, struct gt_tasks *batch)
{
    (void)s;
    (void)p;
    (void)batch;
}

static struct gt_task *nothing_pick(void *s, struct gt_proc *p, enum gt_pick_from from,
                                    uint32_t *flags)
{
    (void)s;
    (void)p;
    (void)from;
    (void)flags;
    return NULL;
}

static bool nothing_has_work(void *s, struct gt_proc *p)
{
    (void)s;
    (void)p;
    return false;
}

static void nothing_drain(void *s, struct gt_proc *p, struct gt_tasks *out)
{
    (void)s;
    (void)p;
    (void)out;
}

static void nothing_drain_shared(void *s, struct gt_tasks *out)
{
    (void)s;
    (void)out;
}

static uint64_t nothing_fairness(uint64_t k)
{
    return k;
}

static struct gt_scheduler_ops ops = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_SCHEDULER, struct gt_scheduler_ops, BAD_NAME, BAD_SUMMARY,
                           BAD_FLAGS),
    .init = nothing_init,
    .fini = nothing_fini,
    .enqueue = nothing_enqueue,
    .enqueue_batch = nothing_batch,
    .pick = nothing_pick,
    .has_work = nothing_has_work,
    .drain = nothing_drain,
    .drain_shared = nothing_drain_shared,
    .fairness = nothing_fairness,
};

#ifdef BAD_SYMBOL
extern int a_symbol_that_nobody_has(void);
int use_it(void);
int use_it(void)
{
    return a_symbol_that_nobody_has();
}
#endif

#ifndef BAD_NO_GETTER
const struct gt_plugin_head *gt_plugin_scheduler(uint16_t host_abi_major);
const struct gt_plugin_head *gt_plugin_scheduler(uint16_t host_abi_major)
{
    (void)host_abi_major;
#ifdef BAD_FIELD /* -DBAD_FIELD='.head.magic = 7' */
    ops BAD_FIELD;
#endif
#ifdef BAD_NULL
    return NULL;
#else
    return &ops.head;
#endif
}
#endif
