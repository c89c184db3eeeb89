/* SPDX-License-Identifier: Apache-2.0 */
/* Words that every part of the SDK shares. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gt_runtime;
struct gt_g;
struct gt_m;
struct gt_p;

/* Most Ps a runtime may have. */
#define GT_PROCS_MAX 1024

/* Status of a G. The numbers are internal; tracers map them (see gt_trace_gstatus). */
enum gt_gstatus {
    GT_G_DEAD = 0,     /* on a free list, or being born */
    GT_G_RUNNABLE = 1, /* in a run queue, owned by the scheduler */
    GT_G_RUNNING = 2,  /* has an M and a P; owns its stack */
    GT_G_SYSCALL = 3,  /* has an M, its P may be taken; owns its stack */
    GT_G_WAITING = 4,  /* parked, or waiting-but-running: see enum gt_wait_reason */
};

/* Status of a P. */
enum gt_pstatus {
    GT_P_IDLE = 0,
    GT_P_RUNNING = 1,
    GT_P_SYSCALL = 2, /* syscall model `status` only */
    GT_P_STOPPED = 3, /* the world is stopped, or stopping and this P has */
    GT_P_DEAD = 4,    /* above the number of procs */
};

/* Why a G waits: waits.def. */
enum gt_wait_reason {
#define GT_WAIT_DEF(sym, name, wire, runs, shrinks) GT_WAIT_##sym,
#include "gauntlet/waits.def"
#undef GT_WAIT_DEF
    GT_WAIT_COUNT
};
const char *gt_wait_reason_name(enum gt_wait_reason r);
/* A wait for form's sake: a Waiting G with such a reason runs on, and owns its stack. */
static inline bool gt_wait_is_running(enum gt_wait_reason r)
{
    const uint64_t runs = 0
#define GT_WAIT_DEF(sym, name, wire, runs, shrinks) | (uint64_t)(runs) << GT_WAIT_##sym
#include "gauntlet/waits.def"
#undef GT_WAIT_DEF
        ;
    return (runs >> (unsigned)r & 1u) != 0;
}
/* May the unused pages of a Waiting G's stack be given back, by who holds its scan bit? */
static inline bool gt_wait_may_shrink(enum gt_wait_reason r)
{
    const uint64_t shrinks = 0
#define GT_WAIT_DEF(sym, name, wire, runs, shrinks) | (uint64_t)(!(runs) && (shrinks)) << GT_WAIT_##sym
#include "gauntlet/waits.def"
#undef GT_WAIT_DEF
        ;
    return (shrinks >> (unsigned)r & 1u) != 0;
}

/* Why a G stops running but stays runnable. */
enum gt_stop_reason {
    GT_STOP_YIELD = 0,
    GT_STOP_PREEMPTED,
    GT_STOP_PROCS, /* its P dies in a procs change */
};

/* Why the world is stopped. */
enum gt_world_kind {
    GT_WORLD_TEST = 0,
    GT_WORLD_PROCS,
    GT_WORLD_TRACE_START,
    GT_WORLD_TRACE_STOP,
    GT_WORLD_GC_SWEEP_TERM,
    GT_WORLD_GC_MARK_TERM,
    GT_WORLD_DUMP,
    GT_WORLD_EXIT,
    GT_WORLD_COUNT
};
const char *gt_world_kind_name(enum gt_world_kind k);

/* Up to Go 1.24 a P has a Syscall status that thieves swap out; Go 1.26 leaves the
 * P attached and the thief takes the G's scan bit. */
enum gt_syscall_model { GT_SYSCALLS_SCANBIT = 0, GT_SYSCALLS_STATUS = 1 };

/*
 * Section token: what a tracer's acquire returned. Every status change takes one.
 *   on    v > GT_TOK_NONE_V: inside a section; the tracer's own value (generation)
 *   off   a section was asked for and the tracer is off
 *   none  said explicitly: this change happens outside any section, by design
 */
typedef struct gt_tok {
    uint64_t v;
} gt_tok;
#define GT_TOK_OFF_V 0u
#define GT_TOK_NONE_V 1u
static inline gt_tok gt_tok_off(void)
{
    gt_tok t = {GT_TOK_OFF_V};
    return t;
}
static inline gt_tok gt_tok_none(void)
{
    gt_tok t = {GT_TOK_NONE_V};
    return t;
}
static inline bool gt_tok_on(gt_tok t)
{
    return t.v > GT_TOK_NONE_V;
}

#ifdef __cplusplus
}
#endif
