/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gen: Go's second tracer. Events go to a buffer per M and generation; G and P events carry
 * numbers, so that no order between Ms needs to be written; a generation can be read as soon
 * as it is complete, while the next one is written. GT_C_ONLY
 *
 * The seven rules of ownership, where each is kept, and where the oracle build checks it:
 *   R1 An M that owns a buffer is known to each_m: it leaves through m_dies, which takes its
 *      buffers. Checked: after a flush nobody has a buffer of the old generation.
 *   R2 Buffers change only inside their M's section or in the advance after the fence.
 *      Checked: every event, w_open.
 *   R3 An advance returns only when all of its generation was flushed and read. Checked there.
 *   R4 An event is written by the M that owns the change. Checked: proc_start, proc_stop, ...
 *   R5 A P is not got inside a section: the core's, checked where idle Ps are taken (core/p.c).
 *   R6 A change out of Running comes after its event, in one section. Checked: go_stop, ...
 *   R7 A change into Running comes before its event. Checked: go_start, go_syscall_end.
 *
 * Locks, in order: `advance` (a semaphore, held by an advance from end to end) before that of
 * the CPU samples (cpu.h); `advance` before the world semaphore before the scheduler lock before `lock`. `lock` is never held over a
 * semaphore, an allocation or a call of the host.
 */
#pragma once
#include "gauntlet/fault.h"
#include "gauntlet/perturb.h"
#include "gauntlet/section.h"
#include "gauntlet/tracer.h"
#include "tracers/common/buf.h"
#include "tracers/common/cpu.h"
#include "tracers/common/tables.h"
#include "tracers/common/wiremap.h"
#include "tracers/common/wirestate.h"

struct gen_m {
    /* Written by: this M in a section of that generation; the advance once the M is out.
     * Taken under gen.lock. */
    struct gt_tbuf *buf[2];
    uint64_t last;      /* time of its last event */
    gt_a64 events;      /* written. Written by: this M */
    struct gt_mach *link; /* the advance's list of Ms to flush */
    struct gt_stack_cache stacks;
};

struct gen_rec { /* a G without an event in the generation that ends */
    struct gt_task *g;
    uint64_t id, tid, stack;
    enum gt_wire_gstatus status;
    bool assisting;
};

struct gen {
    const struct gt_tracer_host *host;
    const struct gt_os *os;
    struct gt_tclock clock;
    uint32_t fast_room; /* a buffer used up to here has room for an event; 0: the clock is not the CPU's */
    bool asym;
    uint32_t header;
    uint64_t trace; /* number of its first generation */
    gt_a64 gc_seq;

    /* The source of truth, the host's: 0 off, else the generation (slots.h). Written by: start,
     * advance. */
    gt_a64 *generation;

    struct gt_stack_tab stacks[2];
    struct gt_string_tab strings[2];
    struct gt_tpool pool;

    struct gt_spin lock __attribute__((aligned(64)));
    /* Guarded by: lock */
    struct gt_tbuf_queue full[2];
    bool shutdown;

    /* Written by: the advance. Read by: the reader. */
    gt_a64 flushed; /* number of the last complete generation */
    /* Written by: the reader. */
    gt_a64 reading; /* number of the generation it is in */
    gt_a32 work;    /* something was queued since it last looked */
    gt_a32 error;   /* errno of what made the trace stop; 0 none */
    uint64_t complete_bytes;
    struct gt_tflow flow;
    struct gt_tbooks books;

    /* Life. `life` is held by start and stop. */
    struct gt_sema *life, *advance, *done[2], *wake, *advancer_gone, *reader_gone;
    bool on; /* Guarded by: life */
    gt_a32 advancer_stop;
    uint64_t last_generation; /* numbering goes on from trace to trace. Guarded by: advance */
    struct gt_trace_sink sink;
    bool has_sink;
    int64_t period_ns;
    bool raw_stacks;

    /* Of the advance going on. */
    struct gen_rec *recs;
    size_t n_recs, cap_recs;
    struct gt_mach *to_flush;
    int32_t procs;

    struct gt_cpu_log cpu;
    gt_a64 events_left; /* of Ms that have left */
#if GT_ORACLE
    gt_a64 buffers_out[2]; /* R1: with Ms, by generation */
#endif
};

#define GEN_FAULT(t_, sym_) GT_FAULT_IN((t_)->host->fault, sym_)

static inline struct gen_m *gen_m_of(struct gt_mach *m)
{
    return m->trace;
}

/* write.c */
struct gt_tbuf *gen_refill(struct gen *t, struct gt_mach *m, uint64_t w);
void gen_push(struct gen *t, struct gt_tbuf *b); /* ends the batch, queues it */
void gen_push_locked(struct gen *t, struct gt_tbuf *b);
void gen_take(struct gen *t, struct gen_m *m, unsigned slot); /* lock held: queues its buffer */
void gen_fail(struct gen *t, int error);
void gen_write_sync(struct gen *t, uint64_t w);
void gen_tables_begin(struct gen *t, uint64_t w);
void gen_tables_end(struct gen *t, uint64_t w);
void gen_cpu_poll(void *t, uint64_t w); /* CPU samples of w, which goes on */
void gen_cpu_end(struct gen *t, uint64_t w, bool stop); /* the rest, w has ended and is fenced */
uint64_t gen_stack_of(struct gen *t, struct gt_task *g, const struct gt_trace_g_view *v, uint64_t w);
void gen_write_p_status(struct gen *t, struct gt_mach *m, uint64_t w, struct gt_proc *p,
                        enum gt_wire_pstatus s);
/* Of the calling G and its P, if they have none yet. */
void gen_write_own_status(struct gen *t, struct gt_mach *m, uint64_t w);
/* The first events: of a trace, world stopped; of a later generation, world semaphore held. */
void gen_begin_trace(struct gen *t, struct gt_mach *m, uint64_t w);
void gen_begin_generation(struct gen *t, struct gt_mach *m, uint64_t w);

/* advance.c */
/* Ends the generation, and the trace with it if `stop`. On a G. 0, or nothing to do. */
void gen_advance(struct gen *t, bool stop);

/* reader.c */
void gen_reader(void *t); /* a G's function */
bool gen_reader_wanted(void *t);
void gen_wake_reader(struct gen *t);

/* life.c */
int gen_start(void *t, const struct gt_trace_options *o);
int gen_stop(void *t);
int gen_op_advance(void *t);
void gen_run_ended(void *t);
