/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cell as a child process: whatever happens to it, its parent has a result.
 *
 * Thread-safety: for programs whose one thread this is.
 */
#pragma once
#include <signal.h>

#include "harness/result.h"

struct gt_drive {
    volatile sig_atomic_t *stop; /* becomes true: the cell ends, incomplete. May be NULL */
    /* After each round; may be NULL. */
    void (*beat)(void *arg, const struct gt_stress_cell *c, const struct gt_stress_result *r);
    void *arg;
};

/* Runs it and waits; files that an earlier run left under the cell's names are removed. *bailed:
 * "Bail out!" was written to the cell's bail_fd. -EINTR: it was asked to stop; else 0, and the
 * result says how it went. */
int gt_stress_drive(struct gt_stress_cell *c, const struct gt_drive *d, struct gt_stress_result *r,
                    bool *bailed);
