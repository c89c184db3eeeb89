/* SPDX-License-Identifier: Apache-2.0 */
/* gen: the event ops and what they write into. Invariants: gen.h, events.inc. */
#include <errno.h>
#include <string.h>

#include "gauntlet/tracing.h"
#include "tracers/gen/gen.h"

/* ---- queue -------------------------------------------------------------------------------- */
void gen_push_locked(struct gen *t, struct gt_tbuf *b)
{
    t->flow.queued += b->pos;
    gt_tqueue_push(&t->full[gt_gen_slot2_of(b->gen)], b);
}

void gen_push(struct gen *t, struct gt_tbuf *b)
{
    gt_tbuf_end(b);
    gt_spin_lock(&t->lock);
    gen_push_locked(t, b);
    gt_spin_unlock(&t->lock);
    gen_wake_reader(t);
}

void gen_take(struct gen *t, struct gen_m *m, unsigned slot)
{
    struct gt_tbuf *b = m->buf[slot];
    if (!b)
        return;
    m->buf[slot] = NULL;
#if GT_ORACLE
    gt_sub_relaxed(&t->buffers_out[slot], 1u);
#endif
    gt_tbuf_end(b);
    gen_push_locked(t, b);
}

void gen_fail(struct gen *t, int error)
{
    uint32_t none = 0;
    (void)gt_cas_relaxed(&t->error, &none, (uint32_t)error);
}

/* In a section of generation w: the M's buffer is full or not there yet. NULL: no memory,
 * the event is dropped and the trace stops. */
__attribute__((noinline)) struct gt_tbuf *gen_refill(struct gen *t, struct gt_mach *mach, uint64_t w)
{
    struct gen_m *m = gen_m_of(mach);
    unsigned slot = gt_gen_slot2(w);
    gt_spin_lock(&t->lock);
    gen_take(t, m, slot);
    gt_spin_unlock(&t->lock);
    gen_wake_reader(t);
    GT_PERTURB_HOST(t->host, refill);
    struct gt_tbuf *b = gt_tpool_get(&t->pool);
    if (!b) {
        gen_fail(t, ENOMEM);
        return NULL;
    }
    uint64_t now = gt_tclock_now(&t->clock);
    if (now <= m->last)
        now = m->last + 1;
    m->last = now;
    gt_tbuf_begin(b, gt_gen_number(w), (uint64_t)mach->tid, now);
    m->buf[slot] = b;
#if GT_ORACLE
    gt_add_relaxed(&t->buffers_out[slot], 1u);
#endif
    return b;
}

/* ---- events --------------------------------------------------------------------------------- */
#define W_TRACER struct gen
#if GT_ORACLE
#define w_check(t_, m_, tok_, rule_, cond_, text_)                                                 \
    do {                                                                                           \
        if (__builtin_expect(!(cond_), 0))                                                         \
            (t_)->host->violation((t_)->host, rule_, text_);                                       \
    } while (0)
#else
#define w_check(t_, m_, tok_, rule_, cond_, text_) ((void)0)
#endif

static inline struct gt_stack_tab *w_stacks(struct gen *t, uint64_t w)
{
    return &t->stacks[gt_gen_slot2(w)];
}
static inline struct gt_string_tab *w_strings(struct gen *t, uint64_t w)
{
    return &t->strings[gt_gen_slot2(w)];
}

/* Room for one event in the M's buffer. NULL: no memory. */
static inline __attribute__((always_inline)) struct gt_tbuf *room(struct gen *t, struct gt_mach *mach,
                                                                  uint64_t w)
{
    struct gen_m *m = gen_m_of(mach);
    struct gt_tbuf *b = m->buf[gt_gen_slot2(w)];
    w_check(t, mach, w, 2, gt_section_inside(&mach->section, w),
            "event outside of its M's section");
    if (__builtin_expect(!b || gt_tbuf_left(b) < GT_EV_MAX_BYTES, 0))
        b = gen_refill(t, mach, w);
    return b;
}

/* A place for an event: I3 of buf.h. */
struct place {
    struct gen_m *m;
    struct gt_tbuf *b;
    uint8_t *at;
    uint64_t dt;
};

static inline __attribute__((always_inline)) struct place place_in(struct gen_m *m, struct gt_tbuf *b,
                                                                   uint64_t now)
{
    uint64_t last = m->last;
    if (__builtin_expect(now <= last, 0))
        now = last + 1;
    m->last = now;
    return (struct place){m, b, b->data + b->pos, now - last};
}

static inline __attribute__((always_inline)) void end_in(const struct place *p, const uint8_t *end)
{
    p->b->pos = (uint32_t)(end - p->b->data);
    gt_bump(&p->m->events, 1u);
}

static inline __attribute__((always_inline)) uint8_t *w_open(struct gen *t, struct gt_mach *mach,
                                                             uint64_t w, uint64_t *dt)
{
    struct gt_tbuf *b = room(t, mach, w);
    if (__builtin_expect(!b, 0))
        return NULL;
    struct place p = place_in(gen_m_of(mach), b, gt_tclock_now(&t->clock));
    *dt = p.dt;
    return p.at;
}

/* The buffer is there and not full, and the clock is the CPU's. */
static inline __attribute__((always_inline)) bool w_room(struct gen *t, struct gt_mach *mach, uint64_t w)
{
    const struct gt_tbuf *b = gen_m_of(mach)->buf[gt_gen_slot2(w)];
    return b && b->pos < t->fast_room;
}

static inline __attribute__((always_inline)) struct place w_place(struct gen *t, struct gt_mach *mach,
                                                                  uint64_t w)
{
    struct gen_m *m = gen_m_of(mach);
    w_check(t, mach, w, 2, gt_section_inside(&mach->section, w),
            "event outside of its M's section");
    return place_in(m, m->buf[gt_gen_slot2(w)], gt_tclock_ticks(&t->clock));
}

#define W_PUT(t_, m_, w_, ev_, ...)                                                                \
    do {                                                                                           \
        struct place w_pl_ = w_place(t_, m_, w_);                                                  \
        end_in(&w_pl_, gt_put_##ev_(w_pl_.at, w_pl_.dt, ##__VA_ARGS__));                           \
    } while (0)

static inline void w_close(struct gen *t, struct gt_mach *mach, uint64_t w, const uint8_t *end)
{
    struct gen_m *m = gen_m_of(mach);
    struct place p = {.m = m, .b = m->buf[gt_gen_slot2(w)]};
    (void)t;
    end_in(&p, end);
}

/* Fault buffer_lost_inside. */
static inline struct gt_tbuf **w_buffer(struct gt_mach *m, uint64_t w)
{
    return &gen_m_of(m)->buf[gt_gen_slot2(w)];
}
/* Fault inner_rereads. */
static inline uint64_t w_generation(struct gen *t, uint64_t w)
{
    uint64_t now = gt_load_acquire(t->generation); /* pair: generation */
    return now != GT_GEN_OFF ? now : w;
}

static inline struct gt_stack_cache *w_cache(struct gt_mach *m)
{
    return &gen_m_of(m)->stacks;
}

#include "tracers/common/events.inc"

uint64_t gen_stack_of(struct gen *t, struct gt_task *g, const struct gt_trace_g_view *v, uint64_t w)
{
    return w_stack_of(t, g, v, w);
}

void gen_write_p_status(struct gen *t, struct gt_mach *m, uint64_t w, struct gt_proc *p,
                        enum gt_wire_pstatus s)
{
    w_p_status(t, m, w, p, s);
}

void gen_write_own_status(struct gen *t, struct gt_mach *m, uint64_t w)
{
    w_before(t, m, w, W_RUNNING);
}

void gen_begin_trace(struct gen *t, struct gt_mach *m, uint64_t w)
{
    w_world_stopped(t, m, (gt_tok){w}, t->procs);
}

void gen_begin_generation(struct gen *t, struct gt_mach *m, uint64_t w)
{
    w_procs_change(t, m, (gt_tok){w}, t->procs);
    if (t->host->gc_marking(t->host))
        w_gc_active(t, m, (gt_tok){w}); /* I7 of events.inc */
}

/* ---- batches of no thread ----------------------------------------------------------------------- */
static void table_push(void *arg, struct gt_tbuf *b)
{
    struct gen *t = arg;
    gt_spin_lock(&t->lock);
    gen_push_locked(t, b);
    gt_spin_unlock(&t->lock);
    gen_wake_reader(t);
}

static void table_fail(void *arg, int error)
{
    gen_fail(arg, error);
}

static struct gt_table_out table_out(struct gen *t, uint64_t w)
{
    return (struct gt_table_out){.pool = &t->pool,
                                 .clock = &t->clock,
                                 .gen = gt_gen_number(w),
                                 .push = table_push,
                                 .fail = table_fail,
                                 .arg = t};
}

/* Before anybody writes in w. */
void gen_tables_begin(struct gen *t, uint64_t w)
{
    struct gt_table_out out = table_out(t, w);
    gt_string_tab_begin(w_strings(t, w), &out);
}

void gen_cpu_poll(void *tv, uint64_t w)
{
    struct gen *t = tv;
    struct gt_table_out out = table_out(t, w);
    gt_cpu_log_read(&t->cpu, w, w_stacks(t, w), &out);
}

void gen_cpu_end(struct gen *t, uint64_t w, bool stop)
{
    struct gt_table_out out = table_out(t, w);
    gt_cpu_log_end(&t->cpu, w, stop ? GT_GEN_OFF : gt_gen_next(w), w_stacks(t, w), &out);
}

/* Fault strings_kept: pushed, and the table left as it is. */
static void push_strings(struct gt_string_tab *tab)
{
    gt_spin_lock(&tab->lock);
    gt_table_push(&tab->out, &tab->buf);
    gt_spin_unlock(&tab->lock);
}

void gen_tables_end(struct gen *t, uint64_t w)
{
    struct gt_table_out out = table_out(t, w);
    gt_stack_tab_dump(w_stacks(t, w), w_strings(t, w), &out, t->host, t->raw_stacks);
    if (GEN_FAULT(t, strings_kept))
        push_strings(w_strings(t, w));
    else
        gt_string_tab_end(w_strings(t, w));
}

/* The clock of generation w: its rate and, from 1.25 on, what time it is. */
void gen_write_sync(struct gen *t, uint64_t w)
{
    struct gt_tbuf *b = gt_tpool_get(&t->pool);
    if (!b) {
        gen_fail(t, ENOMEM);
        return;
    }
    gt_tbuf_begin(b, gt_gen_number(w), GT_WIRE_NO_M, gt_tclock_now(&t->clock));
    uint8_t *p = gt_wiremap_sync(b->data + b->pos, t->header, &t->clock);
    b->pos = (uint32_t)(p - b->data);
    gen_push(t, b);
}

/* ---- sections: for who wraps these ops, and where the kernel does no fences ---------------------------------------------------------------------------------------- */
static gt_tok gen_acquire(void *tv, struct gt_mach *m)
{
    struct gen *t = tv;
    return (gt_tok){gt_section_enter(&m->section, t->generation, t->asym)};
}

static void gen_release(void *tv, struct gt_mach *m, gt_tok tok)
{
    (void)tv;
    (void)tok;
    gt_section_leave(&m->section);
}

static uint64_t gen_generation(void *tv, gt_tok tok)
{
    (void)tv;
    return gt_gen_number(tok.v);
}

/* ---- life ---------------------------------------------------------------------------------------------- */
/*
 * R1, seed 004: the M leaves the advance's view. Its mark is set on its behalf while its
 * buffers are taken, and the scheduler lock orders that against the walk over all Ms:
 *
 *   leaving M                            advance
 *                                        generation n+1
 *                                        scheduler lock: walks all Ms
 *   takes its own buffers, no lock  |    takes the buffers of n
 *   gone from the list                   either both or nobody
 */
static void gen_m_dies(void *tv, struct gt_mach *mach)
{
    struct gen *t = tv;
    struct gen_m *m = gen_m_of(mach);
    t->host->assert_sched_locked(t->host);
    gt_store_relaxed(&mach->section.mark, 1u);
    gt_spin_lock(&t->lock);
    if (GEN_FAULT(t, leaver_loses_buffer))
        m->buf[0] = NULL;
    gen_take(t, m, 0);
    gen_take(t, m, 1);
    gt_spin_unlock(&t->lock);
    gt_store_release(&mach->section.mark, 0u); /* pair: section */
    gt_add_relaxed(&t->events_left, gt_load_relaxed(&m->events));
    gt_store_relaxed(&m->events, 0u);
}

static void gen_p_born(void *tv, struct gt_proc *p)
{
    (void)tv;
    ((struct gt_wire_p *)p->trace)->syscall_m = GT_WIRE_NO_M;
}

static void gen_g_born(void *tv, struct gt_task *g)
{
    (void)tv;
    gt_wire_g_reborn(g->trace);
}

static void free_semas(struct gen *t)
{
    struct gt_sema *all[] = {t->life,    t->advance,       t->done[0],    t->done[1],
                             t->wake, t->advancer_gone, t->reader_gone};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        t->host->sema_free(t->host, all[i]);
}

static int gen_init(void *tv, const struct gt_tracer_host *h)
{
    struct gen *t = tv;
    t->host = h;
    t->os = h->os;
    t->generation = h->generation;
    t->asym = gt_section_asym(h->os);
    gt_tpool_init(&t->pool, h->os);
    for (int i = 0; i < 2; i++) {
        gt_stack_tab_init(&t->stacks[i], h->os);
        gt_string_tab_init(&t->strings[i], h->os);
        t->done[i] = h->sema_new(h, 0);
    }
    t->life = h->sema_new(h, 1);
    t->advance = h->sema_new(h, 1);
    t->wake = h->sema_new(h, 0);
    t->advancer_gone = h->sema_new(h, 0);
    t->reader_gone = h->sema_new(h, 0);
    int rc = gt_cpu_log_init(&t->cpu, h);
    if (rc == 0 && t->done[0] && t->done[1] && t->life && t->advance && t->wake && t->advancer_gone &&
        t->reader_gone)
        return 0;
    if (rc == 0)
        gt_cpu_log_fini(&t->cpu);
    free_semas(t);
    return -12; /* ENOMEM */
}

static void gen_fini(void *tv)
{
    struct gen *t = tv;
    for (int i = 0; i < 2; i++) {
        gt_stack_tab_fini(&t->stacks[i]);
        gt_string_tab_fini(&t->strings[i]);
    }
    gt_tpool_fini(&t->pool);
    gt_cpu_log_fini(&t->cpu);
    free_semas(t);
}

static void add_events(struct gt_mach *m, void *arg)
{
    *(uint64_t *)arg += gt_load_relaxed(&gen_m_of(m)->events);
}

static void gen_books(void *tv, struct gt_trace_books *out)
{
    gt_tbooks_read(&((struct gen *)tv)->books, out);
}

static uint64_t gen_count(void *tv)
{
    struct gen *t = tv;
    return gt_tracer_sum(t->host, &t->events_left, add_events);
}

const struct gt_tracer_ops gt_tracer_gen = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_TRACER, struct gt_tracer_ops, "gen",
                           "Go's: generations, a buffer per M, numbers per G and P",
                           GT_TRACER_GENERATIONS | GT_TRACER_STACKS | GT_TRACER_CHECKABLE |
                               GT_TRACER_STOPS_WORLD | GT_TRACER_CORE_SECTIONS),
    .runtime_state = sizeof(struct gen),
    .m_state = sizeof(struct gen_m),
    .p_state = sizeof(struct gt_wire_p),
    .g_state = sizeof(struct gt_wire_g),
    .init = gen_init,
    .fini = gen_fini,
    .start = gen_start,
    .stop = gen_stop,
    .run_ended = gen_run_ended,
    .advance = gen_op_advance,
    .acquire = gen_acquire,
    .release = gen_release,
    .m_dies = gen_m_dies,
    .p_born = gen_p_born,
    .g_born = gen_g_born,
    .stw_begin = w_stw_begin,
    W_EVENT_OPS,
    .reader_wanted = gen_reader_wanted,
    .generation = gen_generation,
    .count = gen_count,
    .books = gen_books,
};
