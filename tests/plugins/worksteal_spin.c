/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worksteal with a spin in `pick`: GT_SPIN rounds of it, none by default. Of the same name as the real one, so that what
 * is measured with and without has the same cells; integration/gate_real gates one against the other.
 * The fences keep the spin from overlapping with what is around it, and are there with GT_SPIN=0 too.
 */
#include <stdlib.h>

#include "gauntlet/plugin.h"

#include "../../runtimes/schedulers/worksteal.c"

/* What a plugin may keep outside: the program's calls, for gt_await; and the rounds, once set by init. The calls are
 * copied: host->os goes with its runtime, and there may be another. */
static struct {
    struct gt_os calls;
    const struct gt_os *os;
    uint64_t rounds;
} spins = {.os = &spins.calls};
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
    spins.calls = *host->os;
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

/* Its table is worksteal's own, of which what is not said here is kept. */
__attribute__((visibility("default"))) const struct gt_plugin_head *gt_plugin_scheduler(uint16_t host_abi_major);
const struct gt_plugin_head *gt_plugin_scheduler(uint16_t host_abi_major)
{
    static struct gt_scheduler_ops spin_ops;
    (void)host_abi_major;
    spin_ops = gt_scheduler_worksteal;
    spin_ops.head.summary = "worksteal, and GT_SPIN rounds of a spin in each pick";
    spin_ops.init = spin_init;
    spin_ops.pick = spin_pick;
    return &spin_ops.head;
}
