/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The port's calls for plugins, as a table inside every host table: the same
 * plugin then runs on every back-end. Times in ns. Errors are negative errno.
 * All are thread-safe and may be called from any context unless said.
 */
#pragma once
#include "gauntlet/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct gt_os {
    int64_t (*nanotime)(void); /* monotonic */
    int64_t (*walltime)(void); /* since 1970 */
    int32_t (*thread_id)(void);
    void (*thread_yield)(void);
    void (*await_pause)(uint32_t *n);
    /* Sleeps while *word == expect; the word is a gt_a32. May block the M: never
     * with a core lock held. 0, -EAGAIN, -ETIMEDOUT, -EINTR. */
    int (*futex_wait)(void *word, uint32_t expect, int64_t timeout_ns);
    void (*futex_wake)(void *word, int count);
    int64_t (*write)(int fd, const void *buf, size_t n);
    /* Every running thread of the process passes a full fence; 0, -ENOSYS: the other side
     * must fence itself. */
    int (*membarrier)(void);
    /* Rate of gt_ticks() (gauntlet/clock.h); 0: no clock for all CPUs, use nanotime. The
     * first call in a process takes 10 ms. */
    uint64_t (*ticks_hz)(void);
    /* Zeroed pages from the kernel, NULL: none. Takes no lock of this process, so it may be
     * called inside a section. */
    void *(*map_pages)(size_t size);
    void (*unmap_pages)(void *p, size_t size);
};

#ifdef __cplusplus
}
#endif
