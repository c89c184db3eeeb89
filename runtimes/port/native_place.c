/* SPDX-License-Identifier: Apache-2.0 */
/* The native port: where the kernel lets a thread run. */
#include <errno.h>
#include <sched.h>
#include <stdint.h>

#include "port/port.h"

int gt_os_affinity(uint64_t *mask, size_t words)
{
    for (size_t i = 0; i < words; i++)
        mask[i] = 0;
    /* cpu_set_t is an array of unsigned long, bit c of word c / 64 for CPU c. */
    _Static_assert(sizeof(unsigned long) == sizeof *mask, "64-bit words");
    if (sched_getaffinity(0, words * sizeof *mask, (cpu_set_t *)(void *)mask) != 0)
        return -errno;
    return 0;
}
