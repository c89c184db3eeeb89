/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core's words in the wire format's: statuses, and the reasons by the strings that
 * viewers group by. GT_C_ONLY
 */
#pragma once
#include "gauntlet/tracer.h"
#include "tracers/common/buf.h"
#include "trace/wire.h"

/* A G that only lets a suspender in is modelled as running. */
static inline enum gt_wire_gstatus gt_wiremap_g(enum gt_gstatus s, enum gt_wait_reason r)
{
    switch (s) {
    case GT_G_RUNNABLE:
        return GT_WIRE_G_RUNNABLE;
    case GT_G_RUNNING:
        return GT_WIRE_G_RUNNING;
    case GT_G_SYSCALL:
        return GT_WIRE_G_SYSCALL;
    case GT_G_WAITING:
        return gt_wait_is_running(r) ? GT_WIRE_G_RUNNING : GT_WIRE_G_WAITING;
    case GT_G_DEAD:
        break;
    }
    return GT_WIRE_G_BAD;
}

/* Where the strings of reasons stand among a table's well-known ones. */
#define GT_WIREMAP_STOP 0u
#define GT_WIREMAP_BLOCK 8u
#define GT_WIREMAP_WORLD 40u

static inline const char *gt_wiremap_block(enum gt_wait_reason r)
{
    static const uint8_t wire[] = {
#define GT_WAIT_DEF(sym, name, wire_, runs, shrinks) GT_WIRE_BLOCK_##wire_,
#include "gauntlet/waits.def"
#undef GT_WAIT_DEF
    };
    return gt_wire_block_names[(unsigned)r < GT_WAIT_COUNT ? wire[r] : GT_WIRE_BLOCK_UNSPECIFIED];
}

static inline const char *gt_wiremap_stop(enum gt_stop_reason r)
{
    return gt_wire_stop_names[r == GT_STOP_PREEMPTED ? GT_WIRE_STOP_PREEMPTED
                                                     : GT_WIRE_STOP_GOSCHED];
}

static inline const char *gt_wiremap_world(enum gt_world_kind k)
{
    switch (k) {
    case GT_WORLD_PROCS:
        return gt_wire_stw_names[GT_WIRE_STW_PROCS];
    case GT_WORLD_TRACE_START:
        return gt_wire_stw_names[GT_WIRE_STW_START_TRACE];
    case GT_WORLD_TRACE_STOP:
        return gt_wire_stw_names[GT_WIRE_STW_STOP_TRACE];
    case GT_WORLD_GC_SWEEP_TERM:
        return gt_wire_stw_names[GT_WIRE_STW_GC_SWEEP_TERM];
    case GT_WORLD_GC_MARK_TERM:
        return gt_wire_stw_names[GT_WIRE_STW_GC_MARK_TERM];
    default:
        return gt_wire_stw_names[GT_WIRE_STW_UNKNOWN];
    }
}

/* The clock of a generation: its rate and, from header 1.25 on, what time it is. In a batch
 * of no thread that begins now; at most 64 bytes. */
static inline uint8_t *gt_wiremap_sync(uint8_t *p, uint32_t header, const struct gt_tclock *c)
{
    uint64_t since = gt_tclock_now(c);
    if (header >= 125)
        p = gt_put_sync(p);
    p = gt_put_frequency(p, c->hz);
    if (header < 125)
        return p;
    int64_t mono = c->os->nanotime(), wall = c->os->walltime();
    return gt_put_clock_snapshot(p, gt_tclock_now(c) - since, (uint64_t)mono,
                                 (uint64_t)(wall / 1000000000), (uint64_t)(wall % 1000000000));
}
