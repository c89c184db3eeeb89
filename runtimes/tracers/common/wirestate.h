/* SPDX-License-Identifier: Apache-2.0 */
/* What a tracer of the wire format keeps for each G and each P. GT_C_ONLY */
#pragma once
#include "tracers/common/slots.h"

struct gt_wire_g {
    struct gt_slots s;
    /* Written by: the G's creator. Headers before 1.23 know no G that is born blocked. */
    uintptr_t start_pc;
    bool unborn;
};

struct gt_wire_p {
    struct gt_slots s;
    /* Thread whose system call the P is in, all ones: none known. Written by: its owner, or
     * who takes it out of the call. */
    uint64_t syscall_m;
};
