/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps that tracers take alike, for those that read one word at the begin of a section
 * (section.h): switching it on, waiting until nobody is inside, summing what Ms counted.
 * GT_C_ONLY
 */
#pragma once
#include "gauntlet/section.h"
#include "gauntlet/tracer.h"

/*
 * Stores w into the tracer's word and enables tracing: with the world stopped, with sysmon still,
 * and no M on its way out of a system call that has not seen it. The journal is told where the
 * word is the core's. Context: on a G, outside sections; blocks.
 */
static inline void gt_tracer_switch_on(const struct gt_tracer_host *h, bool asym, gt_a64 *word,
                                       uint64_t w)
{
    const gt_a32 *exiting = h->exiting_syscall(h);
    uint32_t spins = 0;
    h->stop_world(h, GT_WORLD_TRACE_START);
    h->sysmon_lock(h);
    gt_store_release(word, w); /* pair: generation */
    if (word == h->generation)
        gt_trace_stored(h, w);
    h->set_enabled(h, true);
    gt_section_fence(h->os, asym);
    while (gt_load_seqcst(exiting) != 0) /* pair: exiting-syscall */
        h->os->await_pause(&spins);
    h->sysmon_unlock(h);
    h->start_world(h);
}

/*
 * Returns when see, called for each M with a bool, has left it false for all of them in one walk:
 * it sets it where the M's section is not clear. When: the word is 0, and gt_section_fence was
 * called since. Not one look at each: an M that enters again meanwhile sees the word 0 and is out
 * soon. Context: outside sections, no lock held.
 */
static inline void gt_tracer_await_clear(const struct gt_tracer_host *h,
                                         void (*see)(struct gt_mach *m, void *inside))
{
    uint32_t spins = 0;
    for (bool inside = true; inside;) {
        inside = false;
        h->sched_lock(h);
        h->each_m(h, see, &inside);
        h->sched_unlock(h);
        if (inside)
            h->os->await_pause(&spins);
    }
}

/*
 * *left, what Ms that have left had counted, and what `add` adds for each M that is there. m_dies
 * moves an M's share into *left under the scheduler lock; so both are read under it:
 *
 *      who sums                     an M that dies
 *      reads left: 0
 *                                   lock, left += 100, gone from the list
 *      lock, walks all Ms           its 100 are in neither
 *
 * Context: any thread, no lock held.
 */
static inline uint64_t gt_tracer_sum(const struct gt_tracer_host *h, const gt_a64 *left,
                                     void (*add)(struct gt_mach *m, void *sum))
{
    h->sched_lock(h);
    uint64_t n = gt_load_relaxed(left);
    h->each_m(h, add, &n);
    h->sched_unlock(h);
    return n;
}
