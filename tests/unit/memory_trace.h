/* SPDX-License-Identifier: Apache-2.0 */
/* A trace in memory: a sink for tracers, which may be told to fail, and its check. */
#pragma once
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gauntlet/tracer.h"
#include "tap.h"
#include "trace/check.h"

struct memory_trace {
    uint8_t *data;
    size_t n, capacity;
    size_t fail_at;    /* bytes after which a write fails; 0: never */
    size_t complete;   /* the last mark */
    gt_a32 marks;      /* generations. The reader writes while others look */
    gt_a32 failures;   /* writes that failed, likewise */
};

static inline int64_t memory_trace_write(void *arg, const void *data, size_t n)
{
    struct memory_trace *t = arg;
    if (t->fail_at && t->n >= t->fail_at) {
        gt_add_relaxed(&t->failures, 1u);
        return -ENOSPC;
    }
    if (t->fail_at && n > t->fail_at - t->n)
        n = t->fail_at - t->n; /* a short write first, as a full disk does */
    if (t->n + n > t->capacity) {
        t->capacity = (t->n + n) * 2;
        t->data = realloc(t->data, t->capacity);
        if (!t->data)
            bail_out("out of memory");
    }
    memcpy(t->data + t->n, data, n);
    t->n += n;
    return (int64_t)n;
}

static inline void memory_trace_complete(void *arg, uint64_t bytes)
{
    struct memory_trace *t = arg;
    t->complete = bytes;
    gt_add_relaxed(&t->marks, 1u);
}

static inline struct gt_trace_sink memory_trace_sink(struct memory_trace *t)
{
    return (struct gt_trace_sink){
        .write = memory_trace_write, .arg = t, .complete = memory_trace_complete};
}

static inline void memory_trace_free(struct memory_trace *t)
{
    free(t->data);
    memset(t, 0, sizeof *t);
}

/* For the next trace. None runs. */
static inline void memory_trace_reset(struct memory_trace *t)
{
    t->n = t->complete = t->fail_at = 0;
    gt_store_relaxed(&t->marks, 0u);
    gt_store_relaxed(&t->failures, 0u);
}

/* ---- check ----------------------------------------------------------------------------- */
struct memory_cursor {
    const uint8_t *at;
    size_t left;
};

static inline int64_t memory_cursor_read(void *arg, void *buf, size_t n)
{
    struct memory_cursor *c = arg;
    n = n < c->left ? n : c->left;
    memcpy(buf, c->at, n);
    c->at += n;
    c->left -= n;
    return (int64_t)n;
}

static inline void memory_trace_say(void *arg, const struct gt_finding *f)
{
    (void)arg;
    diag("gen %" PRIu64 " m %" PRId64 " offset %" PRIu64 " %s: %s: %s: %s", f->at.gen, (int64_t)f->at.m,
         f->at.offset, gt_rule_info(f->rule)->id, f->event_text, f->states, f->explain);
}

/* The first n bytes by the strict rules: inconsistencies, UINT64_MAX when it is no trace. */
static inline uint64_t memory_trace_check(const struct memory_trace *t, size_t n, struct gt_check_result *res)
{
    struct memory_cursor c = {t->data, n};
    struct gt_source src = {memory_cursor_read, &c};
    struct gt_check_options o = {
        .rules = GT_RULES_STRICT, .finding = memory_trace_say, .max_report = 5};
    struct gt_reader *r;
    struct gt_read_error err;
    memset(res, 0, sizeof *res);
    if (gt_reader_open(&src, &r, &err) != 0) {
        diag("not a trace: %s", err.text);
        return UINT64_MAX;
    }
    int rc = gt_check(r, &o, res);
    gt_reader_close(r);
    if (rc != 0 || !res->accepted)
        return UINT64_MAX;
    return res->inconsistencies;
}

/* Does the trace hold this text, in its strings or anywhere? */
static inline bool memory_trace_has(const struct memory_trace *t, const char *text)
{
    return memmem(t->data, t->n, text, strlen(text)) != NULL;
}
