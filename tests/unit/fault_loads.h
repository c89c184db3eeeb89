/* SPDX-License-Identifier: Apache-2.0 */
/* System calls until `enough`: what the hunts for faults share. */
#pragma once
#include "busy.h"
#include "fault_hunt.h"

static inline void tiny_calls(void *arg)
{
    (void)arg;
    while (go_on()) {
        R->syscall_enter();
        R->syscall_exit();
    }
    R->wg_done(wg);
}

static inline void short_calls(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; go_on(); i++) {
        R->syscall_enter();
        if (i % 4 == 0)
            gt_sleep_ns(20 * GT_NS_PER_US);
        R->syscall_exit();
        if (i % 16 == 0)
            R->yield();
    }
    R->wg_done(wg);
}

static inline void blocking_calls(void *arg)
{
    (void)arg;
    while (go_on()) {
        R->syscall_enter_blocking();
        R->syscall_exit();
    }
    R->wg_done(wg);
}
