/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worksteal with a spin in `pick`: GT_SPIN rounds of it, none by default. Of the same name as the real one, so that what
 * is measured with and without has the same cells; integration/gate_real gates one against the other.
 * The fences keep the spin from overlapping with what is around it, and are there with GT_SPIN=0 too.
 */
#include <stdlib.h>

#include "gauntlet/plugin.h"

#include "../../runtimes/schedulers/worksteal.c"

/* What a plugin may keep outside: where gt_await finds the program's pause; and the rounds, once set by init. */
static struct {
    const struct gt_os *os;
    uint64_t rounds;
} spins;
GT_PLUGIN_AWAIT(&spins)

static void fence(void)
{
#if defined(__x86_64__)
    __asm__ volatile("lfence" ::: "memory");
#else
    __asm__ volatile("" ::: "memory");
#endif
}

static int spin_init(void *s, const struct gt_scheduler_host *host)
{
    const char *text = getenv("GT_SPIN");
    spins.os = host->os;
    spins.rounds = text ? strtoull(text, NULL, 10) : 0;
    return ws_init(s, host);
}

static struct gt_task *spin_pick(void *s, struct gt_proc *p, enum gt_pick_from from,
                                 uint32_t *flags)
{
    fence();
    for (uint64_t left = spins.rounds; left; left--)
        __asm__ volatile("" : "+r"(left));
    fence();
    return ws_pick(s, p, from, flags);
}

static const struct gt_scheduler_ops spin_ops = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_SCHEDULER, struct gt_scheduler_ops, "worksteal",
                           "worksteal, and GT_SPIN rounds of a spin in each pick",
                           GT_SCHED_STEALS),
    .runtime_state = sizeof(struct ws),
    .p_state = sizeof(struct ws_p),
    .init = spin_init,
    .fini = ws_fini,
    .enqueue = ws_enqueue,
    .enqueue_batch = ws_enqueue_batch,
    .pick = spin_pick,
    .has_work = ws_has_work,
    .p_has_work = ws_p_has_work,
    .spin = ws_spin,
    .drain = ws_drain,
    .drain_shared = ws_drain_shared,
    .stats = ws_stats,
    .fairness = ws_fairness,
};

GT_PLUGIN_EXPORT(scheduler, spin_ops)
