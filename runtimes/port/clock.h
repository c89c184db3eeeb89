/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPU's cheap counter, inline for hot paths of the runtime and of plugins. A back-end
 * that simulates time replaces this file. GT_C_ONLY
 */
#pragma once
#include <stdint.h>

/* Grows evenly on all CPUs where the port says so (gt_ticks_hz() != 0). Not ordered with
 * loads and stores around it. */
static inline uint64_t gt_ticks(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t v;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
    return v;
#endif
}
