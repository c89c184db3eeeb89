/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU samples in the wire format, for any tracer that writes it: a G that reads them every 100 ms,
 * and the reading at the end of a generation. GT_C_ONLY
 *
 * Invariants:
 *   I1 One reader at a time: who holds `lock`, a semaphore that is taken after the tracer's own
 *      for an advance. Who reads for a generation that goes on looks under it which one that is:
 *
 *      poller                              advance
 *      lock: generation is n               generation := n+1
 *        reads samples of n into n's       lock: waits
 *        tables and batch
 *      unlock                              reads the rest of n; batch, stacks, strings of n end
 *                                          unlock
 *      lock: generation is n+1
 *
 *      So nobody writes into n's tables after their end, without a section (which would pin the M
 *      for as long as the reading takes).
 *   I2 A generation's samples are all read, then its batch is finished, before its stack table is
 *      written: the batch names stacks, stacks name strings.
 *   I3 The poller ends after the last generation's samples were read and before the stop
 *      returns. A late alarm wakes the next trace's once for nothing.
 */
#pragma once
#include "tracers/common/tables.h"

struct gt_cpu_log {
    const struct gt_tracer_host *host;
    struct gt_sema *lock, *wake, *gone;
    gt_a32 on; /* Written by: start, stop */
    gt_a32 stopping;
    void (*poll)(void *arg); /* constant while on */
    void *arg;
    uint64_t lost; /* before this trace */
    /* Guarded by: lock */
    struct gt_tbuf *buf;
    struct gt_stack_tab *stacks;
    const struct gt_table_out *out;
};

int gt_cpu_log_init(struct gt_cpu_log *l, const struct gt_tracer_host *h); /* 0, -ENOMEM */
void gt_cpu_log_fini(struct gt_cpu_log *l);
void gt_cpu_log_forget(struct gt_cpu_log *l); /* a run has ended, buffers are recalled */

/* Before the trace begins. Errors of profile_start and go_system; then it is off. `poll` is called
 * every 100 ms on a G: it locks, reads for the generation that goes on, unlocks. */
int gt_cpu_log_start(struct gt_cpu_log *l, uint32_t hz, const gt_a64 *generation,
                     void (*poll)(void *arg), void *arg);
/* After the last generation was read. Not on: nothing. */
void gt_cpu_log_stop(struct gt_cpu_log *l);
void gt_cpu_log_lock(struct gt_cpu_log *l);
void gt_cpu_log_unlock(struct gt_cpu_log *l);
/* Lock held. ended: as in gt_tracer_host.profile_read; the batch is finished then (I2). */
void gt_cpu_log_read(struct gt_cpu_log *l, uint64_t w, bool ended, struct gt_stack_tab *stacks,
                     const struct gt_table_out *out);
static inline bool gt_cpu_log_on(const struct gt_cpu_log *l)
{
    return gt_load_relaxed(&l->on) != 0;
}
