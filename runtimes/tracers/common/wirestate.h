/* SPDX-License-Identifier: Apache-2.0 */
/* What a tracer of the wire format keeps for each G and each P. GT_C_ONLY */
#pragma once
#include "tracers/common/slots.h"

struct gt_wire_g {
    struct gt_slots s;
    /* Headers before 1.23 know no G that is born blocked: its birth is withheld until it is
     * first switched to or made ready. Written by: its creator, and who then owns it. */
    uintptr_t start_pc;
    gt_a64 withheld; /* in which trace (number of its first generation), 0: never */
    gt_a64 born;     /* in which generation its birth was written, GT_WIRE_UNBORN: not yet */
};
#define GT_WIRE_UNBORN UINT64_MAX

/* A G struct is used anew, under a new id. */
static inline void gt_wire_g_reborn(struct gt_wire_g *g)
{
    gt_slots_reborn(&g->s);
    gt_store_relaxed(&g->withheld, 0u);
}

/* Not known to the reader of `trace` in generation w or any before: a birth withheld in an
 * older trace is of no concern, that G was there when this trace began. */
static inline bool gt_wire_g_unborn(const struct gt_wire_g *g, uint64_t trace, uint64_t w)
{
    return gt_load_relaxed(&g->withheld) == trace && gt_load_relaxed(&g->born) > gt_gen_number(w);
}

struct gt_wire_p {
    struct gt_slots s;
    /* Thread whose system call the P is in, all ones: none known. Written by: its owner, or
     * who takes it out of the call. */
    uint64_t syscall_m;
};
