/* SPDX-License-Identifier: Apache-2.0 */
/*
 * locked: the honest simple tracer. One buffer, one lock; the world is stopped to start and
 * to stop; one generation from start to stop. The same wire format as gen, so it is checked
 * the same way, and it shows that the vtable does not assume generations.
 *
 * Invariants:
 *   I1 Every event is written whole under the lock, into one buffer. A batch belongs to one
 *      M: when another M writes, the batch ends and a new one begins in the same buffer.
 *   I2 The trace is on or off only with the world stopped and sysmon held; threads in the
 *      slow exit of a system call are waited for, and before the end so is every open section.
 *   I3 At the stop, with the world stopped, every G without an event gets its status, and
 *      every G and P is cleaned for the next trace (slots.h, I1): each trace is a generation
 *      of its own number. The status was looked up while the trace was on; it is what the G
 *      did all along if the G has none when the sections are over. Not later, since a stopped
 *      world does not hold an M that has no P:
 *
 *      stop                                    M without a P
 *                                              G is in a system call, since before the trace
 *      generation off
 *                                              acquire: off; Syscall -> Runnable, no event
 *      looks: Runnable, which G never was
 *      in this trace
 *
 *      Likewise a G whose thread calls in by then was not there, and one whose thread leaves was.
 *   I4 Finished buffers are handed to the sink by the reader, in order.
 * Limits: a reader of the trace needs memory for all of it, as it is one generation; the
 * lock is spun for.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gauntlet/fault.h"
#include "gauntlet/perturb.h"
#include "gauntlet/section.h"
#include "gauntlet/tracer.h"
#include "gauntlet/tracing.h"
#include "tracers/common/buf.h"
#include "tracers/common/cpu.h"
#include "tracers/common/tables.h"
#include "tracers/common/wiremap.h"
#include "tracers/common/wirestate.h"

#define BATCH_LEAST 256u /* room that makes a new batch worth its header */

struct locked_m {
    struct gt_section sec;
    gt_a64 events; /* Written by: this M */
    struct gt_stack_cache stacks;
};

struct locked_g {
    struct gt_wire_g w; /* first: events.inc knows no more */
    /* I3. Written by: the stop. */
    struct locked_seen {
        bool there, assisting;
        enum gt_wire_gstatus status;
        uint64_t id, tid, stack; /* its id then: an extra M's G comes back under another */
    } seen;
};

struct locked {
    const struct gt_tracer_host *host;
    const struct gt_os *os;
    struct gt_tclock clock;
    bool asym;
    uint32_t header;
    bool raw_stacks;
    uint64_t trace; /* number of its one generation */
    gt_a64 gc_seq;
    gt_a64 generation; /* 0 off, else the number of this trace (slots.h) */
    struct gt_stack_tab stacks;
    struct gt_string_tab strings;
    struct gt_tpool pool;
    struct gt_tpool_sink {
        struct gt_trace_sink sink;
        bool there;
    } out;
    struct gt_tflow flow;
    struct gt_tbooks books;

    struct gt_spin lock __attribute__((aligned(64)));
    /* Guarded by: lock */
    struct gt_tbuf *buf; /* I1 */
    uint64_t writer;     /* tid of the batch that is open, GT_WIRE_NO_M: nobody's */
    uint64_t last;       /* time of the last event */
    struct gt_tbuf_queue full;
    bool complete; /* nothing more comes */

    gt_a32 work, error;
    struct gt_sema *life, *reader_gone;
    bool on; /* Guarded by: life */
    uint64_t last_generation;
    struct gt_cpu_log cpu;
    gt_a64 events_left;
};

static inline struct locked_m *m_of(struct gt_mach *m)
{
    return m->trace;
}

static void wake_reader(struct locked *t)
{
    if (gt_load_relaxed(&t->work) == 0 && gt_swap_acq_rel(&t->work, 1u) == 0) /* pair: work */
        t->host->wake_reader(t->host);
}

static void fail(struct locked *t, int error)
{
    uint32_t none = 0;
    (void)gt_cas_relaxed(&t->error, &none, (uint32_t)error);
}

/* ---- the buffer. Lock held ------------------------------------------------------------------ */
/* In a struct gt_tbuf the batch that is open ends at pos. */
static void close_batch(struct locked *t)
{
    if (t->buf)
        gt_tbuf_end(t->buf);
    t->writer = 0;
}

static void hand_over(struct locked *t)
{
    if (!t->buf)
        return;
    close_batch(t);
    t->flow.queued += t->buf->pos;
    gt_tqueue_push(&t->full, t->buf);
    t->buf = NULL;
}

/* A batch of thread `tid` is open, with room for one event. NULL: no memory. */
static struct gt_tbuf *batch_for(struct locked *t, uint64_t tid)
{
    if (gt_load_relaxed(&t->error) != 0)
        return NULL; /* the trace has ended, the program goes on */
    if (t->buf && t->writer == tid && gt_tbuf_left(t->buf) >= GT_EV_MAX_BYTES)
        return t->buf;
    if (t->buf && gt_tbuf_left(t->buf) < GT_BATCH_HEADER_BYTES + BATCH_LEAST)
        hand_over(t);
    if (t->buf)
        close_batch(t);
    else
        t->buf = gt_tpool_get(&t->pool);
    if (!t->buf) {
        fail(t, ENOMEM);
        return NULL;
    }
    uint64_t now = gt_tclock_now(&t->clock);
    t->last = now > t->last ? now : t->last + 1;
    gt_tbuf_begin(t->buf, t->trace, tid, t->last);
    t->writer = tid;
    return t->buf;
}

/* ---- events ----------------------------------------------------------------------------------- */
#define W_TRACER struct locked
#if GT_ORACLE
#define w_check(t_, m_, tok_, rule_, cond_, text_)                                                 \
    do {                                                                                           \
        if (!(cond_))                                                                              \
            (t_)->host->violation((t_)->host, rule_, text_);                                       \
    } while (0)
#else
#define w_check(t_, m_, tok_, rule_, cond_, text_) ((void)0)
#endif

static inline struct gt_stack_tab *w_stacks(struct locked *t, uint64_t w)
{
    (void)w;
    return &t->stacks;
}

static inline struct gt_string_tab *w_strings(struct locked *t, uint64_t w)
{
    (void)w;
    return &t->strings;
}

static uint8_t *open_at(struct locked *t, uint64_t tid, uint64_t *dt)
{
    struct gt_tbuf *b = batch_for(t, tid);
    if (!b)
        return NULL;
    uint64_t now = gt_tclock_now(&t->clock);
    if (now <= t->last)
        now = t->last + 1;
    *dt = now - t->last;
    t->last = now;
    return b->data + b->pos;
}

static inline uint8_t *w_open(struct locked *t, struct gt_mach *m, uint64_t w, uint64_t *dt)
{
    (void)w;
    w_check(t, m, w, 2, gt_section_inside(&m_of(m)->sec, w),
            "event outside of its M's section");
    gt_spin_lock(&t->lock);
    uint8_t *p = open_at(t, (uint64_t)m->tid, dt);
    if (!p)
        gt_spin_unlock(&t->lock);
    return p;
}

/* Every event is written under the lock: no fast shapes. */
static inline bool w_room(struct locked *t, struct gt_mach *m, uint64_t w)
{
    (void)t;
    (void)m;
    (void)w;
    return false;
}
#define W_PUT(...) ((void)0)

static inline void w_close(struct locked *t, struct gt_mach *m, uint64_t w, uint8_t *end)
{
    (void)w;
    t->buf->pos = (uint32_t)(end - t->buf->data);
    bool queued = t->full.head != NULL;
    gt_spin_unlock(&t->lock);
    gt_store_relaxed(&m_of(m)->events, gt_load_relaxed(&m_of(m)->events) + 1);
    if (queued)
        wake_reader(t);
}

static inline struct gt_stack_cache *w_cache(struct gt_mach *m)
{
    return &m_of(m)->stacks;
}

/* Fault buffer_lost_inside: the one buffer is nobody's to lose. */
static inline struct gt_tbuf **w_buffer(struct gt_mach *m, uint64_t w)
{
    (void)m;
    (void)w;
    return NULL;
}
/* Fault inner_rereads: it never changes inside a section. */
static inline uint64_t w_generation(struct locked *t, uint64_t w)
{
    (void)t;
    return w;
}

#include "tracers/common/events.inc"

/* The stop that ends the trace is not in it: its end would come after the trace's. */
static void locked_stw_begin(void *tv, struct gt_mach *m, gt_tok tok, enum gt_world_kind kind)
{
    if (kind != GT_WORLD_TRACE_STOP)
        w_stw_begin(tv, m, tok, kind);
}

/* ---- sections --------------------------------------------------------------------------------- */
static gt_tok locked_acquire(void *tv, struct gt_mach *m)
{
    struct locked *t = tv;
    return (gt_tok){gt_section_enter(&m_of(m)->sec, &t->generation, t->asym)};
}

static uint64_t locked_generation(void *tv, gt_tok tok)
{
    (void)tv;
    return gt_gen_number(tok.v);
}

static void locked_release(void *tv, struct gt_mach *m, gt_tok tok)
{
    (void)tv;
    (void)tok;
    gt_section_leave(&m_of(m)->sec);
}

/* ---- reader ----------------------------------------------------------------------------------- */
static bool reader_wanted(void *tv)
{
    return gt_load_relaxed(&((struct locked *)tv)->work) != 0;
}

static void write_out(struct locked *t, const uint8_t *data, uint64_t n)
{
    t->flow.made += n;
    if (!t->out.there)
        t->flow.written += n;
    while (n > 0 && t->out.there && gt_load_relaxed(&t->error) == 0) {
        t->host->syscall_enter();
        int64_t rc = t->out.sink.write(t->out.sink.arg, data, n);
        t->host->syscall_exit();
        if (rc <= 0 || (uint64_t)rc > n) {
            fail(t, rc < 0 ? (int)-rc : EIO);
            break;
        }
        t->flow.written += (uint64_t)rc;
        data += rc;
        n -= (uint64_t)rc;
    }
    if (gt_load_relaxed(&t->error) != 0)
        t->flow.lost += n;
}

static void end_of_trace(struct locked *t)
{
    uint8_t mark[1] = {GT_EV_END_OF_GENERATION};
    if (t->header >= 126)
        write_out(t, mark, 1);
    if (gt_load_relaxed(&t->error) == 0 && t->out.there && t->out.sink.complete)
        t->out.sink.complete(t->out.sink.arg, t->flow.written);
}

static void reader(void *tv)
{
    struct locked *t = tv;
    uint8_t header[GT_WIRE_HEADER_BYTES];
    gt_put_header(header, t->header);
    write_out(t, header, sizeof header);
    for (bool complete = false; !complete;) {
        gt_store_relaxed(&t->work, 0u);
        gt_spin_lock(&t->lock);
        struct gt_tbuf *b = gt_tqueue_pop(&t->full);
        complete = !b && t->complete;
        gt_spin_unlock(&t->lock);
        if (b) {
            write_out(t, b->data, b->pos);
            t->flow.read += b->pos;
            gt_tpool_put(&t->pool, b);
        } else if (!complete) {
            t->host->park_reader(t->host);
        }
    }
    end_of_trace(t);
    t->host->sema_release(t->host, t->reader_gone);
}

static int finish(struct locked *t);

/* ---- start ------------------------------------------------------------------------------------ */
static void push_table(void *arg, struct gt_tbuf *b)
{
    struct locked *t = arg;
    gt_spin_lock(&t->lock);
    t->flow.queued += b->pos;
    gt_tqueue_push(&t->full, b);
    gt_spin_unlock(&t->lock);
    wake_reader(t);
}

static void fail_table(void *arg, int error)
{
    fail(arg, error);
}

static struct gt_table_out table_out(struct locked *t, uint64_t w)
{
    return (struct gt_table_out){.pool = &t->pool,
                                 .clock = &t->clock,
                                 .gen = gt_gen_number(w),
                                 .push = push_table,
                                 .fail = fail_table,
                                 .arg = t};
}

static void write_sync(struct locked *t, uint64_t w)
{
    struct gt_tbuf *b = gt_tpool_get(&t->pool);
    if (!b) {
        fail(t, ENOMEM);
        return;
    }
    gt_tbuf_begin(b, gt_gen_number(w), GT_WIRE_NO_M, gt_tclock_now(&t->clock));
    uint8_t *p = gt_wiremap_sync(b->data + b->pos, t->header, &t->clock);
    b->pos = (uint32_t)(p - b->data);
    gt_tbuf_end(b);
    push_table(t, b);
}

static void count_p(struct gt_proc *p, bool alive, void *arg)
{
    ((struct gt_wire_p *)p->trace)->syscall_m = GT_WIRE_NO_M;
    *(int32_t *)arg += alive;
}

static void prepare(struct locked *t, const struct gt_trace_options *o)
{
    t->header = o->header ? o->header : 123;
    t->raw_stacks = o->raw_stacks;
    t->out.there = o->sink && o->sink->write;
    if (t->out.there)
        t->out.sink = *o->sink;
    t->flow = (struct gt_tflow){0};
    t->complete = false;
    gt_store_relaxed(&t->error, 0u);
    gt_store_relaxed(&t->work, 0u);
    gt_store_relaxed(&t->gc_seq, 1u);
    if (t->clock.hz == 0) {
        t->host->syscall_enter(); /* it may measure for a while */
        gt_tclock_init(&t->clock, t->os);
        t->host->syscall_exit();
    }
}

/* I2. */
static void switch_on(struct locked *t, uint64_t w)
{
    const struct gt_tracer_host *h = t->host;
    struct gt_table_out out = table_out(t, w);
    int32_t procs = 0;
    h->stop_world(h, GT_WORLD_TRACE_START);
    h->sysmon_lock(h);
    h->each_p(h, count_p, &procs);
    gt_string_tab_begin(&t->strings, &out);
    t->trace = gt_gen_number(w);
    h->set_enabled(h, true);
    GT_PERTURB_HOST(h, trace_enabled);
    gt_store_release(&t->generation, w); /* pair: generation */
    gt_trace_stored(h, w);
    GT_PERTURB_HOST(h, trace_begun);
    gt_section_fence(t->os, t->asym);
    const gt_a32 *exiting = h->exiting_syscall(h);
    gt_await(exiting, gt_load_seqcst(exiting) == 0); /* pair: exiting-syscall */
    write_sync(t, w);
    gt_tok tok = h->acquire(h);
    w_world_stopped(t, h->self(h), tok, procs);
    h->release(h, tok);
    h->sysmon_unlock(h);
    h->start_world(h);
}

/* ---- CPU samples ------------------------------------------------------------------------------- */
static void poll_cpu(void *tv, uint64_t w)
{
    struct locked *t = tv;
    struct gt_table_out out = table_out(t, w);
    gt_cpu_log_read(&t->cpu, w, &t->stacks, &out);
}

static int start_held(struct locked *t, const struct gt_trace_options *o)
{
    if (t->on)
        return -EBUSY;
    prepare(t, o);
    int rc = t->host->go_system(t->host, reader, t);
    if (rc != 0)
        return rc;
    t->on = true;
    uint64_t w = gt_gen_next(t->last_generation);
    if (o->profile_hz != 0)
        rc = gt_cpu_log_start(&t->cpu, o->profile_hz, &t->generation, w, poll_cpu, t);
    switch_on(t, w);
    if (rc != 0)
        (void)finish(t);
    return rc;
}

static int locked_start(void *tv, const struct gt_trace_options *o)
{
    struct locked *t = tv;
    static const struct gt_trace_options defaults = {.period_ns = -1};
    if (!o)
        o = &defaults;
    if (o->header && !gt_wire_header_known(o->header))
        return -EINVAL;
    t->host->sema_acquire(t->host, t->life, -1);
    int rc = start_held(t, o);
    t->host->sema_release(t->host, t->life);
    return rc;
}

/* ---- stop ------------------------------------------------------------------------------------- */
struct pass {
    struct locked *t;
    uint64_t w;
};

static void see_section(struct gt_mach *m, void *inside)
{
    *(bool *)inside |= !gt_section_clear(&m_of(m)->sec);
}

/* I2: the generation is off, so nobody enters. */
static void await_sections(struct locked *t)
{
    gt_section_fence(t->os, t->asym);
    gt_tracer_await_clear(t->host, see_section);
}

/* I3. The trace is on; Ms without a P go on. */
static void look_at_g(struct gt_task *g, void *arg)
{
    struct pass *p = arg;
    struct locked *t = p->t;
    struct locked_g *lg = g->trace;
    struct gt_trace_g_view v;
    GT_PERTURB_HOST(t->host, status_g);
    lg->seen.there = false;
    gt_slots_clean_next(&lg->w.s, p->w);
    if (gt_slots_traced(&lg->w.s, p->w) || !t->host->suspend_g(t->host, g, &v))
        return;
    lg->seen = (struct locked_seen){
        .there = true,
        .assisting = v.assisting,
        .status = gt_wiremap_g(v.status, v.reason),
        .id = g->id,
        .tid = v.tid < 0 ? GT_WIRE_NO_M : (uint64_t)v.tid,
        .stack = t->header >= 123 ? w_stack_of(t, g, &v, p->w) : 0,
    };
    t->host->resume_g(t->host, g);
}

static void write_status(struct locked *t, const struct locked_seen *s)
{
    uint64_t dt;
    gt_spin_lock(&t->lock);
    uint8_t *p = open_at(t, GT_WIRE_NO_M, &dt);
    if (p && s->stack)
        p = gt_put_go_status_stack(p, dt, s->id, s->tid, s->status, s->stack);
    else if (p)
        p = gt_put_go_status(p, dt, s->id, s->tid, s->status);
    if (p)
        t->buf->pos = (uint32_t)(p - t->buf->data);
    p = p && s->assisting ? open_at(t, GT_WIRE_NO_M, &dt) : NULL;
    if (p)
        t->buf->pos = (uint32_t)(gt_put_gc_mark_assist_active(p, dt, s->id) - t->buf->data);
    gt_spin_unlock(&t->lock);
}

/* I3. The last sections are over. A G that came since the look has an event, or came too late. */
static void last_status(struct gt_task *g, void *arg)
{
    struct pass *p = arg;
    struct locked_g *lg = g->trace;
    bool there = lg->seen.there;
    lg->seen.there = false;
    if (there && !gt_slots_traced(&lg->w.s, p->w) &&
        !gt_wire_g_unborn(&lg->w, p->t->trace, p->w))
        write_status(p->t, &lg->seen);
}

static void clean_p(struct gt_proc *p, bool alive, void *arg)
{
    struct pass *a = arg;
    (void)alive;
    gt_slots_clean_next(&((struct gt_wire_p *)p->trace)->s, a->w);
}

static void write_tables(struct locked *t, uint64_t w)
{
    struct gt_table_out out = table_out(t, w);
    gt_cpu_log_end(&t->cpu, w, GT_GEN_OFF, &t->stacks, &out);
    gt_stack_tab_dump(&t->stacks, &t->strings, &out, t->host, t->raw_stacks);
    gt_string_tab_end(&t->strings);
}

static void switch_off(struct locked *t)
{
    const struct gt_tracer_host *h = t->host;
    uint64_t w = gt_load_relaxed(&t->generation);
    struct pass pass = {t, w};
    h->stop_world(h, GT_WORLD_TRACE_STOP);
    h->each_g(h, look_at_g, &pass);
    h->sysmon_lock(h);
    gt_store_release(&t->generation, GT_GEN_OFF); /* pair: generation */
    gt_trace_stored(h, GT_GEN_OFF);
    GT_PERTURB_HOST(t->host, trace_disabled);
    h->set_enabled(h, false);
    h->sysmon_unlock(h);
    await_sections(t);
    h->each_g(h, last_status, &pass);
    h->each_p(h, clean_p, &pass);
    t->last_generation = w;
    h->start_world(h);
    gt_spin_lock(&t->lock);
    hand_over(t);
    gt_spin_unlock(&t->lock);
    write_tables(t, w);
    gt_cpu_log_stop(&t->cpu);
}

static int finish(struct locked *t)
{
    switch_off(t);
    gt_spin_lock(&t->lock);
    t->complete = true;
    gt_spin_unlock(&t->lock);
    wake_reader(t);
    t->host->ready_reader(t->host);
    t->host->sema_acquire(t->host, t->reader_gone, -1);
    t->on = false;
    gt_tbooks_close(&t->books, &t->flow, &t->pool);
    gt_tpool_trim(&t->pool, 4);
    int error = (int)gt_load_relaxed(&t->error);
    if (error) {
        char line[160];
        snprintf(line, sizeof line, "the trace is cut short: %s; %llu bytes of it are lost",
                 strerror(error), (unsigned long long)t->flow.lost);
        t->host->warn(t->host, line);
    }
    return -error;
}

static int locked_stop(void *tv)
{
    struct locked *t = tv;
    t->host->sema_acquire(t->host, t->life, -1);
    int rc = t->on ? finish(t) : 0;
    t->host->sema_release(t->host, t->life);
    return rc;
}

/* ---- life ------------------------------------------------------------------------------------- */
static void forget_g(struct gt_task *g, void *arg)
{
    (void)arg;
    memset(g->trace, 0, sizeof(struct locked_g));
}

static void forget_p(struct gt_proc *p, bool alive, void *arg)
{
    (void)alive;
    (void)arg;
    memset(p->trace, 0, sizeof(struct gt_wire_p));
}

/* No M runs; the reader and whoever was in start or stop are gone without a word. */
static void locked_run_ended(void *tv)
{
    struct locked *t = tv;
    uint64_t w = gt_load_relaxed(&t->generation);
    if (w != GT_GEN_OFF)
        t->last_generation = w;
    gt_store_relaxed(&t->generation, GT_GEN_OFF);
    gt_trace_stored(t->host, GT_GEN_OFF);
    t->buf = NULL;
    t->writer = 0;
    t->full = (struct gt_tbuf_queue){0};
    gt_cpu_log_forget(&t->cpu);
    gt_tpool_recall(&t->pool);
    gt_stack_tab_forget(&t->stacks);
    gt_string_tab_forget(&t->strings);
    t->host->sema_reset(t->host, t->life, 1);
    t->host->sema_reset(t->host, t->reader_gone, 0);
    t->host->each_g(t->host, forget_g, NULL);
    t->host->each_p(t->host, forget_p, NULL);
    t->on = false;
}

static void locked_m_dies(void *tv, struct gt_mach *m)
{
    struct locked *t = tv;
    t->host->assert_sched_locked(t->host);
    gt_add_relaxed(&t->events_left, gt_load_relaxed(&m_of(m)->events));
    gt_store_relaxed(&m_of(m)->events, 0u);
    gt_spin_lock(&t->lock);
    if (t->writer == (uint64_t)m->tid) /* the next thread of that id begins a batch of its own */
        close_batch(t);
    gt_spin_unlock(&t->lock);
}

static void locked_p_born(void *tv, struct gt_proc *p)
{
    (void)tv;
    ((struct gt_wire_p *)p->trace)->syscall_m = GT_WIRE_NO_M;
}

static void locked_g_born(void *tv, struct gt_task *g)
{
    (void)tv;
    gt_wire_g_reborn(g->trace);
}

static int locked_init(void *tv, const struct gt_tracer_host *h)
{
    struct locked *t = tv;
    t->host = h;
    t->os = h->os;
    t->asym = gt_section_asym(h->os);
    gt_tpool_init(&t->pool, h->os);
    gt_stack_tab_init(&t->stacks, h->os);
    gt_string_tab_init(&t->strings, h->os);
    t->life = h->sema_new(h, 1);
    t->reader_gone = h->sema_new(h, 0);
    int rc = gt_cpu_log_init(&t->cpu, h);
    if (rc == 0 && t->life && t->reader_gone)
        return 0;
    if (rc == 0)
        gt_cpu_log_fini(&t->cpu);
    h->sema_free(h, t->life);
    h->sema_free(h, t->reader_gone);
    return -ENOMEM;
}

static void locked_fini(void *tv)
{
    struct locked *t = tv;
    gt_stack_tab_fini(&t->stacks);
    gt_string_tab_fini(&t->strings);
    gt_tpool_fini(&t->pool);
    gt_cpu_log_fini(&t->cpu);
    t->host->sema_free(t->host, t->life);
    t->host->sema_free(t->host, t->reader_gone);
}

static void add_events(struct gt_mach *m, void *arg)
{
    *(uint64_t *)arg += gt_load_relaxed(&m_of(m)->events);
}

static uint64_t locked_count(void *tv)
{
    struct locked *t = tv;
    return gt_tracer_sum(t->host, &t->events_left, add_events);
}

static void locked_books(void *tv, struct gt_trace_books *out)
{
    gt_tbooks_read(&((struct locked *)tv)->books, out);
}

const struct gt_tracer_ops gt_tracer_locked = {
    .head = GT_PLUGIN_HEAD(GT_MAGIC_TRACER, struct gt_tracer_ops, "locked",
                           "one buffer, one lock, the world stopped to start and stop",
                           GT_TRACER_STOPS_WORLD | GT_TRACER_STACKS | GT_TRACER_CHECKABLE),
    .runtime_state = sizeof(struct locked),
    .m_state = sizeof(struct locked_m),
    .p_state = sizeof(struct gt_wire_p),
    .g_state = sizeof(struct locked_g),
    .init = locked_init,
    .fini = locked_fini,
    .start = locked_start,
    .stop = locked_stop,
    .run_ended = locked_run_ended,
    .acquire = locked_acquire,
    .release = locked_release,
    .m_dies = locked_m_dies,
    .p_born = locked_p_born,
    .g_born = locked_g_born,
    .stw_begin = locked_stw_begin,
    W_EVENT_OPS,
    .reader_wanted = reader_wanted,
    .generation = locked_generation,
    .count = locked_count,
    .books = locked_books,
};
