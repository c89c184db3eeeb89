/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/round.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/outfile.h"

/* ---- what a test calls ------------------------------------------------- */
bool gt_stress_over(struct gt_stress *s)
{
    return gt_load_relaxed(&s->over) != 0;
}

bool gt_stress_check(struct gt_stress *s, bool ok, const char *fmt, ...)
{
    va_list ap;
    if (ok)
        return true;
    pthread_mutex_lock(&s->lock);
    if (!s->failed) {
        s->failed = true;
        va_start(ap, fmt);
        vsnprintf(s->why, sizeof s->why, fmt, ap);
        va_end(ap);
    }
    pthread_mutex_unlock(&s->lock);
    return false;
}

void gt_stress_say(struct gt_stress *s, const char *fmt, ...)
{
    va_list ap;
    pthread_mutex_lock(&s->lock);
    if (s->n_says < GT_ROUND_SAYS) {
        va_start(ap, fmt);
        vsnprintf(s->says[s->n_says++], sizeof s->says[0], fmt, ap);
        va_end(ap);
    }
    pthread_mutex_unlock(&s->lock);
}

/* ---- traces ------------------------------------------------------------ */
/* On the tracer's reader: one trace is written at a time. */
static int64_t write_trace(void *arg, const void *data, size_t n)
{
    struct gt_round_trace *t = arg;
    if (t->order == 0)
        t->order = gt_add_relaxed(&t->round->orders, 1u) + 1;
    if (t->error == 0)
        t->error = gt_write_all(t->fd, data, n);
    if (t->error == 0) {
        t->taken += n;
        return (int64_t)n;
    }
    t->refused += n;
    return t->error;
}

static void note_complete(void *arg, uint64_t bytes)
{
    struct gt_round_trace *t = arg;
    t->complete = bytes;
}

/* I1. */
static int open_unseen(const char *folder)
{
    char path[600];
    snprintf(path, sizeof path, "%s/.gauntlet-XXXXXX", folder);
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return unlink(path) == 0 ? fd : -errno;
}

/* Lock held. */
static int make_ready(struct gt_stress *s, struct gt_round_trace *t)
{
    int fd = t->fd < 0 ? open_unseen(s->folder) : t->fd;
    if (fd < 0)
        return fd;
    *t = (struct gt_round_trace){.round = s, .fd = fd};
    t->sink = (struct gt_trace_sink){.write = write_trace, .arg = t, .complete = note_complete};
    t->started = ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0;
    return t->started ? 0 : -errno;
}

static int take_trace(struct gt_stress *s, struct gt_round_trace **out)
{
    int rc = -EBUSY;
    pthread_mutex_lock(&s->lock);
    for (uint32_t i = 0; i < GT_ROUND_TRACES && rc == -EBUSY; i++)
        if (!s->traces[i].started) {
            rc = make_ready(s, *out = &s->traces[i]);
            s->n_traces += rc == 0;
        }
    if (s->n_traces > GT_ROUND_TRACES - 16)
        gt_round_end(s);
    pthread_mutex_unlock(&s->lock);
    return rc;
}

/* A trace that has begun all the same is whole, and judged as the others are. */
static void start_failed(struct gt_stress *s, struct gt_round_trace *t, int rc)
{
    pthread_mutex_lock(&s->lock);
    t->started = t->order != 0;
    if (t->started) {
        s->start_rc = rc;
        gt_round_end(s);
    } else {
        s->n_traces--;
    }
    pthread_mutex_unlock(&s->lock);
}

int gt_stress_trace_start(struct gt_stress *s)
{
    struct gt_round_trace *t = NULL;
    int rc = take_trace(s, &t);
    if (rc != 0)
        return rc;
    const struct gt_trace_options o = {
        .sink = s->tracer->head.flags & GT_TRACER_CHECKABLE ? &t->sink : NULL,
        .period_ns = s->generation_ns,
        .header = s->header,
        .raw_stacks = !s->whole_stacks,
        .profile_hz = s->profile_hz,
    };
    rc = s->params.ops->trace_start(&o);
    if (rc != 0)
        start_failed(s, t, rc);
    return rc;
}

int gt_stress_trace_stop(struct gt_stress *s)
{
    return s->params.ops->trace_stop();
}

/* ---- the harness's side ------------------------------------------------ */
int gt_round_init(struct gt_stress *s)
{
    for (uint32_t i = 0; i < GT_ROUND_TRACES; i++)
        s->traces[i].fd = -1;
    return -pthread_mutex_init(&s->lock, NULL);
}

void gt_round_fini(struct gt_stress *s)
{
    for (uint32_t i = 0; i < GT_ROUND_TRACES; i++)
        if (s->traces[i].fd >= 0)
            close(s->traces[i].fd);
    pthread_mutex_destroy(&s->lock);
}

void gt_round_begin(struct gt_stress *s)
{
    for (uint32_t i = 0; i < GT_ROUND_TRACES; i++)
        s->traces[i].started = false;
    s->n_traces = s->n_says = 0;
    s->failed = false;
    s->start_rc = 0;
    gt_store_relaxed(&s->orders, 0u);
    gt_store_relaxed(&s->over, 0u);
}

static int by_order(const void *a, const void *b)
{
    const struct gt_round_trace *x = *(const struct gt_round_trace *const *)a;
    const struct gt_round_trace *y = *(const struct gt_round_trace *const *)b;
    return (x->order > y->order) - (x->order < y->order);
}

size_t gt_round_traces(struct gt_stress *s, struct gt_round_trace *out[GT_ROUND_TRACES])
{
    size_t n = 0;
    for (uint32_t i = 0; i < GT_ROUND_TRACES; i++)
        if (s->traces[i].started && s->traces[i].order != 0)
            out[n++] = &s->traces[i];
    qsort(out, n, sizeof *out, by_order);
    return n;
}

uint32_t gt_round_silent(const struct gt_stress *s)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < GT_ROUND_TRACES; i++)
        n += s->traces[i].started && s->traces[i].order == 0;
    return n;
}
