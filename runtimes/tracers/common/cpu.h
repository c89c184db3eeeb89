/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU samples in the wire format, for any tracer that writes it: a G that reads them every 100 ms,
 * and the reading at the end of a generation. GT_C_ONLY
 *
 * Invariants:
 *   I1 One reader at a time: who holds `lock`, a semaphore that is taken after the tracer's own
 *      for an advance. It reads for the generation `w`, which goes on only when that one's last
 *      sample has been read, later than the tracer's own word:
 *
 *      poller                              advance
 *                                          generation := n+1
 *      lock: w is n                        lock: waits
 *        reads samples of n into n's
 *        tables and batch; stops at
 *        the first of n+1
 *      unlock                              reads the rest of n; n's batch ends; w := n+1
 *                                          unlock; n's stacks, strings
 *
 *      A poller that went by the tracer's word would drop the rest of n, and begin n+1's batch
 *      before n's has ended. And nobody writes into n's tables after their end, though without
 *      a section (which would pin the M for as long as the reading takes).
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
    void (*poll)(void *arg, uint64_t w); /* constant while on */
    void *arg;
    uint64_t lost; /* before this trace */
    /* Guarded by: lock */
    uint64_t w; /* generation whose samples are read, 0: none */
    struct gt_tbuf *buf; /* its batch */
    struct gt_stack_tab *stacks;
    const struct gt_table_out *out;
};

int gt_cpu_log_init(struct gt_cpu_log *l, const struct gt_tracer_host *h); /* 0, -ENOMEM */
void gt_cpu_log_fini(struct gt_cpu_log *l);
void gt_cpu_log_forget(struct gt_cpu_log *l); /* a run has ended, buffers are recalled */

/* Before the trace begins with generation `first`. Errors of profile_start and go_system; then it
 * is off. `poll` is called every 100 ms on a G: it calls gt_cpu_log_read for w. */
int gt_cpu_log_start(struct gt_cpu_log *l, uint32_t hz, const gt_a64 *generation, uint64_t first,
                     void (*poll)(void *arg, uint64_t w), void *arg);
/* After the last generation was read. Not on: nothing. */
void gt_cpu_log_stop(struct gt_cpu_log *l);
/* Inside poll. */
void gt_cpu_log_read(struct gt_cpu_log *l, uint64_t w, struct gt_stack_tab *stacks,
                     const struct gt_table_out *out);
/* w has ended, as `ended` of gt_tracer_host.profile_read says: the rest of its samples, the end of
 * its batch (I2). next: the generation after it, 0 none. Not on: nothing. */
void gt_cpu_log_end(struct gt_cpu_log *l, uint64_t w, uint64_t next, struct gt_stack_tab *stacks,
                    const struct gt_table_out *out);
static inline bool gt_cpu_log_on(const struct gt_cpu_log *l)
{
    return gt_load_relaxed(&l->on) != 0;
}
