/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gen: start and stop of a trace, and the G that ends generations from time to time.
 *
 * Invariants:
 *   I1 start and stop exclude each other (life). While `on`, there is one reader and one
 *      advancer; stop waits for both to have ended.
 *   I2 The hint `enabled` becomes true and the generation is stored with the world stopped
 *      and sysmon held; threads in the slow exit of a system call, which have no P, are
 *      waited for. So no change of a G or P is under way when the first generation begins.
 *   I3 Numbering goes on from trace to trace: the slots of the first generation are clean
 *      because the last advance of the trace before cleaned them (slots.h).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tracers/gen/gen.h"

#define PERIOD_NS 1000000000ll
#define KEEP_BUFFERS 64u

/* ---- the advancer ------------------------------------------------------------------------- */
static void advancer(void *tv)
{
    struct gen *t = tv;
    const struct gt_tracer_host *h = t->host;
    for (;;) {
        if (t->period_ns > 0)
            h->alarm(h, t->wake, t->os->nanotime() + t->period_ns);
        h->sema_acquire(h, t->wake, t->period_ns > 0 ? -1 : 0);
        if (gt_load_acquire(&t->advancer_stop) != 0) /* pair: advancer-stop */
            break;
        bool failed = gt_load_relaxed(&t->error) != 0;
        gen_advance(t, failed);
        if (failed)
            break;
    }
    h->sema_release(h, t->advancer_gone);
}

/* ---- start ----------------------------------------------------------------------------------- */
static void forget_syscall(struct gt_proc *p, bool alive, void *arg)
{
    struct gen *t = arg;
    ((struct gt_wire_p *)p->trace)->syscall_m = GT_WIRE_NO_M;
    t->procs += alive;
}

static void prepare(struct gen *t, const struct gt_trace_options *o, uint64_t first)
{
    t->header = o->header ? o->header : 123;
    t->trace = gt_gen_number(first);
    t->period_ns = o->period_ns < 0 ? PERIOD_NS : o->period_ns;
    t->raw_stacks = o->raw_stacks;
    t->has_sink = o->sink && o->sink->write;
    if (t->has_sink)
        t->sink = *o->sink;
    t->shutdown = false;
    t->flow = (struct gt_tflow){0};
    t->complete_bytes = 0;
    gt_store_relaxed(&t->error, 0u);
    gt_store_relaxed(&t->work, 0u);
    gt_store_relaxed(&t->gc_seq, 1u);
    gt_store_relaxed(&t->advancer_stop, 0u);
    gt_store_relaxed(&t->reading, gt_gen_number(first));
    gt_store_relaxed(&t->flushed, gt_gen_number(first) - 1);
    while (t->host->sema_acquire(t->host, t->wake, 0))
        ; /* what the trace before left; an alarm of it may still be under way */
    if (t->clock.hz == 0) {
        t->host->syscall_enter(); /* it may measure for a while */
        gt_tclock_init(&t->clock, t->os);
        t->host->syscall_exit();
        t->fast_room = t->clock.shift != 0 ? sizeof((struct gt_tbuf *)0)->data - GT_EV_MAX_BYTES : 0;
    }
}

/* I2. */
static void switch_on(struct gen *t, uint64_t first)
{
    const struct gt_tracer_host *h = t->host;
    h->stop_world(h, GT_WORLD_TRACE_START);
    h->sysmon_lock(h);
    t->procs = 0;
    h->each_p(h, forget_syscall, t);
    gen_tables_begin(t, first);
    h->set_enabled(h, true);
    GT_PERTURB_HOST(h, trace_enabled);
    gt_store_release(t->generation, first); /* pair: generation */
    gt_trace_stored(h, first);
    GT_PERTURB_HOST(h, trace_begun);
    gt_section_fence(t->os, t->asym);
    const gt_a32 *exiting = h->exiting_syscall(h);
    if (!GEN_FAULT(t, start_awaits_nobody))
        gt_await(exiting, gt_load_seqcst(exiting) == 0); /* pair: exiting-syscall */
    gen_write_sync(t, first);
    gt_tok tok = h->acquire(h);
    gen_begin_trace(t, h->self(h), tok.v);
    h->release(h, tok);
    h->sysmon_unlock(h);
    h->start_world(h);
}

static int finish(struct gen *t);

static bool header_ok(uint32_t h)
{
    return h == 0 || gt_wire_header_known(h);
}

static int start_held(struct gen *t, const struct gt_trace_options *o)
{
    const struct gt_tracer_host *h = t->host;
    if (t->on && gt_load_relaxed(t->generation) != GT_GEN_OFF)
        return -EBUSY;
    if (t->on)
        (void)finish(t); /* it stopped by itself */
    uint64_t first = gt_gen_next(t->last_generation);
    prepare(t, o, first);
    int rc = h->go_system(h, gen_reader, t);
    if (rc != 0)
        return rc;
    t->on = true;
    rc = h->go_system(h, advancer, t);
    if (rc != 0)
        h->sema_release(h, t->advancer_gone);
    if (rc == 0 && o->profile_hz != 0)
        rc = gt_cpu_log_start(&t->cpu, o->profile_hz, t->generation, first, gen_cpu_poll, t);
    switch_on(t, first);
    if (rc != 0)
        (void)finish(t);
    return rc;
}

int gen_start(void *tv, const struct gt_trace_options *o)
{
    struct gen *t = tv;
    static const struct gt_trace_options defaults = {.period_ns = -1};
    if (!o)
        o = &defaults;
    if (!header_ok(o->header))
        return -EINVAL;
    t->host->sema_acquire(t->host, t->life, -1);
    int rc = start_held(t, o);
    t->host->sema_release(t->host, t->life);
    return rc;
}

/* ---- stop -------------------------------------------------------------------------------------- */
static void say_loss(struct gen *t, int error)
{
    char line[200];
    snprintf(line, sizeof line,
             "tracing stopped by itself: %s; %llu bytes of the trace are lost, the first %llu bytes "
             "are whole generations",
             strerror(error), (unsigned long long)t->flow.lost,
             (unsigned long long)t->complete_bytes);
    t->host->warn(t->host, line);
}

/* life held, on. */
static int finish(struct gen *t)
{
    const struct gt_tracer_host *h = t->host;
    gt_store_release(&t->advancer_stop, 1u); /* pair: advancer-stop */
    h->sema_release(h, t->wake);
    gen_advance(t, true);
    h->sema_acquire(h, t->advancer_gone, -1);
    h->alarm(h, t->wake, 0);
    h->sema_acquire(h, t->reader_gone, -1);
    t->on = false;
    gt_tbooks_close(&t->books, &t->flow, &t->pool);
    gt_tpool_trim(&t->pool, KEEP_BUFFERS);
    int error = (int)gt_load_relaxed(&t->error);
    if (error)
        say_loss(t, error);
#if GT_ORACLE
    if (t->flow.read != t->flow.queued)
        h->violation(h, 3, "bytes queued and bytes read differ");
#endif
    return -error;
}

int gen_stop(void *tv)
{
    struct gen *t = tv;
    t->host->sema_acquire(t->host, t->life, -1);
    int rc = t->on ? finish(t) : 0;
    t->host->sema_release(t->host, t->life);
    return rc;
}

int gen_op_advance(void *tv)
{
    gen_advance(tv, false);
    return 0;
}

/* ---- the end of a run ------------------------------------------------------------------------------ */
static void forget_g(struct gt_task *g, void *arg)
{
    (void)arg;
    memset(g->trace, 0, sizeof(struct gt_wire_g));
}

static void forget_p(struct gt_proc *p, bool alive, void *arg)
{
    (void)alive;
    (void)arg;
    memset(p->trace, 0, sizeof(struct gt_wire_p));
    ((struct gt_wire_p *)p->trace)->syscall_m = GT_WIRE_NO_M;
}

static void forget_m(struct gt_mach *m, void *arg)
{
    (void)arg;
    gen_m_of(m)->buf[0] = gen_m_of(m)->buf[1] = NULL;
}

/*
 * No M runs; the reader, the advancer and whoever was in start or stop are gone without a
 * word, whatever they held. The M of the thread in run() is still there and may have
 * written (it makes the G that ends an interrupted run): its buffer must not come out of
 * its m_dies into the next trace.
 */
void gen_run_ended(void *tv)
{
    struct gen *t = tv;
    const struct gt_tracer_host *h = t->host;
    struct gt_sema *ones[] = {t->life, t->advance};
    struct gt_sema *zeros[] = {t->done[0], t->done[1], t->wake, t->advancer_gone, t->reader_gone};
    uint64_t w = gt_load_relaxed(t->generation);
    if (w != GT_GEN_OFF)
        t->last_generation = w;
    gt_store_relaxed(t->generation, GT_GEN_OFF);
    gt_trace_stored(h, GT_GEN_OFF);
    h->sched_lock(h);
    h->each_m(h, forget_m, NULL);
    h->sched_unlock(h);
    for (int i = 0; i < 2; i++) {
        t->full[i] = (struct gt_tbuf_queue){0};
        gt_stack_tab_forget(&t->stacks[i]);
        gt_string_tab_forget(&t->strings[i]);
#if GT_ORACLE
        gt_store_relaxed(&t->buffers_out[i], 0u);
#endif
    }
    gt_cpu_log_forget(&t->cpu);
    gt_tpool_recall(&t->pool);
    gt_tpool_trim(&t->pool, KEEP_BUFFERS);
    for (size_t i = 0; i < sizeof ones / sizeof *ones; i++)
        h->sema_reset(h, ones[i], 1);
    for (size_t i = 0; i < sizeof zeros / sizeof *zeros; i++)
        h->sema_reset(h, zeros[i], 0);
    h->each_g(h, forget_g, NULL);
    h->each_p(h, forget_p, NULL);
    h->free(h, t->recs, t->cap_recs * sizeof *t->recs);
    t->recs = NULL;
    t->n_recs = t->cap_recs = 0;
    t->on = false;
}
