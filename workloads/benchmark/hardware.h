/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's counters over all threads of this process: cycles, instructions, misses, and
 * what the kernel itself counts. Threads made after the opening are counted, those made
 * before are not. Thread-safety: none.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { GT_HARDWARE_MAX = 8 };
struct gt_hardware {
    struct {
        const char *name;
        int fd;
    } event[GT_HARDWARE_MAX];
    uint32_t n;
    char why[160]; /* why counters of the CPU are not there; "": they are */
};

/* Opens what can be opened, user space only where the kernel allows no more. */
void gt_hardware_open(struct gt_hardware *h);
void gt_hardware_close(struct gt_hardware *h);
/* Totals so far, scaled where the kernel had to share counters. */
void gt_hardware_read(const struct gt_hardware *h, double v[GT_HARDWARE_MAX]);
