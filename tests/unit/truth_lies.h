/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trace in memory, and one lie put into it: an event left out, told twice, exchanged with
 * its neighbour, falsified, or moved to another generation or thread.
 */
#pragma once
#include "trace/wire_decode.h"
#include "truth_run.h"

struct lie_batch {
    uint64_t gen, m, ts;
    const uint8_t *data;
    size_t size;
    bool timed;
};
struct lie_event {
    uint32_t batch;
    size_t at, len;
    struct gt_event ev;
    uint64_t index; /* among the core's events of its thread */
    bool core;      /* the runtime's, not the tracer's own */
};
struct lie_trace {
    uint8_t *bytes;
    size_t n;
    struct lie_batch *batches;
    size_t n_batches;
    struct lie_event *events;
    size_t n_events;
    uint32_t *core; /* events to choose from */
    size_t n_core;
};

/* What was done to which event. */
struct lie_done {
    const char *how;
    const struct lie_event *ev;
    const struct lie_batch *batch;
};

static inline void *lie_alloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);
    if (!p)
        bail_out("out of memory");
    return p;
}

static inline uint64_t lie_number(const uint8_t **p, const uint8_t *end)
{
    uint64_t v = 0;
    if (gt_get_uvarint(p, end, &v) != GT_VARINT_OK)
        bail_out("a number of the trace");
    return v;
}

/* Events that a tracer writes by itself, or whose content the journal does not have. */
static inline bool lie_out_of_scope(unsigned type)
{
    return type == GT_EV_PROCS_CHANGE || type == GT_EV_GC_ACTIVE || type == GT_EV_STW_BEGIN ||
           type == GT_EV_HEAP_GOAL || type == GT_EV_GC_SWEEP_ACTIVE ||
           type == GT_EV_GC_MARK_ASSIST_ACTIVE || type == GT_EV_PROC_STATUS;
}

static inline bool lie_is_status(unsigned type)
{
    return type == GT_EV_GO_STATUS || type == GT_EV_GO_STATUS_STACK;
}

static inline void lie_index(struct lie_trace *t, uint32_t b)
{
    const struct lie_batch *k = &t->batches[b];
    uint8_t *copy = lie_alloc(k->size + GT_DECODE_SLACK);
    memcpy(copy, k->data, k->size);
    for (const uint8_t *p = copy, *end = copy + k->size; p < end;) {
        struct lie_event *e = &t->events[t->n_events];
        const uint8_t *next = gt_decode_event(p, end, &e->ev);
        if (!next)
            bail_out("an event of the trace");
        e->batch = b;
        e->at = (size_t)(p - copy);
        e->len = (size_t)(next - p);
        e->core = !lie_out_of_scope(e->ev.type);
        if (e->core)
            t->core[t->n_core++] = (uint32_t)t->n_events;
        t->n_events++;
        p = next;
    }
    free(copy);
}

static inline void lie_read(struct lie_trace *t, int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    memset(t, 0, sizeof *t);
    t->n = (size_t)size;
    t->bytes = lie_alloc(t->n + GT_DECODE_SLACK);
    if (size < 16 || pread(fd, t->bytes, t->n, 0) != size)
        bail_out("the trace");
    t->batches = lie_alloc((t->n / 5 + 1) * sizeof *t->batches);
    const uint8_t *p = t->bytes + GT_WIRE_HEADER_BYTES, *end = t->bytes + t->n;
    size_t bytes = 0;
    while (p < end) {
        struct lie_batch *b = &t->batches[t->n_batches++];
        if (*p++ != GT_EV_EVENT_BATCH)
            bail_out("a batch of the trace");
        b->gen = lie_number(&p, end);
        b->m = lie_number(&p, end);
        b->ts = lie_number(&p, end);
        b->size = (size_t)lie_number(&p, end);
        b->data = p;
        b->timed = b->size > 0 && gt_ev_is_timed(*p);
        bytes += b->timed ? b->size : 0;
        p += b->size;
    }
    t->events = lie_alloc((bytes / 2 + 1) * sizeof *t->events);
    t->core = lie_alloc((bytes / 2 + 1) * sizeof *t->core);
    for (uint32_t b = 0; b < t->n_batches; b++)
        if (t->batches[b].timed)
            lie_index(t, b);
}

static inline void lie_free(struct lie_trace *t)
{
    free(t->bytes);
    free(t->batches);
    free(t->events);
    free(t->core);
}

/* ---- edits -------------------------------------------------------------------------------- */
struct lie_edit { /* of a batch: [at, at + cut) becomes put */
    uint32_t batch;
    size_t at, cut, n;
    uint8_t put[2 * GT_EV_MAX_BYTES];
};

static inline const uint8_t *lie_bytes(const struct lie_trace *t, const struct lie_event *e)
{
    return t->batches[e->batch].data + e->at;
}

static inline void lie_put_batch(FILE *f, const struct lie_batch *b, const struct lie_edit *e,
                                 size_t n_edits, uint32_t index)
{
    uint8_t head[GT_BATCH_HEADER_BYTES], *length, *p;
    uint8_t *data = lie_alloc(b->size + 4 * GT_EV_MAX_BYTES);
    size_t n = b->size;
    memcpy(data, b->data, n);
    for (size_t i = n_edits; i-- > 0;) {
        if (e[i].batch != index)
            continue;
        memmove(data + e[i].at + e[i].n, data + e[i].at + e[i].cut, n - e[i].at - e[i].cut);
        memcpy(data + e[i].at, e[i].put, e[i].n);
        n = n + e[i].n - e[i].cut;
    }
    p = gt_put_batch_open(head, b->gen, b->m, b->ts, &length);
    gt_put_uvarint_padded(length, n);
    if (fwrite(head, (size_t)(p - head), 1, f) != 1 || (n && fwrite(data, n, 1, f) != 1))
        bail_out("cannot write");
    free(data);
}

/* The trace with the edits, as a file. */
static inline int lie_write(const struct lie_trace *t, const struct lie_edit *e, size_t n_edits)
{
    int fd = memfd_create("lie", MFD_CLOEXEC);
    FILE *f = fd < 0 ? NULL : fdopen(dup(fd), "w");
    if (!f || fwrite(t->bytes, GT_WIRE_HEADER_BYTES, 1, f) != 1)
        bail_out("no file");
    for (uint32_t i = 0; i < t->n_batches; i++)
        lie_put_batch(f, &t->batches[i], e, n_edits, i);
    if (fclose(f) != 0)
        bail_out("cannot write");
    return fd;
}

/* An event anew, with other arguments or of another kind. */
static inline size_t lie_encode(uint8_t *out, const struct gt_event *ev)
{
    uint8_t *p = out;
    *p++ = (uint8_t)ev->type;
    p = gt_put_uvarint(p, ev->dt);
    for (unsigned i = 0; i + 1 < gt_ev_numbers[ev->type]; i++)
        p = gt_put_uvarint(p, ev->args[i]);
    return (size_t)(p - out);
}

/* Another kind with as many numbers. */
static inline unsigned lie_other_kind(unsigned type)
{
    switch (type) {
    case GT_EV_GO_SYSCALL_END: return GT_EV_GO_SYSCALL_END_BLOCKED;
    case GT_EV_GO_SYSCALL_END_BLOCKED: return GT_EV_GO_SYSCALL_END;
    case GT_EV_GO_START: return GT_EV_GO_SWITCH;
    case GT_EV_GO_SWITCH: return GT_EV_GO_SWITCH_DESTROY;
    case GT_EV_GO_SWITCH_DESTROY: return GT_EV_GO_SWITCH;
    case GT_EV_GO_STOP: return GT_EV_GO_BLOCK;
    case GT_EV_GO_BLOCK: return GT_EV_GO_STOP;
    case GT_EV_GO_DESTROY: return GT_EV_GO_DESTROY_SYSCALL;
    case GT_EV_GO_CREATE: return GT_EV_GO_CREATE_BLOCKED;
    case GT_EV_GO_CREATE_BLOCKED: return GT_EV_GO_CREATE;
    case GT_EV_PROC_STOP: return GT_EV_GO_DESTROY;
    case GT_EV_PROC_START: return GT_EV_GO_START;
    case GT_EV_USER_REGION_BEGIN: return GT_EV_USER_REGION_END;
    case GT_EV_USER_REGION_END: return GT_EV_USER_REGION_BEGIN;
    case GT_EV_STW_END: return GT_EV_GO_SYSCALL_END;
    default: return 0;
    }
}

/* How many of its arguments, from the first, say what the journal knows. */
static inline unsigned lie_known_args(unsigned type)
{
    switch (type) {
    case GT_EV_GO_START: case GT_EV_GO_UNBLOCK: case GT_EV_GO_SWITCH: case GT_EV_GO_SWITCH_DESTROY:
    case GT_EV_PROC_START: case GT_EV_GC_SWEEP_END: case GT_EV_USER_REGION_BEGIN:
    case GT_EV_USER_REGION_END:
        return 2;
    case GT_EV_PROC_STEAL: case GT_EV_USER_TASK_BEGIN: case GT_EV_USER_LOG:
        return 3;
    case GT_EV_GO_CREATE: case GT_EV_GO_CREATE_BLOCKED: case GT_EV_GO_CREATE_SYSCALL:
    case GT_EV_GO_STOP: case GT_EV_GO_BLOCK: case GT_EV_GO_SYSCALL_BEGIN: case GT_EV_HEAP_ALLOC:
    case GT_EV_GO_LABEL: case GT_EV_USER_TASK_END: case GT_EV_GO_STATUS: case GT_EV_GO_STATUS_STACK:
        return 1;
    default:
        return 0;
    }
}
