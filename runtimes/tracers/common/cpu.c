/* SPDX-License-Identifier: Apache-2.0 */
/* CPU samples in the wire format: see cpu.h. */
#include "tracers/common/cpu.h"

#include <errno.h>
#include <stdio.h>

#define POLL_NS 100000000ll
#define SAMPLE_MAX_BYTES (1u + 5u * GT_WIRE_MAX_VARINT)

/* ---- reading -------------------------------------------------------------------------------- */
static void write_sample(const struct gt_profile_sample *s, void *arg)
{
    struct gt_cpu_log *l = arg;
    const struct gt_stack_node *stack = gt_stack_tab_put(l->stacks, s->pc, s->n);
    struct gt_tbuf *b = gt_table_room(l->out, &l->buf, SAMPLE_MAX_BYTES, GT_EV_CPU_SAMPLES);
    if (!stack || !b)
        return; /* no memory: the trace stops by that */
    uint64_t time = gt_tclock_at(l->out->clock, s->time);
    uint64_t p = s->p < 0 ? GT_WIRE_NO_P : (uint64_t)s->p;
    uint8_t *at = b->data + b->pos;
    at = gt_put_cpu_sample(at, time, (uint64_t)s->tid, p, s->g, stack->id);
    b->pos = (uint32_t)(at - b->data);
}

/* Lock held. */
static void read_for(struct gt_cpu_log *l, uint64_t w, bool ended, struct gt_stack_tab *stacks,
                     const struct gt_table_out *out)
{
    l->stacks = stacks;
    l->out = out;
    l->host->profile_read(l->host, w, ended, write_sample, l);
    l->out = NULL;
}

void gt_cpu_log_read(struct gt_cpu_log *l, uint64_t w, struct gt_stack_tab *stacks,
                     const struct gt_table_out *out)
{
    read_for(l, w, false, stacks, out);
}

void gt_cpu_log_end(struct gt_cpu_log *l, uint64_t w, uint64_t next, struct gt_stack_tab *stacks,
                    const struct gt_table_out *out)
{
    if (!gt_cpu_log_on(l))
        return;
    l->host->sema_acquire(l->host, l->lock, -1);
    read_for(l, w, true, stacks, out);
    gt_table_push(out, &l->buf);
    l->w = next;
    l->host->sema_release(l->host, l->lock);
}

/* ---- start, stop ------------------------------------------------------------------------------ */
static void poller(void *lv)
{
    struct gt_cpu_log *l = lv;
    const struct gt_tracer_host *h = l->host;
    for (;;) {
        h->alarm(h, l->wake, h->os->nanotime() + POLL_NS);
        h->sema_acquire(h, l->wake, -1);
        if (gt_load_acquire(&l->stopping) != 0) /* pair: cpu-stopping */
            break;
        h->sema_acquire(h, l->lock, -1);
        if (l->w != 0)
            l->poll(l->arg, l->w);
        h->sema_release(h, l->lock);
    }
    h->sema_release(h, l->gone);
}

int gt_cpu_log_start(struct gt_cpu_log *l, uint32_t hz, const gt_a64 *generation, uint64_t first,
                     void (*poll)(void *arg, uint64_t w), void *arg)
{
    const struct gt_tracer_host *h = l->host;
    while (h->sema_acquire(h, l->wake, 0))
        ; /* I3 */
    l->poll = poll;
    l->arg = arg;
    l->w = first; /* nobody else is there */
    l->lost = h->profile_lost(h);
    gt_store_relaxed(&l->stopping, 0u);
    int rc = h->profile_start(h, hz, generation);
    if (rc != 0)
        return rc;
    rc = h->go_system(h, poller, l);
    if (rc != 0)
        h->profile_stop(h);
    else
        gt_store_relaxed(&l->on, 1u);
    return rc;
}

static void say_loss(struct gt_cpu_log *l)
{
    char line[120];
    uint64_t lost = l->host->profile_lost(l->host) - l->lost;
    if (lost == 0)
        return;
    snprintf(line, sizeof line, "%llu CPU samples of the trace are lost: nobody had time to read them",
             (unsigned long long)lost);
    l->host->warn(l->host, line);
}

void gt_cpu_log_stop(struct gt_cpu_log *l)
{
    const struct gt_tracer_host *h = l->host;
    if (!gt_cpu_log_on(l))
        return;
    gt_store_relaxed(&l->on, 0u);
    h->profile_stop(h);
    gt_store_release(&l->stopping, 1u); /* pair: cpu-stopping */
    h->sema_release(h, l->wake);
    h->sema_acquire(h, l->gone, -1);
    h->alarm(h, l->wake, 0);
    say_loss(l);
}

/* ---- life -------------------------------------------------------------------------------------- */
void gt_cpu_log_fini(struct gt_cpu_log *l)
{
    l->host->sema_free(l->host, l->lock);
    l->host->sema_free(l->host, l->wake);
    l->host->sema_free(l->host, l->gone);
}

int gt_cpu_log_init(struct gt_cpu_log *l, const struct gt_tracer_host *h)
{
    l->host = h;
    l->lock = h->sema_new(h, 1);
    l->wake = h->sema_new(h, 0);
    l->gone = h->sema_new(h, 0);
    if (l->lock && l->wake && l->gone)
        return 0;
    gt_cpu_log_fini(l);
    return -ENOMEM;
}

void gt_cpu_log_forget(struct gt_cpu_log *l)
{
    gt_store_relaxed(&l->on, 0u);
    l->buf = NULL;
    l->w = 0;
    l->host->sema_reset(l->host, l->lock, 1);
    l->host->sema_reset(l->host, l->wake, 0);
    l->host->sema_reset(l->host, l->gone, 0);
}
