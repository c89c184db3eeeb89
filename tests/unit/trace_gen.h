/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Makes valid synthetic traces: a small scheduler in one loop, with Ms, Ps and Gs, whose events
 * are written as a tracer would. For tests and benchmarks of the checker.
 *
 *    struct tg *t = tg_new(&(struct tg_config){.seed = 1, .header = 123, .threads = 4, ...});
 *    while (tg_generation(t)) ... t->out.data, t->out.n ...     or all of it: tg_all(t)
 *    tg_free(t);
 *
 * One event can be left out, by number of its kind (`drop_type`, `drop_nth`): the state goes on
 * as if it had been written. Not for several threads.
 */
#include "trace_gen_base.h"

/* ---- the scheduler ---- */

static int tg_new_g(struct tg *t, unsigned status)
{
    int i = 0;
    if (t->n_gs < t->c.gs * 2 + 8) {
        i = (int)t->n_gs++;
    } else {
        while (i < (int)t->n_gs && t->gs[i].alive) {
            i++;
        }
    }
    if (i == (int)t->n_gs) {
        return -1;
    }
    t->gs[i] = (struct tg_g){.id = t->next_g++, .status = status, .m = -1, .alive = true};
    return i;
}

static int tg_find_g(struct tg *t, unsigned status)
{
    unsigned start = tg_rand(t, t->n_gs);
    for (unsigned i = 0; i < t->n_gs; i++) {
        unsigned at = (start + i) % t->n_gs;
        if (t->gs[at].alive && t->gs[at].status == status) {
            return (int)at;
        }
    }
    return -1;
}

static void tg_steal(struct tg *t, struct tg_m *m, int p);

/* An idle P, or one in a syscall that is stolen for it. */
static bool tg_get_p(struct tg *t, struct tg_m *m)
{
    unsigned start = tg_rand(t, t->n_ps);
    for (unsigned i = 0; i < t->n_ps; i++) {
        int p = (int)((start + i) % t->n_ps);
        if (t->ps[p].status == GT_WIRE_P_SYSCALL && tg_rand(t, 4) == 0) {
            tg_steal(t, m, p);
        }
        if (t->ps[p].status == GT_WIRE_P_IDLE) {
            tg_state_p(t, m, p, GT_WIRE_P_IDLE);
            tg_event(t, m, GT_EV_PROC_START, (uint64_t)p, ++t->ps[p].seq, 0, 0);
            t->ps[p].status = GT_WIRE_P_RUNNING;
            t->ps[p].m = (int)(m - t->ms);
            m->p = p;
            return true;
        }
    }
    return false;
}

static void tg_steal(struct tg *t, struct tg_m *m, int p)
{
    struct tg_p *victim = &t->ps[p];
    if (victim->m == (int)(m - t->ms)) {
        return;
    }
    if (victim->stated != t->gen) {
        tg_state_p(t, m, p, GT_WIRE_P_SYSCALL_ABANDONED);
    }
    tg_event(t, m, GT_EV_PROC_STEAL, (uint64_t)p, ++victim->seq, victim->thread, 0);
    victim->status = GT_WIRE_P_IDLE;
    if (victim->m >= 0) {
        t->ms[victim->m].p = -1;
    }
    victim->m = -1;
}

static void tg_stop_p(struct tg *t, struct tg_m *m)
{
    tg_put(t, m, GT_EV_PROC_STOP, 0, 0, 0, 0);
    t->ps[m->p].status = GT_WIRE_P_IDLE;
    t->ps[m->p].m = -1;
    m->p = -1;
}

static void tg_start_g(struct tg *t, struct tg_m *m)
{
    int g = tg_find_g(t, GT_WIRE_G_RUNNABLE);
    if (g < 0) {
        if (tg_rand(t, 2) == 0) {
            tg_stop_p(t, m);
        }
        return;
    }
    tg_state_p(t, m, m->p, GT_WIRE_P_RUNNING);
    tg_state_g(t, m, g, GT_WIRE_NO_M, GT_WIRE_G_RUNNABLE);
    tg_event(t, m, GT_EV_GO_START, t->gs[g].id, ++t->gs[g].seq, 0, 0);
    t->gs[g].status = GT_WIRE_G_RUNNING;
    t->gs[g].m = (int)(m - t->ms);
    m->g = g;
}

static void tg_close_ranges(struct tg *t, struct tg_m *m)
{
    if (m->assist) {
        tg_put(t, m, GT_EV_GC_MARK_ASSIST_END, 0, 0, 0, 0);
        m->assist = false;
    }
    for (; m->regions > 0; m->regions--) {
        tg_put(t, m, GT_EV_USER_REGION_END, 7, 2, 1, 0);
    }
    if (m->p >= 0 && t->ps[m->p].sweep) {
        tg_put(t, m, GT_EV_GC_SWEEP_END, 4096, 1024, 0, 0);
        t->ps[m->p].sweep = false;
    }
}

static void tg_leave(struct tg *t, struct tg_m *m, unsigned type, unsigned status)
{
    tg_close_ranges(t, m);
    tg_put(t, m, type, 3, 1, 0, 0);
    t->gs[m->g].status = status;
    t->gs[m->g].m = -1;
    t->gs[m->g].alive = type != GT_EV_GO_DESTROY;
    m->g = -1;
}

static void tg_unblock(struct tg *t, struct tg_m *m)
{
    int g = tg_find_g(t, GT_WIRE_G_WAITING);
    if (g >= 0) {
        tg_put(t, m, GT_EV_HEAP_ALLOC, t->now, 0, 0, 0);
        tg_state_g(t, m, g, GT_WIRE_NO_M, GT_WIRE_G_WAITING);
        tg_event(t, m, GT_EV_GO_UNBLOCK, t->gs[g].id, ++t->gs[g].seq, 1, 0);
        t->gs[g].status = GT_WIRE_G_RUNNABLE;
    }
}

static void tg_create(struct tg *t, struct tg_m *m, unsigned type)
{
    unsigned status = type == GT_EV_GO_CREATE ? GT_WIRE_G_RUNNABLE : GT_WIRE_G_WAITING;
    int g = tg_new_g(t, status);
    if (g >= 0) {
        t->gs[g].stated = t->gen;
        tg_put(t, m, type, t->gs[g].id, 1, 1, 0);
    }
}

static void tg_syscall_begin(struct tg *t, struct tg_m *m)
{
    struct tg_p *p = &t->ps[m->p];
    tg_close_ranges(t, m); /* they belong to the G, which may leave this M */
    tg_put(t, m, GT_EV_HEAP_GOAL, 1 << 20, 0, 0, 0); /* states P and G before the number is taken */
    tg_event(t, m, GT_EV_GO_SYSCALL_BEGIN, ++p->seq, 1, 0, 0);
    p->status = GT_WIRE_P_SYSCALL;
    p->thread = m->id;
    t->gs[m->g].status = GT_WIRE_G_SYSCALL;
    m->in_syscall = true;
}

static void tg_syscall_end(struct tg *t, struct tg_m *m)
{
    m->in_syscall = false;
    if (m->p >= 0) {
        tg_put(t, m, GT_EV_GO_SYSCALL_END, 0, 0, 0, 0);
        t->ps[m->p].status = GT_WIRE_P_RUNNING;
        t->gs[m->g].status = GT_WIRE_G_RUNNING;
        return;
    }
    if (tg_rand(t, 2) == 0) {
        tg_get_p(t, m);
    }
    tg_put(t, m, GT_EV_GO_SYSCALL_END_BLOCKED, 0, 0, 0, 0);
    t->gs[m->g].status = GT_WIRE_G_RUNNABLE;
    t->gs[m->g].m = -1;
    m->g = -1;
}

static void tg_switch(struct tg *t, struct tg_m *m)
{
    int g = tg_find_g(t, GT_WIRE_G_WAITING);
    if (g < 0) {
        return;
    }
    bool die = tg_rand(t, 2) == 0;
    tg_close_ranges(t, m);
    tg_put(t, m, GT_EV_HEAP_ALLOC, t->now, 0, 0, 0);
    tg_state_g(t, m, g, GT_WIRE_NO_M, GT_WIRE_G_WAITING);
    tg_event(t, m, die ? GT_EV_GO_SWITCH_DESTROY : GT_EV_GO_SWITCH, t->gs[g].id, ++t->gs[g].seq, 0,
             0);
    t->gs[m->g].status = GT_WIRE_G_WAITING;
    t->gs[m->g].alive = !die;
    t->gs[m->g].m = -1;
    t->gs[g].status = GT_WIRE_G_RUNNING;
    t->gs[g].m = (int)(m - t->ms);
    m->g = g;
}

/* Stops the world: every other P is taken from its M. */
static void tg_stop_world(struct tg *t, struct tg_m *m)
{
    tg_put(t, m, GT_EV_STW_BEGIN, 4, 1, 0, 0);
    for (unsigned i = 0; i + 1 < t->n_ms; i++) {
        struct tg_m *other = &t->ms[i];
        if (other == m || other->p < 0) {
            continue;
        }
        if (t->ps[other->p].status == GT_WIRE_P_SYSCALL) {
            tg_put(t, m, GT_EV_HEAP_ALLOC, 1, 0, 0, 0);
            tg_steal(t, m, other->p);
            continue;
        }
        if (other->g >= 0) {
            tg_leave(t, other, GT_EV_GO_STOP, GT_WIRE_G_RUNNABLE);
        }
        tg_stop_p(t, other);
    }
    tg_put(t, m, GT_EV_PROCS_CHANGE, t->n_ps, 1, 0, 0);
    tg_put(t, m, t->gc ? GT_EV_GC_END : GT_EV_GC_BEGIN, ++t->gc_seq, 1, 0, 0);
    t->gc = !t->gc;
    t->now += t->c.skew;
    tg_put(t, m, GT_EV_STW_END, 0, 0, 0, 0);
}

static void tg_task(struct tg *t, struct tg_m *m)
{
    if (t->n_tasks < 8) {
        t->tasks[t->n_tasks++] = ++t->next_task;
        tg_put(t, m, GT_EV_USER_TASK_BEGIN, t->next_task, 0, 2, 1);
    } else {
        tg_put(t, m, GT_EV_USER_TASK_END, t->tasks[0], 1, 0, 0);
        memmove(t->tasks, t->tasks + 1, --t->n_tasks * sizeof t->tasks[0]);
    }
}

static void tg_rich(struct tg *t, struct tg_m *m)
{
    switch (tg_rand(t, 12)) {
    case 0:
    case 1:
        tg_put(t, m, GT_EV_USER_REGION_BEGIN, 7, 2, 1, 0);
        m->regions++;
        break;
    case 2:
        tg_put(t, m, GT_EV_USER_LOG, 7, 2, 3, 1);
        break;
    case 3:
        tg_put(t, m, GT_EV_GO_LABEL, 2, 0, 0, 0);
        break;
    case 4:
        if (!m->assist) {
            tg_put(t, m, GT_EV_GC_MARK_ASSIST_BEGIN, 1, 0, 0, 0);
            m->assist = true;
        }
        break;
    case 5:
        if (!t->ps[m->p].sweep) {
            tg_put(t, m, GT_EV_GC_SWEEP_BEGIN, 1, 0, 0, 0);
            t->ps[m->p].sweep = true;
        }
        break;
    case 6:
    case 7:
        if (t->c.header >= 123) {
            tg_switch(t, m);
        }
        break;
    case 8:
        tg_task(t, m);
        break;
    case 9:
        if (t->c.header >= 123) {
            tg_create(t, m, GT_EV_GO_CREATE_BLOCKED);
        }
        break;
    case 10:
        if (tg_rand(t, 8) == 0) {
            tg_stop_world(t, m);
        }
        break;
    default:
        tg_close_ranges(t, m);
        break;
    }
}

/* A C thread calls in, runs a little, leaves without giving its P back. */
static void tg_foreign(struct tg *t, struct tg_m *m)
{
    if (m->g < 0 && m->p < 0) {
        int g = tg_new_g(t, GT_WIRE_G_SYSCALL);
        if (g < 0) {
            return;
        }
        t->gs[g].stated = t->gen;
        t->gs[g].m = (int)(m - t->ms);
        tg_event(t, m, GT_EV_GO_CREATE_SYSCALL, t->gs[g].id, 0, 0, 0);
        m->g = g;
        m->in_syscall = true;
        if (!tg_get_p(t, m)) {
            return;
        }
        tg_put(t, m, GT_EV_GO_SYSCALL_END_BLOCKED, 0, 0, 0, 0);
        tg_event(t, m, GT_EV_GO_START, t->gs[g].id, ++t->gs[g].seq, 0, 0);
        t->gs[g].status = GT_WIRE_G_RUNNING;
        m->in_syscall = false;
        return;
    }
    if (m->g >= 0 && t->gs[m->g].status == GT_WIRE_G_RUNNING) {
        tg_close_ranges(t, m);
        tg_syscall_begin(t, m);
    }
    if (m->g >= 0 && t->gs[m->g].status == GT_WIRE_G_SYSCALL) {
        tg_put(t, m, GT_EV_GO_DESTROY_SYSCALL, 0, 0, 0, 0);
        t->gs[m->g].alive = false;
        t->gs[m->g].status = 0;
        if (m->p >= 0) {
            t->ps[m->p].m = -1; /* abandoned, for whoever steals it */
        }
        m->p = m->g = -1;
        m->in_syscall = false;
    }
}

static void tg_run(struct tg *t, struct tg_m *m)
{
    uint32_t r = tg_rand(t, 100);
    if (r < 18) {
        tg_leave(t, m, GT_EV_GO_BLOCK, GT_WIRE_G_WAITING);
    } else if (r < 30) {
        tg_leave(t, m, GT_EV_GO_STOP, GT_WIRE_G_RUNNABLE);
    } else if (r < 55) {
        tg_unblock(t, m);
    } else if (r < 80) {
        tg_syscall_begin(t, m);
    } else if (r < 85) {
        tg_create(t, m, GT_EV_GO_CREATE);
    } else if (r < 88) {
        tg_leave(t, m, GT_EV_GO_DESTROY, 0);
    } else if (t->c.rich) {
        tg_rich(t, m);
    } else {
        tg_put(t, m, GT_EV_HEAP_ALLOC, t->now, 0, 0, 0);
    }
}

static void tg_step(struct tg *t)
{
    struct tg_m *m = &t->ms[tg_rand(t, t->n_ms - 1)];
    if (m->foreign) {
        tg_foreign(t, m);
    } else if (m->in_syscall) {
        tg_syscall_end(t, m);
    } else if (m->p < 0) {
        tg_get_p(t, m);
    } else if (m->g < 0) {
        tg_start_g(t, m);
    } else {
        tg_run(t, m);
    }
}

/* ---- generations ---- */

static void tg_table(struct tg *t, const uint8_t *data, size_t n)
{
    uint8_t head[GT_BATCH_HEADER_BYTES], *length, *p;
    p = gt_put_batch_open(head, t->gen, GT_WIRE_NO_M, t->now, &length);
    gt_batch_close(length, length + GT_WIRE_MAX_VARINT + n);
    tg_append(&t->out, head, (size_t)(p - head));
    tg_append(&t->out, data, n);
}

static void tg_tables(struct tg *t)
{
    static const char *const strings[] = {"main.work", "name", "chan receive", "GOMAXPROCS"};
    uint8_t data[512], *p = gt_put_stacks(data);
    p = gt_put_stack(p, 1, 2);
    p = gt_put_frame(p, 0x1000, 1, 2, 10);
    p = gt_put_frame(p, 0x2000, 1, 2, 20);
    tg_table(t, data, (size_t)(p - data));
    p = gt_put_strings(data);
    for (unsigned i = 0; i < 4; i++) {
        p = gt_put_string(p, i + 1, strings[i], strlen(strings[i]));
    }
    tg_table(t, data, (size_t)(p - data));
}

static void tg_sync(struct tg *t)
{
    uint8_t data[64], *p = data;
    if (t->c.header >= 125) {
        p = gt_put_sync(p);
    }
    p = gt_put_frequency(p, 15625000);
    if (t->c.header >= 125) {
        p = gt_put_clock_snapshot(p, 1, t->now, 1700000000 + t->gen, 5);
    }
    tg_table(t, data, (size_t)(p - data));
}

/* What nobody has stated yet is stated by no M. */
static void tg_state_rest(struct tg *t)
{
    struct tg_m *none = &t->ms[t->n_ms - 1];
    none->last = none->skew = 0;
    for (unsigned i = 0; i < t->n_gs; i++) {
        struct tg_g *g = &t->gs[i];
        if (g->alive && g->status != GT_WIRE_G_RUNNING) {
            uint64_t thread = g->m >= 0 ? t->ms[g->m].id : GT_WIRE_NO_M;
            tg_state_g(t, none, (int)i, thread, g->status);
        }
    }
}

/* At the end each P states itself; one in a syscall is taken from its thread first. */
static void tg_end(struct tg *t)
{
    struct tg_m *by = NULL;
    for (unsigned i = 0; i + 1 < t->n_ms; i++) {
        struct tg_m *m = &t->ms[i];
        if (m->p >= 0 && t->ps[m->p].status == GT_WIRE_P_RUNNING) {
            tg_state_p(t, m, m->p, GT_WIRE_P_RUNNING);
            if (m->g >= 0) {
                tg_state_g(t, m, m->g, m->id, t->gs[m->g].status);
            }
            by = m;
        }
    }
    for (unsigned i = 0; by && i < t->n_ps; i++) {
        if (t->ps[i].status == GT_WIRE_P_SYSCALL) {
            tg_steal(t, by, (int)i);
        } else if (t->ps[i].status == GT_WIRE_P_IDLE) {
            tg_state_p(t, by, (int)i, GT_WIRE_P_IDLE);
        }
    }
    tg_state_rest(t);
}

/* What is open goes on: a later generation says so. */
static void tg_actives(struct tg *t)
{
    for (unsigned i = 0; i + 1 < t->n_ms; i++) {
        struct tg_m *m = &t->ms[i];
        if (m->p >= 0 && t->ps[m->p].status == GT_WIRE_P_RUNNING && t->ps[m->p].sweep) {
            tg_state_p(t, m, m->p, GT_WIRE_P_RUNNING);
            tg_event(t, m, GT_EV_GC_SWEEP_ACTIVE, (uint64_t)m->p, 0, 0, 0);
        }
        if (m->g >= 0 && m->assist) {
            tg_put(t, m, GT_EV_GC_MARK_ASSIST_ACTIVE, t->gs[m->g].id, 0, 0, 0);
        }
    }
    for (unsigned i = 0; t->gc && i + 1 < t->n_ms; i++) {
        struct tg_m *m = &t->ms[i];
        if (m->p >= 0 && m->g >= 0 && t->gs[m->g].status == GT_WIRE_G_RUNNING) {
            tg_put(t, m, GT_EV_GC_ACTIVE, ++t->gc_seq, 0, 0, 0);
            return;
        }
    }
}

/* The next generation in t->out (the header before the first). false: no more. */
static bool tg_generation(struct tg *t)
{
    t->out.n = 0;
    if (t->gen == t->c.generations) {
        return false;
    }
    if (!t->header_done) {
        tg_grow(&t->out, GT_WIRE_HEADER_BYTES);
        gt_put_header(t->out.data, t->c.header);
        t->out.n = GT_WIRE_HEADER_BYTES;
        t->header_done = true;
    }
    t->gen++;
    t->now += 1000 + t->c.skew;
    if (t->c.header >= 125) {
        tg_sync(t);
    }
    uint64_t stop = t->written + t->c.events;
    if (t->gen > 1) {
        tg_actives(t);
    }
    while (t->written < stop) {
        tg_step(t);
    }
    tg_end(t);
    for (unsigned i = 0; i < t->n_ms; i++) {
        tg_flush(t, &t->ms[i], tg_start(&t->ms[i]));
    }
    t->now += t->c.skew;
    tg_tables(t);
    if (t->c.header < 125) {
        tg_sync(t);
    }
    if (t->c.header >= 126) {
        tg_append(&t->out, (const uint8_t[]){GT_EV_END_OF_GENERATION}, 1);
    }
    return true;
}

static void tg_init_ms(struct tg *t)
{
    for (unsigned i = 0; i < t->n_ms; i++) {
        struct tg_m *m = &t->ms[i];
        *m = (struct tg_m){.id = 1000 + i, .p = -1, .g = -1};
        m->skew = t->c.skew ? tg_rand(t, t->c.skew + 1) : 0;
        m->open = calloc(1, sizeof(uint64_t));
    }
    t->ms[t->n_ms - 1].id = GT_WIRE_NO_M;
    t->ms[t->n_ms - 1].skew = 0;
    if (t->c.rich) {
        t->ms[t->n_ms - 2].foreign = true;
    }
}

static struct tg *tg_new(const struct tg_config *c)
{
    struct tg *t = calloc(1, sizeof *t);
    t->c = *c;
    t->rng = c->seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    t->now = 100000;
    t->next_g = 1;
    t->n_ms = c->threads + 1 + c->rich;
    t->n_ps = c->threads;
    t->cap_gs = c->gs * 2 + 8;
    t->ms = calloc(t->n_ms, sizeof *t->ms);
    t->ps = calloc(t->n_ps, sizeof *t->ps);
    t->gs = calloc(t->cap_gs, sizeof *t->gs);
    tg_init_ms(t);
    for (unsigned i = 0; i < t->n_ps; i++) {
        t->ps[i] = (struct tg_p){.status = GT_WIRE_P_IDLE, .m = -1};
    }
    for (unsigned i = 0; i < c->gs; i++) {
        tg_new_g(t, i % 3 ? GT_WIRE_G_RUNNABLE : GT_WIRE_G_WAITING);
    }
    return t;
}

static void tg_free(struct tg *t)
{
    for (unsigned i = 0; i < t->n_ms; i++) {
        free(t->ms[i].batch.data);
        free(t->ms[i].open);
    }
    free(t->ms);
    free(t->ps);
    free(t->gs);
    free(t->out.data);
    free(t);
}

/* The whole trace; the caller frees data. */
static inline struct tg_bytes tg_all(const struct tg_config *c, bool *dropped)
{
    struct tg *t = tg_new(c);
    struct tg_bytes all = {0};
    while (tg_generation(t)) {
        tg_append(&all, t->out.data, t->out.n);
    }
    if (dropped) {
        *dropped = t->did_drop;
    }
    tg_free(t);
    return all;
}

/* A source of gt_reader_open that makes the trace as it is read; arg: struct tg_stream. */
struct tg_stream {
    struct tg *t;
    size_t at;
};
static inline int64_t tg_read(void *arg, void *buf, size_t n)
{
    struct tg_stream *s = arg;
    if (s->at == s->t->out.n) {
        s->at = 0;
        if (!tg_generation(s->t)) {
            return 0;
        }
    }
    size_t left = s->t->out.n - s->at;
    n = n < left ? n : left;
    memcpy(buf, s->t->out.data + s->at, n);
    s->at += n;
    return (int64_t)n;
}
