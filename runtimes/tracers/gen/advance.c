/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gen: the end of a generation.
 *
 * Invariants:
 *   I1 One advance at a time (the semaphore `advance`, from end to end). It returns when the
 *      reader has consumed the generation (R3).
 *   I2 Every G alive has a status in every generation: its own first event's, or one written
 *      here. What is written here was looked up before the switch, with the G held still; it
 *      is still true after the flush if the G has no status by then, since nobody writes the
 *      old generation any more and every change would have written one.
 *   I3 Every live P has its status before the switch, and dead Ps are cleaned, under the
 *      world semaphore together with the switch: no procs change comes between, also when
 *      the trace stops (seed 002, and its relative):
 *
 *      advance                                 procs change
 *      dead Ps cleaned for n+1
 *                                              P3 dies: not cleaned
 *      switch to n+1                           P3 returns in n+1 with the slots of n-2
 *
 *   I4 The switch comes before the walk over the Ms. An M that comes after the walk sees the
 *      new generation, through the scheduler lock; one that left before has given its
 *      buffers itself.
 *   I5 Tables last: every event and CPU sample of the generation has its strings and stacks in
 *      them. A sample is of the generation in which it was taken, whenever it is read (I3 of
 *      profile.c): the fence of the flush is the one that it needs.
 */
#include <errno.h>
#include <string.h>

#include "tracers/gen/gen.h"

/* ---- I2: what each G does ------------------------------------------------------------------ */
static bool room_for_one(struct gen *t)
{
    if (t->n_recs < t->cap_recs)
        return true;
    size_t cap = t->cap_recs ? t->cap_recs * 2 : 64;
    struct gen_rec *more = t->host->alloc(t->host, cap * sizeof *more);
    if (!more) {
        gen_fail(t, ENOMEM);
        return false;
    }
    if (t->n_recs)
        memcpy(more, t->recs, t->n_recs * sizeof *more);
    t->host->free(t->host, t->recs, t->cap_recs * sizeof *more);
    t->recs = more;
    t->cap_recs = cap;
    return true;
}

struct pass {
    struct gen *t;
    uint64_t w;
};

static void look_at_g(struct gt_task *g, void *arg)
{
    struct pass *p = arg;
    struct gen *t = p->t;
    struct gt_wire_g *wg = g->trace;
    struct gt_trace_g_view v;
    GT_PERTURB_HOST(t->host, status_g);
    gt_slots_clean_next(&wg->s, p->w);
    if (gt_slots_traced(&wg->s, p->w) || !room_for_one(t) || !t->host->suspend_g(t->host, g, &v))
        return;
    t->recs[t->n_recs++] = (struct gen_rec){
        .g = g,
        .id = g->id,
        .tid = v.tid < 0 ? GT_WIRE_NO_M : (uint64_t)v.tid,
        .status = gt_wiremap_g(v.status, v.reason),
        .assisting = v.assisting,
        .stack = t->header >= 123 ? gen_stack_of(t, g, &v, p->w) : 0,
    };
    t->host->resume_g(t->host, g);
}

/*
 * A G whose birth is withheld (header 1.22) has no status to the reader. That it is may be
 * known only after the look; it is known when every P has been at a safe point.
 *
 *   advance                          M
 *                                    Dead -> Waiting
 *   suspends G: Waiting
 *                                    its birth is withheld: marked so
 *   every P was at a safe point
 *   drops G
 *   switch to n+1                    later: the G is born, dies, and its struct is another's
 */
static void drop_unborn(struct gen *t, uint64_t w)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n_recs; i++)
        if (!gt_wire_g_unborn(t->recs[i].g->trace, t->trace, w))
            t->recs[n++] = t->recs[i];
    t->n_recs = n;
}

/*
 * After the flush, in a batch of no thread. The slot is only looked at: a claim would clean
 * the next generation's counters, and that one has begun.
 *
 *   advance                          M
 *   switch to n+1
 *                                    G wakes in n+1: its count goes 1, 2
 *   G has no status in n: writes it
 *   (a claim in n: count of n+1 := 0)
 *                                    G starts: 1 again; the reader waits for 3
 */
static void write_g_statuses(struct gen *t, uint64_t w)
{
    struct gt_tbuf *b = NULL;
    uint64_t last = 0;
    for (size_t i = 0; i < t->n_recs; i++) {
        struct gen_rec *r = &t->recs[i];
        if (gt_slots_traced(&((struct gt_wire_g *)r->g->trace)->s, w))
            continue;
        if (!b || gt_tbuf_left(b) < 2 * GT_EV_MAX_BYTES) {
            if (b)
                gen_push(t, b);
            b = gt_tpool_get(&t->pool);
            if (!b) {
                gen_fail(t, ENOMEM);
                break;
            }
            uint64_t now = gt_tclock_now(&t->clock);
            last = now > last ? now : last + 1;
            gt_tbuf_begin(b, gt_gen_number(w), GT_WIRE_NO_M, last);
        }
        uint8_t *p = b->data + b->pos;
        last++;
        p = r->stack ? gt_put_go_status_stack(p, 1, r->id, r->tid, r->status, r->stack)
                     : gt_put_go_status(p, 1, r->id, r->tid, r->status);
        if (r->assisting) {
            p = gt_put_gc_mark_assist_active(p, 1, r->id);
            last++;
        }
        b->pos = (uint32_t)(p - b->data);
    }
    if (b)
        gen_push(t, b);
    t->n_recs = 0;
}

/* ---- I3: what each P does -------------------------------------------------------------------- */
static void look_at_p(struct gt_proc *p, void *arg)
{
    struct pass *a = arg;
    struct gen *t = a->t;
    gt_tok tok = t->host->acquire(t->host);
    GT_PERTURB_HOST(t->host, status_p);
    struct gt_mach *m = t->host->self(t->host);
    if (gt_tok_on(tok))
        gen_write_p_status(t, m, tok.v, p, m->p == p ? GT_WIRE_P_RUNNING : GT_WIRE_P_IDLE);
    t->host->release(t->host, tok);
}

/* Fault procs_between: the world semaphore is given up before the rest of I3 is done. */
static void look_at_ps(const struct gt_tracer_host *h, struct pass *pass)
{
    h->world_lock(h);
    h->each_p_safe(h, look_at_p, pass);
    h->world_unlock(h);
}

static void clean_dead(struct gt_proc *p, bool alive, void *arg)
{
    struct pass *a = arg;
    if (alive)
        a->t->procs++;
    else
        gt_slots_clean_next(&((struct gt_wire_p *)p->trace)->s, a->w);
}

static void count_p(struct gt_proc *p, bool alive, void *arg)
{
    struct pass *a = arg;
    (void)p;
    a->t->procs += alive;
}

/* Seed 002 put back: one half of it in each kind of end. */
static bool dead_ps_are_kept(struct gen *t, bool stop)
{
    (void)t;
    return stop ? GT_FAULT_IN(t->host->fault, dead_ps_kept_on_stop)
                : GT_FAULT_IN(t->host->fault, dead_ps_kept_on_advance);
}

/* ---- the switch -------------------------------------------------------------------------------- */
static void stop_generations(struct gen *t, uint64_t w)
{
    t->last_generation = w;
    gt_spin_lock(&t->lock);
    t->shutdown = true;
    gt_spin_unlock(&t->lock);
    gt_store_release(t->generation, GT_GEN_OFF); /* pair: generation */
    gt_trace_stored(t->host, GT_GEN_OFF);
    GT_PERTURB_HOST(t->host, trace_disabled);
    t->host->set_enabled(t->host, false);
}

static void next_generation(struct gen *t, uint64_t w)
{
    uint64_t n = gt_gen_next(w);
    t->last_generation = w;
    gen_tables_begin(t, n);
    gt_store_release(t->generation, n); /* pair: generation */
    gt_trace_stored(t->host, n);
    gen_write_sync(t, n);
    gt_tok tok = t->host->acquire(t->host);
    if (gt_tok_on(tok))
        gen_begin_generation(t, t->host->self(t->host), tok.v);
    t->host->release(t->host, tok);
}

/* ---- the flush ----------------------------------------------------------------------------------- */
static void list_m(struct gt_mach *m, void *arg)
{
    struct gen *t = arg;
    gen_m_of(m)->link = t->to_flush;
    t->to_flush = m;
}

/* One round; who still writes stays on the list. */
static void flush_round(struct gen *t, unsigned slot)
{
    struct gt_mach **at = &t->to_flush;
    while (*at) {
        struct gen_m *m = gen_m_of(*at);
        if (!gt_section_clear(&(*at)->section)) {
            at = &m->link;
            continue;
        }
        gt_spin_lock(&t->lock);
        gen_take(t, m, slot);
        gt_spin_unlock(&t->lock);
        *at = m->link;
    }
}

/* I4. */
static void flush_ms(struct gen *t, uint64_t w)
{
    t->to_flush = NULL;
    GT_PERTURB_HOST(t->host, advance_stored);
    t->host->sched_lock(t->host);
    t->host->each_m(t->host, list_m, t);
    t->host->sched_unlock(t->host);
    GT_PERTURB_HOST(t->host, advance_listed);
    gt_section_fence(t->os, t->asym);
    for (;;) {
        flush_round(t, gt_gen_slot2(w));
        if (!t->to_flush)
            break;
        GT_PERTURB_HOST(t->host, advance_flushing);
        t->os->thread_yield();
    }
    gen_wake_reader(t);
#if GT_ORACLE
    if (gt_load_relaxed(&t->buffers_out[gt_gen_slot2(w)]) != 0)
        t->host->violation(t->host, 1, "an M unknown to the walk has a buffer of the generation");
#endif
}

/*
 * Who ends the generation may have done nothing in it. It runs, and that is said by its own
 * thread: a batch of no thread cannot say that something runs. All others that were found
 * running are brought to a safe point before the switch, and have an event by then.
 *
 *   advance                          G on P1
 *   switch to n+1
 *                                    computes
 *                                    ends the trace: looks at itself, running; no event in n+1
 */
static void tell_of_self(struct gen *t)
{
    gt_tok tok = t->host->acquire(t->host);
    if (gt_tok_on(tok))
        gen_write_own_status(t, t->host->self(t->host), tok.v);
    t->host->release(t->host, tok);
}

/* ---- all of it -------------------------------------------------------------------------------------- */
static void wait_until_read(struct gen *t, uint64_t w)
{
    GT_PERTURB_HOST(t->host, advance_complete);
    gt_store_release(&t->flushed, gt_gen_number(w)); /* pair: flushed */
    gen_wake_reader(t); /* if it is about to park it looks again */
    t->host->ready_reader(t->host);
    t->host->sema_acquire(t->host, t->done[gt_gen_slot2(w)], -1);
#if GT_ORACLE
    gt_spin_lock(&t->lock);
    bool left = t->full[gt_gen_slot2(w)].head != NULL;
    gt_spin_unlock(&t->lock);
    if (left || gt_load_relaxed(&t->reading) <= gt_gen_number(w))
        t->host->violation(t->host, 3, "an advance returns before its generation was read");
#endif
}

void gen_advance(struct gen *t, bool stop)
{
    const struct gt_tracer_host *h = t->host;
    h->sema_acquire(h, t->advance, -1);
    uint64_t w = gt_load_relaxed(t->generation);
    struct pass pass = {t, w};
    if (w != GT_GEN_OFF) {
        tell_of_self(t);
        if (GEN_FAULT(t, procs_between))
            look_at_ps(h, &pass);
        h->each_g(h, look_at_g, &pass);
        h->world_lock(h);
        if (!GEN_FAULT(t, procs_between))
            h->each_p_safe(h, look_at_p, &pass);
        GT_PERTURB_HOST(h, status_done);
        if (t->header < 123)
            drop_unborn(t, w);
        t->procs = 0;
        h->each_p(h, dead_ps_are_kept(t, stop) ? count_p : clean_dead, &pass);
        GT_PERTURB_HOST(h, dead_cleaned);
        if (stop)
            stop_generations(t, w);
        else
            next_generation(t, w);
        h->world_unlock(h);
        flush_ms(t, w);
        GT_PERTURB_HOST(h, advance_flushed);
        write_g_statuses(t, w);
        GT_PERTURB_HOST(h, advance_tables);
        gen_cpu_end(t, w, stop);
        gen_tables_end(t, w);
        if (stop)
            gt_cpu_log_stop(&t->cpu);
        wait_until_read(t, w);
    }
    h->sema_release(h, t->advance);
    GT_PERTURB_HOST(h, advance_done);
}
