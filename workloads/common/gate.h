/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One G waits, once, for one event.                            GT_C_ONLY
 *
 * I1 Whoever swaps second acts: the opener readies the waiter, or the waiter does not
 *    park. So open() touches neither gate nor G after a swap that came first, and the
 *    waiter may free both as soon as wait() returns.
 */
#pragma once
#include "gauntlet/atomic.h"
#include "gauntlet/runtime.h"

enum { GT_GATE_SHUT = 0, GT_GATE_WAITING = 1, GT_GATE_OPEN = 2 };

struct gt_gate {
    gt_a32 state;
    struct gt_g *g; /* who will wait */
};

/* For the calling G, or for the G `who`. */
static inline void gt_gate_init(struct gt_gate *gate, struct gt_g *who)
{
    gt_init(&gate->state, (uint32_t)GT_GATE_SHUT);
    gate->g = who;
}

/* From a G or a timer function. What was done before is visible after wait(). */
static inline void gt_gate_open(const struct gt_runtime_ops *ops, struct gt_gate *gate)
{
    struct gt_g *g = gate->g;
    if (gt_swap_acq_rel(&gate->state, (uint32_t)GT_GATE_OPEN) == GT_GATE_WAITING)
        ops->ready(g);
}

/* The G of init, once. Switches. */
static inline void gt_gate_wait(const struct gt_runtime_ops *ops, struct gt_gate *gate)
{
    if (gt_swap_acq_rel(&gate->state, (uint32_t)GT_GATE_WAITING) == GT_GATE_OPEN)
        return;
    do {
        ops->park();
    } while (gt_load_acquire(&gate->state) != GT_GATE_OPEN);
}
