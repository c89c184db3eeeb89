/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Of the maker of synthetic traces (trace_gen.h): its state, batches and events, and statuses. */
#include "trace/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tg_config {
    uint64_t seed;
    uint32_t header;  /* 122, 123, 125, 126 */
    unsigned threads; /* Ms that run Gs, and Ps */
    unsigned gs;      /* to begin with */
    unsigned events;  /* a generation, about */
    unsigned generations;
    unsigned skew;      /* the Ms' clocks differ by up to so many raw units */
    bool rich;          /* collector, stops of the world, tasks, switches, foreign threads */
    unsigned drop_type; /* enum gt_ev; 0: drop nothing */
    unsigned drop_nth;  /* which of them, from 0 */
};

struct tg_bytes {
    uint8_t *data;
    size_t n, cap;
};

struct tg_m {
    uint64_t id;
    int p, g; /* -1: none */
    bool in_syscall, foreign, assist;
    unsigned regions;
    uint64_t last; /* time of the last event */
    uint64_t skew;
    struct tg_bytes batch;
    uint8_t *open; /* start of the batch */
};
struct tg_p {
    unsigned status;
    uint64_t seq, stated, thread; /* thread: of the syscall */
    int m;
    bool sweep;
};
struct tg_g {
    uint64_t id, seq, stated;
    unsigned status;
    int m;
    bool alive;
};

struct tg {
    struct tg_config c;
    struct tg_bytes out;
    struct tg_m *ms; /* threads, and one foreign; last: no M */
    struct tg_p *ps;
    struct tg_g *gs;
    unsigned n_ms, n_ps, n_gs, cap_gs;
    uint64_t rng, now, gen, next_g, gc_seq, written, next_task, tasks[8];
    unsigned dropped_so_far, n_tasks;
    int ready_pick;
    bool gc, header_done, did_drop;
};

static void tg_grow(struct tg_bytes *b, size_t more)
{
    if (b->n + more <= b->cap) {
        return;
    }
    b->cap = (b->n + more) * 2;
    b->data = realloc(b->data, b->cap);
    if (b->data == NULL) {
        abort();
    }
}

static void tg_append(struct tg_bytes *b, const void *data, size_t n)
{
    tg_grow(b, n);
    memcpy(b->data + b->n, data, n);
    b->n += n;
}

static uint32_t tg_rand(struct tg *t, uint32_t below)
{
    t->rng = t->rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((t->rng >> 33) % below);
}

/* ---- batches and events ---- */

static void tg_flush(struct tg *t, struct tg_m *m, uint64_t start)
{
    uint8_t head[GT_BATCH_HEADER_BYTES], *length, *p;
    if (m->batch.n == 0) {
        return;
    }
    p = gt_put_batch_open(head, t->gen, m->id, start, &length);
    p = gt_put_uvarint(length, m->batch.n); /* short form: the reader takes either */
    tg_append(&t->out, head, (size_t)(p - head));
    tg_append(&t->out, m->batch.data, m->batch.n);
    m->batch.n = 0;
}

static uint64_t tg_start(const struct tg_m *m)
{
    uint64_t start;
    memcpy(&start, m->open, sizeof start);
    return start;
}

static void tg_event(struct tg *t, struct tg_m *m, unsigned type, uint64_t a, uint64_t b,
                     uint64_t c, uint64_t d)
{
    const uint64_t args[4] = {a, b, c, d};
    uint8_t bytes[GT_EV_MAX_BYTES], *p = bytes;
    uint64_t at = t->now + m->skew;
    t->now += 1 + tg_rand(t, 20);
    if (type == t->c.drop_type && t->dropped_so_far++ == t->c.drop_nth) {
        t->did_drop = true;
        return;
    }
    if (m->batch.n > 60000) {
        tg_flush(t, m, tg_start(m));
    }
    at = at > m->last ? at : m->last + 1;
    if (m->batch.n == 0) {
        memcpy(m->open, &at, sizeof at);
        m->last = at;
    }
    *p++ = (uint8_t)type;
    p = gt_put_uvarint(p, at - m->last);
    for (unsigned i = 0; i < gt_ev_spec(type)->nargs; i++) {
        p = gt_put_uvarint(p, args[i]);
    }
    m->last = at;
    tg_append(&m->batch, bytes, (size_t)(p - bytes));
    t->written++;
}

/* ---- statuses, and what an event needs to have been stated ---- */

static void tg_state_p(struct tg *t, struct tg_m *m, int p, unsigned status)
{
    if (t->ps[p].stated != t->gen) {
        t->ps[p].stated = t->gen;
        t->ps[p].seq = 0;
        tg_event(t, m, GT_EV_PROC_STATUS, (uint64_t)p, status, 0, 0);
    }
}

static void tg_state_g(struct tg *t, struct tg_m *m, int g, uint64_t thread, unsigned status)
{
    if (t->gs[g].stated != t->gen) {
        t->gs[g].stated = t->gen;
        t->gs[g].seq = 0;
        tg_event(t, m, GT_EV_GO_STATUS, t->gs[g].id, thread, status, 0);
    }
}

/* An ordinary event: the M's own P and G are stated first. */
static void tg_put(struct tg *t, struct tg_m *m, unsigned type, uint64_t a, uint64_t b, uint64_t c,
                   uint64_t d)
{
    if (m->p >= 0) {
        tg_state_p(t, m, m->p, t->ps[m->p].status);
    }
    if (m->g >= 0) {
        tg_state_g(t, m, m->g, m->id, t->gs[m->g].status);
    }
    tg_event(t, m, type, a, b, c, d);
}
