/* SPDX-License-Identifier: Apache-2.0 */
/* The native port's bridge from libc's error convention to the port's. */
#pragma once
#include <errno.h>
#include <stdint.h>

/*
 * A libc or syscall(2) result as the port returns it: r, or -errno. To be used in
 * the function that made the call, so that errno is still this thread's and this
 * call's (a signal handler of the port restores it).
 */
static inline int64_t gt_result(int64_t r)
{
    return r < 0 ? -(int64_t)errno : r;
}
static inline int gt_result_int(int64_t r)
{
    return (int)gt_result(r);
}
