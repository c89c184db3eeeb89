/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One round of a stress test: what the test's functions (stress.h) act on, and its traces.
 *
 * Invariants:
 *   I1 A trace of the round is a file of its own, which nobody else can open: it is unlinked
 *      from the beginning, so a process that dies leaves none.
 *   I2 `order` of a trace is drawn at the first byte that its tracer writes. A tracer writes
 *      nothing of a trace before the one before it has ended, so the order is that of time,
 *      whichever starter hears first of its success.
 *   I3 Ended rounds are looked at with the world quiet: no lock is needed then.
 */
#pragma once
#include <pthread.h>

#include "gauntlet/atomic.h"
#include "gauntlet/tracer.h"
#include "stress.h"

#define GT_ROUND_TRACES 192 /* in a round: then it is over */
#define GT_ROUND_SAYS 8

/* A trace of the round. */
struct gt_round_trace {
    struct gt_trace_sink sink; /* its arg is this struct */
    struct gt_stress *round;
    int fd; /* -1: not made yet; stays open for the rounds to come */
    bool started;
    uint64_t order; /* I2; 0: nothing was written */
    uint64_t taken, refused, complete; /* bytes, as in trace_file.h */
    int error;                         /* of the file, negative errno */
};

struct gt_stress {
    struct gt_stress_params params;
    const struct gt_tracer_ops *tracer;
    int64_t generation_ns; /* of this round: 0 continuously */
    uint32_t header, profile_hz;
    bool whole_stacks;     /* functions and lines in the traces, not addresses */
    char folder[512];      /* where traces are written */
    gt_a32 over;           /* read by gt_stress_over */
    gt_a64 orders;         /* I2 */
    pthread_mutex_t lock;
    /* Guarded by: lock */
    struct gt_round_trace traces[GT_ROUND_TRACES];
    uint32_t n_traces;
    int start_rc; /* of a start that failed when its trace had begun, as for want of CPU samples */
    bool failed; /* a check of the test */
    char why[200];
    char says[GT_ROUND_SAYS][96];
    uint32_t n_says;
};

/* 0, -ENOMEM. */
int gt_round_init(struct gt_stress *s);
void gt_round_fini(struct gt_stress *s);
/* Before each round: nothing said, no trace. */
void gt_round_begin(struct gt_stress *s);
/* Those that were written to, in order (I2), into out; how many. */
size_t gt_round_traces(struct gt_stress *s, struct gt_round_trace *out[GT_ROUND_TRACES]);
/* How many were started, and written to not at all. */
uint32_t gt_round_silent(const struct gt_stress *s);
static inline void gt_round_end(struct gt_stress *s)
{
    gt_store_relaxed(&s->over, 1u);
}
