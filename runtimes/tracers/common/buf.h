/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buffers of a tracer that writes the wire format: one buffer is one batch, or
 * several (locked). GT_C_ONLY
 *
 * Invariants:
 *   I1 A buffer is in one place: its writer's, one queue, the reader's, or the free list.
 *   I2 A writer is used by one at a time: by its M inside a section, by the advance after
 *      the section fence, or under a lock of its own.
 *   I3 Times of one writer rise strictly, over all its buffers.
 *   I4 made = free + queued + with writers + with the reader.
 * The lock is held for a few steps and, where the pool is empty, for no system call: the
 * mapping is asked for outside of it.
 */
#pragma once
#include "gauntlet/atomic.h"
#include "gauntlet/clock.h"
#include "gauntlet/os.h"
#include "gauntlet/objects.h"
#include "gauntlet/runtime.h"
#include "trace/wire.h"

#define GT_TBUF_BYTES 65536u

struct gt_tbuf {
    struct gt_tbuf *next;
    struct gt_tbuf *made_next, *made_prev; /* Guarded by: the pool's lock */
    uint64_t gen;      /* number of the generation */
    uint32_t pos;      /* bytes of data used */
    uint32_t length_at; /* where the length of the batch that is open goes */
    uint8_t data[GT_TBUF_BYTES - 40];
};

struct gt_tbuf_queue {
    struct gt_tbuf *head, *tail;
};

struct gt_tpool {
    const struct gt_os *os;
    struct gt_spin lock;
    /* Guarded by: lock */
    struct gt_tbuf *free, *made_list;
    uint64_t made, n_free;
};

/* Bytes of the trace that runs, and the books over those that ended (runtime.h). */
struct gt_tflow {
    uint64_t queued; /* Guarded by: the lock of the tracer's queue */
    /* Written by: the reader. */
    uint64_t read, made, written, lost;
};
struct gt_tbooks {
    gt_a64 traces, queued, read, made, written, lost, buffers_out;
};
/* The trace of f has ended: its reader is gone, every buffer is to be in the pool. */
void gt_tbooks_close(struct gt_tbooks *b, const struct gt_tflow *f, struct gt_tpool *pool);
void gt_tbooks_read(const struct gt_tbooks *b, struct gt_trace_books *out);

/* A clock of a tracer: ticks of about 16 to 32 ns since the tracer began. */
struct gt_tclock {
    const struct gt_os *os;
    uint64_t base;
    uint32_t shift; /* of gt_ticks; 0: nanotime >> 4 instead */
    uint64_t hz;    /* of what gt_tclock_now returns */
};
void gt_tclock_init(struct gt_tclock *c, const struct gt_os *os);
/* shift is not 0. */
static inline __attribute__((always_inline)) uint64_t gt_tclock_ticks(const struct gt_tclock *c)
{
    return (gt_ticks() - c->base) >> c->shift;
}
static inline __attribute__((always_inline)) uint64_t gt_tclock_now(const struct gt_tclock *c)
{
    if (__builtin_expect(c->shift != 0, 1))
        return gt_tclock_ticks(c);
    return ((uint64_t)c->os->nanotime() - c->base) >> 4;
}

/* The same clock at the moment of a CPU sample (gt_profile_sample.time). */
static inline uint64_t gt_tclock_at(const struct gt_tclock *c, uint64_t time)
{
    return c->shift != 0 ? (time - c->base) >> c->shift : (time - c->base) >> 4;
}

void gt_tpool_init(struct gt_tpool *p, const struct gt_os *os);
void gt_tpool_fini(struct gt_tpool *p);
/* NULL: no memory. Any context, also in sections. */
struct gt_tbuf *gt_tpool_get(struct gt_tpool *p);
void gt_tpool_put(struct gt_tpool *p, struct gt_tbuf *b);
/* Takes all back: their users are gone. The caller forgets what it still points to. */
void gt_tpool_recall(struct gt_tpool *p);
/* Gives all but `keep` free buffers back to the kernel. Outside sections. */
void gt_tpool_trim(struct gt_tpool *p, uint64_t keep);

/* Begins a batch of thread m at `now`, after what b holds. */
void gt_tbuf_begin(struct gt_tbuf *b, uint64_t gen, uint64_t m, uint64_t now);
/* Ends it: its length is filled in. */
void gt_tbuf_end(struct gt_tbuf *b);
static inline uint32_t gt_tbuf_left(const struct gt_tbuf *b)
{
    return (uint32_t)sizeof b->data - b->pos;
}

/* Lock held. */
static inline void gt_tqueue_push(struct gt_tbuf_queue *q, struct gt_tbuf *b)
{
    b->next = NULL;
    if (q->tail)
        q->tail->next = b;
    else
        q->head = b;
    q->tail = b;
}
static inline struct gt_tbuf *gt_tqueue_pop(struct gt_tbuf_queue *q)
{
    struct gt_tbuf *b = q->head;
    if (b) {
        q->head = b->next;
        if (!q->head)
            q->tail = NULL;
        b->next = NULL;
    }
    return b;
}
