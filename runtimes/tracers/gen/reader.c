/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gen: the reader, a G that hands finished buffers to the sink.
 *
 * Invariants:
 *   I1 It writes the generations whole and in order: it leaves one only when the advance has
 *      said that it is complete (flushed) and its queue is empty.
 *   I2 done is released without the lock held, once for each generation.
 *   I3 A sink that fails is not called again: what comes is dropped and counted; the trace
 *      is stopped by the advancer.
 * Progress: each queued buffer sets `work` and wakes; each complete generation wakes.
 */
#include <errno.h>

#include "tracers/gen/gen.h"

bool gen_reader_wanted(void *tv)
{
    struct gen *t = tv;
    if (GEN_FAULT(t, reader_wanted_stopping) && t->shutdown)
        return true;
    return gt_load_relaxed(&t->work) != 0 ||
           gt_load_acquire(&t->flushed) == gt_load_relaxed(&t->reading); /* pair: flushed */
}

void gen_wake_reader(struct gen *t)
{
    if (gt_load_relaxed(&t->work) == 0 && gt_swap_acq_rel(&t->work, 1u) == 0) /* pair: work */
        t->host->wake_reader(t->host);
}

static void lose(struct gen *t, int64_t rc, uint64_t n)
{
    t->flow.lost += n;
    if (gt_load_relaxed(&t->error) == 0) {
        gen_fail(t, rc < 0 ? (int)-rc : EIO);
        t->host->sema_release(t->host, t->wake); /* the advancer stops the trace */
    }
}

static void write_out(struct gen *t, const uint8_t *data, uint64_t n)
{
    t->flow.made += n;
    if (gt_load_relaxed(&t->error) != 0) {
        t->flow.lost += n; /* I3 */
        return;
    }
    if (!t->has_sink) {
        t->flow.written += n;
        return;
    }
    while (n > 0) {
        t->host->syscall_enter();
        int64_t rc = t->sink.write(t->sink.arg, data, n);
        t->host->syscall_exit();
        if (rc <= 0 || (uint64_t)rc > n) {
            lose(t, rc, n);
            return;
        }
        t->flow.written += (uint64_t)rc;
        data += rc;
        n -= (uint64_t)rc;
    }
}

static void end_of_generation(struct gen *t)
{
    uint8_t mark[1] = {GT_EV_END_OF_GENERATION};
    if (t->header >= 126)
        write_out(t, mark, 1);
    if (gt_load_relaxed(&t->error) != 0)
        return;
    t->complete_bytes = t->flow.written;
    if (t->has_sink && t->sink.complete)
        t->sink.complete(t->sink.arg, t->complete_bytes);
}

enum found { FOUND_BUFFER, FOUND_NOTHING, FOUND_END };

/* Lock not held. FOUND_END: the generation is complete; *last: it was the trace's last. */
static enum found look(struct gen *t, struct gt_tbuf **b, bool *last)
{
    uint64_t reading = gt_load_relaxed(&t->reading);
    gt_store_relaxed(&t->work, 0u);
    gt_spin_lock(&t->lock);
    *b = gt_tqueue_pop(&t->full[gt_gen_slot2_of(reading)]);
    bool complete = gt_load_acquire(&t->flushed) == reading; /* pair: flushed */
    *last = complete && t->shutdown;
    gt_spin_unlock(&t->lock);
    if (*b)
        return FOUND_BUFFER;
    return complete ? FOUND_END : FOUND_NOTHING;
}

static void consume(struct gen *t, struct gt_tbuf *b)
{
    write_out(t, b->data, b->pos);
    t->flow.read += b->pos;
    gt_tpool_put(&t->pool, b);
}

/* I2. */
static void release_done(struct gen *t, uint64_t n)
{
    bool locked = GEN_FAULT(t, done_under_lock);
    if (locked)
        gt_spin_lock(&t->lock);
    t->host->sema_release(t->host, t->done[gt_gen_slot2_of(n)]);
    if (locked)
        gt_spin_unlock(&t->lock);
}

void gen_reader(void *tv)
{
    struct gen *t = tv;
    const struct gt_tracer_host *h = t->host;
    uint8_t header[GT_WIRE_HEADER_BYTES];
    gt_put_header(header, t->header);
    write_out(t, header, sizeof header);
    for (bool last = false; !last;) {
        struct gt_tbuf *b;
        GT_PERTURB_HOST(h, reader_looks);
        enum found f = look(t, &b, &last);
        GT_PERTURB_HOST(h, reader_found);
        if (f == FOUND_BUFFER) {
            consume(t, b);
            last = false;
        } else if (f == FOUND_NOTHING) {
            if (GEN_FAULT(t, reader_wanted_stopping) && gen_reader_wanted(t))
                continue; /* new data came between, it says */
            h->park_reader(h);
        } else {
            uint64_t n = gt_load_relaxed(&t->reading);
            end_of_generation(t);
            gt_store_relaxed(&t->reading, n + 1);
            GT_PERTURB_HOST(h, reader_ended);
            release_done(t, n);
        }
    }
    h->sema_release(h, t->reader_gone);
}
