/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers of the tracers that write the wire format: see buf.h. */
#include "tracers/common/buf.h"

_Static_assert(sizeof(struct gt_tbuf) == GT_TBUF_BYTES, "a buffer is a whole number of pages");

#define TICK_HZ_MOST 64000000u /* ticks of 16 ns or more: most gaps fit one byte */

/* ---- clock ------------------------------------------------------------------------------ */
void gt_tclock_init(struct gt_tclock *c, const struct gt_os *os)
{
    uint64_t hz = os->ticks_hz();
    c->os = os;
    c->shift = 0;
    if (hz == 0) {
        c->base = (uint64_t)os->nanotime();
        c->hz = 1000000000u >> 4;
        return;
    }
    do
        c->shift++;
    while (hz >> c->shift > TICK_HZ_MOST);
    c->base = gt_ticks();
    c->hz = hz >> c->shift;
}

/* ---- pool --------------------------------------------------------------------------------- */
void gt_tpool_init(struct gt_tpool *p, const struct gt_os *os)
{
    *p = (struct gt_tpool){.os = os};
}

static struct gt_tbuf *take_free(struct gt_tpool *p)
{
    gt_spin_lock(&p->lock);
    struct gt_tbuf *b = p->free;
    if (b) {
        p->free = b->next;
        p->n_free--;
        b->pos = 0;
    }
    gt_spin_unlock(&p->lock);
    return b;
}

/* Lock held. */
static void list_made(struct gt_tpool *p, struct gt_tbuf *b)
{
    b->made_prev = NULL;
    b->made_next = p->made_list;
    if (b->made_next)
        b->made_next->made_prev = b;
    p->made_list = b;
    p->made++;
}

/* Lock held. */
static void unlist_made(struct gt_tpool *p, struct gt_tbuf *b)
{
    if (b->made_next)
        b->made_next->made_prev = b->made_prev;
    if (b->made_prev)
        b->made_prev->made_next = b->made_next;
    else
        p->made_list = b->made_next;
    p->made--;
}

void gt_tpool_trim(struct gt_tpool *p, uint64_t keep)
{
    for (;;) {
        gt_spin_lock(&p->lock);
        bool enough = p->n_free <= keep;
        gt_spin_unlock(&p->lock);
        struct gt_tbuf *b = enough ? NULL : take_free(p);
        if (!b)
            return;
        gt_spin_lock(&p->lock);
        unlist_made(p, b);
        gt_spin_unlock(&p->lock);
        p->os->unmap_pages(b, sizeof *b);
    }
}

void gt_tpool_fini(struct gt_tpool *p)
{
    gt_tpool_recall(p);
    gt_tpool_trim(p, 0);
}

struct gt_tbuf *gt_tpool_get(struct gt_tpool *p)
{
    struct gt_tbuf *b = take_free(p);
    if (b)
        return b;
    b = p->os->map_pages(sizeof *b);
    if (!b)
        return NULL;
    gt_spin_lock(&p->lock);
    list_made(p, b);
    gt_spin_unlock(&p->lock);
    return b;
}

void gt_tpool_put(struct gt_tpool *p, struct gt_tbuf *b)
{
    gt_spin_lock(&p->lock);
    b->next = p->free;
    p->free = b;
    p->n_free++;
    gt_spin_unlock(&p->lock);
}

void gt_tpool_recall(struct gt_tpool *p)
{
    p->free = NULL;
    p->n_free = 0;
    for (struct gt_tbuf *b = p->made_list; b; b = b->made_next)
        gt_tpool_put(p, b);
}

/* ---- books -------------------------------------------------------------------------------- */
void gt_tbooks_close(struct gt_tbooks *b, const struct gt_tflow *f, struct gt_tpool *pool)
{
    gt_spin_lock(&pool->lock);
    uint64_t out = pool->made - pool->n_free;
    gt_spin_unlock(&pool->lock);
    gt_add_relaxed(&b->queued, f->queued);
    gt_add_relaxed(&b->read, f->read);
    gt_add_relaxed(&b->made, f->made);
    gt_add_relaxed(&b->written, f->written);
    gt_add_relaxed(&b->lost, f->lost);
    gt_add_relaxed(&b->buffers_out, out);
    gt_add_relaxed(&b->traces, 1u);
}

void gt_tbooks_read(const struct gt_tbooks *b, struct gt_trace_books *out)
{
    *out = (struct gt_trace_books){
        .traces = gt_load_relaxed(&b->traces),
        .queued = gt_load_relaxed(&b->queued),
        .read = gt_load_relaxed(&b->read),
        .made = gt_load_relaxed(&b->made),
        .written = gt_load_relaxed(&b->written),
        .lost = gt_load_relaxed(&b->lost),
        .buffers_out = gt_load_relaxed(&b->buffers_out),
    };
}

/* ---- batch ---------------------------------------------------------------------------------- */
void gt_tbuf_begin(struct gt_tbuf *b, uint64_t gen, uint64_t m, uint64_t now)
{
    uint8_t *p = b->data + b->pos;
    b->next = NULL;
    b->gen = gen;
    uint8_t *length_at;
    p = gt_put_batch_open(p, gen, m, now, &length_at);
    b->length_at = (uint32_t)(length_at - b->data);
    b->pos = (uint32_t)(p - b->data);
}

void gt_tbuf_end(struct gt_tbuf *b)
{
    gt_batch_close(b->data + b->length_at, b->data + b->pos);
}
